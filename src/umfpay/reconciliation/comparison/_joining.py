"""
Join the three books by key, and find keys that stand twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import narwhals as nw

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import KEY, Book, columns_of, optional_columns
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import ComparisonOptions, Days
from umfpay.reconciliation._states import UNPAID, with_meaning
from umfpay.reconciliation.comparison._refunds import RefundChecks
from umfpay.reconciliation.comparison._rules import (
    ASKED_FLAG,
    AT_GATEWAY_FLAG,
    IN_LEDGER_FLAG,
    IN_STATEMENT_FLAG,
    ORPHAN_FLAG,
    OVER_REFUNDED_FLAG,
    gateway_flags,
    statement_flags,
    wide_column,
)
from umfpay.reconciliation.ledgers._frame_kinds import floats_error


# Columns of the two gateway books in the result.
_GATEWAY_COLUMNS: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "exchange_rate",
    "state",
    "listed_on",
)
STATEMENT_VALUES: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
    "exchange_rate",
    "state",
)
_PRESENCE_COLUMN: Final = "_there"

Frame = Any  # narwhals' LazyFrame, or the native frame of any engine


class Books:
    """
    The books of one comparison.

    Args: as of `compare()`, and

        refunds: What is known of refunds, where more is known of payments than the
            books hold.

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
        options: ComparisonOptions,
        refunds: RefundChecks | None = None,
    ) -> None:
        theirs = open_lazily(Book.TRANSACTIONS, transactions)
        ours = open_lazily(Book.LEDGER, ledger)
        self.available = available_in(ours)
        self.values = types_of_values(
            self.available, with_statement=statement is not None
        )
        self._refunds = (
            RefundChecks.of(ours, theirs, KEY, self.available)
            if refunds is None
            else refunds
        )

        if options.days is not None:
            ours = expected_rows(ours, theirs, options.days, KEY)

        self._ledger = with_prefix(ours, KEY, "ledger", self.available)
        self._transactions = gateway_rows(theirs, options)
        self._statement = (
            None
            if statement is None
            else _resolved(
                statement_rows(open_lazily(Book.STATEMENT, statement), options),
                ours,
                theirs,
            )
        )
        self._twice = self._keys_twice()

    def once(self) -> Frame:
        """
        Return what all books hold of each key that stands nowhere twice.
        """
        # Who knows a refund without its payment is in both books: one is marked.
        ours = self._ledger.with_columns(nw.lit(1).alias(IN_LEDGER_FLAG))

        if "state" in self.available:
            ours = with_meaning(ours, "ledger_state", "ledger_means")

        whole = _joined(ours, self._transactions)

        if self._statement is not None:
            whole = _joined(whole, self._statement)

        whole = whole.filter(
            is_relevant(self.available, with_statement=self._statement is not None)
        )
        whole = whole.join(self._twice, on=[*KEY], how="anti")

        for keys, flag in (
            (self._refunds.orphans, ORPHAN_FLAG),
            (self._refunds.over_refunded, OVER_REFUNDED_FLAG),
        ):
            marked = keys.select(*KEY).with_columns(nw.lit(1).alias(flag))
            whole = whole.join(marked, on=[*KEY], how="left")

        return whole

    def duplicates(self, columns: Mapping[str, Any]) -> list[Frame]:
        """
        Return all rows of each book whose key stands twice anywhere.

        Args:
            columns: Those of the result, with their types.
        """
        books = {Book.LEDGER: self._ledger, Book.TRANSACTIONS: self._transactions}

        if self._statement is not None:
            books[Book.STATEMENT] = self._statement

        return [
            _list_rows(book, rows.join(self._twice, on=[*KEY], how="semi"), columns)
            for book, rows in books.items()
        ]

    def _keys_twice(self) -> Frame:
        """
        Return the keys that stand twice in a book.
        """
        books = [self._ledger, self._transactions]

        if self._statement is not None:
            books.append(self._statement)

        return nw.concat([repeated_keys(book, KEY) for book in books]).unique([*KEY])


def is_relevant(available: Sequence[str], *, with_statement: bool) -> Any:
    """
    Return which keys are looked at. What else is only in the ledger was not paid, and
    what else is only in the statement is of another day: a line of the bridge.
    """
    is_due = ~nw.col(IN_LEDGER_FLAG).is_null()
    is_there = ~nw.col(AT_GATEWAY_FLAG).is_null()

    if with_statement:
        is_there = is_there | nw.col(ASKED_FLAG)

    if "state" in available:
        means = nw.col("ledger_means")
        is_paid = means.is_null() | ~means.is_in([*UNPAID])
        is_due = is_due & (
            is_paid | ~nw.col(IN_STATEMENT_FLAG).is_null()
            if with_statement
            else is_paid
        )

    return is_there | is_due


def open_lazily(book: Book, given: Frame) -> Frame:
    """
    Return *given* as narwhals knows it, lazily; what is optional in the transactions is
    there, and no part of a key is null.

    Raises:
        ConfigError: It is no frame, or lacks a column.
    """
    try:
        frame = nw.from_native(given).lazy()
    except TypeError:
        kind = type(given).__name__

        raise ConfigError.of(
            book,
            f"a frame that narwhals takes is needed, not a {kind}",
            f"需要 narwhals 支持的数据表，而不是 {kind}",
        ) from None

    schema = frame.collect_schema()
    there = schema.names()
    missing = sorted({*columns_of(book)} - {*optional_columns(book)} - {*there})

    if missing:
        named = ", ".join(missing)

        raise ConfigError.of(
            book,
            f"the frame lacks {named}; it has {', '.join(there)}",
            f"数据表缺少 {named}；现有列为 {'、'.join(there)}",
        )

    if book is Book.LEDGER and not {"total", "total_cny"} & {*there}:
        raise ConfigError.of(
            "ledger",
            "total or total_cny is needed: nothing is clean without amounts",
            "缺少 total 或 total_cny：没有金额就无法核对",
        )

    for name in columns_of(book):
        if name in there and schema[name].is_float():
            raise floats_error(book, name)

    # A number that is null and one that is "" are the same, on every engine.
    keys = {name: nw.col(name).fill_null("") for name in _keys_of(book)}
    no = nw.lit(False)  # noqa: FBT003 (a literal)
    given_values = {"listed_on": nw.col("mer_date"), "opening": no, "is_copy": no}

    if book is not Book.LEDGER:
        keys |= {
            name: given_values[name]
            for name in optional_columns(book)
            if name not in there
        }

    return frame.with_columns(**keys)


