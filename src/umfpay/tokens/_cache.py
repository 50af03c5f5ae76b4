"""
`TokenCache`: gives every caller the token, and fetches it once (single flight).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from umfpay.errors import (
    DeadlineExceededError,
    Text,
    TokenError,
    TokenStoreError,
    UMFError,
)
from umfpay.sensitive import shows_itself_half_made
from umfpay.tokens._answer import FetchedToken
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._search import TokenSearch, fetch_error, store_errors
from umfpay.tokens._single_flight import (
    SearchResult,
    SingleFlight,
    UsableToken,
    new_copy,
    shared_token,
)
from umfpay.tokens._store import TokenStore


_log: Final = logging.getLogger("umfpay")

# How often a caller looks whether another thread's loop was closed under its flight.
_WATCH_SECONDS: Final = 0.25


@shows_itself_half_made
class TokenCache:
    """
    The token of one client, for the calls of one session.

    A new token ends the old one at once (gateway.md 2.2), so of all callers, in
    all loops and processes that share *store*, one fetches. While it does, nobody
    starts a call with the old token. The request runs in a task of its own: callers
    may be cancelled or run out of time without touching it. Caches over equal stores
    in one process share what they know, also between threads.

    After a failed request callers get the same error for 1 s, 2 s, 4 s ... at most
    *token_timeout*, unless another process has saved a token meanwhile. A token that
    could not be saved is used all the same, and the next one is asked for after
    *token_timeout* at the earliest.

    Args:
        store: Where other workers find the token.
        fetch: Makes one token request; the cache bounds its time.
        token_timeout: Seconds for one token request.
        wall: Seconds since 1970, comparable between processes.
        monotonic: Seconds that never jump.
        sleep: Waits.
    """

    def __init__(
        self,
        store: TokenStore,
        fetch: Callable[[], Awaitable[FetchedToken]],
        *,
        token_timeout: float = 10.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._shared = shared_token(store)
        self._search = TokenSearch(
            store=store,
            fetch=fetch,
            shared=self._shared,
            token_timeout=token_timeout,
            wall=wall,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._closed = False

    def __repr__(self) -> str:
        return f"TokenCache({self._store!r})"

    def current(self) -> TokenRecord | None:
        """
        Return the token if a call may start with it now, else None.
        """
        usable = self._shared.usable

        if usable is None or self._monotonic() >= usable.due:
            return None

        return usable.record

    async def acquire(self, *, deadline: float) -> TokenRecord:
        """
        Return a usable token; look for one, or wait for the one who does.

        Args:
            deadline: When to stop waiting, in the running loop's time.

        Raises:
            DeadlineExceededError: There is no token at *deadline*; the search goes on.
            AuthenticationError: The gateway refuses the credentials.
            ProtocolError: Its answer cannot be believed.
            TokenStoreError: The store cannot be used.
            TokenError: The token request failed; the cause tells why.
        """
        loop = asyncio.get_running_loop()

        while True:
            if self._closed:
                raise TokenError(
                    "The session was closed.",
                    "会话已关闭。",
                    advice=Text("Use a new session.", "请使用新的会话。"),
                )

            record = self.current()

            if record is not None:
                return record

            outcome = await self._wait(loop, deadline=deadline)

            if isinstance(outcome, UMFError):
                raise new_copy(outcome)

            # None: the one who searched was closed, so it is our turn.
            if outcome is not None:
                record = outcome.record

                if record.generation > self._shared.refused:
                    return record

    async def refuse(self, generation: int) -> None:
        """
        Note that the gateway refused the token of *generation*.

        It and older ones are used no more. A newer one stays as it is, whoever
        fetched it, and many refusals of one generation count as one.
        """
        news = self._shared.refuse(generation, now=self._monotonic())

        if not news:
            return

        _log.info("token %d refused", generation)

        try:
            with store_errors():
                await self._store.refuse(generation)
        except TokenStoreError as error:
            # This process knows; others learn it from the gateway.
            _log.warning("token %d: %s", generation, error)

    async def aclose(self) -> None:
        """
        Cancel the search that this cache runs, and wait for its end.
        """
        self._closed = True
        flight = self._shared.flight

        if flight is None or flight.owner is not self or flight.task is None:
            return

        if flight.loop is asyncio.get_running_loop():
            flight.task.cancel()
            await asyncio.wait((flight.task,))
        else:
            with contextlib.suppress(RuntimeError):
                flight.loop.call_soon_threadsafe(flight.task.cancel)

    async def _wait(
        self, loop: asyncio.AbstractEventLoop, *, deadline: float
    ) -> SearchResult:
        if loop.time() >= deadline:
            raise _deadline_error()

        joined = self._shared.join(self, loop=loop, now=self._monotonic())

        if isinstance(joined, UsableToken):
            return joined

        flight, future, new = joined

        if new:
            flight.task = loop.create_task(self._search.run(), name="umfpay token")
            flight.task.add_done_callback(
                lambda task: self._on_search_done(flight, task)
            )

        while not future.done():
            remaining = deadline - loop.time()

            if remaining <= 0:
                raise _deadline_error()

            if flight.loop is not loop:
                if flight.loop.is_closed():
                    return None

                remaining = min(remaining, _WATCH_SECONDS)

            await asyncio.wait((future,), timeout=remaining)

        return future.result()

    def _on_search_done(
        self, flight: SingleFlight, task: asyncio.Task[UsableToken]
    ) -> None:
        outcome: SearchResult = None

        if not task.cancelled():
            error = task.exception()

            if error is None:
                outcome = task.result()
            elif isinstance(error, UMFError):
                outcome = error
            else:
                outcome = fetch_error(error)

        self._shared.complete(flight, outcome, now=self._monotonic())


def _deadline_error() -> DeadlineExceededError:
    return DeadlineExceededError(
        "The deadline passed while waiting for a token; the call was not sent.",
        "等待令牌时超过期限；调用未发出。",
        request_sent=False,
    )
