"""
What the figures of a month lack, and what to know about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from umfpay.errors import Text
from umfpay.reconciliation.bridge._bridge import Bridge, BridgeLine
from umfpay.reconciliation.nights._store import StoredNight


_ONE_DAY: Final = timedelta(days=1)


def missing(
    days: tuple[date, date],
    added: Sequence[StoredNight],
    before: StoredNight | None,
    latest: Sequence[StoredNight],
    bridge: Bridge,
) -> Iterator[Text]:
    """
    Name the days and proofs that are not there.

    Args:
        days: First and last of the month.
        added: The nights of the month.
        before: The last night of the months before.
        latest: All nights of the books.
        bridge: Of the month.
    """
    first, last = days
    begin = added[0].first if before is None else before.day + _ONE_DAY

    if begin > first:
        yield _no_night(first, begin - _ONE_DAY)
    elif begin < first:
        yield Text(
            f"there is no night of {first - _ONE_DAY}: the figures begin with {begin}",
            f"缺少 {first - _ONE_DAY} 当晚：数据从 {begin} 起",
        )

    if added[-1].day < last:
        yield _no_night(added[-1].day + _ONE_DAY, last)

    names = {one.name for one in latest}

    for night in added:
        lacks = [
            *night.bridge.missing,
            *(Text(*one) for one in night.facts["missing"]),
        ]

        for one in lacks:
            yield Text(f"night of {night.day}: {one.en}", f"{night.day} 当晚：{one.zh}")

        opening = night.facts["opening_night"]

        if opening is not None and opening not in names:
            yield Text(
                f"night of {night.day}: it was made of {opening}, of which there is a"
                " newer version; refresh it",
                f"{night.day} 当晚：基于 {opening}，而后者已有新版本；请用 refresh 重做",
            )

    for currency, lines in ((None, bridge.lines), *bridge.currencies.items()):
        left = _left_over(lines)

        if left:
            name = currency or "CNY"

            yield Text(
                f"between nights: {left} {name} more is open before one than after"
                " the one before it",
                f"各晚之间：期初未结算比上一晚期末多 {left} {name}",
            )


def _left_over(lines: Sequence[BridgeLine]) -> Decimal:
    """
    Return what was paid out beside the sum of the other lines.
    """
    *parts, paid = [line.amount for line in lines if not line.is_part]
    known = [one for one in parts if one is not None]

    if paid is None or len(known) != len(parts):
        # What is unknown is named by its night.
        return Decimal(0)

    return paid - sum(known)


def _no_night(first: date, last: date) -> Text:
    if first == last:
        return Text(
            f"there is no night of {first}: it is not in the figures",
            f"缺少 {first} 当晚：数据中不含该日",
        )

    return Text(
        f"there are no nights from {first} to {last}: they are not in the figures",
        f"缺少 {first} 至 {last} 的各晚：数据中不含这些日期",
    )


def notes(
    days: tuple[date, date],
    added: Sequence[StoredNight],
    taken: Sequence[StoredNight],
    latest: Sequence[StoredNight],
) -> Iterator[Text]:
    """
    Name the nights that are part of others, and days of the month before that are.

    Args:
        taken: Nights of the month before whose days were compared again.
    """
    there = {one.day for one in latest}

    for night in added:
        day = max(night.first, days[0])

        while day < night.day:
            if day not in there:
                yield Text(
                    f"{day} has no night of its own: it is part of that of {night.day}.",
                    f"{day} 没有单独的一晚：已并入 {night.day} 当晚。",
                )

            day += _ONE_DAY

    if taken:
        since = min(one.first for one in added)

        yield Text(
            f"Days since {since} were compared again in this month: what was new in them"
            " is part of it.",
            f"本月重新核对了 {since} 起的日期：其中新出现的部分计入本月。",
        )
