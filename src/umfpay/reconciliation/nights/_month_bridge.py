"""
The bridge of a month: the bridges of its nights, line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import attrs

from umfpay.reconciliation.bridge._bridge import Bridge, BridgeItem, BridgeLine


_NOTHING: Final = Decimal("0.00")

Signed = tuple[Bridge, int]


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


_ByItem = Mapping[tuple[BridgeItem, bool], Sequence[tuple[BridgeLine, int]]]


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
