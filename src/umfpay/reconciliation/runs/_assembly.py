"""
Assemble the report of a run from what its buckets left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from umfpay.errors import Text
from umfpay.reconciliation._books import BOOK_NAMES, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import (
    ComparisonOptions,
    Opening,
    working_days_since,
)
from umfpay.reconciliation._stored_files import StoredSource
from umfpay.reconciliation.bridge._bridge import Bridge
from umfpay.reconciliation.bridge._lines import BridgeSums, build_bridge
from umfpay.reconciliation.comparison._rules import ASKED_FLAG
from umfpay.reconciliation.gateway_files._file_checks import days_of
from umfpay.reconciliation.gateway_files._locations import with_places
from umfpay.reconciliation.gateway_files._quarantine import (
    QUARANTINED_FLAG,
    UnreadRows,
)
from umfpay.reconciliation.reports._report import Report
from umfpay.reconciliation.runs._checkpoints import Part


if TYPE_CHECKING:
    import polars as pl


class Results(Protocol):
    """
    What a comparison has left, in buckets or on Spark.
    """

    def summaries(self) -> Sequence[Any]:
        """
        Return what each bucket adds up to.
        """
        ...

    def rows(self, part: Part) -> pl.DataFrame | None:
        """
        Return the rows of a *part*, None if there are none of its kind.
        """
        ...

    def quarantined(self) -> pl.DataFrame | None:
        """
        Return the rows that could not be read, or the first of very many.
        """
        ...

    def quarantine_notes(self) -> Sequence[Text]:
        """
        Return how many they are, by file and reason.
        """
        ...


def make_report(
    run: Results,
    facts: Mapping[str, Any],
    *,
    options: ComparisonOptions,
    available: Collection[str],
    opening: Opening,
    holidays: Collection[date] | None,
    files: tuple[Sequence[StoredSource], Sequence[StoredSource]],
    missing: Sequence[Text],
    by_day: bool,
) -> Report:
    """
    Return the report of a *run* whose buckets are all compared.

    Args:
        facts: What was seen of the books.
        available: The optional columns of the ledger that are there.
        opening: What was open before.
        holidays: None where there is no statement.
        files: Of the transactions and of the statement, for places of differences.
        missing: What the files lack.
        by_day: Numbers of orders have their days.
    """
    summaries = run.summaries()
    counts: dict[str, int] = {}
    totals: dict[str, dict[str, int]] = {}

    for summary in summaries:
        for name, count in summary["counts"].items():
            counts[name] = counts.get(name, 0) + count

        for name, currency, total, cny in summary["money"]:
            found = totals.setdefault(name, {})
            found[currency] = found.get(currency, 0) + total
            found["total_cny"] = found.get("total_cny", 0) + cny

    differences = run.rows(Part.DIFFERENCES)
    assert differences is not None
    quarantined = run.quarantined()
    with_statement = holidays is not None
    unlisted = run.rows(Part.UNLISTED)

    if quarantined is not None:
        # Keys whose rows they are were counted with their buckets.
        counts[Difference.QUARANTINED] = sum(
            file["unread"]["rows"] for file in facts["files"]
        )

    if holidays is not None:
        differences = _with_ages(
            differences, max(days_of(facts, Book.STATEMENT)), holidays
        )

    return Report(
        with_places(differences, *files, by_day=by_day)
        if differences.height
        else differences,
        counts=counts,
        totals=totals,
        switched_off=_switched_off(available, with_statement=with_statement),
        notes=[
            *missing,
            *_notes(available),
            *(Text(*note) for note in facts["ledger_notes"]),
            *_gateway_notes(facts),
            *_unpaid_notes(facts),
            *run.quarantine_notes(),
        ],
        books={name: facts[name] for name in ("rows", "files")},
        bridge=_bridge(facts, summaries, options, opening) if with_statement else None,
        opening_items=opening.rows,
        open_items=run.rows(Part.OPEN_ITEMS),
        other_days=None if unlisted is None else _of_other_days(unlisted),
        quarantined=quarantined,
        missing=missing,
    )


def _bridge(
    facts: Mapping[str, Any],
    summaries: Collection[Mapping[str, Any]],
    options: ComparisonOptions,
    opening: Opening,
) -> Bridge:
    differing: dict[str, int] = {}

    for summary in summaries:
        for name, count in summary["differing"].items():
            differing[name] = differing.get(name, 0) + count

    return build_bridge(
        BridgeSums(
            traded=facts["sums"]["traded"],
            paid=facts["sums"]["paid"],
            open=[one for summary in summaries for one in summary["open"]],
            unlisted=[one for summary in summaries for one in summary["unlisted"]],
            differing=differing,
            unread_transactions=UnreadRows.of(facts, Book.TRANSACTIONS),
            unread_statement=UnreadRows.of(facts, Book.STATEMENT),
        ),
        as_of=max(days_of(facts, Book.STATEMENT)),
        opening=opening.balance,
        has_opening_rows=opening.has_rows,
        rounding=options.rounding,
        tolerance=options.tolerance,
    )


def _of_other_days(unlisted: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return unlisted.filter(~pl.col(ASKED_FLAG)).drop(ASKED_FLAG, QUARANTINED_FLAG)


def _with_ages(
    rows: pl.DataFrame, as_of: date, holidays: Collection[date]
) -> pl.DataFrame:
    """
    Return the differences with the *age* of what was not paid out, in working days.
    """
    import polars as pl

    late = pl.concat_str(
        pl.col("class"), pl.col("also").fill_null(""), separator=","
    ).str.contains(str(Difference.NOT_PAID_OUT))
    days = rows.filter(late).get_column("gateway_listed_on")
    age = working_days_since(days, as_of, holidays)

    return rows.insert_column(
        rows.columns.index("side") + 1,
        rows.select(age=pl.when(late).then(age)).to_series(),
    )


def _notes(available: Collection[str]) -> list[Text]:
    # The other columns are named with the class that is switched off without them.
    return [
        Text(
            f"{name} is not compared: the ledger has no such column.",
            f"未核对 {name}：账本没有该列。",
        )
        for name in ("total", "total_cny")
        if name not in available
    ]


def _unpaid_notes(facts: Mapping[str, Any]) -> list[Text]:
    unpaid = facts["unpaid_in_ledger"]

    if not unpaid:
        return []

    return [
        Text(
            f"{unpaid} rows of the ledger were not paid, by their state: where the"
            " gateway does not have them, they are not missing.",
            f"账本有 {unpaid} 行按状态未支付：网关没有时不视为缺少。",
        )
    ]


def _gateway_notes(facts: Mapping[str, Any]) -> list[Text]:
    """
    Return what is odd about the gateway's own rows, and is no difference.
    """
    traded = facts["sums"]["traded"]
    refunds = sum(one["off_rate"] for one in traded if one["kind"] == "T")
    ties = sum(one["ties"] for one in traded)
    notes = []

    if refunds:
        notes.append(
            Text(
                f"total_cny of {refunds} refunds is not their total at their rate.",
                f"{refunds} 笔退款的 total_cny 不等于 total 乘以其汇率。",
            )
        )

    if ties:
        notes.append(
            Text(
                f"total_cny of {ties} rows is half a cent rounded down.",
                f"{ties} 行的 total_cny 恰为半分，且被舍去。",
            )
        )

    seen: dict[tuple[str, str], int] = {}

    for file in facts["files"]:
        place = (file["book"], file["day"])
        seen[place] = seen.get(place, 0) + 1

    notes.extend(
        Text(
            f"{count} files of {book} are of {day}.",
            f"{day} 有 {count} 个{BOOK_NAMES[book].zh}文件。",
        )
        for (book, day), count in seen.items()
        if count > 1
    )

    return notes


def _switched_off(
    available: Collection[str], *, with_statement: bool
) -> dict[Difference, Text]:
    needed = {
        Difference.CURRENCY_DIFFERS: "currency",
        Difference.STATE_DIFFERS: "state",
        Difference.WRONG_DAY: "mer_date",
        Difference.FEE_DIFFERS: "service_fee",
    }
    off = {
        name: Text(f"the ledger has no {column}", f"账本缺少 {column}")
        for name, column in needed.items()
        if column not in available
    }

    if not with_statement:
        for name in (
            Difference.PAID_OUT_UNKNOWN,
            Difference.NOT_PAID_OUT,
            Difference.FEE_DIFFERS,
            Difference.EXCHANGE_DIFFERS,
        ):
            off.setdefault(name, Text("there is no statement", "未提供结算文件"))

    return off
