"""
What a comparison found: counts, totals, each difference with its reason, and the bridge.

A `Report` is clean if each key is matched and the bridge is proven. Its rows are in
frames: the differences, what is open (the next night's opening), and what was paid out
for orders of other days; each difference has an *id* that is the same in every night,
and what was not paid out an *age* in working days.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import attrs

from umfpay._private_files import replacing
from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._difference import Difference, difference_id
from umfpay.reconciliation._reasons import reason
from umfpay.sensitive import shows_itself_half_made


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation._bridge import Bridge


Language = Literal["zh", "en", "both"]

MONEY_COLUMNS: Final = frozenset(
    {"total", "total_cny", "service_fee", "exchanged", "exchanged_cny"}
)
RATE_COLUMNS: Final = frozenset({"exchange_rate"})
_FOUR_PLACES: Final = Decimal("0.0001")
# Spreadsheets run what begins with a sign, of any width, also behind blanks, marks, and
# what some of them drop: control and format characters.
# A cell may begin behind each of these, depending on who opens the file.
_INVISIBLE_CHARACTERS: Final = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\""
)
_FORMULA_BEGIN: Final = re.compile(
    rf"(^|[;|\t\r\n])(?=[{_INVISIBLE_CHARACTERS}]*[=+@\u2212\uff1d\uff0b\uff0d\uff20"
    r"\ufe62\ufe63\ufe66\ufe6b-])"
)
_BLANKS: Final = ("\t", "\r", "\n")


@attrs.frozen(kw_only=True)
class DifferenceRow:
    """
    One row of a difference.

    Args:
        order_id: The merchant's order number.
        kind: P for payments, T for refunds.
        refund_id: The refund's number, "" for payments.
        difference: Its class.
        also: Later classes that apply as well.
        side: Whose row it is, of a duplicate; "" otherwise.
        ledger: What the merchant's book says, by our names; None where it says nothing.
        gateway: What the transaction list says.
        statement: What the reconciliation statement says.
        id: The same for the same key and class in every night.
        age: Of what was not paid out, in working days; else None.
    """

    order_id: str
    kind: str
    refund_id: str
    difference: Difference
    also: tuple[Difference, ...]
    side: str
    ledger: Mapping[str, Any]
    gateway: Mapping[str, Any]
    statement: Mapping[str, Any]
    id: str
    age: int | None = None

    @property
    def reason(self) -> Text:
        """
        What is different, in words.
        """
        return reason(self)


@shows_itself_half_made
class Report:
    """
    The end of a reconciliation. Its order is that of the keys: the same books give the
    same bytes.

    Attributes:
        counts: How many keys each class has; every class is there.
        totals: What the keys of a class add up to, as text: by currency, and under
            ``total_cny`` in CNY. The gateway's amounts, where it has the row.
        notes: What to know about the books.
        switched_off: Classes that were not looked for, and why.
        books: What was read: files, days, merchant, rows, rules of the total.
        bridge: From what was traded to what was paid out; None without a statement.
        open_items: Rows of the transactions that were not paid out, as a polars frame
            of their columns: what is open before the next night. None without a
            statement.
        other_days: Rows of the statement for orders of other days, likewise.
        quarantined: Rows of the gateway's files that could not be read, with file, line,
            reason and *data*, the bytes; None if there are none.
    """

    def __init__(
        self,
        differences: pl.DataFrame,
        *,
        counts: Mapping[str, int],
        totals: Mapping[str, Mapping[str, int]],
        switched_off: Mapping[Difference, Text],
        notes: Sequence[Text] = (),
        books: Mapping[str, Any] | None = None,
        bridge: Bridge | None = None,
        open_items: pl.DataFrame | None = None,
        other_days: pl.DataFrame | None = None,
        quarantined: pl.DataFrame | None = None,
    ) -> None:
        self._differences = differences
        self._has_ids = False
        self.bridge = bridge
        self.open_items = open_items
        self.other_days = other_days
        self.quarantined = quarantined
        self.counts: dict[str, int] = {
            str(name): counts.get(name, 0) for name in Difference
        }
        self.totals: dict[str, dict[str, str]] = {
            str(name): {
                currency: money_text(value)
                for currency, value in sorted(totals.get(name, {}).items())
            }
            for name in Difference
        }
        self.switched_off: dict[Difference, Text] = dict(switched_off)
        self.notes: tuple[Text, ...] = tuple(notes)
        self.books: dict[str, Any] = dict(books or {})

    def __repr__(self) -> str:
        found = sum(self.counts.values()) - self.counts[Difference.MATCHED]

        return f"<Report: {self.counts[Difference.MATCHED]} matched, {found} not>"

    @property
    def is_clean(self) -> bool:
        """
        Whether all is matched, and the bridge, if there is one, proves it.
        """
        is_proven = self.bridge is None or self.bridge.is_proven

        return is_proven and all(
            not count or name == Difference.MATCHED
            for name, count in self.counts.items()
        )

    @property
    def frame(self) -> pl.DataFrame:
        """
        The differences as a polars frame; money in hundredths.
        """
        if not self._has_ids:
            self._differences = _with_ids(self._differences)
            self._has_ids = True

        return self._differences

    def rows(self) -> Iterator[DifferenceRow]:
        """
        Iterate over the differences.
        """
        columns = self.frame.columns

        for values in self.frame.iter_rows():
            yield _row(dict(zip(columns, values, strict=True)))

    def to_json(self) -> str:
        """
        Return counts and totals; money is text.
        """
        return json.dumps(
            {
                "counts": self.counts,
                "totals": self.totals,
                "switched_off": {
                    str(name): {"en": why.en, "zh": why.zh}
                    for name, why in self.switched_off.items()
                },
                "notes": [{"en": note.en, "zh": note.zh} for note in self.notes],
                "books": self.books,
                "bridge": None if self.bridge is None else self.bridge.to_json(),
            },
            ensure_ascii=False,
            indent=1,
        )

    def write_csv(self, to: str | os.PathLike[str], *, mark: bool = False) -> Path:
        """
        Write the differences as CSV in UTF-8, money and rates as decimals, and why in
        English and Chinese. Text that a spreadsheet would take for a formula has an
        apostrophe before it.

        Args:
            mark: Begin with a byte order mark, for Excel.

        Raises:
            ConfigError: It cannot be written.
        """
        columns = self.frame.columns

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*columns, "reason", "reason_zh"])

            for values in self.frame.iter_rows():
                given = dict(zip(columns, values, strict=True))
                why = _row(given).reason
                cells = [_cell(name, one) for name, one in given.items()]
                writer.writerow(
                    [*cells, _without_formulas(why.en), _without_formulas(why.zh)]
                )

        return _write_file(to, write, encoding="utf-8-sig" if mark else "utf-8")

    def write_parquet(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the differences as Parquet; money in hundredths, as in `frame`.

        Raises:
            ConfigError: It cannot be written.
        """
        return _write_file(to, self.frame.write_parquet)

    def write_quarantine(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the rows that could not be read as CSV in UTF-8: file, line, reason, and
        the row itself, whose bytes that are no text are written as ``\\xb0``.

        Raises:
            ConfigError: It cannot be written.
        """
        names = ("book", "file", "day", "line", "reason", "reason_zh")

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*names, "data"])

            if self.quarantined is None:
                return

            for row in self.quarantined.iter_rows(named=True):
                data = row["data"].decode(errors="backslashreplace")
                writer.writerow(
                    [
                        *(_cell(name, row[name]) for name in names),
                        _without_formulas(data),
                    ]
                )

        return _write_file(to, write, encoding="utf-8")

    def write_html(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        limit: int = 200,
        produced_at: str = "",
    ) -> Path:
        """
        Write one page that opens without network, for people in finance.

        Args:
            language: Chinese, English, or both.
            limit: Rows shown of each class; the rest is counted.
            produced_at: Shown as it is; none is shown by default, so that the same
                books give the same page.

        Raises:
            ConfigError: It cannot be written, or jinja2 is missing.
        """
        from umfpay.reconciliation._report_html import page

        text = page(self, language=language, limit=limit, produced_at=produced_at)

        return _write_file(to, lambda file: file.write(text), encoding="utf-8")


def _with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return the differences with an *id*, where they have none.
    """
    import polars as pl

    if "id" in rows.columns:
        return rows

    keys = rows.select("order_id", "kind", "refund_id", "class").iter_rows()

    return rows.insert_column(
        rows.columns.index("side") + 1,
        pl.Series("id", [difference_id(*key) for key in keys], dtype=pl.String),
    )


def money_text(hundredths: int) -> str:
    """
    Return hundredths as a decimal of two places.
    """
    return f"{Decimal(hundredths).scaleb(-2):.2f}"


def rate_of(units: int) -> Decimal:
    """
    Return a rate in hundred-millionths as a decimal of four to eight places.
    """
    rate = Decimal(units).scaleb(-8)
    short = rate.quantize(_FOUR_PLACES)

    return short if short == rate else rate.normalize()


def _row(given: Mapping[str, Any]) -> DifferenceRow:
    def book(prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): _value(name.removeprefix(prefix), one)
            for name, one in given.items()
            if name.startswith(prefix)
        }

    return DifferenceRow(
        order_id=given["order_id"],
        kind=given["kind"],
        refund_id=given["refund_id"],
        difference=Difference(given["class"]),
        also=tuple(Difference(name) for name in given["also"].split(",") if name),
        side=given["side"],
        ledger=book("ledger_"),
        gateway=book("gateway_"),
        statement=book("statement_"),
        id=given["id"],
        age=given.get("age"),
    )


