"""
The emulator's clock: real time plus an offset.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from umfpay.emulator import CHINA_ZONE, Clock


def test_it_goes_with_real_time():
    """
    Without an offset it is real time, in China.
    """
    clock = Clock()

    assert abs(clock.time() - time.time()) < 1
    assert timedelta(hours=8) == clock.now().utcoffset()


def test_it_is_moved_and_goes_on():
    """
    Forward, back, and to a moment.
    """
    wall = [1000.0]
    clock = Clock(lambda: wall[0])
    clock.set(datetime(2026, 11, 23, 23, 59, 59, tzinfo=CHINA_ZONE))

    assert "20261123" == clock.today()

    wall[0] += 1

    assert "20261124" == clock.today()

    clock.advance(-1)

    assert "20261123" == clock.today()


def test_it_stays_within_the_years_of_dates():
    """
    However far one wants to go.
    """
    clock = Clock()
    clock.advance(1e300)

    assert 9000 == clock.now().year

    clock.advance(-1e300)

    assert 2000 == clock.now().year
