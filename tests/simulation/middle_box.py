"""
What stands between shop and gateway: it sends requests on twice, and answers by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import attrs
from starlette.types import ASGIApp, Receive, Send

from tests.simulation.plan import MiddleBox


# How long data lag behind at most (gateway.md, trap 24).
_LAG_SECONDS: Final = 10.0
_MAX_DELAY_SECONDS: Final = 120.0
# A refund that was made stands in the list a minute after it was refused, or was never
# made: resolve() takes that for granted.
_MAX_REFUND_DELAY_SECONDS: Final = 25.0
_WRONG_CODE: Final = b"00200005"
# Their answers name nothing they could be told by (gateway.md 5.6, 5.8): only a
# connection that is closed when something lay on it keeps strangers' answers away.
_UNBOUND: Final = ("/payments/refund/", "/payments/payment/PAY_")


@attrs.frozen
class _Given:
    """
    An answer that was given, and when.
    """

    at: float
    messages: tuple[Any, ...]

    @property
    def body(self) -> bytes:
        """
        Its bytes.
        """
        return b"".join(one.get("body", b"") for one in self.messages)


class Box:
    """
    An ASGI application before another one.

    Args:
        healthy: Whether nothing goes wrong any more.
    """

    def __init__(
        self,
        app: ASGIApp,
        plan: MiddleBox,
        rng: random.Random,
        counts: Counter[str],
        *,
        healthy: Callable[[], bool],
    ) -> None:
        self._app = app
        self._plan = plan
        self._rng = rng
        self._counts = counts
        self._healthy = healthy
        self._given: dict[tuple[str, str], _Given] = {}
        self._late: set[asyncio.Task[None]] = set()
        self.struck = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """
        Send the request on, once or twice or late, and give an answer to it.
        """
        message = await receive()
        call = (scope["method"], f"{scope['path']}?{scope['query_string']!r}")
        old = self._old(call)

        if old is None:
            if self._strikes("POST", scope, self._plan.repeats):
                await self._repeat(scope, message)

            await self._pass(scope, message, self._heard(call, send))

            return

        name, given, arrives = old
        self._counts[f"fault: {name}"] += 1
        self.struck += scope["method"] == "POST"

        # None: it left the shop, and arrives never.
        if arrives:
            self._send_later(scope, message, arrives)
        elif arrives is not None:
            await self._copy(scope, message)

        for one in given.messages:
            await send(one)

    def _strikes(self, method: str, scope: Any, probability: float) -> bool:
        if not probability or self._healthy() or scope["method"] != method:
            return False

        return self._rng.random() < probability

    def _old(self, call: tuple[str, str]) -> tuple[str, _Given, float | None] | None:
        """
        Return what is answered in place of the gateway, and how late the request
        arrives; None as delay is never.
        """
        if self._healthy() or "/oauth/" in call[1]:
            return None

        now = asyncio.get_running_loop().time()

        if self._plan.stale and self._rng.random() < self._plan.stale:
            given = self._given.get(call)

            if given is not None and (
                call[0] == "POST" or now - given.at < _LAG_SECONDS
            ):
                held = _WRONG_CODE in given.body and self._rng.random() < 0.5

                return (
                    "repeated answer",
                    given,
                    self._rng.uniform(1.0, _MAX_DELAY_SECONDS) if held else 0.0,
                )

        if self._plan.stray and self._rng.random() < self._plan.stray:
            others = [
                one
                for key, one in self._given.items()
                if key != call and b'"ret_code":"0000"' in one.body
            ]

            unbound = call[0] == "GET" and any(one in call[1] for one in _UNBOUND)

            if others and not unbound:
                # An old answer lay on the connection: the request left, or did not.
                return (
                    "stray answer",
                    self._rng.choice(others),
                    self._rng.choice((None, 0.0)),
                )

        return None

    def _heard(self, call: tuple[str, str], send: Send) -> Send:
        messages: list[Any] = []

        async def hear(message: Any) -> None:
            messages.append(message)

            ended = message["type"] == "http.response.body" and not message.get(
                "more_body"
            )

            # A token is kept by nobody but its owner.
            if ended and "/oauth/" not in call[1]:
                now = asyncio.get_running_loop().time()
                self._given[call] = _Given(now, tuple(messages))

            await send(message)

        return hear

    async def _repeat(self, scope: Any, message: Any) -> None:
        self._counts["fault: repeated request"] += 1
        self.struck += 1

        if self._rng.random() < 0.5:
            await self._copy(scope, message)
        else:
            longest = (
                _MAX_REFUND_DELAY_SECONDS
                if scope["path"].endswith("/refund")
                else _MAX_DELAY_SECONDS
            )
            self._send_later(scope, message, self._rng.uniform(0.0, longest))

    def _send_later(self, scope: Any, message: Any, seconds: float) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await self._copy(scope, message)

        task = asyncio.get_running_loop().create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _copy(self, scope: Any, message: Any) -> None:
        """
        Let the gateway work on a copy; nobody hears its answer.
        """

        async def nobody(_: Any) -> None:
            pass

        # Cut: it has no connection to cut.
        with suppress(ConnectionResetError):
            await self._pass({**scope, "extensions": {}}, message, nobody)

    async def _pass(self, scope: Any, message: Any, send: Send) -> None:
        async def replay() -> Any:
            return message

        await self._app(scope, replay, send)

    async def aclose(self) -> None:
        """
        Let go of what is still under way.
        """
        for task in list(self._late):
            task.cancel()

            with suppress(asyncio.CancelledError):
                await task
