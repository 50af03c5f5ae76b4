"""
Hash prefilter: drop the millions of rows that agree before the comparison.

The books are joined by hashes of their keys and by nothing else: half of the time of a
comparison by text. What agrees in all rules is counted. Everything else (rows that
differ, stand twice, lack a partner, or have the hash of another key) is for the
comparison itself, which knows no hashes. Two keys are taken for one where both of two
hashes of 64 bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._joining import (
    STATEMENT_VALUES,
    available_in,
    expected_rows,
    open_lazily,
    orphan_refunds,
    repeated_keys,
)
from umfpay.reconciliation._rules import AT_GATEWAY_FLAG, IN_LEDGER_FLAG, rules
from umfpay.reconciliation._states import meanings, with_meaning
from umfpay.reconciliation._tolerance import Tolerance


# Hashes in all books that know as much: of the whole key, and of what the statement
# knows of it.
ROW_HASHES: Final = ("_row", "_row_again")
# One is enough: a row of another number either differs, or stands beside the right one,
# or changes nothing where there is none.
PAID_HASH: Final = "_paid"

_GATEWAY_COLUMNS: Final = ("mer_date", "currency", "total", "total_cny", "state")
_PRESENCE_COLUMN: Final = "_there"
DIFFERENCE_FLAG: Final = "_differs"
# What a million rows of which still add up in Int64.
_MAX_SUMMED_AMOUNT: Final = 10**12
# States, of which a book has few.
_MAX_STATES: Final = 32

Frame = Any  # narwhals' LazyFrame
Settle = Callable[[Frame], Frame]


class HashPrefilter:
    """
    The books of one comparison.

    Args: as of `compare()`, with `ROW_HASHES` and `PAID_HASH` in the frames, and

        settle: Computes a frame that is used several times.

    Attributes:
        matched: *rows*, *total* and *total_cny* of what agrees, for each *currency*.
        rest: The other rows of the transactions, the ledger and the statement.
        orphans: The keys of our refunds whose payment is in no book.

    Raises:
        ConfigError: *days* without mer_date in the ledger.
    """

    def __init__(
        self,
        transactions: Frame,
        ledger: Frame,
        statement: Frame | None,
        *,
        tolerance: Tolerance | None,
        days: tuple[date, date] | None,
        settle: Settle,
    ) -> None:
        theirs = open_lazily(Book.TRANSACTIONS, transactions)
        ours = open_lazily(Book.LEDGER, ledger)
        statement_rows = (
            None if statement is None else open_lazily(Book.STATEMENT, statement)
        )
        row = ROW_HASHES[0]
        self.orphans = settle(orphan_refunds(ours, theirs, [*KEY, row]))

        if days is not None:
            ours = expected_rows(ours, theirs, days, [row])

        codes = (
            _codes([ours, theirs], settle) if "state" in available_in(ours) else None
        )
        flagged = settle(
            _flag_differences(
                ours, theirs, statement_rows, tolerance or Tolerance(), codes
            ).select(
                row,
                DIFFERENCE_FLAG,
                currency="gateway_currency",
                total="gateway_total",
                total_cny="gateway_total_cny",
            )
        )
        # What stands twice in any book is here twice, too.
        found = settle(
            nw.concat(
                [
                    flagged.filter(nw.col(DIFFERENCE_FLAG)).select(row),
                    repeated_keys(flagged, [row]),
                    self.orphans.select(row),
                ]
            ).unique(row)
        )
        self.matched = (
            flagged.join(found, on=row, how="anti")
            .group_by("currency")
            .agg(
                nw.len().alias("rows"),
                nw.col("total").sum(),
                nw.col("total_cny").sum(),
            )
        )
        theirs, ours = (
            settle(book.join(found, on=row, how="semi")) for book in (theirs, ours)
        )

        if statement_rows is not None:
            numbers = nw.concat(
                [theirs.select(PAID_HASH), ours.select(PAID_HASH)]
            ).unique(PAID_HASH)
            statement_rows = settle(
                statement_rows.join(numbers, on=PAID_HASH, how="semi")
            )

        self.rest = (theirs, ours, statement_rows)


def _codes(books: Sequence[Frame], settle: Settle) -> dict[str, int]:
    """
    Return a number for each word of a state: the same for those that mean the same.
    """
    words = nw.concat([book.select("state") for book in books])
    table = settle(meanings(words, "state", "means")).collect()
    found = dict(zip(table["state"].to_list(), table["means"].to_list(), strict=True))
    order = {means: number for number, means in enumerate({*found.values()})}

    return {word: order[means] for word, means in found.items() if word is not None}


def _flag_differences(
    ours: Frame,
    theirs: Frame,
    statement_rows: Frame | None,
    tolerance: Tolerance,
    codes: Mapping[str, int] | None,
) -> Frame:
    """
    Return the books side by side, with `DIFFERENCE_FLAG`.
    """
    available = available_in(ours)
    applies = rules(available, tolerance, with_statement=statement_rows is not None)
    # Known already.
    del applies[Difference.REFUND_WITHOUT_PAYMENT]
    whole = _with_prefix(ours, "ledger", available, IN_LEDGER_FLAG, codes).join(
        _with_prefix(
            theirs, "gateway", _GATEWAY_COLUMNS, AT_GATEWAY_FLAG, codes, [PAID_HASH]
        ),
        on=ROW_HASHES[0],
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

    if statement_rows is not None:
        values = {f"statement_{name}": nw.col(name) for name in STATEMENT_VALUES}
        # What the statement says of itself is looked at before it is joined.
        wrong = applies.pop(Difference.EXCHANGE_DIFFERS).alias("_wrong")
        statement_rows = statement_rows.select(
            PAID_HASH, "kind", **values
        ).with_columns(wrong)
        names = [name for name in values if not name.startswith("statement_exchange")]
        whole = whole.join(
            statement_rows.select(PAID_HASH, "_wrong", *names),
            on=PAID_HASH,
            how="left",
            suffix=_PRESENCE_COLUMN,
        )
        odd.append(nw.col("_wrong"))

    return whole.with_columns(
        nw.coalesce(ROW_HASHES[0], f"{ROW_HASHES[0]}{_PRESENCE_COLUMN}").alias(
            ROW_HASHES[0]
        ),
        nw.any_horizontal(*applies.values(), *odd, ignore_nulls=True).alias(
            DIFFERENCE_FLAG
        ),
    )


def _with_prefix(
    frame: Frame,
    prefix: str,
    names: Sequence[str],
    mark: str,
    codes: Mapping[str, int] | None,
    keys: Sequence[str] = (),
) -> Frame:
    """
    Return the columns *names* of a book, and its second hash as *mark*.
    """
    values = {f"{prefix}_{name}": nw.col(name) for name in names if name != "state"}

    if codes is not None and len(codes) > _MAX_STATES:
        frame = with_meaning(frame, "state", "means")
        values[f"{prefix}_means"] = nw.col("means")
    elif codes is not None:
        values[f"{prefix}_means"] = _code_of_state("state", codes)

    return frame.select(
        ROW_HASHES[0], *keys, nw.col(ROW_HASHES[1]).alias(mark), **values
    )


def _code_of_state(state: str, codes: Mapping[str, int]) -> Any:
    found: Any = nw.lit(None).cast(nw.Int64)

    for word, code in codes.items():
        found = nw.when(nw.col(state) == word).then(nw.lit(code)).otherwise(found)

    return found
