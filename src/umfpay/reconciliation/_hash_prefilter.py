"""
Hash prefilter: drop the millions of rows that agree before the comparison.

The books are joined by hashes of their keys and by nothing else: half of the time of a
comparison by text. What agrees in all rules is counted. Everything else (rows that
differ, stand twice, lack a partner, or have the hash of another key) is for the
comparison itself, which knows no hashes. Two keys are taken for one where both of two
hashes of 64 bits are the same.

What was not paid out by the last day of the statement is open, whether that is a
difference or not; what was paid out for a number that the transactions do not have is
unlisted. Both are returned as rows, for the bridge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._joining import (
    available_in,
    expected_rows,
    open_lazily,
    repeated_keys,
)
from umfpay.reconciliation._refunds import RefundChecks
from umfpay.reconciliation._rules import (
    ASKED_FLAG,
    AT_GATEWAY_FLAG,
    IN_LEDGER_FLAG,
    IN_STATEMENT_FLAG,
    OFF_RATE_FLAG,
    OPENING_FLAG,
    OVERDUE_FLAG,
    UNDONE_FLAG,
    gateway_flags,
    rules,
    statement_flags,
    wide_column,
)
from umfpay.reconciliation._states import DONE, meanings, with_meaning
from umfpay.reconciliation._terms import Terms


# Hashes in all books that know as much: of the whole key, and of what the statement
# knows of it.
ROW_HASHES: Final = ("_row", "_row_again")
PAID_HASHES: Final = ("_paid", "_paid_again")
# Of the order alone, in the two books that know it.
ORDER_HASH: Final = "_order"

_GATEWAY_COLUMNS: Final = ("mer_date", "currency", "total", "total_cny", "state")
_STATEMENT_COLUMNS: Final = (*_GATEWAY_COLUMNS, "service_fee")
_PRESENCE_COLUMN: Final = "_there"
_PAID_OUT_COLUMN: Final = "_paid_out"
DIFFERENCE_FLAG: Final = "_differs"
# What a million rows of which still add up in Int64.
_MAX_SUMMED_AMOUNT: Final = 10**12
# States, of which a book has few.
_MAX_STATES: Final = 32

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
        terms: Terms,
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

        if terms.days is not None:
            ours = expected_rows(ours, theirs, terms.days, [row])

        codes = _Codes(ours, theirs, statement_rows, settle)
        flagged = flag(
            lambda one, two, three: _flag_differences(one, two, three, terms, codes),
            (ours, theirs, statement_rows),
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
                        terms, wide_column(theirs, is_narrow=terms.is_narrow)
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
    What the states of the books mean, by a number where they are few.

    Attributes:
        done: What is done.
    """

    def __init__(
        self, ours: Frame, theirs: Frame, statement: Frame | None, settle: Settle
    ) -> None:
        books = {"gateway": theirs}

        if "state" in available_in(ours):
            books["ledger"] = ours

        if statement is not None:
            books["statement"] = statement

        found = {
            prefix: _meanings(book, settle, of_gateway=prefix != "ledger")
            for prefix, book in books.items()
        }
        known = {means for words in found.values() for means in words.values()}
        order = {means: number for number, means in enumerate(sorted({DONE, *known}))}
        self._codes = {
            prefix: {word: order[means] for word, means in words.items()}
            for prefix, words in found.items()
        }
        self._are_few = max(map(len, found.values())) <= _MAX_STATES
        self.done: int | str = order[DONE] if self._are_few else DONE

    def added_to(self, book: Frame, prefix: str) -> Frame:
        """
        Return the rows of *book* with the column *means*.
        """
        if not self._are_few:
            return with_meaning(book, "state", "means", of_gateway=prefix != "ledger")

        means: Any = nw.lit(None).cast(nw.Int64)

        for word, code in self._codes[prefix].items():
            means = nw.when(nw.col("state") == word).then(nw.lit(code)).otherwise(means)

        return book.with_columns(means=means)


def _meanings(book: Frame, settle: Settle, *, of_gateway: bool) -> dict[str, str]:
    table = settle(meanings(book, "state", "means", of_gateway=of_gateway)).collect()
    words = zip(table["state"].to_list(), table["means"].to_list(), strict=True)

    return {
        word: means for word, means in words if word is not None and means is not None
    }


def _flag_differences(
    ours: Frame, theirs: Frame, statement: Frame | None, terms: Terms, codes: _Codes
) -> Frame:
    """
    Return the books side by side, with `DIFFERENCE_FLAG`.
    """
    available = available_in(ours)
    applies = rules(available, terms, with_statement=statement is not None)

    # Known already.
    for name in (Difference.REFUND_WITHOUT_PAYMENT, Difference.OVER_REFUNDED):
        del applies[name]

    if "state" in available:
        ours = codes.added_to(ours, "ledger")

    theirs = codes.added_to(theirs, "gateway")
    flags = gateway_flags(
        terms, wide_column(theirs, is_narrow=terms.is_narrow), done=codes.done
    )
    # What is looked at before it is joined need not be carried along.
    ready = {name: flags[name] for name in (OFF_RATE_FLAG, OPENING_FLAG, UNDONE_FLAG)}
    row, again = ROW_HASHES
    whole = _side(ours, "ledger", available, [row], {IN_LEDGER_FLAG: nw.col(again)})
    whole = whole.join(
        _side(
            theirs,
            "gateway",
            _GATEWAY_COLUMNS,
            [row, *PAID_HASHES],
            {
                AT_GATEWAY_FLAG: nw.col(again),
                OVERDUE_FLAG: flags[OVERDUE_FLAG],
                **ready,
            },
        ),
        on=row,
        how="full",
        suffix=_PRESENCE_COLUMN,
    )
    odd = [
        nw.col(IN_LEDGER_FLAG) != nw.col(AT_GATEWAY_FLAG),
        *(
            nw.col(f"gateway_{name}").abs() > _MAX_SUMMED_AMOUNT
            for name in ("total", "total_cny")
        ),
    ]
    paid_out: Any = nw.lit(True)  # noqa: FBT003 (a literal)

    if statement is not None:
        paid, paid_again = PAID_HASHES
        whole = whole.join(
            _side(
                codes.added_to(statement, "statement"),
                "statement",
                _STATEMENT_COLUMNS,
                [paid],
                {
                    IN_STATEMENT_FLAG: nw.col(paid_again),
                    **statement_flags(
                        terms, wide_column(statement, is_narrow=terms.is_narrow)
                    ),
                },
            ),
            on=paid,
            how="left",
            suffix=_PRESENCE_COLUMN,
        )
        odd.append(nw.col(IN_STATEMENT_FLAG) != nw.col(paid_again))
        paid_out = ~nw.col(IN_STATEMENT_FLAG).is_null()

    whole = whole.with_columns(
        **{
            row: nw.coalesce(row, f"{row}{_PRESENCE_COLUMN}"),
            DIFFERENCE_FLAG: nw.any_horizontal(
                *applies.values(), *odd, ignore_nulls=True
            ),
            _PAID_OUT_COLUMN: paid_out,
        }
    )

    return whole.select(row, DIFFERENCE_FLAG, _PAID_OUT_COLUMN)


def _side(
    book: Frame,
    prefix: str,
    names: Sequence[str],
    keys: Sequence[str],
    flags: Mapping[str, Any],
) -> Frame:
    """
    Return the columns *names* of a *book*, its *keys* and *flags*.
    """
    values = {f"{prefix}_{name}": nw.col(name) for name in names if name != "state"}

    if "state" in names:
        values[f"{prefix}_means"] = nw.col("means")

    return book.select(*keys, **flags, **values)
