"""
A lease: one holder at a time, and a server that ends it when the holder was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from contextlib import AbstractAsyncContextManager
from enum import Enum
from types import TracebackType
from typing import Any, Final, Protocol

from umfpay.errors import TokenStoreError
from umfpay.tokens._store import RenewedError


_POLL_SECONDS: Final = 0.1
# So much of a lease may have passed when the answer that grants it is seen.
_MAX_GRANT_SHARE: Final = 1 / 8


class LeaseReply(Enum):
    """
    What a server answers to whoever asks for a lease.
    """

    TAKEN = "taken"
    HELD = "held"
    RENEWED = "renewed"


class LeaseConnection(Protocol):
    """
    A connection that is open while somebody waits for the lease.
    """

    async def generation(self) -> Any:
        """
        Return the generation of the stored token, in any form that can be compared.
        """
        ...

    async def take(self, owner: str, *, lease: float, before: Any) -> LeaseReply:
        """
        Take the lease for *owner* if it is free, also if an answer to it was lost.

        Args:
            owner: A name that nobody else has.
            lease: Seconds, by the server's clock.
            before: The generation that the waiting began with: if somebody else has the
                lease, and it is another by now, the reply is `LeaseReply.RENEWED`.
        """
        ...

    async def release(self, owner: str) -> None:
        """
        End the lease if it is *owner*'s: it may have run out, and another be inside.
        """
        ...


class LeaseServer(Protocol):
    """
    Where leases are kept.
    """

    @property
    def shown(self) -> str:
        """
        Its address without user and password.
        """
        ...

    def connect(self) -> AbstractAsyncContextManager[LeaseConnection]:
        """
        Return a connection for several questions.
        """
        ...


class Lease(AbstractAsyncContextManager[None]):
    """
    One stay inside, under a name of its own, which the server ends after *lease*.

    Whoever waits does so for two of them: the turn of somebody who was killed, and of
    the next. It ends with `RenewedError` when the token was renewed meanwhile, so that
    many who wait need not have a turn each.
    """

    def __init__(self, server: LeaseServer, lease: float) -> None:
        self._server = server
        self._lease = lease
        self._owner = secrets.token_hex(16)

    async def __aenter__(self) -> None:
        try:
            asked = await self._take()

            # A process may be stopped anywhere, and find an old answer afterwards.
            while time.monotonic() - asked > self._lease * _MAX_GRANT_SHARE:
                asked = await self._take()
        except (GeneratorExit, RenewedError):
            raise
        except BaseException:
            # It may be ours, though nobody has told us.
            await self._release()

            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Of a coroutine that is thrown away nothing can be awaited: the turn ends by
        # itself.
        if exc_type is not GeneratorExit:
            await self._release()

    async def _take(self) -> float:
        """
        Wait for the turn; return the monotonic time at which it was asked for.
        """
        end = time.monotonic() + 2 * self._lease

        async with self._server.connect() as connection:
            before = await connection.generation()

            while True:
                asked = time.monotonic()
                reply = await connection.take(
                    self._owner, lease=self._lease, before=before
                )

                if reply is LeaseReply.TAKEN:
                    return asked

                if reply is LeaseReply.RENEWED:
                    raise RenewedError

                if time.monotonic() >= end:
                    raise self._held()

                # Not a secret: so that the waiting do not knock all at once.
                await asyncio.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def _release(self) -> None:
        # It ends by itself; the token that was fetched counts for more.
        with contextlib.suppress(TokenStoreError):
            async with self._server.connect() as connection:
                await connection.release(self._owner)

    def _held(self) -> TokenStoreError:
        shown, lease = self._server.shown, self._lease

        return TokenStoreError(
            f"Other workers fetch tokens through {shown} for more than {lease:g} s.",
            f"其他进程通过 {shown} 获取令牌超过 {lease:g} 秒。",
        )
