"""
Suggest which rows that miss each other may be one.

A row that only the gateway has and one that only the ledger has are often the same under
two numbers. Suggestions are no matches: nothing is counted or booked by them, and a
person decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._difference import Difference


if TYPE_CHECKING:
    import polars as pl


MAX_ROWS: Final = 20_000
"""More rows that one side lacks are no slips of a pen, but another book."""

_MAX_FOR_ONE: Final = 3
# Of one day, currency and kind, among which sums are looked for.
_MAX_ADDENDS: Final = 24
_MOST_PARTS: Final = 3
_MIN_ALIKE: Final = 0.75
_MIN_DIGITS: Final = 4
_NO_LETTER_OR_DIGIT: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"[0-9]+")


@attrs.frozen(kw_only=True)
class Suggestion:
    """
    Rows of the other side that a difference may be the same as.

    Args:
        ids: Of the differences.
        numbers: Their numbers.
        why: What speaks for it.
    """

    ids: tuple[str, ...]
    numbers: tuple[str, ...]
    why: Text


@attrs.frozen(kw_only=True)
class _Row:
    """
    What one side has and the other lacks.
    """

    id: str
    kind: str
    number: str
    order_id: str
    amount: tuple[str, int]
    day: date | None

    @property
    def core(self) -> str:
        """
        The number without prefix, separators and leading zeros.
        """
        runs = _DIGITS.findall(self.number)
        longest = max(runs, key=len, default="")

        if len(longest) < _MIN_DIGITS:
            return _NO_LETTER_OR_DIGIT.sub("", self.number).casefold()

        return longest.lstrip("0")


def suggestions(differences: pl.DataFrame) -> dict[str, tuple[Suggestion, ...]]:
    """
    Return the suggestions for each difference, by its id; the likeliest is the first.

    Args:
        differences: As `Report.frame` has them. If one side lacks more than `MAX_ROWS`
            rows, nothing is suggested.
    """
    theirs = _rows(differences, Difference.MISSING_IN_LEDGER, "gateway")
    ours = _rows(differences, Difference.MISSING_AT_GATEWAY, "ledger")

    if not theirs or not ours or max(len(theirs), len(ours)) > MAX_ROWS:
        return {}

    found: dict[str, list[Suggestion]] = defaultdict(list)

    for one, other, why in _pairs(theirs, ours):
        for row, like in ((one, other), (other, one)):
            if len(found[row.id]) < _MAX_FOR_ONE:
                found[row.id].append(_suggest([like], why))

    for one, parts, why in (*_sums(theirs, ours, found), *_sums(ours, theirs, found)):
        found[one.id].append(_suggest(parts, why))

        for part in parts:
            if len(found[part.id]) < _MAX_FOR_ONE:
                found[part.id].append(_suggest([one], why))

    return {key: tuple(given) for key, given in found.items() if given}


def _suggest(rows: Sequence[_Row], why: Text) -> Suggestion:
    return Suggestion(
        ids=tuple(row.id for row in rows),
        numbers=tuple(row.number for row in rows),
        why=why,
    )


def _rows(differences: pl.DataFrame, name: Difference, book: str) -> list[_Row]:
    """
    Return the rows of class *name* that have an amount.
    """
    import polars as pl

    wanted = ("currency", "total", "total_cny", "mer_date")
    there = {*differences.columns}
    rows = differences.filter(pl.col("class") == str(name)).select(
        "id",
        "kind",
        "order_id",
        "refund_id",
        *(
            pl.col(f"{book}_{column}").alias(column)
            if f"{book}_{column}" in there
            else pl.lit(None).alias(column)
            for column in wanted
        ),
    )
    found = []

    for row in rows.iter_rows(named=True):
        # In CNY whoever knows it: a ledger may have no other amounts.
        cny, total = row["total_cny"], row["total"]
        amount = ("CNY", cny) if cny is not None else (row["currency"] or "", total)

        if amount[1] is not None:
            found.append(
                _Row(
                    id=row["id"],
                    kind=row["kind"],
                    number=row["refund_id"] or row["order_id"],
                    order_id=row["order_id"],
                    amount=amount,
                    day=row["mer_date"],
                )
            )

    return found


def _pairs(
    theirs: Iterable[_Row], ours: Iterable[_Row]
) -> Iterator[tuple[_Row, _Row, Text]]:
    """
    Give pairs of rows that are alike, the likeliest first.
    """
    by_core: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    by_amount: dict[tuple[str, tuple[str, int]], list[_Row]] = defaultdict(list)

    for row in ours:
        by_core[row.kind, row.core].append(row)
        by_amount[row.kind, row.amount].append(row)

    graded = []

    for row in theirs:
        # Sums that everybody pays say nothing where there are many of them.
        same_amount = by_amount[row.kind, row.amount][:_MAX_ADDENDS]
        same_number = by_core[row.kind, row.core][:_MAX_ADDENDS]

        likely = {one.id: one for one in (*same_number, *same_amount)}.values()
        graded += [
            (*grade, row, other)
            for other in likely
            if (grade := _grade(row, other)) is not None
        ]

    # By what speaks for it, then by how alike their numbers are.
    graded.sort(key=lambda one: (one[0], -one[1], one[3].number, one[4].number))

    for _, _, why, row, other in graded:
        yield row, other, why


def _grade(one: _Row, other: _Row) -> tuple[int, float, Text] | None:
    alike = SequenceMatcher(None, one.number, other.number, autojunk=False).ratio()
    amount, day = one.amount == other.amount, one.day == other.day
    number = bool(one.core) and one.core == other.core
    in_order = one.kind == "T" and one.order_id == other.order_id

    if number and amount:
        return (
            0,
            alike,
            Text(
                "the same amount, and the same number written in another way",
                "金额相同，编号写法不同",
            ),
        )

    if in_order and amount:
        return (
            1,
            alike,
            Text(
                "a refund of the same order and amount under another number",
                "同一订单、同一金额的退款，编号不同",
            ),
        )

    if amount and day:
        if alike >= _MIN_ALIKE:
            return (
                2,
                alike,
                Text(
                    "the same amount and day, and a number that is nearly the same",
                    "金额和日期相同，编号相近",
                ),
            )

        return (
            4,
            alike,
            Text("the same amount and day", "金额和日期相同"),
        )

    if number:
        return (
            3,
            alike,
            Text(
                "the same number written in another way; the amount differs",
                "编号写法不同，金额不一致",
            ),
        )

    return None


def _sums(
    whole: Iterable[_Row], parts: Iterable[_Row], known: Mapping[str, Sequence[object]]
) -> Iterator[tuple[_Row, tuple[_Row, ...], Text]]:
    """
    Give each row of *whole* that several of *parts*, of its day, add up to.

    Args:
        known: Rows for which something was found; they are left out.
    """
    groups: dict[tuple[str, str, date | None], list[_Row]] = defaultdict(list)

    for row in parts:
        if not known.get(row.id):
            groups[row.kind, row.amount[0], row.day].append(row)

    for row in whole:
        group = groups.get((row.kind, row.amount[0], row.day), [])

        # Among many there are always some that add up.
        if known.get(row.id) or len(group) > _MAX_ADDENDS:
            continue

        fits = [
            chosen
            for count in range(2, _MOST_PARTS + 1)
            for chosen in combinations(group, count)
            if sum(part.amount[1] for part in chosen) == row.amount[1]
        ]

        if len(fits) == 1:
            yield (
                row,
                fits[0],
                Text(
                    "together of the same amount, on the same day",
                    "同一日期，合计金额相同",
                ),
            )
