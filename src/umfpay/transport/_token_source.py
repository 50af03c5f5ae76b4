"""
`TokenSource`: where the bearer token comes from; the token cache implements it.
"""

from __future__ import annotations

from typing import Protocol

from umfpay.sensitive import Secret


class Bearer(Protocol):
    """
    A token and the generation it belongs to.
    """

    @property
    def generation(self) -> int:
        """
        The number of the token; a later token has a larger one.
        """

    @property
    def token(self) -> Secret:
        """
        The token itself.
        """


class TokenSource(Protocol):
    """
    What the stack needs of a token cache.
    """

    def current(self) -> Bearer | None:
        """
        Return the token if it is usable now and no refresh is running, else None.
        """

    async def acquire(self, *, deadline: float) -> Bearer:
        """
        Return a usable token, waiting for one until *deadline* (the loop's time).
        """

    async def refuse(self, generation: int) -> None:
        """
        Note that the gateway refused the token of *generation*.
        """
