"""
Virtual time: a loop whose clock jumps to the next timer, and all clocks that follow it.

The loop is async-solipsism's: no sockets, no threads that time would not wait for, and
an error instead of a hang when nothing can happen any more.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest import mock

import async_solipsism  # type: ignore[import-untyped]  # no types, no stubs

from umfpay._session import _binding, _clocks, _ending, _session
from umfpay.errors import _base
from umfpay.flows import _card_beginning, _card_confirming, _pending
from umfpay.protocol import _rsa, _signing
from umfpay.tokens import TokenCache, _memory


T = TypeVar("T")

# To check a private key takes longer than many calls: once is enough.
_private_operations: Final = functools.cache(_rsa.private_operations)

# 2026-11-23 10:00 in China.
START: Final = 1_795_399_200.0


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """
    Run *main* to its end in a virtual loop of its own.
    """
    with (
        warnings.catch_warnings(),
        asyncio.Runner(loop_factory=async_solipsism.EventLoop) as runner,
        _virtual_clocks(runner.get_loop()),
    ):
        # A timer nearer than the clock's resolution: the loop runs it at once.
        warnings.simplefilter("ignore", async_solipsism.ResolutionWarning)

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


@contextmanager
def _virtual_clocks(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """
    Let what asks for the time in the client be told the loop's.
    """

    def wall() -> float:
        return START + loop.time()

    class Virtual(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Virtual:
            return cls.fromtimestamp(wall(), tz)

    cache = functools.partial(TokenCache, wall=wall, monotonic=loop.time)

    with ExitStack() as stack:
        for module, name, value in (
            (_binding, "TokenCache", cache),
            (_memory, "time", SimpleNamespace(monotonic=loop.time)),
            (_session, "datetime", Virtual),
            (_clocks, "datetime", Virtual),
            (_ending, "datetime", Virtual),
            (_ending, "time", SimpleNamespace(monotonic=loop.time)),
            (_base, "time", SimpleNamespace(monotonic=loop.time)),
            (_card_beginning, "datetime", Virtual),
            (_card_confirming, "datetime", Virtual),
            (_pending, "datetime", Virtual),
            (_signing, "private_operations", _private_operations),
        ):
            stack.enter_context(mock.patch.object(module, name, value))

        yield