def _keys_of(book: Book) -> Sequence[str]:
    return ("number",) if book is Book.STATEMENT else ("order_id", "refund_id")


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


def must_have_days(ours: Frame, days: Days) -> None:
    """
    Refuse *days* that mean nothing.

    Raises:
        ConfigError: The ledger holds no days, or the last comes before the first.
    """
    if days[0] > days[1]:
        raise ConfigError.of(
            "days", "the first comes after the last", "起始日晚于结束日"
        )

    if "mer_date" not in available_in(ours):
        raise ConfigError.of(
            "days", "the ledger has no mer_date", "账本缺少 mer_date 列"
        )


def expected_rows(ours: Frame, theirs: Frame, days: Days, keys: Sequence[str]) -> Frame:
    """
    Return the rows of the ledger that the gateway must have on *days*, or has.

    Raises:
        ConfigError: The ledger holds no days, or the last comes before the first.
    """
    must_have_days(ours, days)
    day = nw.col("mer_date")
    # Who writes no day hides nothing by that.
    is_due = day.is_null() | day.is_between(*days)

    return nw.concat(
        [
            ours.filter(is_due),
            ours.filter(~is_due).join(theirs.select(*keys), on=[*keys], how="semi"),
        ]
    )


def _joined(one: Frame, other: Frame) -> Frame:
    """
    Return the rows of both, side by side where they have the same key.
    """
    whole = one.join(other, on=[*KEY], how="full", suffix=_PRESENCE_COLUMN)

    return whole.with_columns(
        *(nw.coalesce(name, f"{name}{_PRESENCE_COLUMN}").alias(name) for name in KEY)
    ).drop(*(f"{name}{_PRESENCE_COLUMN}" for name in KEY))


def with_prefix(
    frame: Frame,
    keys: Sequence[str],
    prefix: str,
    names: Sequence[str],
    flags: Sequence[str] = (),
) -> Frame:
    """
    Return *keys*, *flags*, and the columns *names* with *prefix* before them.
    """
    values = {f"{prefix}_{name}": nw.col(name) for name in names}

    return frame.select(*keys, *flags, **values)


def gateway_rows(theirs: Frame, options: ComparisonOptions) -> Frame:
    """
    Return the rows of the transactions by key, as *gateway_...*, with what their states
    mean and the flags that need no other book.
    """
    rows = with_meaning(theirs, "state", "means", of_gateway=True)
    flags = gateway_flags(options, wide_column(theirs, is_narrow=options.is_narrow))
    names = [*_GATEWAY_COLUMNS, "means"]

    return with_prefix(
        rows.with_columns(nw.lit(1).alias(AT_GATEWAY_FLAG), **flags),
        KEY,
        "gateway",
        names,
        [AT_GATEWAY_FLAG, *flags],
    )


def statement_rows(rows: Frame, options: ComparisonOptions) -> Frame:
    """
    Return the rows of the statement by kind and number, as *statement_...*, likewise.
    """
    flags = statement_flags(options, wide_column(rows, is_narrow=options.is_narrow))
    rows = with_meaning(rows, "state", "means", of_gateway=True)

    return with_prefix(
        rows.with_columns(nw.lit(1).alias(IN_STATEMENT_FLAG), **flags),
        ("kind", "number"),
        "statement",
        [*STATEMENT_VALUES, "means"],
        [IN_STATEMENT_FLAG, *flags],
    )


def _resolved(statement: Frame, ours: Frame, theirs: Frame) -> Frame:
    """
    Return the rows of the *statement* by key: it holds the number of a refund, not its
    order, which is "" where nobody knows it. A number that several orders have is the
    number of each.
    """
    known = nw.concat(
        [
            book.filter(nw.col("kind") == "T").select(
                "kind", "order_id", number=nw.col("refund_id")
            )
            for book in (ours, theirs)
        ]
    ).unique(["kind", "order_id", "number"])
    is_refund = nw.col("kind") == "T"

    return (
        statement.join(known, on=["kind", "number"], how="left")
        .with_columns(
            order_id=nw.when(is_refund)
            .then(nw.coalesce("order_id", nw.lit("")))
            .otherwise(nw.col("number")),
            refund_id=nw.when(is_refund).then(nw.col("number")).otherwise(nw.lit("")),
        )
        .drop("number")
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


def types_of_values(
    available: Sequence[str], *, with_statement: bool
) -> dict[str, Any]:
    """
    Return the columns of values in a result and their types in narwhals; those that are
    not named here are integers.

    Args:
        available: The optional columns of the ledger that are there.
    """
    kinds = {
        "mer_date": nw.Date,
        "listed_on": nw.Date,
        "currency": nw.String,
        "state": nw.String,
    }
    names = [f"ledger_{name}" for name in available]
    names += [f"gateway_{name}" for name in _GATEWAY_COLUMNS]

    if with_statement:
        names += [f"statement_{name}" for name in STATEMENT_VALUES]

    return {name: kinds.get(name.partition("_")[2], nw.Int64) for name in names}
