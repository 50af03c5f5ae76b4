"""
Token stores on a server: what Redis and databases have in common, the lease above all.

A lease has one holder at a time, and the server ends it when the holder was killed.
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

from umfpay.errors import Text, TokenStoreError
from umfpay.sensitive import shows_itself_half_made
from umfpay.tokens._record import TokenRecord, parse_record
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


class TokenConnection(Protocol):
    """
    A connection to where one client's token is, open for some questions.

    Each raises `TokenStoreError` if the server cannot be used.
    """

    async def load(self) -> tuple[str | bytes, bool] | None:
        """
        Return the stored record as JSON, and whether it was refused.
        """
        ...

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.
        """
        ...

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.
        """
        ...

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


class TokenServer(Protocol):
    """
    Where the token of one client is kept, and who may fetch the next one.
    """

    @property
    def shown(self) -> str:
        """
        Its address without user and password.
        """
        ...

    @property
    def place(self) -> Text:
        """
        What an error calls the key or row of the client.
        """
        ...

    def connect(self) -> AbstractAsyncContextManager[TokenConnection]:
        """
        Return a connection for some questions.
        """
        ...


@shows_itself_half_made
class ServerTokenStore:
    """
    What the token stores on a server do alike; see `TokenStore`.

    Args:
        server: Where the token is.
        identity: Stores with equal ones are equal.
    """

    def __init__(self, server: TokenServer, *, identity: tuple[Any, str]) -> None:
        # Any: an address, or what stands for it.
        self._server = server
        self._identity = identity

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._server.shown!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServerTokenStore) or type(self) is not type(other):
            return NotImplemented

        return self._identity == other._identity

    def __hash__(self) -> int:
        # Without the address, which may hold a password.
        return hash((type(self), self._server.shown, self._identity[1]))

    async def load(self) -> TokenRecord | None:
        """
        Return the record; see `TokenStore.load`.

        Raises:
            TokenStoreError: The server cannot be used, or holds something else.
        """
        async with self._server.connect() as connection:
            stored = await connection.load()

        if stored is None:
            return None

        record = parse_record(stored[0], refused=stored[1])
        # A traceback shows what stands in this frame.
        del stored

        if record is None:
            shown, place = self._server.shown, self._server.place

            raise TokenStoreError(
                f"{place.en} in {shown} is no token of this version of umfpay.",
                f"{shown} 中的{place.zh}不是此版本 umfpay 的令牌。",
                advice=Text(
                    "Delete it: a token that is lost is fetched again.",
                    "请将其删除：丢失的令牌会重新获取。",
                ),
            )

        return record

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: The server cannot be used.
        """
        async with self._server.connect() as connection:
            return await connection.save(record)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: The server cannot be used.
        """
        async with self._server.connect() as connection:
            await connection.refuse(generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold a lease by the server's clock; see `TokenStore.refreshing`.

        Raises:
            TokenStoreError: On entering: others are inside for two leases, or the
                server cannot be used.
            RenewedError: On entering: the token was renewed while we waited.
        """
        return Lease(self._server, lease)


class Lease(AbstractAsyncContextManager[None]):
    """
    One stay inside, under a name of its own, which the server ends after *lease*.

    Whoever waits does so for two of them: the turn of somebody who was killed, and of
    the next. It ends with `RenewedError` when the token was renewed meanwhile, so that
    many who wait need not have a turn each.
    """

    def __init__(self, server: TokenServer, lease: float) -> None:
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
