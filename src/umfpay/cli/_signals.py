"""
Signals that end a command: what it opened is closed, what it made for a while is
deleted.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final


_END_SIGNALS: Final = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def on_end(end: Callable[[], object]) -> None:
    """
    Call *end* in the running loop at the signals that end a process; Ctrl-C is not one.
    """
    for name in _END_SIGNALS:
        number = getattr(signal, name, None)

        # nohup ignores SIGHUP, and means it.
        if number is None or signal.getsignal(number) == signal.SIG_IGN:
            continue

        # On Windows, and beside the main thread, there are no handlers.
        with suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(number, end)


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """
    Run *work*; a signal that ends the process is Ctrl-C to it.

    Raises:
        KeyboardInterrupt: It was ended before it was done.
    """
    ended = False

    async def watched() -> None:
        task = asyncio.current_task()
        # A coroutine of a loop runs in one.
        assert task is not None

        def end() -> None:
            nonlocal ended
            ended = True
            task.cancel()

        on_end(end)
        await work

    try:
        asyncio.run(watched())
    except asyncio.CancelledError:
        if not ended:
            raise

        raise KeyboardInterrupt from None
