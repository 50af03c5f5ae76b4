"""
The emulator's clock: real time, moved when a test wants tomorrow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final


# The gateway's business days are China's (gateway.md 12.17 leaves it open).
CHINA_ZONE: Final = timezone(timedelta(hours=8))

_MIN_UNIX_SECONDS: Final = datetime(2000, 1, 1, tzinfo=CHINA_ZONE).timestamp()
_MAX_UNIX_SECONDS: Final = datetime(9000, 1, 1, tzinfo=CHINA_ZONE).timestamp()


class Clock:
    """
    Wall time plus an offset.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.offset: float = 0.0

    def time(self) -> float:
        """
        Seconds since 1970.
        """
        return self._wall() + self.offset

    def now(self) -> datetime:
        """
        The moment in China.
        """
        return datetime.fromtimestamp(self.time(), CHINA_ZONE)

    def today(self) -> str:
        """
        China's date as ``YYYYMMDD``.
        """
        return f"{self.now():%Y%m%d}"

    def advance(self, seconds: float) -> None:
        """
        Go forward by *seconds*, within the years that dates have.
        """
        self._go_to(self.time() + seconds)

    def set(self, moment: datetime) -> None:
        """
        Go to *moment*, within the years that dates have.
        """
        self._go_to(moment.timestamp())

    def _go_to(self, seconds: float) -> None:
        self.offset = (
            min(max(seconds, _MIN_UNIX_SECONDS), _MAX_UNIX_SECONDS) - self._wall()
        )
