"""
`Books`: a comparison each night, and what is open until it is closed.

A night is compared from the first day on that still has a difference which nobody has
accepted, or whose file has changed, at most *look_back* days; what was traded before and is not paid out yet is its
opening. So a refund that is entered a day late, a payout of a later day, or a new version
of a file closes what it belongs to. Differences of earlier days stay open as they were.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import (
    Days,
    Rounding,
    Tolerance,
    checked_settle_after,
)
from umfpay.reconciliation._progress import OnProgress, ignore_progress
from umfpay.reconciliation.bridge._bridge import BridgeItem
from umfpay.reconciliation.gateway_files._file_checks import changed_files
from umfpay.reconciliation.gateway_files._frame_parser import FrameParser
from umfpay.reconciliation.gateway_files._right_books import checked_opening
from umfpay.reconciliation.gateway_files._totals import TotalRules
from umfpay.reconciliation.ledgers._ledger import Ledger
from umfpay.reconciliation.ledgers._pinned import PinnedLedger, write_ledger
from umfpay.reconciliation.nights._ages import with_age
from umfpay.reconciliation.nights._decisions import Decision
from umfpay.reconciliation.nights._earlier import listed_keys, repeated_keys
from umfpay.reconciliation.nights._fees import FeeRule
from umfpay.reconciliation.nights._months import Month, days_of_month, make_month
from umfpay.reconciliation.nights._store import (
    PULLED_NAME,
    NightStore,
    PinnedFile,
    StoredNight,
    hash_of,
    now,
)
from umfpay.reconciliation.runs._reconcile import reconcile
from umfpay.sensitive import Secret, hide


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import Engine
    from umfpay.reconciliation.gateway_files._reading import Encoding, OnBadRow
    from umfpay.reconciliation.reports._report import Report


_ONE_DAY: Final = timedelta(days=1)
_NAMES: Final = {Book.TRANSACTIONS: "transactions", Book.STATEMENT: "reconciliation"}
_FIRST_BYTES: Final = 64 * 1024
_LEDGER_NAME: Final = "ledger.parquet"
_RULES_NAME: Final = "total-rules.json"


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
            raise ConfigError(
                "decisions: the address of a database as text.",
                "decisions：必须是文本形式的数据库地址。",
            )

        if (
            isinstance(look_back, bool)
            or not isinstance(look_back, int)
            or look_back < 1
        ):
            raise ConfigError(
                "look_back: a number of days above 0.",
                "look_back：必须是大于 0 的天数。",
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
            raise ConfigError(
                "opening: the sum in CNY that was open before the first night, a Decimal.",
                "opening：必须是首晚之前未结算的人民币金额（Decimal）。",
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

            nights = {one.day: one for one in self._store.nights()}
            stored = nights.get(day)

            if stored is not None and not refresh:
                return self._made_again(stored, engine, show)

            before = [one for at, one in sorted(nights.items()) if at < day]
            folder = Path(files or self.pulled)
            first, anchor = self._first(day, before, folder)
            book = (
                ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, columns)
            )
            pinned = self._pinned((first, day), folder, without_file)
            pinned.append(self._pinned_ledger(book, show))
            rules = self._store.folder / _RULES_NAME
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
            night, parts, learned = self._compared(made, engine, show)

            if self._terms["merchant"] is None:
                self._terms["merchant"] = night.report.books["files"][0]["merchant"]
                self._store.begin(self._terms)

            if learned is not None:
                self._store.keep_text(_RULES_NAME, learned)

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
                raise ConfigError(
                    f"accept: the last night has no difference {difference_id}.",
                    f"accept：最近一晚没有差异 {difference_id}。",
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

    # Which days

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
            *self._changed_days(before, folder),
        ]
        wanted = max(earliest, min([first, *days]))
        anchors = [
            one for one in before if one.day < wanted and _is_current(one, before)
        ]

        if not anchors:
            return before[0].first, None

        return anchors[-1].day + _ONE_DAY, anchors[-1]

    def _changed_days(
        self, before: Sequence[StoredNight], folder: Path
    ) -> Iterator[date]:
        """
        Give the days whose files in *folder* are others than those that were read last.
        """
        for name, sha256 in _read_files(before).items():
            path = folder / name

            if path.is_file() and hash_of(path) != sha256:
                yield _day_of(name)

    def _open_differences(self, night: StoredNight) -> pl.DataFrame:
        import polars as pl

        rows = self._store.part(night, "differences")

        return rows.filter(~_is_carried(), ~pl.col("id").is_in([*self.accepted()]))

    # Files

    def _pinned(
        self, days: Days, folder: Path, without_file: Collection[date]
    ) -> list[PinnedFile]:
        """
        Keep the files of these *days*.
        """
        found: dict[Book, list[Path]] = {book: [] for book in _NAMES}
        empty: list[tuple[Book, date]] = []
        day, last = days

        while day <= last:
            for book, kind in _NAMES.items():
                path = folder / f"{kind}-{day:%Y%m%d}.txt"

                if path.is_file():
                    found[book].append(path)
                elif book is Book.STATEMENT or day in without_file:
                    empty.append((book, day))

            day += _ONE_DAY

        changed = changed_files(found)

        if changed:
            raise ConfigError(
                " ".join(one.en for one in changed),
                "".join(one.zh for one in changed),
                advice=Text("Pull it again.", "请重新下载该文件。"),
            )

        merchant = self._terms["merchant"] or _merchant_of(found)
        pinned = [
            self._store.pin(str(book), path.name, path)
            for book, paths in found.items()
            for path in paths
        ]
        pinned += [
            self._store.pin(
                str(book),
                f"{_NAMES[book]}-{day:%Y%m%d}.txt",
                _empty_file(merchant, day),
            )
            for book, day in empty
        ]

        return pinned

    def _pinned_ledger(self, ledger: Ledger, on_progress: OnProgress) -> PinnedFile:
        with tempfile.TemporaryDirectory(prefix="umfpay-books-") as folder:
            path = Path(folder) / _LEDGER_NAME
            write_ledger(ledger, path, on_progress)

            return self._store.pin(str(Book.LEDGER), _LEDGER_NAME, path)

    # Comparison

    def _made_again(
        self, stored: StoredNight, engine: Engine, on_progress: OnProgress
    ) -> Night:
        """
        Return a night as it was, of the files that it had.

        Raises:
            ConfigError: It comes out otherwise.
        """
        night, parts, _ = self._compared(stored, engine, on_progress)

        for name, rows in parts.items():
            if not rows.equals(self._store.part(stored, name)):
                raise ConfigError(
                    f"books: the night {stored.name} does not come out as it did; was it"
                    " made by another version of umfpay?",
                    f"books：{stored.name} 的结果与当时不同；是否由其他版本的 umfpay 生成？",
                )

        return night

    def _compared(
        self, made: StoredNight, engine: Engine, on_progress: OnProgress
    ) -> tuple[Night, dict[str, pl.DataFrame], str | None]:
        facts = made.facts
        first = made.first
        holidays = [date.fromisoformat(one) for one in facts["holidays"]]
        anchor, last = (
            None if facts[name] is None else self._store.named(facts[name])
            for name in ("opening_night", "last_night")
        )
        balance, rows = self._opening(anchor)
        paths = {
            book: [self._store.path(one) for one in made.files if one.book == str(book)]
            for book in Book
        }

        with tempfile.TemporaryDirectory(prefix="umfpay-books-") as folder:
            rules = Path(folder) / _RULES_NAME

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
                merchant=self._terms["merchant"],
                settle_after=self._terms["settle_after"],
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

    def _keys_of(
        self, names: Sequence[str]
    ) -> Iterator[tuple[date, date, pl.DataFrame]]:
        """
        Give what nights have listed, the latest first.
        """
        for name in reversed(names):
            night = self._store.named(name)

            yield night.first, night.day, self._store.part(night, "keys")

    def _opening(
        self, anchor: StoredNight | None
    ) -> tuple[Decimal | None, pl.DataFrame | None]:
        """
        Return what was open before without rows, and the rows.
        """
        if anchor is None:
            given = self._terms["opening"]

            return None if given is None else Decimal(given), None

        left = self._store.part(anchor, "balance").item()
        rows = self._store.part(anchor, "open")

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
            before = self._store.part(last, "differences")
            open_before = self._store.part(last, "open")

        left_behind = before.filter(
            pl.col("day") < first,
            ~_is_carried(),
            ~pl.col("id").is_in(found.get_column("id").implode()),
        )
        differences = pl.concat([left_behind, found], how="diagonal_relaxed")
        is_open = ~pl.col("id").is_in([*self.accepted()])
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
            notes=tuple(_version_notes(made, last)),
        )

        return night, {"open": report.open_items, "differences": differences}


def _read_files(nights: Iterable[StoredNight]) -> dict[str, str]:
    """
    Return the hashes of the files of the gateway that were read last, by their names.
    """
    return {
        one.name: one.sha256
        for night in nights
        for one in night.files
        if one.book != str(Book.LEDGER)
    }


def _day_of(name: str) -> date:
    return date.fromisoformat(Path(name).stem[-8:])


def _is_current(anchor: StoredNight, nights: Sequence[StoredNight]) -> bool:
    """
    Tell whether no later night has read a newer file of the days until *anchor*: then
    what was open at its end is still known.
    """
    known = _read_files(one for one in nights if one.day <= anchor.day)
    later = [one for one in nights if one.day > anchor.day]

    return all(
        known.get(name) == sha256
        for night in later
        for name, sha256 in _read_files([night]).items()
        if _day_of(name) <= anchor.day
    )


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


def _is_carried() -> pl.Expr:
    """
    Tell which differences are compared again because their row is in the opening.
    """
    import polars as pl

    return (pl.col("class") == str(Difference.NOT_PAID_OUT)) & (
        pl.col("also").fill_null("") == ""
    )


def _version_notes(made: StoredNight, last: StoredNight | None) -> list[Text]:
    """
    Name the files that have other bytes than the night before had.
    """
    if last is None:
        return []

    known = _read_files([last])

    return [
        Text(
            f"{one.name} has other bytes than in the night of {last.day}.",
            f"{one.name} 与 {last.day} 当晚使用的内容不同。",
        )
        for one in made.files
        if known.get(one.name, one.sha256) != one.sha256
    ]


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
            raise ConfigError(
                f"{name}: these books were begun with {known.get(name)}, not {value}.",
                f"{name}：该账本建立时为 {known.get(name)}，而不是 {value}。",
            )

    return known


def _merchant_of(found: Mapping[Book, Sequence[Path]]) -> str:
    for paths in found.values():
        for path in paths:
            parser = FrameParser()

            with path.open("rb") as file:
                data = file.read(_FIRST_BYTES)

            parser.feed(data, len(data))

            if parser.header is not None:
                return parser.header.merchant

    raise ConfigError(
        "files: there is none of the gateway since the first day that is compared.",
        "files：自需要核对的第一天起没有任何网关文件。",
    )


def _empty_file(merchant: str, day: date) -> bytes:
    """
    Return the file of a day on which nothing was.
    """
    word = f"{day:%Y%m%d}"

    return (
        f"TRANSDETAIL-START,{merchant},{word}\nTRANSDETAIL-End,{merchant},{word},0.00\n"
    ).encode()
