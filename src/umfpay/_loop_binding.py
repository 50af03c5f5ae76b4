"""
`LoopBinding`: the process and the event loop that something was made in.
"""

from __future__ import annotations

import asyncio
import os

from umfpay.errors import Text, WrongLoopError


class LoopBinding:
    """
    What cannot leave the process and the event loop that it was made in.
    """

    def __init__(self) -> None:
        self.pid: int = os.getpid()
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()

    def is_current(self) -> bool:
        """
        Tell whether the caller runs in that process and loop.
        """
        return asyncio.get_running_loop() is self.loop and os.getpid() == self.pid

    def check_left(self, name: Text, *, advice: Text | None = None) -> None:
        """
        Look whether another one may take its place: the loop is closed, or another
        process's.

        Args:
            name: Of what is bound, for the error.

        Raises:
            WrongLoopError: The loop is still open in this process.
        """
        if os.getpid() == self.pid and not self.loop.is_closed():
            raise WrongLoopError(
                f"{name.en} belongs to another event loop that is still open.",
                f"{name.zh}属于另一个仍未关闭的事件循环。",
                advice=advice,
            )
