"""
The bridge of a month: those of its nights, line by line, and what its figures lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation.bridge._bridge import Bridge, BridgeItem, BridgeLine
from umfpay.reconciliation.nights._store import StoredNight


_NOTHING: Final = Decimal("0.00")

Signed = tuple[Bridge, int]

_ByItem = Mapping[tuple[BridgeItem, bool], Sequence[tuple[BridgeLine, int]]]

_ONE_DAY: Final = timedelta(days=1)


def added_up(bridges: Sequence[Signed], before: Bridge | None) -> Bridge:
    """
    Return the sum of *bridges*.

    Args:
        bridges: With 1 what is added, by day, then with -1 what is taken away.
        before: Whose end is the begin of the sum; None at the begin of the books.
    """
    added = [bridge for bridge, sign in bridges if sign > 0]
    names = sorted({name for bridge, _ in bridges for name in bridge.currencies})

    def lines(currency: str | None) -> tuple[BridgeLine, ...]:
        return tuple(
            _lines(
                _by_item(bridges, currency),
                opening=_line(added[0], BridgeItem.OPENING, currency)
                if before is None
                else _turned(_line(before, BridgeItem.CLOSING, currency)),
                closing=_line(added[-1], BridgeItem.CLOSING, currency),
            )
        )

    return attrs.evolve(
        added[-1],
        lines=lines(None),
        currencies={name: lines(name) for name in names},
        missing=(),
    )


def _own(bridge: Bridge, currency: str | None) -> Sequence[BridgeLine]:
    return bridge.lines if currency is None else bridge.currencies.get(currency, ())


def _line(bridge: Bridge, item: BridgeItem, currency: str | None) -> BridgeLine:
    for line in _own(bridge, currency):
        if line.item is item:
            return line

    # Nothing of that currency was there.
    return BridgeLine(item=item, amount=_NOTHING, rows=0)


def _turned(closing: BridgeLine) -> BridgeLine:
    """
    Return what was open at the end as what is open before.
    """
    return attrs.evolve(
        closing,
        item=BridgeItem.OPENING,
        amount=None if closing.amount is None else -closing.amount,
    )


def _by_item(bridges: Sequence[Signed], currency: str | None) -> _ByItem:
    found: dict[tuple[BridgeItem, bool], list[tuple[BridgeLine, int]]] = {}

    for bridge, sign in bridges:
        for line in _own(bridge, currency):
            found.setdefault((line.item, line.is_part), []).append((line, sign))

    return found


def _lines(
    found: _ByItem, *, opening: BridgeLine, closing: BridgeLine
) -> Iterator[BridgeLine]:
    yield opening

    for item in BridgeItem:
        # Payouts for other days are part of the opening while that has no rows.
        sums = [
            _sum(found[item, is_part])
            for is_part in (False, True)
            if (item, is_part) in found
        ]

        if item is BridgeItem.CLOSING:
            yield closing
        elif item is not BridgeItem.OPENING:
            yield from [line for line in sums if line.rows or line.amount] or sums[:1]


def _sum(signed: Sequence[tuple[BridgeLine, int]]) -> BridgeLine:
    """
    Return the sum of lines; what is unknown makes it unknown.
    """
    amounts = [sign * line.amount for line, sign in signed if line.amount is not None]
    rows = [sign * line.rows for line, sign in signed if line.rows is not None]

    return attrs.evolve(
        signed[0][0],
        amount=sum(amounts, _NOTHING) if len(amounts) == len(signed) else None,
        rows=sum(rows) if len(rows) == len(signed) else None,
    )


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
