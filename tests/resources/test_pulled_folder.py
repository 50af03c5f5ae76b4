"""
When a day is over, and when its file is fetched again: each row of the table.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest

from umfpay.resources import (
    REFETCH_AGES,
    Reason,
    StoredFile,
    day_end,
    reason_to_fetch,
    was_over,
)


DAY = date(2017, 2, 6)
END = datetime(2017, 2, 7, 18, tzinfo=UTC)
FETCHED = StoredFile(
    sha256="ab",
    fetched_at=END + timedelta(hours=1),
    gateway_at=END + timedelta(hours=1),
    is_empty=False,
    open_items=0,
)


@pytest.mark.parametrize(
    ("zone", "expiry", "end"),
    [
        # Unknown: UTC-12, and orders may be paid for six hours.
        (None, None, datetime(2017, 2, 7, 18, tzinfo=UTC)),
        (None, timedelta(0), datetime(2017, 2, 7, 12, tzinfo=UTC)),
        ("Asia/Shanghai", timedelta(0), datetime(2017, 2, 6, 16, tzinfo=UTC)),
        # China ends later than Auckland, Los Angeles later than China.
        ("Pacific/Auckland", timedelta(0), datetime(2017, 2, 6, 16, tzinfo=UTC)),
        ("America/Los_Angeles", timedelta(0), datetime(2017, 2, 7, 8, tzinfo=UTC)),
        ("Europe/London", timedelta(hours=24), datetime(2017, 2, 8, tzinfo=UTC)),
    ],
)
def test_a_day_ends_in_china_and_at_the_merchants_and_after_the_last_payment(
    zone, expiry, end
):
    """
    The latest of them.
    """
    options = {} if expiry is None else {"longest_expiry": expiry}

    assert end == day_end(DAY, zone=zone and ZoneInfo(zone), **options)


@pytest.mark.parametrize(
    ("local", "gateway", "is_over"),
    [(0, 0, True), (-1, 0, False), (0, -1, False), (99, None, False)],
)
def test_a_day_is_over_by_both_clocks(local, gateway, is_over):
    """
    One that tells nothing agrees to nothing.
    """
    stored = attrs.evolve(
        FETCHED,
        fetched_at=END + timedelta(seconds=local),
        gateway_at=None if gateway is None else END + timedelta(seconds=gateway),
    )

    assert is_over == was_over(stored, END)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"is_unchanged": False}, Reason.CHANGED),
        ({"is_empty": True}, Reason.EMPTY),
        ({"fetched_at": END - timedelta(seconds=1)}, Reason.DAY_NOT_OVER),
        ({"gateway_at": END - timedelta(seconds=1)}, Reason.DAY_NOT_OVER),
        ({"gateway_at": None}, Reason.DAY_NOT_OVER),
        ({"open_items": 1}, Reason.ITEMS_OPEN),
        ({"is_empty": True, "open_items": 1}, Reason.EMPTY),
    ],
)
def test_each_reason_to_fetch_again(changes, reason):
    """
    Soon after the day was over.
    """
    stored = attrs.evolve(FETCHED, **changes)

    assert reason == reason_to_fetch(stored, end=END, now=END + timedelta(hours=2))


def test_what_is_not_there_is_fetched():
    """
    At any time.
    """
    assert Reason.MISSING == reason_to_fetch(None, end=END, now=END)


def test_a_file_is_fetched_again_at_each_age():
    """
    Once: at 1, 2, 3, 7, 14, 30, 60 and 90 days, and never afterwards.
    """
    stored, days = FETCHED, []

    for hours in range(1, 120 * 24):
        now = END + timedelta(hours=hours)

        if reason_to_fetch(stored, end=END, now=now) is not None:
            days.append(hours / 24)
            stored = attrs.evolve(stored, fetched_at=now, gateway_at=now)

    assert [1, 2, 3, 7, 14, 30, 60, 90] == days
    assert [timedelta(days=number) for number in (0, *days)] == [*REFETCH_AGES]
