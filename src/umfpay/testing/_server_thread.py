"""
A thread with an event loop of its own, in which the emulator serves all tests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar


T = TypeVar("T")

_TIMEOUT_SECONDS: Final = 30.0


class ServerThread:
    """
    Runs coroutines and functions for other threads, whatever their loops do.

    Synchronous tests, their clients and subprocesses reach what is served here, and a
    test may run any loop itself, on a clock of its own, too.
    """

    def __init__(self) -> None:
        # Not the loop of the policy: that may be the one of a virtual clock.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(
            target=self._run, name="umfpay emulator", daemon=True
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run *coroutine* in the thread and return its result; at most 30 s.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(
            _TIMEOUT_SECONDS
        )

    def call(self, function: Callable[[], T]) -> T:
        """
        Call *function* in the thread and return its result; at most 30 s.
        """
        if threading.current_thread() is self._thread:
            return function()

        done: Future[T] = Future()

        def work() -> None:
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001 (it is the caller's)
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work)

        return done.result(_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """
        End the thread and wait for it.
        """
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
