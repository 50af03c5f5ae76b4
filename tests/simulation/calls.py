"""
How the shop calls the gateway: some calls are cut short.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.simulation.network import Gateway
from umfpay import UMFSession


T = TypeVar("T")


class CutShortError(Exception):
    """
    The call was cancelled by whoever waited for it.
    """


class Caller:
    """
    Makes the calls of one process of the shop.

    Args:
        cancels: Probability that a call is cancelled, at any of its awaits.
    """

    def __init__(
        self,
        session: UMFSession,
        gateway: Gateway,
        rng: random.Random,
        counts: Counter[str],
        *,
        cancels: float,
    ) -> None:
        self.session = session
        self.cut = 0
        self._gateway = gateway
        self._rng = rng
        self._counts = counts
        self._cancels = cancels
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Return what *make* gives.

        Raises:
            CutShortError: It was cancelled before its end.
        """
        task = asyncio.get_running_loop().create_task(make())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        axe = None

        if not self._gateway.healthy and self._rng.random() < self._cancels:
            axe = asyncio.get_running_loop().create_task(self._cancel(task))

        try:
            # Not the task itself: who is cancelled here is a process that dies.
            await asyncio.wait((task,))
        finally:
            if axe is not None:
                axe.cancel()

        if task.cancelled():
            self.cut += 1
            self._counts["fault: cancelled call"] += 1

            raise CutShortError

        return task.result()

    async def _cancel(self, task: asyncio.Task[Any]) -> None:
        if self._rng.random() < 0.6:
            for _ in range(self._rng.randint(0, 40)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self._rng.choice((0.03, 0.1, 5.0)) * self._rng.random())

        task.cancel()

    def kill(self) -> None:
        """
        End all calls as the end of the process does.
        """
        for task in list(self._running):
            task.cancel()
