"""
How a command ends: exit codes, and the signals that end it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final


_END_SIGNALS: Final = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class ExitCode(IntEnum):
    """
    What the end of a command means: one table for every command.

    Attributes:
        OK: Done, and the answer is yes.
        NO: Forged, differences, an id that is refused, a step not as expected.
        ERROR: Arguments, files, port, settings, network, a full disk.
        UNSIGNED: Only of ``verify``.
        BUG: An error of umfpay itself.
        INTERRUPTED: Ctrl-C.
        PIPE_CLOSED: Nobody reads the output: what a shell says of SIGPIPE.
    """

    OK = 0
    NO = 1
    ERROR = 2
    UNSIGNED = 3
    BUG = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


def on_end(end: Callable[[], object]) -> None:
    """
    Call *end* in the running loop at the signals that end a process; Ctrl-C is not one.
    """
    # Not above: this module is loaded before anything catches Ctrl-C.
    import asyncio

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
    import asyncio

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