def _value(name: str, given: Any) -> Any:
    if given is None:
        return None

    if name in MONEY_COLUMNS:
        return Decimal(given).scaleb(-2)

    return rate_of(given) if name in RATE_COLUMNS else given


def _cell(column: str, given: Any) -> str:
    if given is None:
        return ""

    # ledger_total, but class and order_id as they are.
    name = column.partition("_")[2]

    if name in MONEY_COLUMNS or name in RATE_COLUMNS:
        return f"{_value(name, given):f}"

    if isinstance(given, date):
        return given.isoformat()

    return _without_formulas(str(given))


def _without_formulas(text: str) -> str:
    """
    Return *text* with an apostrophe before all that a spreadsheet would run.
    """
    safe = _FORMULA_BEGIN.sub(r"\1'", text)

    return f"'{safe}" if text.startswith(_BLANKS) and not safe.startswith("'") else safe


def _write_file(
    to: str | os.PathLike[str],
    write: Callable[[Any], object],
    *,
    encoding: str | None = None,
) -> Path:
    """
    Let *write* fill a file whose name appears when it is whole.
    """
    target = Path(to)

    try:
        with replacing(target, encoding=encoding) as file:
            write(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__

        raise ConfigError(
            f"{target}: cannot be written: {reason}.", f"{target}：无法写入：{reason}。"
        ) from error

    return target
