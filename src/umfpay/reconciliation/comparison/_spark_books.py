"""
The three books on Spark, each read and shuffled once.

What other engines join is grouped here: the rows of all books are one stream, divided by
order, and a key is what its group holds of each book. So it is known within the order as
well what is refunded of it, and whether its payment is there. Only the refunds of the
statement, which have no order, are joined before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import KEY, MARK, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import ComparisonOptions
from umfpay.reconciliation._states import DONE, with_meaning
from umfpay.reconciliation.comparison._joining import (
    available_in,
    gateway_rows,
    is_relevant,
    must_have_days,
    open_lazily,
    statement_rows,
    types_of_values,
    with_prefix,
)
from umfpay.reconciliation.comparison._rules import (
    ASKED_FLAG,
    AT_GATEWAY_FLAG,
    IN_LEDGER_FLAG,
    IN_STATEMENT_FLAG,
    OPENING_FLAG,
    ORPHAN_FLAG,
    OVER_REFUNDED_FLAG,
    name_classes,
    rules,
    wide_column,
    with_flags,
)


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


Frame = Any  # narwhals' LazyFrame, or the native frame of Spark

# Whether a row is looked at.
RELEVANT: Final = "_relevant"

# Whether a book has the key at all: of a key that stands twice each row is one book's.
IS_LISTED: Final = "_is_listed"
IS_PAID: Final = "_is_paid"

# Of a row of the statement: it stands beside another order of the same number, too.
IS_COPY: Final = "_is_copy"

_SIDE: Final = "_side"
_DUE: Final = "_due"
_WORTH: Final = "_worth"
_CURRENCY: Final = "_currency"

# Year, month and day among the digits, from 1.
_PARTS = ((1, 4), (5, 2), (7, 2))


def classify_on_spark(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None,
    *,
    options: ComparisonOptions,
    numbers_of_transactions: Frame | None = None,
    keeps_all: bool = False,
) -> Frame:
    """
    Return what `classify()` returns.

    Args:
        numbers_of_transactions: The same rows, where the numbers of refunds are to be
            read from another frame.
        keeps_all: Rows that are not looked at are kept, with false in `RELEVANT`, and
            so are the columns by which a row is told from others.
    """
    theirs = open_lazily(Book.TRANSACTIONS, transactions)
    ours = open_lazily(Book.LEDGER, ledger)
    available = available_in(ours)
    values = types_of_values(available, with_statement=statement is not None)
    rows = {
        Book.LEDGER: _ledger(ours, available, options),
        Book.TRANSACTIONS: _transactions(theirs, available, options),
    }

    if statement is not None:
        paid = statement_rows(open_lazily(Book.STATEMENT, statement), options)
        known = (
            theirs
            if numbers_of_transactions is None
            else open_lazily(Book.TRANSACTIONS, numbers_of_transactions)
        )
        rows[Book.STATEMENT] = _resolved(paid.to_native(), ours, known, options)

    whole = nw.from_native(_grouped(rows)).lazy()
    applies = rules(available, options, with_statement=statement is not None)
    is_twice = nw.col(_SIDE) != ""
    whole = whole.with_columns(
        (is_twice | is_relevant(available, with_statement=statement is not None))
        .fill_null(False)  # noqa: FBT003 (a literal)
        .alias(RELEVANT)
    )

    if not keeps_all:
        whole = whole.filter(nw.col(RELEVANT))

    named = name_classes(with_flags(whole, applies), [*applies])
    kept = (
        [
            IN_LEDGER_FLAG,
            AT_GATEWAY_FLAG,
            OPENING_FLAG,
            "gateway_means",
            IS_LISTED,
            IS_PAID,
            RELEVANT,
        ]
        if keeps_all
        else []
    )

    if keeps_all and statement is not None:
        kept += [IN_STATEMENT_FLAG, ASKED_FLAG, IS_COPY]

    def unless_twice(instead: Any, given: Any) -> Any:
        return nw.when(is_twice).then(instead).otherwise(given)

    return named.with_columns(
        **{
            "class": unless_twice(nw.lit(str(Difference.DUPLICATE)), nw.col("class")),
            "also": unless_twice(nw.lit(""), nw.col("also")),
            "side": nw.col(_SIDE),
        }
    ).select(*KEY, "class", "also", "side", *values, *kept)


def _ledger(
    ours: Frame, available: Sequence[str], options: ComparisonOptions
) -> DataFrame:
    """
    Return the ledger by key, with what a row is worth and whether it is due.
    """
    amount = "total" if "total" in available else "total_cny"
    rows = with_prefix(ours, KEY, "ledger", available)
    is_done = nw.lit(True)  # noqa: FBT003 (a literal)

    if "state" in available:
        rows = with_meaning(rows, "ledger_state", "ledger_means")
        is_done = nw.col("ledger_means") == DONE

    is_due = nw.lit(True)  # noqa: FBT003 (a literal)

    if options.days is not None:
        must_have_days(ours, options.days)
        day = nw.col("ledger_mer_date")
        is_due = day.is_null() | day.is_between(*options.days)

    currency = nw.col("ledger_currency") if "currency" in available else nw.lit(None)

    return _native(
        rows.with_columns(
            **{
                IN_LEDGER_FLAG: nw.lit(1),
                _DUE: is_due,
                _WORTH: _worth(rows, f"ledger_{amount}", is_done),
                _CURRENCY: currency.cast(nw.String),
            }
        )
    )


def _transactions(
    theirs: Frame, available: Sequence[str], options: ComparisonOptions
) -> DataFrame:
    amount = "total" if "total" in available else "total_cny"
    rows = gateway_rows(theirs, options)

    return _native(
        rows.with_columns(
            **{
                _WORTH: _worth(
                    rows, f"gateway_{amount}", nw.col("gateway_means") == DONE
                ),
                _CURRENCY: nw.col("gateway_currency"),
            }
        )
    )


def _worth(rows: Frame, amount: str, is_done: Any) -> Any:
    worth = wide_column(rows)(amount)

    return nw.when(is_done).then(worth).otherwise(worth * 0)


def _native(rows: Frame) -> DataFrame:
    native: DataFrame = rows.to_native()

    return native


def _resolved(
    statement: DataFrame, ours: Frame, theirs: Frame, options: ComparisonOptions
) -> DataFrame:
    """
    Return the rows of the *statement* by key: see `comparison._joining._resolved()`.
    """
    from pyspark.sql import functions as sql

    if options.days is not None:
        day = nw.col("mer_date")
        ours = ours.filter(day.is_null() | day.is_between(*options.days))

    books = [
        _native(
            book.filter(nw.col("kind") == "T").select(
                "kind", number="refund_id", order="order_id"
            )
        ).withColumn("rank", sql.lit(rank))
        for rank, book in enumerate((theirs, ours))
    ]
    known = (
        books[0]
        .union(books[1])
        .groupBy("kind", "number")
        .agg(sql.sort_array(sql.collect_set(sql.struct("rank", "order"))).alias("all"))
        # The transactions' first: a copy is none of what they lack.
        .select(
            "kind",
            "number",
            sql.array_distinct(sql.transform("all", lambda one: one["order"])).alias(
                "orders"
            ),
        )
    )
    values = [name for name in statement.columns if name != "number"]
    is_refund = sql.col("kind") == "T"

    return (
        statement.join(known, on=["kind", "number"], how="left")
        .select(
            *values, "number", sql.posexplode_outer("orders").alias("copy", "order")
        )
        .select(
            *values,
            sql.when(is_refund, sql.coalesce("order", sql.lit("")))
            .otherwise(sql.col("number"))
            .alias("order_id"),
            sql.when(is_refund, sql.col("number"))
            .otherwise(sql.lit(""))
            .alias("refund_id"),
            (sql.coalesce("copy", sql.lit(0)) > 0).alias(IS_COPY),
        )
    )


def _grouped(rows: Mapping[Book, DataFrame]) -> DataFrame:
    """
    Return what all books hold of each key in one row; of a key that stands twice in one
    of them, each row of each book, with its side.
    """
    from pyspark.sql import functions as sql

    values = {
        book: [name for name in frame.columns if name not in KEY]
        for book, frame in rows.items()
    }
    packed = [
        frame.select(
            *KEY,
            *(
                sql.struct(*values[other]).alias(str(other))
                if other is book
                else sql.lit(None)
                .cast(rows[other].select(sql.struct(*values[other])).schema[0].dataType)
                .alias(str(other))
                for other in rows
            ),
        )
        for book, frame in rows.items()
    ]
    stream = packed[0]

    for one in packed[1:]:
        stream = stream.union(one)

    lists = [sql.collect_list(str(book)).alias(str(book)) for book in rows]
    # Divided by order, a group lies where the others of its order do.
    keys = stream.repartition("order_id").groupBy(*KEY).agg(*lists)
    keys = _with_refunds(keys)
    ledger, gateway = str(Book.LEDGER), str(Book.TRANSACTIONS)
    due = sql.filter(ledger, lambda row: row[_DUE])
    keys = keys.withColumn(
        ledger, sql.when(sql.size(gateway) > 0, sql.col(ledger)).otherwise(due)
    )

    return _unpacked(keys, values)


def _with_refunds(keys: DataFrame) -> DataFrame:
    """
    Return the *keys* with the flags of `RefundChecks`, found within each order.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    order = Window.partitionBy("order_id")
    ours, theirs = str(Book.LEDGER), str(Book.TRANSACTIONS)

    def most(book: str, name: str) -> Column:
        return sql.array_max(sql.transform(book, lambda row: row[name]))

    def of_gateway(name: str) -> Column:
        # What both books have is taken from the gateway's.
        return sql.when(sql.size(theirs) > 0, most(theirs, name)).otherwise(
            most(ours, name)
        )

    is_payment = sql.col("kind") == "P"
    is_refund = sql.col("kind") == "T"
    is_known = (sql.size(ours) > 0) | (sql.size(theirs) > 0)
    is_theirs = sql.max(is_payment & (sql.size(theirs) > 0)).over(order)

    def paid(name: str) -> Column:
        def of(book: str) -> Column:
            return sql.max(sql.when(is_payment, most(book, name))).over(order)

        return sql.when(is_theirs, of(theirs)).otherwise(of(ours))

    seen = keys.select(
        "*",
        of_gateway(_WORTH).alias(_WORTH),
        of_gateway(_CURRENCY).alias(_CURRENCY),
        paid(_WORTH).alias("_paid"),
        paid(_CURRENCY).alias("_paid_currency"),
        sql.max(is_payment & is_known).over(order).alias("_has_payment"),
    )
    counts = (
        is_refund
        & is_known
        & sql.col("_has_payment")
        & (sql.col(_WORTH) > 0)
        & (
            sql.col(_CURRENCY).isNull()
            | sql.col("_paid_currency").isNull()
            | (sql.col(_CURRENCY) == sql.col("_paid_currency"))
        )
    )
    refunded = sql.sum(sql.when(counts, sql.col(_WORTH))).over(order)
    is_orphan = is_refund & (sql.size(ours) > 0) & ~sql.col("_has_payment")

    return seen.select(
        *keys.columns,
        sql.when(is_orphan, 1).alias(ORPHAN_FLAG),
        sql.when(counts & (refunded > sql.col("_paid")), 1).alias(OVER_REFUNDED_FLAG),
    )


