"""
Virtual time: a loop whose clock jumps to the next timer, and all clocks that follow it.

The loop is async-solipsism's: no sockets, no threads that time would not wait for, and
an error instead of a hang when nothing can happen any more.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest import mock

import async_solipsism  # type: ignore[import-untyped]  # no types, no stubs

from umfpay._session import _session_binding
from umfpay.errors import _base
from umfpay.flows import _options
from umfpay.protocol import _rsa, _signatures
from umfpay.tokens import TokenCache, _store


T = TypeVar("T")
App = Callable[[Any, Any, Any], Awaitable[None]]

_operations: Final[dict[tuple[int, str], Any]] = {}

# 2026-11-23 10:00 in China.
START: Final = 1_795_399_200.0


def _private_operations(key: Any, backend: Any) -> Any:
    # To check a private key takes longer than many calls: once is enough.
    name = key.value.n, backend

    if name not in _operations:
        _operations[name] = _rsa.private_operations(key, backend)

    return _operations[name]


class _Clock(async_solipsism.clock.Clock):  # type: ignore[misc]  # no types
    """
    A clock that goes on whenever there is something to wait for.

    Who sleeps for less than a tick until a moment has come would never see it come.
    """

    def advance(self, delta: float) -> None:
        super().advance(max(delta, self.resolution))


class Loop(async_solipsism.EventLoop):  # type: ignore[misc]  # no types
    """
    A loop whose time begins at 0, jumps to the next timer, and passes for nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ticking = self._selector.clock = _Clock()

    def time(self) -> float:
        now: float = self._ticking.time()

        return now

    def block(self, seconds: float) -> None:
        """
        Let *seconds* go by in which nothing else is done, as `time.sleep` does.
        """
        self._ticking.advance(seconds)


def run(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = Loop,
) -> T:
    """
    Run *main* to its end in a virtual loop of its own.
    """
    with (
        asyncio.Runner(loop_factory=loop_factory) as runner,
        virtual_clocks(runner.get_loop()),
    ):
        return runner.run(main())


def now() -> float:
    """
    Return the virtual Unix time of the running loop.
    """
    return START + asyncio.get_running_loop().time()


def moment() -> dt.datetime:
    """
    Return the virtual moment.
    """
    return dt.datetime.fromtimestamp(now(), dt.UTC)


def with_date_header(app: App, wall: Callable[[], float] = now) -> App:
    """
    Return *app* with a header ``Date`` in its answers, as every server has it.

    Args:
        wall: The server's clock.
    """

    async def dating(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        async def with_date(message: Any) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(wall(), usegmt=True)
                headers = [*message.get("headers", ()), (b"date", date.encode())]
                message = {**message, "headers": headers}

            await send(message)

        await app(scope, receive, with_date)

    return dating


@contextmanager
def virtual_clocks(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """
    Let what asks for the time in the client be told the loop's.
    """

    def wall() -> float:
        return START + loop.time()

    class Virtual(dt.datetime):
        # Plain ones: they are pickled, too.
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.fromtimestamp(wall(), tz)

    cache = functools.partial(TokenCache, wall=wall, monotonic=loop.time)

    with ExitStack() as stack:
        for module, name, value in (
            (_session_binding, "TokenCache", cache),
            (_store, "time", SimpleNamespace(monotonic=loop.time)),
            (_base, "datetime", Virtual),
            (_base, "time", SimpleNamespace(monotonic=loop.time)),
            (_options, "datetime", Virtual),
            (_signatures, "private_operations", _private_operations),
        ):
            stack.enter_context(mock.patch.object(module, name, value))

        yield
