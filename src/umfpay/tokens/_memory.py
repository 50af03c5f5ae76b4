"""
A token store in memory: for the sessions of one process.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final
from weakref import WeakSet

import attrs

from umfpay.errors import TokenStoreError
from umfpay.tokens._record import TokenRecord


_POLL_SECONDS: Final = 0.01


class MemoryTokenStore:
    """
    The token of one client, for all sessions that are given this object.

    They may live in threads with event loops of their own. Other processes do not see
    it: each of them fetches a token and so ends the token of the others.
    """

    def __init__(self) -> None:
        self._record: TokenRecord | None = None
        self._holder: Lease | None = None
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
        """
        return Lease(self, lease=lease)

    def _enter(self, turn: Lease) -> bool:
        with self._lock:
            if self._holder is not None and time.monotonic() < self._holder.until:
                return False

            self._holder = turn

            return True

    def _leave(self, turn: Lease) -> None:
        with self._lock:
            if self._holder is turn:
                self._holder = None

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._holder = None


class Lease(AbstractAsyncContextManager[None]):
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
