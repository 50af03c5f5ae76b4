"""
Join the three books by key, and find keys that stand twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import narwhals as nw

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import KEY, Book, columns_of, optional_columns
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._rules import AT_GATEWAY_FLAG, IN_LEDGER_FLAG, ORPHAN_FLAG
from umfpay.reconciliation._states import with_meaning


# Columns of the two gateway books in the result.
_GATEWAY_COLUMNS: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "exchange_rate",
    "state",
)
STATEMENT_VALUES: Final = (
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
    "exchange_rate",
)
# The statement does not tell the order of a refund.
_STATEMENT_KEY: Final = ("kind", "number")
_PRESENCE_COLUMN: Final = "_there"

Frame = Any  # narwhals' LazyFrame, or the native frame of any engine


class Books:
    """
    The books of one comparison.

    Args: as of `compare()`, and

        orphans: The keys of our refunds whose payment is in no book, where more is
            known of payments than the books tell.

    Attributes:
        available: The optional columns of the ledger that are there.
        values: The columns of values in the result, with their types.

    Raises:
        ConfigError: A column is missing, or *days* without mer_date in the ledger.
    """

    def __init__(
        self,
        transactions: Frame,
        ledger: Frame,
        statement: Frame | None,
        *,
        days: tuple[date, date] | None,
        orphans: Frame | None = None,
    ) -> None:
        theirs = open_lazily(Book.TRANSACTIONS, transactions)
        ours = open_lazily(Book.LEDGER, ledger)
        self.available = available_in(ours)
        self.values = _types(self.available, with_statement=statement is not None)
        self._orphans = (
            orphan_refunds(ours, theirs, KEY)
            if orphans is None
            else orphans.select(*KEY)
        )

        if days is not None:
            ours = expected_rows(ours, theirs, days, KEY)

        self._ledger = _with_prefix(ours, KEY, "ledger", self.available)
        self._transactions = _with_prefix(theirs, KEY, "gateway", _GATEWAY_COLUMNS)
        self._statement = (
            None
            if statement is None
            else _with_prefix(
                open_lazily(Book.STATEMENT, statement),
                _STATEMENT_KEY,
                "statement",
                STATEMENT_VALUES,
            )
        )
        self._twice = self._keys_twice()

    def once(self) -> Frame:
        """
        Return what all books say of each key that stands nowhere twice.
        """
        # Who knows a refund without its payment is in both books: one is marked.
        ours = self._ledger.join(
            self._orphans.with_columns(nw.lit(1).alias(ORPHAN_FLAG)),
            on=[*KEY],
            how="left",
        ).with_columns(nw.lit(1).alias(IN_LEDGER_FLAG))
        theirs = self._transactions.with_columns(nw.lit(1).alias(AT_GATEWAY_FLAG))

        if "state" in self.available:
            ours = with_meaning(ours, "ledger_state", "ledger_means")
            theirs = with_meaning(theirs, "gateway_state", "gateway_means")

        whole = (
            ours.join(theirs, on=[*KEY], how="full", suffix=_PRESENCE_COLUMN)
            .with_columns(
                *(
                    nw.coalesce(name, f"{name}{_PRESENCE_COLUMN}").alias(name)
                    for name in KEY
                )
            )
            .join(self._twice, on=[*KEY], how="anti")
        )

        if self._statement is None:
            return whole

        return _with_statement_number(whole).join(
            self._statement, on=[*_STATEMENT_KEY], how="left"
        )

    def duplicates(self, columns: Mapping[str, Any]) -> list[Frame]:
        """
        Return all rows of each book whose key stands twice anywhere.

        Args:
            columns: Those of the result, with their types.
        """
        books = {Book.LEDGER: self._ledger, Book.TRANSACTIONS: self._transactions}
        found = {
            book: rows.join(self._twice, on=[*KEY], how="semi")
            for book, rows in books.items()
        }

        if self._statement is not None:
            # For each key that it may be of.
            found[Book.STATEMENT] = self._statement.join(
                _with_statement_number(self._twice), on=[*_STATEMENT_KEY], how="inner"
            )

        return [_list_rows(book, rows, columns) for book, rows in found.items()]

    def _keys_twice(self) -> Frame:
        """
        Return the keys that stand twice in a book, or whose number does in the
        statement.
        """
        books = [self._ledger, self._transactions]
        found = [repeated_keys(book, KEY) for book in books]

        if self._statement is not None:
            numbers = repeated_keys(self._statement, _STATEMENT_KEY)
            found += [
                _with_statement_number(book.select(*KEY))
                .join(numbers, on=[*_STATEMENT_KEY], how="semi")
                .select(*KEY)
                for book in books
            ]

        return nw.concat(found).unique([*KEY])


def open_lazily(book: Book, given: Frame) -> Frame:
    """
    Return *given* as narwhals knows it, lazily.

    Raises:
        ConfigError: It is no frame, or lacks a column.
    """
    try:
        frame = nw.from_native(given).lazy()
    except TypeError:
        kind = type(given).__name__

        raise ConfigError(
            f"{book}: a frame that narwhals takes is needed, not a {kind}.",
            f"{book}：需要 narwhals 支持的数据表，而不是 {kind}。",
        ) from None

    there = frame.collect_schema().names()
    missing = sorted({*columns_of(book)} - {*optional_columns(book)} - {*there})

    if missing:
        named = ", ".join(missing)

        raise ConfigError(
            f"{book}: the frame lacks {named}; it has {', '.join(there)}.",
            f"{book}：数据表缺少 {named}；现有列为 {'、'.join(there)}。",
        )

    if book is Book.LEDGER and not {"total", "total_cny"} & {*there}:
        raise ConfigError(
            "ledger: total or total_cny is needed: nothing is clean without amounts.",
            "ledger：缺少 total 或 total_cny：没有金额就无法核对。",
        )

    return frame


def available_in(ledger: Frame) -> tuple[str, ...]:
    """
    Return the optional columns of the *ledger* that are there.
    """
    there = ledger.collect_schema().names()

    return tuple(name for name in optional_columns(Book.LEDGER) if name in there)


def repeated_keys(frame: Frame, keys: Sequence[str]) -> Frame:
    """
    Return the *keys* that stand in more than one row.
    """
    counted = frame.group_by(*keys).agg(nw.len().alias("_rows"))

    return counted.filter(nw.col("_rows") > 1).select(*keys)


def orphan_refunds(ours: Frame, theirs: Frame, keys: Sequence[str]) -> Frame:
    """
    Return the *keys* of our refunds whose payment is in neither book.

    Of any day: the payment of a refund may be one of a day before.
    """
    refunds = ours.filter(nw.col("kind") == "T")
    payments = nw.concat(
        [
            book.filter(nw.col("kind") == "P").select("order_id")
            for book in (ours, theirs)
        ]
    )

    # One of them may stand there twice.
    return (
        refunds.join(payments, on="order_id", how="anti").select(*keys).unique([*keys])
    )


def expected_rows(
    ours: Frame, theirs: Frame, days: tuple[date, date], keys: Sequence[str]
) -> Frame:
    """
    Return the rows of the ledger that the gateway must have on *days*, or has.

    Raises:
        ConfigError: The ledger tells no days, or the last comes before the first.
    """
    if days[0] > days[1]:
        raise ConfigError(
            "days: the first comes after the last.", "days：起始日晚于结束日。"
        )

    if "mer_date" not in available_in(ours):
        raise ConfigError(
            "days: the ledger has no mer_date.", "days：账本缺少 mer_date 列。"
        )

    day = nw.col("mer_date")
    # Who tells no day hides nothing by that.
    is_due = day.is_null() | day.is_between(*days)

    return nw.concat(
        [
            ours.filter(is_due),
            ours.filter(~is_due).join(theirs.select(*keys), on=[*keys], how="semi"),
        ]
    )


def _with_prefix(
    frame: Frame, keys: Sequence[str], prefix: str, names: Sequence[str]
) -> Frame:
    values = {f"{prefix}_{name}": nw.col(name) for name in names}

    return frame.select(*keys, **values)


def _with_statement_number(frame: Frame) -> Frame:
    """
    Return *frame* with what the statement calls a row: the refund's own number, else
    the order's.
    """
    return frame.with_columns(
        number=nw.when(nw.col("kind") == "T")
        .then(nw.col("refund_id"))
        .otherwise(nw.col("order_id"))
    )


def _list_rows(book: Book, rows: Frame, columns: Mapping[str, Any]) -> Frame:
    there = {*rows.collect_schema().names()}
    words = {"class": Difference.DUPLICATE, "also": "", "side": book}

    return rows.select(
        *(
            nw.lit(str(words[name])).alias(name)
            if name in words
            else nw.col(name)
            if name in there
            else nw.lit(None).cast(kind).alias(name)
            for name, kind in columns.items()
        )
    )


def _types(available: Sequence[str], *, with_statement: bool) -> dict[str, Any]:
    kinds = {"mer_date": nw.Date, "currency": nw.String, "state": nw.String}
    names = [f"ledger_{name}" for name in available]
    names += [f"gateway_{name}" for name in _GATEWAY_COLUMNS]

    if with_statement:
        names += [f"statement_{name}" for name in STATEMENT_VALUES]

    return {name: kinds.get(name.partition("_")[2], nw.Int64) for name in names}
