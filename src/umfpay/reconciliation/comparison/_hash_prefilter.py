"""
Hash prefilter: drop the millions of rows that agree before the comparison.

The books are joined by hashes of their keys and by nothing else: half of the time of a
comparison by text. What is equal in all values, and right by itself, is counted.
Everything else (rows that differ, within a tolerance or not, stand twice, lack a partner,
or have the hash of another key) is for the comparison itself, which knows no hashes. Two
keys are taken for one where both of two hashes of 64 bits are the same.

Values are not hashed: currency, day and state are packed into one integer without loss,
amounts are compared as they are. No collision can hide a difference of values.

What was not paid out by the last day of the statement is open, whether that is a
difference or not; what was paid out for a number that the transactions do not have is
unlisted. Both are returned as rows, for the bridge.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._options import ComparisonOptions
from umfpay.reconciliation._states import DONE, meanings, with_meaning
from umfpay.reconciliation.comparison._joining import (
    available_in,
    expected_rows,
    open_lazily,
    repeated_keys,
)
from umfpay.reconciliation.comparison._refunds import RefundChecks
from umfpay.reconciliation.comparison._rules import (
    ASKED_FLAG,
    OFF_RATE_FLAG,
    OVERDUE_FLAG,
    UNDONE_FLAG,
    WRONG_EXCHANGE_FLAG,
    gateway_flags,
    statement_flags,
    wide_column,
)


# Hashes in all books that know as much: of the whole key, and of what the statement
# knows of it.
ROW_HASHES: Final = ("_row", "_row_again")
PAID_HASHES: Final = ("_paid", "_paid_again")
# Of the order alone, in the two books that know it.
ORDER_HASH: Final = "_order"

_AMOUNTS: Final = ("total", "total_cny")
# What all books have of a row, where the ledger has it.
_COMPARED: Final = ("mer_date", "currency", *_AMOUNTS, "state")
_PRESENCE_COLUMN: Final = "_there"
_PAID_OUT_COLUMN: Final = "_paid_out"
DIFFERENCE_FLAG: Final = "_differs"
# What a million rows of which still add up in Int64.
_MAX_SUMMED_AMOUNT: Final = 10**12
# Of currencies, and of states with their meanings, of which there are few.
_MAX_CODES: Final = 32

Frame = Any  # narwhals' LazyFrame
Settle = Callable[[Frame], Frame]
Flag = Callable[[Callable[..., Frame], Sequence[Frame | None]], Frame]


class HashPrefilter:
    """
    The books of one comparison.

    Args: as of `classify()`, with `ROW_HASHES` and `PAID_HASHES` in the frames, and

        settle: Computes a frame that is used several times.
        flag: Computes the join of all rows, given the three frames, on the engine that
            was asked for.

    Attributes:
        matched: *rows*, *total* and *total_cny* of what agrees, for each *currency*.
        rest: The other rows of the transactions, the ledger and the statement.
        refunds: What the whole books show of refunds.
        open_items: Rows of the transactions that were not paid out; None without a
            statement.
        unlisted: Rows of the statement whose number the transactions do not have, with
            `ASKED_FLAG`; None without a statement.

    Raises:
        ConfigError: *days* without mer_date in the ledger.
    """

    open_items: Frame | None = None
    unlisted: Frame | None = None

    def __init__(
        self,
        transactions: Frame,
        ledger: Frame,
        statement: Frame | None,
        *,
        options: ComparisonOptions,
        settle: Settle,
        flag: Flag,
    ) -> None:
        theirs = open_lazily(Book.TRANSACTIONS, transactions)
        ours = open_lazily(Book.LEDGER, ledger)
        statement_rows = (
            None if statement is None else open_lazily(Book.STATEMENT, statement)
        )
        row = ROW_HASHES[0]
        available = available_in(ours)
        found_refunds = RefundChecks.of(
            ours, theirs, [*KEY, row], available, order_hash=ORDER_HASH, settle=settle
        )
        self.refunds = RefundChecks(
            orphans=settle(found_refunds.orphans),
            over_refunded=settle(found_refunds.over_refunded),
        )

        if options.days is not None:
            ours = expected_rows(ours, theirs, options.days, [row])

        sides = _Sides(ours, theirs, statement_rows, options=options, settle=settle)
        flagged = flag(
            sides.differences, (sides.ledger, sides.gateway, sides.statement)
        )
        # What stands twice in any book is here twice, too.
        found = settle(
            nw.concat(
                [
                    flagged.filter(nw.col(DIFFERENCE_FLAG)).select(row),
                    repeated_keys(flagged, [row]),
                    self.refunds.orphans.select(row),
                    self.refunds.over_refunded.select(row),
                ]
            ).unique(row)
        )
        agrees = flagged.join(found, on=row, how="anti")
        self.matched = (
            theirs.join(found, on=row, how="anti")
            .group_by("currency")
            .agg(
                nw.len().alias("rows"), nw.col("total").sum(), nw.col("total_cny").sum()
            )
        )
        rest_theirs, rest_ours = (
            settle(book.join(found, on=row, how="semi")) for book in (theirs, ours)
        )
        self.rest = (rest_theirs, rest_ours, None)

        if statement_rows is not None:
            statement_rows = statement_rows.with_columns(
                **{
                    ASKED_FLAG: statement_flags(
                        options, wide_column(theirs, is_narrow=options.is_narrow)
                    )[ASKED_FLAG]
                }
            )
            self._divide_statement(theirs, statement_rows, agrees, settle)

    def _divide_statement(
        self, theirs: Frame, statement: Frame, agrees: Frame, settle: Settle
    ) -> None:
        """
        Take what belongs to the rest from the *statement*, and what is open.
        """
        paid, again = PAID_HASHES
        both = [paid, again]
        rest_theirs, rest_ours, _ = self.rest
        numbers = settle(
            nw.concat([rest_theirs.select(*both), rest_ours.select(*both)]).unique(both)
        )
        one_hash = numbers.unique(paid)
        alike = settle(statement.join(one_hash, on=paid, how="semi"))
        listed = settle(
            theirs.select(*both).join(
                alike.select(paid).unique(paid), on=paid, how="semi"
            )
        )
        near = alike.join(numbers, on=both, how="semi")
        # Of these the transactions have not one hash, or another second one.
        far = settle(
            nw.concat(
                [
                    statement.join(theirs.select(paid), on=paid, how="anti").join(
                        one_hash, on=paid, how="anti"
                    ),
                    alike.join(numbers, on=both, how="anti").join(
                        listed, on=both, how="anti"
                    ),
                ]
            )
        )
        # One of another day that stands once is no difference.
        rest_far = far.join(
            nw.concat(
                [far.filter(ASKED_FLAG).select(*both), repeated_keys(far, both)]
            ).unique(both),
            on=both,
            how="semi",
        )
        self.rest = (
            rest_theirs,
            rest_ours,
            settle(nw.concat([near, rest_far]).drop(ASKED_FLAG)),
        )
        self.unlisted = nw.concat([far, near.join(listed, on=both, how="anti")]).filter(
            ~nw.col("is_copy")
        )
        unpaid = agrees.filter(~nw.col(_PAID_OUT_COLUMN)).select(ROW_HASHES[0])
        self.open_items = nw.concat(
            [
                theirs.join(unpaid, on=ROW_HASHES[0], how="semi"),
                rest_theirs.join(near.select(*both), on=both, how="anti"),
            ]
        )


class _Codes:
    """
    The currencies of the books, and what their states mean, by a number where they are
    few.

    Args:
        books: Each by its prefix, gateway, ledger or statement.
        settle: Computes a frame that is used several times.

    Attributes:
        done: What is done.
    """

    def __init__(self, books: Mapping[str, Frame], settle: Settle) -> None:
        there = {prefix: _names_in(book) for prefix, book in books.items()}
        states = {
            prefix: _meanings(book, settle, of_gateway=prefix != "ledger")
            for prefix, book in books.items()
            if "state" in there[prefix]
        }
        order = _numbered(
            {DONE, *(one for words in states.values() for one in words.values())}
        )
        self._states = {
            prefix: {word: order[means] for word, means in words.items()}
            for prefix, words in states.items()
        }
        self._currencies = _numbered(
            {
                word
                for prefix, book in books.items()
                if "currency" in there[prefix]
                for word in _words_in(book, "currency", settle)
            }
        )
        self._are_few = {
            "state": max(len(order), *map(len, states.values())) <= _MAX_CODES,
            "currency": len(self._currencies) <= _MAX_CODES,
        }
        self.done: int | str = order[DONE] if self._are_few["state"] else DONE

    def added_to(self, book: Frame, prefix: str) -> Frame:
        """
        Return the rows of *book* with the column *means*.
        """
        if not self._are_few["state"]:
            return with_meaning(book, "state", "means", of_gateway=prefix != "ledger")

        return book.with_columns(means=_code("state", self._states[prefix]))

    def packed(
        self, names: Collection[str], *, unless: Sequence[Any]
    ) -> dict[str, Any]:
        """
        Return what of a row is equal where its values of *names* are, by its column;
        null where one is blank, or something of *unless* applies.

        Args:
            names: Of columns of the book, with *means* for its state.
            unless: What is wrong with a row alone.
        """
        values = {name: nw.col(name) for name in names if name in _AMOUNTS}
        packed: Any = nw.lit(0).cast(nw.Int64)

        if "mer_date" in names:
            packed = nw.col("mer_date").cast(nw.Int32).cast(nw.Int64)

        for name, code in (
            ("currency", _code("currency", self._currencies)),
            ("state", nw.col("means")),
        ):
            if name in names and self._are_few[name]:
                packed = packed * _MAX_CODES + code
            elif name in names:
                values[name] = nw.col("means" if name == "state" else name)

        is_wrong = nw.any_horizontal(
            *unless, *(value.is_null() for value in values.values()), ignore_nulls=True
        )

        return {"packed": nw.when(~is_wrong).then(packed), **values}


def _numbered(words: Collection[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(sorted(words))}


def _code(column: str, codes: Mapping[str, int]) -> Any:
    found: Any = nw.lit(None).cast(nw.Int64)

    for word, code in codes.items():
        found = nw.when(nw.col(column) == word).then(nw.lit(code)).otherwise(found)

    return found


def _names_in(book: Frame) -> list[str]:
    names: list[str] = book.collect_schema().names()

    return names


def _words_in(book: Frame, column: str, settle: Settle) -> list[str]:
    words = settle(book.select(column).unique(column)).collect()[column].to_list()

    return [word for word in words if word is not None]


def _meanings(book: Frame, settle: Settle, *, of_gateway: bool) -> dict[str, str]:
    table = settle(meanings(book, "state", "means", of_gateway=of_gateway)).collect()
    words = zip(table["state"].to_list(), table["means"].to_list(), strict=True)

    return {
        word: means for word, means in words if word is not None and means is not None
    }


class _Sides:
    """
    What of the books is joined: hashes, and values that must be equal.

    Args: as of `HashPrefilter`.
    """

    def __init__(
        self,
        ours: Frame,
        theirs: Frame,
        statement: Frame | None,
        *,
        options: ComparisonOptions,
        settle: Settle,
    ) -> None:
        available = available_in(ours)
        books = {"ledger": ours, "gateway": theirs}

        if statement is not None:
            books["statement"] = statement

        codes = _Codes(books, settle)
        row, again = ROW_HASHES
        paid, paid_again = PAID_HASHES
        theirs = codes.added_to(theirs, "gateway")
        flags = gateway_flags(
            options, wide_column(theirs, is_narrow=options.is_narrow), done=codes.done
        )
        wrong = [
            flags[OFF_RATE_FLAG],
            *(nw.col(name).abs() > _MAX_SUMMED_AMOUNT for name in _AMOUNTS),
        ]

        if "state" in available:
            ours = codes.added_to(ours, "ledger")
        else:
            # Who writes down no states writes down what was done.
            wrong.append(flags[UNDONE_FLAG])

        compared = [name for name in _COMPARED if name in available]
        blank = [nw.col("service_fee").is_null()] if "service_fee" in available else []
        one = codes.packed(compared, unless=blank)
        other = codes.packed(compared, unless=wrong)
        fee = {"fee": nw.col("service_fee")}
        self._in_ledger = [*one]
        self._has_fee = bool(blank) and statement is not None
        self._in_statement: list[str] = []
        self._as_paid = ""
        self.ledger = ours.select(
            row,
            ledger_again=nw.col(again),
            **_prefixed("ledger", one | (fee if self._has_fee else {})),
        )
        values = _prefixed("gateway", other)
        self.statement: Frame | None = None

        if statement is not None:
            narrow = wide_column(statement, is_narrow=options.is_narrow)
            wrong_exchange = statement_flags(options, narrow)[WRONG_EXCHANGE_FLAG]
            third = codes.packed(_COMPARED, unless=[wrong_exchange])
            self._in_statement = [*third]
            self.statement = codes.added_to(statement, "statement").select(
                paid,
                statement_again=nw.col(paid_again),
                **_prefixed("statement", third | (fee if self._has_fee else {})),
            )
            # The same, where the ledger has all columns.
            fourth = codes.packed(_COMPARED, unless=wrong)
            self._as_paid = "gateway" if compared == [*_COMPARED] else "paid"
            values |= _prefixed(self._as_paid, fourth)
            values |= {
                paid: nw.col(paid),
                "paid_again": nw.col(paid_again),
                UNDONE_FLAG: flags[UNDONE_FLAG],
                OVERDUE_FLAG: flags[OVERDUE_FLAG],
            }

        self.gateway = theirs.select(row, gateway_again=nw.col(again), **values)

    def differences(
        self, ledger: Frame, gateway: Frame, statement: Frame | None
    ) -> Frame:
        """
        Return the keys of all rows, with `DIFFERENCE_FLAG`.

        Args: the attributes of these names, on any engine.
        """
        row = ROW_HASHES[0]
        whole = ledger.join(gateway, on=row, how="full", suffix=_PRESENCE_COLUMN)
        agrees = _equal("ledger", "gateway", ["again", *self._in_ledger])
        paid_out: Any = nw.lit(True)  # noqa: FBT003 (a literal)

        if statement is not None:
            whole = whole.join(
                statement, on=PAID_HASHES[0], how="left", suffix=_PRESENCE_COLUMN
            )
            paid_out = ~nw.col("statement_again").is_null()
            as_paid = (nw.col("statement_again") == nw.col("paid_again")) & _equal(
                "statement", self._as_paid, self._in_statement
            )

            if self._has_fee:
                as_paid &= _equal("ledger", "statement", ["fee"])

            agrees &= (
                nw.when(paid_out)
                .then(as_paid & ~nw.col(UNDONE_FLAG))
                .otherwise(~nw.col(OVERDUE_FLAG))
            )

        return whole.select(
            nw.coalesce(row, f"{row}{_PRESENCE_COLUMN}").alias(row),
            # Null is equal to nothing.
            (~nw.coalesce(agrees, nw.lit(False))).alias(DIFFERENCE_FLAG),  # noqa: FBT003
            paid_out.alias(_PAID_OUT_COLUMN),
        )


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def _equal(one: str, other: str, names: Sequence[str]) -> Any:
    return nw.all_horizontal(
        *(nw.col(f"{one}_{name}") == nw.col(f"{other}_{name}") for name in names),
        ignore_nulls=False,
    )
