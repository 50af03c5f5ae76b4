"""
Decision table: when a business day is over, and when its file is fetched again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final

import attrs


CHINA_ZONE: Final = timezone(timedelta(hours=8))
# Where the merchant's zone is unknown: the last one in which a day ends.
LAST_ZONE: Final = timezone(timedelta(hours=-12))
# The longest expire_time that anybody was seen to send (gateway.md 5.3).
LONGEST_EXPIRY: Final = timedelta(minutes=360)
# Days after the end of a day at which its file is fetched again.
REFETCH_AGES: Final = tuple(
    timedelta(days=days) for days in (0, 1, 2, 3, 7, 14, 30, 60, 90)
)


class Reason(StrEnum):
    """
    Why a file is fetched.
    """

    MISSING = "missing"
    CHANGED = "changed"
    EMPTY = "empty"
    DAY_NOT_OVER = "day_not_over"
    ITEMS_OPEN = "items_open"
    AGE_REACHED = "age_reached"


@attrs.frozen(kw_only=True)
class StoredFile:
    """
    The file of a day as it was fetched last.

    Args:
        sha256: Of its bytes, in hex.
        fetched_at: By the local clock.
        gateway_at: By the gateway's header Date; None if it told none.
        is_empty: It has no rows.
        open_items: How many rows are not final.
        is_unchanged: The bytes on disk are these.
        is_proven: They were read to their end.
    """

    sha256: str
    fetched_at: datetime
    gateway_at: datetime | None
    is_empty: bool
    open_items: int
    is_unchanged: bool = True
    is_proven: bool = False


def day_end(
    day: date, *, zone: tzinfo | None = None, longest_expiry: timedelta = LONGEST_EXPIRY
) -> datetime:
    """
    Return when *day* is over: in China and in the merchant's zone, and what was
    ordered in its last minute can no longer be paid.

    Args:
        zone: The merchant's; None is the last zone of all, UTC-12.
    """
    after = day + timedelta(days=1)
    ends = [
        datetime.combine(after, time(), tzinfo=one)
        for one in (CHINA_ZONE, zone or LAST_ZONE)
    ]

    return max(end.astimezone(UTC) for end in ends) + longest_expiry


def was_over(stored: StoredFile, end: datetime) -> bool:
    """
    Tell whether the day was over when its file was fetched, by both clocks.
    """
    return (
        stored.gateway_at is not None
        and min(stored.fetched_at, stored.gateway_at) >= end
    )


def _is_age_reached(stored: StoredFile, end: datetime, now: datetime) -> bool:
    return any(stored.fetched_at < end + age <= now for age in REFETCH_AGES)


# In this order: the first that applies.
_RULES: Final[
    tuple[tuple[Reason, Callable[[StoredFile, datetime, datetime], bool]], ...]
] = (
    (Reason.CHANGED, lambda stored, _end, _now: not stored.is_unchanged),
    (Reason.EMPTY, lambda stored, _end, _now: stored.is_empty),
    (Reason.DAY_NOT_OVER, lambda stored, end, _now: not was_over(stored, end)),
    (Reason.ITEMS_OPEN, lambda stored, _end, _now: stored.open_items > 0),
    (Reason.AGE_REACHED, _is_age_reached),
)


def reason_to_fetch(
    stored: StoredFile | None, *, end: datetime, now: datetime
) -> Reason | None:
    """
    Return why the file of a day is fetched now; None if it is not.

    Args:
        stored: None if there is none.
        end: When the day is over.
        now: By the local clock.
    """
    if stored is None:
        return Reason.MISSING

    for reason, applies in _RULES:
        if applies(stored, end, now):
            return reason

    return None
