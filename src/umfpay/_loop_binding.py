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
        self.pid = os.getpid()
        self.loop = asyncio.get_running_loop()

    def is_current(self) -> bool:
        """
        Tell whether the caller runs in that process and loop.
        """
        return asyncio.get_running_loop() is self.loop and os.getpid() == self.pid

    def check_left(self, what: Text, *, advice: Text | None = None) -> None:
        """
        Look whether another one may take its place: the loop is closed, or another
        process's.

        Raises:
            WrongLoopError: The loop is still open in this process; *what* says so.
        """
        if os.getpid() == self.pid and not self.loop.is_closed():
            raise WrongLoopError(*what, advice=advice)
