"""
`TokenStore`: the protocol of shared token stores, with leases.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from umfpay.tokens._record import TokenRecord


class RenewedError(Exception):
    """
    Raised to whoever waits for a turn that is not needed any more: look again.
    """


@runtime_checkable
class TokenStore(Protocol):
    """
    A place for the token of one client.

    A store must be hashable. Inside a process caches over equal stores share one
    token and one fetch; across processes `refreshing` lets one in at a time. Any
    exception from a store reaches the user as `TokenStoreError`.
    """

    async def load(self) -> TokenRecord | None:
        """
        Return what is stored, refused or not; None if nothing is.
        """
        ...

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if its generation is larger than the stored one, atomically.

        Returns:
            Whether it is stored now.
        """
        ...

    async def refuse(self, generation: int) -> None:
        """
        Mark the stored token as refused if it is of *generation* or older.

        A newer one stays as it is: who was refused with an old token must not take
        away what somebody else has fetched since. Nothing is deleted.
        """
        ...

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Return a context that one holder at a time is inside.

        Args:
            lease: Seconds after which a holder may count as gone. Whoever enters has
                seven eighths of them left.

        Raises:
            TokenStoreError: Somebody else is inside for too long.
            RenewedError: The stored token was renewed while we waited.
        """
        ...