def _unpacked(keys: DataFrame, values: Mapping[Book, Sequence[str]]) -> DataFrame:
    from pyspark.sql import functions as sql

    schema: Any = keys.schema
    kinds = {book: schema[str(book)].dataType.elementType for book in values}

    def row(side: str, given: Mapping[Book, Column]) -> Column:
        return sql.struct(
            sql.lit(side).alias(_SIDE),
            *(
                given.get(book, sql.lit(None).cast(kinds[book])).alias(str(book))
                for book in values
            ),
        )

    def each(book: Book) -> Column:
        return sql.transform(str(book), lambda one: row(str(book), {book: one}))

    is_twice = sql.lit(False)  # noqa: FBT003 (a literal)

    for book in values:
        is_twice = is_twice | (sql.size(str(book)) > 1)

    once = sql.array(row("", {book: sql.get(str(book), sql.lit(0)) for book in values}))
    is_paid = (
        sql.size(str(Book.STATEMENT)) > 0
        if Book.STATEMENT in values
        else sql.lit(False)  # noqa: FBT003 (a literal)
    )
    found = keys.select(
        *KEY,
        ORPHAN_FLAG,
        OVER_REFUNDED_FLAG,
        (sql.size(str(Book.TRANSACTIONS)) > 0).alias(IS_LISTED),
        is_paid.alias(IS_PAID),
        sql.explode(
            sql.when(is_twice, sql.concat(*map(each, values))).otherwise(once)
        ).alias("_row"),
    )

    return found.select(
        *KEY,
        ORPHAN_FLAG,
        OVER_REFUNDED_FLAG,
        IS_LISTED,
        IS_PAID,
        f"_row.{_SIDE}",
        *(
            sql.col(f"_row.{book}.{name}").alias(name)
            for book, names in values.items()
            for name in names
            if name not in (_WORTH, _CURRENCY, _DUE)
        ),
    )


def with_day_in_key(book: Book, rows: DataFrame) -> DataFrame:
    """
    Return the *rows* of *book*, which have *mer_date*, with their day in their numbers.

    Raises:
        ConfigError: The ledger has no days.
    """
    from pyspark.sql import functions as sql

    if "mer_date" not in rows.columns:
        raise ConfigError.of(
            "key",
            "order+day needs mer_date in the ledger",
            "order+day 需要账本中的 mer_date 列",
        )

    name = "number" if book is Book.STATEMENT else "order_id"
    number = with_day(name, sql.col("mer_date").cast("string"))

    if book is Book.STATEMENT:
        number = sql.when(sql.col("kind") == "T", sql.col(name)).otherwise(number)

    return rows.withColumn(name, number)


def with_day(name: str, day: Column) -> Column:
    """
    Return the number in the column *name* with *day*, a text of the form 2017-02-06 or
    20170206.
    """
    from pyspark.sql import functions as sql

    digits = sql.regexp_replace(day, "-", "")
    written = sql.concat_ws(
        "-", *(sql.substring(digits, start, size) for start, size in _PARTS)
    )

    return sql.concat(
        sql.col(name), sql.lit(MARK), sql.when(day.isNotNull(), written).otherwise("")
    )
