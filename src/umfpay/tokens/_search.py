"""
Fetch or load a token: from the store, or from the gateway under a lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import attrs

from umfpay._callbacks import was_cancelled
from umfpay.errors import (
    AuthenticationError,
    ConfigError,
    ProtocolError,
    Text,
    TokenError,
    TokenStoreError,
    UMFError,
)
from umfpay.tokens._answer import FetchedToken
from umfpay.tokens._record import TokenRecord, margin
from umfpay.tokens._single_flight import SharedToken, UsableToken
from umfpay.tokens._store import RenewedError, TokenStore


_log: Final = logging.getLogger("umfpay")

# So much of one timeout may pass in a turn before the request: an eighth of the lease,
# which is two timeouts, may have passed before, and the request takes one.
_SEARCH_SHARE: Final = 3 / 4
# Seconds between two token requests while somebody keeps taking the token away.
_MAX_PAUSE_SECONDS: Final = 30.0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TokenSearch:
    """
    What a cache does when it has no usable token; one runs at a time in a process.

    Args:
        shared: What the process knows of the token; failures are noted there.
        wall: Seconds since 1970, comparable between processes.
        monotonic: Seconds that never jump.
    """

    store: TokenStore
    fetch: Callable[[], Awaitable[FetchedToken]]
    shared: SharedToken
    token_timeout: float
    wall: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    async def run(self) -> UsableToken:
        """
        Return a usable token: the stored one, or a new one.

        Raises:
            AuthenticationError: The gateway refuses the credentials.
            ProtocolError: Its answer cannot be believed.
            TokenStoreError: The store cannot be used.
            TokenError: The token request failed; the cause tells why.
        """
        shared = self.shared

        with store_errors():
            found = self._usable(await self._load())

        if found is None:
            failure = shared.failure(self.monotonic())

            if failure is not None:
                raise failure

            try:
                found = await self._take_turn()
            except UMFError as error:
                shared.fail(error, now=self.monotonic(), longest=self.token_timeout)

                raise
        else:
            shared.succeed()

        return found

    async def _take_turn(self) -> UsableToken:
        while True:
            found, pause = await self._try_turn()

            if found is not None:
                return found

            if pause > 0:
                # Others have their turn meanwhile.
                await self._wait(pause)

    async def _try_turn(self) -> tuple[UsableToken | None, float]:
        """
        Return a token, or the seconds to wait before another try.
        """
        with store_errors():
            try:
                # To look takes at most one timeout: one is left for the request.
                async with self.store.refreshing(2 * self.token_timeout):
                    entered = self.monotonic()
                    # Another process may have been faster while we waited.
                    stored = await self._load()
                    found = self._usable(stored)
                    pause = self.shared.pause(
                        stored,
                        wall=self.wall(),
                        longest=max(self.token_timeout, _MAX_PAUSE_SECONDS),
                    )

                    if found is None and pause <= 0:
                        self._must_have_time(entered)

                        return await self._renew(stored), 0.0
            except RenewedError:
                found, pause = self._usable(await self._load()), 0.0

        if found is not None:
            self.shared.succeed()

        return found, pause

    async def _wait(self, pause: float) -> None:
        contention = self.shared.contention

        if contention.is_reportable:
            raise contention.error()

        _log.warning(
            "tokens are refused as soon as they are fetched; waiting %.0f s"
            if contention.times
            else "nobody knows how long a token lives: the next one is asked for in"
            " %.0f s",
            pause,
        )
        await self.sleep(pause)
        contention.record_pause()

    def _must_have_time(self, entered: float) -> None:
        """
        Raise if the turn may end before the gateway has answered.

        A process that was stopped for a while would fetch beside the next holder.
        """
        if self.monotonic() - entered <= self.token_timeout * _SEARCH_SHARE:
            return

        raise TokenStoreError(
            "The turn to fetch a token was nearly over before the request was"
            " sent; it was not sent.",
            "轮到获取令牌时剩余时间不足；请求未发出。",
        )

    async def _load(self) -> TokenRecord | None:
        async with asyncio.timeout(self.token_timeout):
            return await self.store.load()

    def _usable(self, record: TokenRecord | None) -> UsableToken | None:
        return self.shared.usable_from(record, wall=self.wall(), now=self.monotonic())

    async def _renew(self, stored: TokenRecord | None) -> UsableToken:
        shared = self.shared
        # Time runs from before the request: the answer may have been slow.
        requested_at = self.wall()
        started = self.monotonic()
        fetched = await self._request()
        record = TokenRecord(
            generation=shared.next_generation(stored, wall=requested_at),
            token=fetched.token,
            requested_at=requested_at,
            not_after=requested_at + fetched.expires_in,
            fetched_by=f"{socket.gethostname()}:{os.getpid()}",
            lifetime_known=fetched.lifetime_known,
            times_displaced=shared.contention.times,
            displaced_since=shared.contention.since,
        )
        fresh_for = fetched.expires_in - margin(fetched.expires_in)
        usable = UsableToken(record, started + fresh_for)
        _log.info("token %d fetched, renewed in %.0f s", record.generation, fresh_for)
        shared.succeed()

        if not fetched.lifetime_known and shared.is_first_guess():
            _log.warning(
                "the token answer holds no usable expires_in; its tokens are renewed"
                " as if they lived %.0f s",
                fetched.expires_in,
            )

        try:
            with store_errors():
                async with asyncio.timeout(self.token_timeout):
                    saved = await self.store.save(record)

                if saved:
                    return usable

                # Somebody overtook us; all must use the same one.
                newer = self._usable(await self._load())
        except TokenStoreError as error:
            shared.refuse_to_search(error, until=started + self.token_timeout)
            _log.warning("token %d is not saved: %s", record.generation, error)

            return usable

        return newer or usable

    async def _request(self) -> FetchedToken:
        try:
            async with asyncio.timeout(self.token_timeout):
                return await self.fetch()
        except (AuthenticationError, ConfigError, ProtocolError, TokenError):
            raise
        except asyncio.CancelledError as error:
            if was_cancelled():
                raise

            # Nobody cancelled us: something inside the request did it to itself.
            raise fetch_error(error) from error
        except TimeoutError as error:
            raise TokenError(
                f"The token request was not answered within {self.token_timeout:g} s.",
                f"令牌请求在 {self.token_timeout:g} 秒内未得到应答。",
            ) from error
        except Exception as error:
            raise fetch_error(error) from error


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """
    Let only errors of ours out of a store, whoever wrote it.

    One that cancels itself would end the search, and each caller would begin another.

    Raises:
        TokenStoreError: The store failed by an error that is none of ours.
    """
    try:
        yield
    except UMFError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and was_cancelled():
            raise

        raise TokenStoreError(
            f"The token store failed: {type(error).__name__}.",
            f"令牌存储出错：{type(error).__name__}。",
        ) from error


def fetch_error(error: BaseException) -> TokenError:
    """
    Return the `TokenError` that says that *error* ended the token request.

    An error of the transport must not look as if it were one of the caller's request.
    """
    reason = (
        error.what
        if isinstance(error, UMFError)
        else Text(f"{type(error).__name__}.", f"{type(error).__name__}。")
    )
    failure = TokenError(
        f"The token request failed: {reason.en}",
        f"令牌请求失败：{reason.zh}",
        advice=error.advice if isinstance(error, UMFError) else None,
    )
    failure.__cause__ = error

    return failure
