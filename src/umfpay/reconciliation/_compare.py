"""
The comparison, written once for every engine that narwhals knows.

Only integers are compared, only by sums and products: no engine rounds or divides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import narwhals as nw

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import KEY, Book, columns_of, optional_columns
from umfpay.reconciliation._classes import Difference
from umfpay.reconciliation._states import meaning
from umfpay.reconciliation._tolerance import Tolerance


# Columns of the two gateway books in the result, and what they are called there.
_GATEWAY: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "exchange_rate",
    "state",
)
_STATEMENT: Final = (
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
    "exchange_rate",
)
_UNIT: Final = 10_000  # a rate is in ten-thousandths
_LEDGER_HAS: Final = "_in_ledger"
_GATEWAY_HAS: Final = "_at_gateway"

Frame = Any  # narwhals' LazyFrame, or the native frame of any engine
Expr = Any


def compare(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None = None,
    *,
    tolerance: Tolerance | None = None,
    days: tuple[date, date] | None = None,
) -> Frame:
    """
    Compare books that are frames of one engine; return its frame with their classes.

    Polars, DuckDB, PySpark and whatever else narwhals takes; lazy frames stay lazy.

    Args:
        transactions: The columns of `read_transactions(...).frames()`.
        ledger: What `canonical()` makes of the merchant's own table.
        statement: The columns of `read_statement(...).frames()`.
        tolerance: Differences that count as none.
        days: First and last day; rows of the ledger outside of them are not missing at
            the gateway.

    Returns:
        One row for each key (all rows for a duplicate): *order_id*, *kind*,
        *refund_id*, *class*, *also*, *side* (whose row it is, for duplicates), and the
        values of the books as *ledger_...*, *gateway_...*, *statement_...*; money in
        hundredths, rates in ten-thousandths.

    Raises:
        ConfigError: A column is missing, or *days* without mer_date in the ledger.
    """
    theirs = _lazy(Book.TRANSACTIONS, transactions)
    ours = _lazy(Book.LEDGER, ledger)
    available = tuple(
        name
        for name in optional_columns(Book.LEDGER)
        if name in ours.collect_schema().names()
    )

    if days is not None and "mer_date" not in available:
        raise ConfigError(
            Text("days: the ledger has no mer_date.", "days：账本缺少 mer_date 列。")
        )

    ours = ours.select(
        *KEY,
        *(nw.col(name).alias(f"ledger_{name}") for name in available),
        nw.lit(1).alias(_LEDGER_HAS),
    )
    theirs = theirs.select(
        *KEY,
        *(nw.col(name).alias(f"gateway_{name}") for name in _GATEWAY),
        nw.lit(1).alias(_GATEWAY_HAS),
    )
    books = {Book.LEDGER: ours, Book.TRANSACTIONS: theirs}

    if statement is not None:
        books[Book.STATEMENT] = _lazy(Book.STATEMENT, statement).select(
            "kind",
            "number",
            *(nw.col(name).alias(f"statement_{name}") for name in _STATEMENT),
        )

    whole = _joined(books)
    # The payment of a refund may be one of another day.
    orphans = _orphans(whole)

    if days is not None:
        whole = whole.filter(~nw.col(_GATEWAY_HAS).is_null() | _is_due(days))

    twice = _twice(whole)
    once = whole.join(twice, on=[*KEY], how="anti").join(
        orphans, on=["order_id", "kind"], how="left"
    )
    columns = {
        **dict.fromkeys((*KEY, "class", "also", "side"), nw.String),
        **_value_columns(available, with_statement=statement is not None),
    }
    rules = _rules(
        available, tolerance or Tolerance(), with_statement=statement is not None
    )

    result = nw.concat(
        [
            _classified(once, rules).select(*columns),
            *(
                _rows_of_duplicates(book, frame, twice, columns)
                for book, frame in books.items()
            ),
        ]
    )

    if isinstance(nw.from_native(transactions), nw.DataFrame):
        # Eager frames in, an eager frame out.
        result = result.collect()

    return result.to_native()


def _lazy(book: Book, given: Frame) -> Frame:
    """
    Return *given* as narwhals knows it, lazily.
    """
    try:
        frame = nw.from_native(given).lazy()
    except TypeError:
        kind = type(given).__name__

        raise ConfigError(
            Text(
                f"{book}: a frame that narwhals takes is needed, not a {kind}.",
                f"{book}：需要 narwhals 支持的数据表，而不是 {kind}。",
            )
        ) from None

    there = frame.collect_schema().names()
    missing = sorted({*columns_of(book)} - {*optional_columns(book)} - {*there})

    if missing:
        named = ", ".join(missing)

        raise ConfigError(
            Text(
                f"{book}: the frame lacks {named}; it has {', '.join(there)}.",
                f"{book}：数据表缺少 {named}；现有列为 {'、'.join(there)}。",
            )
        )

    return frame


def _is_due(days: tuple[date, date]) -> Expr:
    day = nw.col("ledger_mer_date")

    # Who tells no day hides nothing by that.
    return day.is_null() | day.is_between(*days)


def _joined(books: Mapping[Book, Frame]) -> Frame:
    """
    Return what all books say of each key; a row more for each one that stands twice.
    """
    whole = (
        books[Book.LEDGER]
        .join(books[Book.TRANSACTIONS], on=[*KEY], how="full", suffix="_there")
        .with_columns(*(nw.coalesce(name, f"{name}_there").alias(name) for name in KEY))
        .drop(*(f"{name}_there" for name in KEY))
    )

    if Book.STATEMENT not in books:
        return whole

    return whole.with_columns(number=_number()).join(
        books[Book.STATEMENT], on=["kind", "number"], how="left"
    )


def _number() -> Expr:
    """
    Return what the statement calls a row: the refund's own number, else the order's.
    """
    return (
        nw.when(nw.col("kind") == "T")
        .then(nw.col("refund_id"))
        .otherwise(nw.col("order_id"))
    )


def _twice(whole: Frame) -> Frame:
    counted = whole.group_by(*KEY).agg(nw.len().alias("_rows"))

    return counted.filter(nw.col("_rows") > 1).select(*KEY)


def _orphans(whole: Frame) -> Frame:
    """
    Return the orders of refunds whose payment is in neither book.
    """
    payments = whole.filter(nw.col("kind") == "P").select("order_id")

    return (
        whole.filter(nw.col("kind") == "T")
        .select("order_id")
        .unique("order_id")
        .join(payments, on="order_id", how="anti")
        .with_columns(kind=nw.lit("T"), _orphan=nw.lit(1))
    )


def _rules(
    available: tuple[str, ...], tolerance: Tolerance, *, with_statement: bool
) -> dict[Difference, Expr]:
    """
    Return when each class applies, in their order.
    """
    in_ledger = ~nw.col(_LEDGER_HAS).is_null()
    in_gateway = ~nw.col(_GATEWAY_HAS).is_null()
    both = in_ledger & in_gateway
    rules: dict[Difference, list[Expr]] = {
        Difference.MISSING_IN_LEDGER: [~in_ledger],
        Difference.MISSING_AT_GATEWAY: [~in_gateway],
        Difference.REFUND_WITHOUT_PAYMENT: [both & ~nw.col("_orphan").is_null()],
        Difference.CURRENCY_DIFFERS: [],
        Difference.AMOUNT_DIFFERS: [],
        Difference.STATE_DIFFERS: [],
        Difference.WRONG_DAY: [],
        Difference.FEE_DIFFERS: [],
        Difference.EXCHANGE_DIFFERS: [],
    }

    if "currency" in available:
        rules[Difference.CURRENCY_DIFFERS].append(
            _word("ledger_currency") != _word("gateway_currency")
        )

    for name in ("total", "total_cny"):
        if name in available:
            rules[Difference.AMOUNT_DIFFERS].append(
                _apart(f"ledger_{name}", f"gateway_{name}", tolerance.hundredths(name))
            )

    if "state" in available:
        rules[Difference.STATE_DIFFERS].append(
            meaning("ledger_state") != meaning("gateway_state")
        )

    if "mer_date" in available:
        rules[Difference.WRONG_DAY].append(
            nw.col("ledger_mer_date") != nw.col("gateway_mer_date")
        )

    if with_statement:
        rules[Difference.CURRENCY_DIFFERS].append(
            _word("statement_currency") != _word("gateway_currency")
        )
        rules[Difference.AMOUNT_DIFFERS] += [
            _apart(f"statement_{name}", f"gateway_{name}", tolerance.hundredths(name))
            for name in ("total", "total_cny")
        ]
        rules[Difference.EXCHANGE_DIFFERS] += _exchange(
            tolerance.hundredths("exchange")
        )

        if "service_fee" in available:
            rules[Difference.FEE_DIFFERS].append(
                _apart(
                    "ledger_service_fee",
                    "statement_service_fee",
                    tolerance.hundredths("service_fee"),
                )
            )

    return {
        name: nw.any_horizontal(*found, ignore_nulls=True)
        for name, found in rules.items()
        if found
    }


def _word(column: str) -> Expr:
    return nw.col(column).str.strip_chars().str.to_uppercase()


def _apart(one: str, other: str, tolerance: int) -> Expr:
    return (nw.col(one) - nw.col(other)).abs() > tolerance


def _exchange(tolerance: int) -> list[Expr]:
    """
    Return what the statement may get wrong about the sum that was paid out.

    ``exchanged_cny = total_cny - service_fee``, less for a refund, and ``exchanged`` is
    that divided by the rate, half up (protocol notes 9.4). As products: with e the sum
    and n the CNY, both without sign, e = floor((2 n + r) / 2 r) where
    2 r e <= 2 n + r < 2 r (e + 1).
    """
    total, fee = nw.col("statement_total_cny"), nw.col("statement_service_fee")
    cny, paid = nw.col("statement_exchanged_cny"), nw.col("statement_exchanged")
    rate = nw.col("statement_exchange_rate")
    due = nw.when(nw.col("kind") == "T").then(-total - fee).otherwise(total - fee)
    doubled = cny.abs() * (2 * _UNIT) + rate
    size = paid.abs()

    return [
        (cny - due).abs() > tolerance,
        (size - tolerance) * rate * 2 > doubled,
        (size + (tolerance + 1)) * rate * 2 <= doubled,
        # No sum has the other sign than its CNY.
        ((cny > 0) & (paid < -tolerance)) | ((cny < 0) & (paid > tolerance)),
    ]


def _classified(whole: Frame, rules: Mapping[Difference, Expr]) -> Frame:
    """
    Name the first class of each row, and the others.
    """
    flags = whole.with_columns(**{f"_is_{name}": rule for name, rule in rules.items()})
    first: Expr = nw.lit(str(Difference.MATCHED))

    for name in reversed([*rules]):
        first = nw.when(nw.col(f"_is_{name}")).then(nw.lit(str(name))).otherwise(first)

    flags = flags.with_columns(first.alias("class"), nw.lit("").alias("side"))
    also = [
        nw.when(nw.col(f"_is_{name}") & (nw.col("class") != str(name))).then(
            nw.lit(str(name))
        )
        for name in rules
    ]

    return flags.with_columns(
        nw.concat_str(also, separator=",", ignore_nulls=True).alias("also")
    )


def _rows_of_duplicates(
    book: Book, frame: Frame, twice: Frame, columns: Mapping[str, Any]
) -> Frame:
    """
    Return all rows of *book* whose key stands twice anywhere.
    """
    if book is Book.STATEMENT:
        named = twice.with_columns(number=_number()).unique(["kind", "number"])
        frame = frame.join(named, on=["kind", "number"], how="inner")
    else:
        frame = frame.join(twice, on=[*KEY], how="semi")

    there = {*frame.collect_schema().names()}
    rows = frame.with_columns(
        nw.lit(str(Difference.DUPLICATE)).alias("class"),
        nw.lit("").alias("also"),
        nw.lit(str(book)).alias("side"),
    )

    return rows.select(
        *(
            nw.col(name)
            if name in there or name in ("class", "also", "side")
            else nw.lit(None).cast(kind).alias(name)
            for name, kind in columns.items()
        )
    )


def _value_columns(available: Iterable[str], *, with_statement: bool) -> dict[str, Any]:
    kinds = {"mer_date": nw.Date, "currency": nw.String, "state": nw.String}
    names = [f"ledger_{name}" for name in available]
    names += [f"gateway_{name}" for name in _GATEWAY]

    if with_statement:
        names += [f"statement_{name}" for name in _STATEMENT]

    return {name: kinds.get(name.partition("_")[2], nw.Int64) for name in names}
