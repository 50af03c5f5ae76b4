"""
`TokenStore`: the protocol of shared token stores, with leases; and one in memory.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Protocol, runtime_checkable
from weakref import WeakSet

import attrs

from umfpay.errors import TokenStoreError
from umfpay.tokens._record import TokenRecord


_POLL_SECONDS: Final = 0.01


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


class MemoryTokenStore:
    """
    The token of one client, for all sessions that are given this object.

    They may live in threads with event loops of their own. Other processes do not see
    it: each of them fetches a token and so ends the token of the others.
    """

    def __init__(self) -> None:
        self._record: TokenRecord | None = None
        self._holder: _Turn | None = None
        self._lock = threading.Lock()
        _stores.add(self)

    def __repr__(self) -> str:
        return "MemoryTokenStore()"

    async def load(self) -> TokenRecord | None:
        """
        Return the record; see `TokenStore.load`.
        """
        return self._record

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.
        """
        with self._lock:
            stored = self._record

            if stored is not None and stored.generation >= record.generation:
                return False

            self._record = record

            return True

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.
        """
        with self._lock:
            stored = self._record

            if stored is not None and stored.generation <= generation:
                self._record = attrs.evolve(stored, refused=True)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Let one in at a time; see `TokenStore.refreshing`.

        Raises:
            TokenStoreError: On entering: another is inside for the whole lease.
        """
        return _Turn(self, lease=lease)

    def _enter(self, turn: _Turn) -> bool:
        with self._lock:
            if self._holder is not None and time.monotonic() < self._holder.until:
                return False

            self._holder = turn

            return True

    def _leave(self, turn: _Turn) -> None:
        with self._lock:
            if self._holder is turn:
                self._holder = None

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._holder = None


class _Turn(AbstractAsyncContextManager[None]):
    """
    One stay inside; who overstays the lease counts as gone.
    """

    def __init__(self, store: MemoryTokenStore, *, lease: float) -> None:
        self._store = store
        self._lease = lease
        self.until = 0.0

    async def __aenter__(self) -> None:
        end = time.monotonic() + self._lease

        while True:
            self.until = time.monotonic() + self._lease

            if self._store._enter(self):
                return

            if time.monotonic() >= end:
                raise TokenStoreError(
                    f"Another caller fetches a token for more than {self._lease:g} s.",
                    f"另一个调用方获取令牌超过 {self._lease:g} 秒。",
                )

            await asyncio.sleep(_POLL_SECONDS)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._store._leave(self)


_stores: WeakSet[MemoryTokenStore] = WeakSet()


def _after_fork() -> None:
    for store in list(_stores):
        store._after_fork()


# A thread of the parent may have held a lock that nobody in the child can free.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
