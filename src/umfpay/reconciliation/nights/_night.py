"""
`Night`: a night that was compared, of the files that it had.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import (
    Tolerance,
)
from umfpay.reconciliation._progress import OnProgress
from umfpay.reconciliation.bridge._bridge import BridgeItem
from umfpay.reconciliation.gateway_files._totals import TotalRules
from umfpay.reconciliation.nights._ages import with_age
from umfpay.reconciliation.nights._earlier import listed_keys, repeated_keys
from umfpay.reconciliation.nights._night_files import PinnedLedger, version_notes
from umfpay.reconciliation.nights._store import (
    NightStore,
    StoredNight,
)
from umfpay.reconciliation.runs._reconcile import reconcile


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import Engine
    from umfpay.reconciliation.reports._report import Report


RULES_NAME: Final = "total-rules.json"


@attrs.frozen(kw_only=True)
class Night:
    """
    A night that was compared.

    Args:
        day: Its day.
        version: 1, and one more each time that it was made again with newer files.
        first: From which day on it was compared.
        report: What was found.
        open_items: What is not paid out, with its *age* in working days.
        differences: What nobody has accepted: of the report, of before *first*, and
            what was listed or paid out in an earlier night already (a duplicate).
        opened: The ids of those that the night before did not have.
        closed: The ids of those that the night before had, and this has not.
        settled: What the night before had open, and is paid out.
        left_behind: Differences of before *first*: they are as they were.
        notes: What to know about its files.
    """

    day: date
    version: int
    first: date
    report: Report
    open_items: pl.DataFrame
    differences: pl.DataFrame
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    settled: pl.DataFrame
    left_behind: pl.DataFrame
    notes: tuple[Text, ...] = ()

    @property
    def is_clean(self) -> bool:
        """
        Whether nothing is left but what somebody has accepted, and the bridge proves it.
        """
        bridge = self.report.bridge

        return (
            not self.differences.height
            and not self.report.missing
            and not self.report.counts[Difference.QUARANTINED]
            and bridge is not None
            and bridge.is_proven
        )


@attrs.frozen
class NightComparison:
    """
    Compares nights of the books.

    Args:
        store: Where they are.
        terms: Of the books: *settle_after*, *opening* and *merchant*.
    """

    store: NightStore
    terms: Mapping[str, Any]

    def compare(
        self, made: StoredNight, engine: Engine, on_progress: OnProgress
    ) -> tuple[Night, dict[str, pl.DataFrame], str | None]:
        """
        Compare a night of the files that it has.

        Returns:
            The night, the rows that are kept of it, by their names, and what is known
            of the totals' rules by now, as a file has it.

        Raises:
            IncompleteStatementError: A file of the gateway is not whole.
            StatementError: A book cannot be read.
            ConfigError: The files are of another merchant, or not those of the night.
        """
        facts = made.facts
        first = made.first
        holidays = [date.fromisoformat(one) for one in facts["holidays"]]
        anchor, last = (
            None if facts[name] is None else self.store.named(facts[name])
            for name in ("opening_night", "last_night")
        )
        balance, rows = self._opening(anchor)
        paths = {
            book: [self.store.path(one) for one in made.files if one.book == str(book)]
            for book in Book
        }

        with tempfile.TemporaryDirectory(prefix="umfpay-books-") as folder:
            rules = Path(folder) / RULES_NAME

            if facts["rules"] is not None:
                rules.write_text(facts["rules"], "utf-8")

            rule = TotalRules(rules)
            report = reconcile(
                paths[Book.TRANSACTIONS],
                paths[Book.STATEMENT],
                ledger=PinnedLedger(
                    paths[Book.LEDGER][0],
                    facts["ledger_notes"],
                    is_keyed_by_day=facts["by_day"],
                ),
                engine=engine,
                tolerance=Tolerance.from_json(facts["tolerance"]),
                days=(first, made.day),
                merchant=self.terms["merchant"],
                settle_after=self.terms["settle_after"],
                holidays=holidays,
                opening=balance
                if rows is None
                else rows
                if balance is None
                else (balance, rows),
                total_rule=rule,
                rounding=facts["rounding"],
                encoding=facts["encoding"],
                on_bad_row=facts["on_bad_row"],
                on_progress=on_progress,
            )
            keys = listed_keys(
                paths,
                {
                    "total_rule": rule,
                    "encoding": facts["encoding"],
                    "on_bad_row": facts["on_bad_row"],
                },
                on_progress,
                by_day=facts["by_day"],
            )
            learned = rules.read_text("utf-8") if rules.exists() else None

        repeated = repeated_keys(keys, self._keys_of(facts["earlier_nights"]), first)
        night, parts = self._night(made, report, repeated, last, holidays)
        parts["keys"] = keys
        parts["balance"] = self._balance_left(anchor, report)

        return night, parts, learned

    def repeat(
        self, stored: StoredNight, engine: Engine, on_progress: OnProgress
    ) -> Night:
        """
        Return a night as it was, of the files that it had.

        Raises:
            ConfigError: It comes out otherwise.
        """
        night, parts, _ = self.compare(stored, engine, on_progress)

        for name, rows in parts.items():
            if not rows.equals(self.store.part(stored, name)):
                raise ConfigError(
                    f"books: the night {stored.name} does not come out as it did; was it"
                    " made by another version of umfpay?",
                    f"books：{stored.name} 的结果与当时不同；是否由其他版本的 umfpay 生成？",
                )

        return night

    def _keys_of(
        self, names: Sequence[str]
    ) -> Iterator[tuple[date, date, pl.DataFrame]]:
        """
        Give what nights have listed, the latest first.
        """
        for name in reversed(names):
            night = self.store.named(name)

            yield night.first, night.day, self.store.part(night, "keys")

    def _opening(
        self, anchor: StoredNight | None
    ) -> tuple[Decimal | None, pl.DataFrame | None]:
        """
        Return what was open before without rows, and the rows.
        """
        if anchor is None:
            given = self.terms["opening"]

            return None if given is None else Decimal(given), None

        left = self.store.part(anchor, "balance").item()
        rows = self.store.part(anchor, "open")

        return Decimal(left).scaleb(-2) if left else None, rows

    def _balance_left(self, anchor: StoredNight | None, report: Report) -> pl.DataFrame:
        """
        Return what is left of what was open before without rows, in hundredths.
        """
        import polars as pl

        balance, _ = self._opening(anchor)
        left = None

        if balance is not None:
            assert report.bridge is not None
            paid = report.bridge.line(BridgeItem.OTHER_DAYS).amount or Decimal(0)
            left = int((balance - paid) * 100)

        return pl.DataFrame({"left": [left]}, schema={"left": pl.Int64})

    def _night(
        self,
        made: StoredNight,
        report: Report,
        repeated: pl.DataFrame,
        last: StoredNight | None,
        holidays: Collection[date],
    ) -> tuple[Night, dict[str, pl.DataFrame]]:
        """
        Return the night, and what is kept of it.
        """
        import polars as pl

        assert report.open_items is not None
        first = made.first
        found = pl.concat([_with_day(report.frame), repeated], how="diagonal_relaxed")
        before, open_before = found.clear(), report.open_items.clear()

        if last is not None:
            before = self.store.part(last, "differences")
            open_before = self.store.part(last, "open")

        left_behind = before.filter(
            pl.col("day") < first,
            ~is_carried(),
            ~pl.col("id").is_in(found.get_column("id").implode()),
        )
        differences = pl.concat([left_behind, found], how="diagonal_relaxed")
        is_open = ~pl.col("id").is_in([*self.store.accepted()])
        ids, ids_before = (
            {*rows.filter(is_open).get_column("id")} for rows in (differences, before)
        )
        night = Night(
            day=made.day,
            version=made.version,
            first=first,
            report=report,
            open_items=with_age(report.open_items, made.day, holidays),
            differences=differences.filter(is_open),
            opened=tuple(sorted(ids - ids_before)),
            closed=tuple(sorted(ids_before - ids)),
            settled=open_before.join(report.open_items, on=[*KEY], how="anti"),
            left_behind=left_behind.filter(is_open),
            notes=tuple(version_notes(made, last)),
        )

        return night, {"open": report.open_items, "differences": differences}


def _with_day(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return differences with the *day* since which they are compared again: of the file,
    where the gateway has the row.
    """
    import polars as pl

    names = ("gateway_listed_on", "ledger_mer_date", "statement_mer_date")

    return rows.with_columns(
        day=pl.coalesce(name for name in names if name in rows.columns)
    )


def is_carried() -> pl.Expr:
    """
    Tell which differences are compared again because their row is in the opening.
    """
    import polars as pl

    return (pl.col("class") == str(Difference.NOT_PAID_OUT)) & (
        pl.col("also").fill_null("") == ""
    )
