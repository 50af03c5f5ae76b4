"""
`Books`: a comparison each night, and what is open until it is closed.

A night is compared from the first day on that still has a difference which nobody has
accepted, or whose file has changed, at most *look_back* days; what was traded before and is not paid out yet is its
opening. So a refund that is entered a day late, a payout of a later day, or a new version
of a file closes what it belongs to. Differences of earlier days stay open as they were.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._options import (
    Rounding,
    Tolerance,
    checked_opening,
    checked_settle_after,
)
from umfpay.reconciliation._progress import OnProgress, ignore_progress
from umfpay.reconciliation.ledgers._ledger import Ledger
from umfpay.reconciliation.nights._decisions import Decision
from umfpay.reconciliation.nights._months import Month, days_of_month, make_month
from umfpay.reconciliation.nights._night import (
    RULES_NAME,
    Night,
    NightComparison,
    is_carried,
)
from umfpay.reconciliation.nights._night_files import (
    changed_days,
    is_current,
    pin_files,
    pin_ledger,
)
from umfpay.reconciliation.nights._payouts import FeeRule
from umfpay.reconciliation.nights._store import (
    PULLED_NAME,
    NightStore,
    StoredNight,
    now,
)
from umfpay.sensitive import Secret, hide


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import Engine
    from umfpay.reconciliation.gateway_files._reading import Encoding, OnBadRow


_ONE_DAY: Final = timedelta(days=1)


class Books:
    """
    The books of a merchant, in a folder.

    Args:
        folder: It is made; one process at a time works in it.
        settle_after: Within how many working days UMF pays out; given once.
        opening: What was open before the first night, in CNY; given once.
        merchant: Whose books they are; otherwise that of the first file.
        look_back: How many days before a night are compared again at most.
        decisions: The address of a database that keeps what was accepted, as for
            `Ledger.sql()`; None is a file in the folder. Once begun, it stays so.

    Raises:
        ConfigError: The folder holds something else, is damaged, or has other terms.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        settle_after: int | None = None,
        opening: Decimal | None = None,
        merchant: str | None = None,
        look_back: int = 31,
        decisions: str | Secret | None = None,
    ) -> None:
        address = None if decisions is None else hide(decisions, Secret)
        # A traceback may show this frame.
        del decisions

        if address is not None and not isinstance(address, Secret):
            raise ConfigError.of(
                "decisions",
                "the address of a database as text",
                "必须是文本形式的数据库地址",
            )

        if (
            isinstance(look_back, bool)
            or not isinstance(look_back, int)
            or look_back < 1
        ):
            raise ConfigError.of(
                "look_back",
                "a number of days above 0",
                "必须是大于 0 的天数",
            )

        self._store = NightStore(Path(folder), address)
        self._look_back = look_back
        given = {
            "settle_after": settle_after,
            "opening": None if opening is None else str(opening),
            "merchant": merchant,
            "decisions": "folder" if address is None else "database",
        }
        # Before it is written down: what cannot be used later would stay for ever.
        if opening is not None and checked_opening(opening).balance is None:
            raise ConfigError.of(
                "opening",
                "the sum in CNY that was open before the first night, a Decimal",
                "必须是首晚之前未结算的人民币金额（Decimal）",
            )

        known = self._store.head()

        if known is None and settle_after is None:
            raise ConfigError(
                f"books: there are none in {self._store.folder}. To begin them,"
                " settle_after= is needed: within how many working days is paid out what"
                " was traded?",
                f"books：{self._store.folder} 中没有账本。新建账本需要 settle_after="
                "：交易后多少个工作日内结算？",
            )

        if known is None:
            checked_settle_after(settle_after, with_statement=True)
            self._terms: dict[str, Any] = given
        else:
            self._terms = _same_terms(known, given)

    @property
    def pulled(self) -> Path:
        """
        Where files of the gateway are pulled to, unless another folder is given.
        """
        return self._store.folder / PULLED_NAME

    def days(self) -> list[date]:
        """
        Return the days of the nights that are there.
        """
        return [one.day for one in self._store.nights()]

    def open_differences(self) -> pl.DataFrame | None:
        """
        Return the differences of the last night that nobody has accepted; None if there
        is no night.
        """
        import polars as pl

        nights = self._store.nights()

        if not nights:
            return None

        rows = self._store.part(nights[-1], "differences")

        return rows.filter(~pl.col("id").is_in([*self.accepted()]))

    def first_day(self, night: date) -> date:
        """
        Return since which day the files of *night* are wanted: those of days that were
        compared already may have changed.
        """
        nights = [one for one in self._store.nights() if one.day < night]

        if not nights:
            return night

        begin = nights[0].first
        back = night - timedelta(days=self._look_back)

        return min(nights[-1].day + _ONE_DAY, max(begin, back))

    def night(
        self,
        day: date,
        *,
        files: str | os.PathLike[str] | None = None,
        ledger: Ledger | str | os.PathLike[str],
        columns: Mapping[str, str] | None = None,
        without_file: Collection[date] = (),
        holidays: Collection[date] = (),
        tolerance: Tolerance | None = None,
        engine: Engine = "polars",
        encoding: Encoding | None = None,
        on_bad_row: OnBadRow = "raise",
        refresh: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Night:
        """
        Compare a night, and keep what is open.

        A night that is there is made again of the files that it had: the result is the
        same, whatever has become of *files* and the *ledger* since.

        Args:
            day: The night's.
            files: A folder of ``session.statements.pull``, with files of both kinds
                since `first_day()`; None is *pulled*. A day without a file of what was paid out is one on
                which nothing was.
            ledger: With a day in each row.
            columns: Ours to theirs, where *ledger* is a path.
            without_file: Days of which the gateway has no file of transactions.
            refresh: Make a night that is there again, of the files as they are now, as
                a new version.

        The others are those of `reconcile()`.

        Raises:
            IncompleteStatementError: A file of the gateway is not whole.
            StatementError: A book cannot be read.
            ConfigError: An argument cannot be meant, a file has changed since it was
                pulled, the books are damaged, or another process works in them.
        """
        show = on_progress or ignore_progress

        with self._store.locked():
            if self._store.head() is None:
                self._store.begin(self._terms)

            comparison = NightComparison(self._store, self._terms)
            nights = {one.day: one for one in self._store.nights()}
            stored = nights.get(day)

            if stored is not None and not refresh:
                return comparison.repeat(stored, engine, show)

            before = [one for at, one in sorted(nights.items()) if at < day]
            folder = Path(files or self.pulled)
            first, anchor = self._first(day, before, folder)
            book = (
                ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, columns)
            )
            pinned = pin_files(
                self._store, (first, day), folder, without_file, self._terms["merchant"]
            )
            pinned.append(pin_ledger(self._store, book, show))
            rules = self._store.folder / RULES_NAME
            facts = {
                "first": first.isoformat(),
                "files": [attrs.asdict(one) for one in pinned],
                "by_day": book.is_keyed_by_day,
                # Few rows of a night show no rule.
                "rounding": str(
                    before[-1].bridge.rounding if before else Rounding.HALF_UP
                ),
                "ledger_notes": [[note.en, note.zh] for note in book.notes()],
                "opening_night": None if anchor is None else anchor.name,
                "last_night": before[-1].name if before else None,
                "earlier_nights": [
                    one.name
                    for one in before
                    if one.day >= first - timedelta(days=self._look_back)
                ],
                "holidays": sorted(one.isoformat() for one in holidays),
                "tolerance": (tolerance or Tolerance()).to_json(),
                "encoding": encoding,
                "on_bad_row": on_bad_row,
                "rules": rules.read_text("utf-8") if rules.exists() else None,
            }
            made = StoredNight(
                day=day,
                version=1 if stored is None else stored.version + 1,
                facts=facts,
            )
            night, parts, learned = comparison.compare(made, engine, show)

            if self._terms["merchant"] is None:
                self._terms["merchant"] = night.report.books["files"][0]["merchant"]
                self._store.begin(self._terms)

            if learned is not None:
                self._store.keep_text(RULES_NAME, learned)

            bridge = night.report.bridge
            assert bridge is not None
            found = {
                "bridge": bridge.to_json(),
                "missing": [[one.en, one.zh] for one in night.report.missing],
            }
            self._store.keep(attrs.evolve(made, facts={**facts, **found}), parts)
            later = [at for at in nights if at > day]

            if later:
                night = attrs.evolve(night, notes=(*night.notes, _later_note(later)))

            return night

    def accept(self, difference_id: str, *, who: str, why: str) -> None:
        """
        Accept a difference: it is not open any more, in any night.

        Args:
            difference_id: As *id* in `Night.differences`.
            who: Who does it.
            why: Why.

        Raises:
            ConfigError: No night has such a difference, or nobody and nothing is named.
        """
        if not who.strip() or not why.strip():
            raise ConfigError(
                "who and why: both are needed.", "who 和 why：两者都必须提供。"
            )

        with self._store.locked():
            nights = self._store.nights()
            ids = (
                self._store.part(nights[-1], "differences")["id"].to_list()
                if nights
                else []
            )

            if difference_id not in ids:
                raise ConfigError.of(
                    "accept",
                    f"the last night has no difference {difference_id}",
                    f"最近一晚没有差异 {difference_id}",
                )

            self._store.accept(Decision(id=difference_id, who=who, why=why, at=now()))

    def accepted(self) -> dict[str, Decision]:
        """
        Return what was accepted, by the id of the difference.
        """
        return self._store.accepted()

    def month(self, month: str, *, fees: Sequence[FeeRule] = ()) -> Month:
        """
        Add up the nights of a month.

        Args:
            month: As ``2026-11``.
            fees: What UMF should take; the first rule that is for a row is its rule.

        Raises:
            ConfigError: It is no month, it has no night, or the books are damaged.
        """
        return make_month(
            self._store,
            days_of_month(month),
            settle_after=self._terms["settle_after"],
            merchant=self._terms["merchant"],
            rules=fees,
        )

    def _first(
        self, night: date, before: Sequence[StoredNight], folder: Path
    ) -> tuple[date, StoredNight | None]:
        """
        Return from which day on *night* is compared, and the night whose open items are
        its opening.
        """
        if not before:
            return night, None

        last = before[-1]
        first = last.day + _ONE_DAY
        earliest = min(first, night - timedelta(days=self._look_back))
        days = [
            *self._open_differences(last)["day"].drop_nulls(),
            *changed_days(before, folder),
        ]
        wanted = max(earliest, min([first, *days]))
        anchors = [
            one for one in before if one.day < wanted and is_current(one, before)
        ]

        if not anchors:
            return before[0].first, None

        return anchors[-1].day + _ONE_DAY, anchors[-1]

    def _open_differences(self, night: StoredNight) -> pl.DataFrame:
        import polars as pl

        rows = self._store.part(night, "differences")

        return rows.filter(~is_carried(), ~pl.col("id").is_in([*self.accepted()]))


def _later_note(later: Sequence[date]) -> Text:
    days = [day.isoformat() for day in sorted(later)]

    return Text(
        f"Later nights were made of the version before: {', '.join(days)}; refresh them.",
        f"之后的夜晚基于旧版本：{'、'.join(days)}；请用 refresh 重做。",
    )


def _same_terms(known: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the terms of books that are there.

    Raises:
        ConfigError: Others are *given*.
    """
    for name, value in given.items():
        if value is not None and value != known.get(name):
            raise ConfigError.of(
                name,
                f"these books were begun with {known.get(name)}, not {value}",
                f"该账本建立时为 {known.get(name)}，而不是 {value}",
            )

    return known
