"""
Rules of each class of difference, as narwhals expressions.

Only integers are compared, only by sums and products: no engine rounds or divides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import ComparisonOptions, Rounding
from umfpay.reconciliation._states import DONE


# Not null where a book has the row.
IN_LEDGER_FLAG: Final = "_in_ledger"
AT_GATEWAY_FLAG: Final = "_at_gateway"
IN_STATEMENT_FLAG: Final = "_in_statement"
# Not null for a refund whose payment is in no book, and for one of several that are
# more than their payment.
ORPHAN_FLAG: Final = "_orphan"
OVER_REFUNDED_FLAG: Final = "_over_refunded"
# True where the row alone shows it: see `gateway_flags()` and `statement_flags()`.
OFF_RATE_FLAG: Final = "_off_rate"
OPENING_FLAG: Final = "_opening"
OVERDUE_FLAG: Final = "_overdue"
UNDONE_FLAG: Final = "_undone"
WRONG_EXCHANGE_FLAG: Final = "_wrong_exchange"
ASKED_FLAG: Final = "_asked"

RATE_UNIT: Final = 10**8  # a rate is in hundred-millionths

Frame = Any  # narwhals' LazyFrame
Expr = Any
Wide = Callable[[str], Expr]


def rules(
    available: Collection[str], options: ComparisonOptions, *, with_statement: bool
) -> dict[Difference, Expr]:
    """
    Return when each class applies, in their order; a duplicate is none of them.

    Args:
        available: The optional columns of the ledger that are there.
    """
    tolerance = options.tolerance
    in_ledger = ~nw.col(IN_LEDGER_FLAG).is_null()
    at_gateway = ~nw.col(AT_GATEWAY_FLAG).is_null()
    both = in_ledger & at_gateway
    applies: dict[Difference, list[Expr]] = {
        Difference.MISSING_IN_LEDGER: [at_gateway & ~in_ledger & ~nw.col(OPENING_FLAG)],
        Difference.MISSING_AT_GATEWAY: [in_ledger & ~at_gateway],
        Difference.REFUND_WITHOUT_PAYMENT: [both & ~nw.col(ORPHAN_FLAG).is_null()],
        Difference.OVER_REFUNDED: [~nw.col(OVER_REFUNDED_FLAG).is_null()],
        Difference.CURRENCY_DIFFERS: [],
        Difference.AMOUNT_DIFFERS: [nw.col(OFF_RATE_FLAG)],
        Difference.STATE_DIFFERS: [],
        Difference.WRONG_DAY: [],
        Difference.NOT_COMPARED: [both & _is_blank(name) for name in available],
        Difference.PAID_OUT_UNKNOWN: [],
        Difference.NOT_PAID_OUT: [],
        Difference.FEE_DIFFERS: [],
        Difference.EXCHANGE_DIFFERS: [],
    }

    if "currency" in available:
        applies[Difference.CURRENCY_DIFFERS].append(
            nw.col("ledger_currency") != nw.col("gateway_currency")
        )

    for name in ("total", "total_cny"):
        if name in available:
            applies[Difference.AMOUNT_DIFFERS].append(
                _differ(f"ledger_{name}", f"gateway_{name}", tolerance.hundredths(name))
            )

    applies[Difference.STATE_DIFFERS].append(
        nw.col("ledger_means") != nw.col("gateway_means")
        if "state" in available
        # Who writes down no states writes down what was done.
        else both & nw.col(UNDONE_FLAG)
    )

    if "mer_date" in available:
        applies[Difference.WRONG_DAY].append(
            nw.col("ledger_mer_date") != nw.col("gateway_mer_date")
        )

    if with_statement:
        _add_statement_rules(applies, available, options)

    return {
        name: nw.any_horizontal(*found, ignore_nulls=True)
        for name, found in applies.items()
        if found
    }


def _add_statement_rules(
    applies: Mapping[Difference, list[Expr]],
    available: Collection[str],
    options: ComparisonOptions,
) -> None:
    tolerance = options.tolerance
    at_gateway = ~nw.col(AT_GATEWAY_FLAG).is_null()
    in_statement = ~nw.col(IN_STATEMENT_FLAG).is_null()
    applies[Difference.CURRENCY_DIFFERS].append(
        nw.col("statement_currency") != nw.col("gateway_currency")
    )
    applies[Difference.AMOUNT_DIFFERS].extend(
        _differ(f"statement_{name}", f"gateway_{name}", tolerance.hundredths(name))
        for name in ("total", "total_cny")
    )
    applies[Difference.STATE_DIFFERS].extend(
        [
            nw.col("statement_means") != nw.col("gateway_means"),
            # Whatever the statement says of it.
            in_statement & at_gateway & nw.col(UNDONE_FLAG),
        ]
    )
    applies[Difference.WRONG_DAY].append(
        nw.col("statement_mer_date") != nw.col("gateway_mer_date")
    )
    applies[Difference.PAID_OUT_UNKNOWN].append(
        in_statement & ~at_gateway & nw.col(ASKED_FLAG)
    )
    applies[Difference.NOT_PAID_OUT].append(
        at_gateway & ~in_statement & nw.col(OVERDUE_FLAG)
    )
    applies[Difference.EXCHANGE_DIFFERS].append(nw.col(WRONG_EXCHANGE_FLAG))

    if "service_fee" in available:
        applies[Difference.FEE_DIFFERS].append(
            _differ(
                "ledger_service_fee",
                "statement_service_fee",
                tolerance.hundredths("service_fee"),
            )
        )


def _is_blank(name: str) -> Expr:
    return nw.col("ledger_means" if name == "state" else f"ledger_{name}").is_null()


def _differ(one: str, other: str, tolerance: int) -> Expr:
    return (nw.col(one) - nw.col(other)).abs() > tolerance


def gateway_flags(
    options: ComparisonOptions, wide: Wide, *, done: int | str = DONE
) -> dict[str, Expr]:
    """
    Return what a row of the transactions shows alone, from its columns and *means*.

    Args:
        done: What is in *means* where it is done.
    """
    undone = nw.col("means").is_null() | (nw.col("means") != done)
    day = options.overdue_until

    return {
        OFF_RATE_FLAG: (nw.col("kind") == "P")
        & _is_off_rate(wide, options.tolerance.hundredths("total_cny")),
        OPENING_FLAG: nw.col("opening"),
        OVERDUE_FLAG: ~undone & (nw.col("listed_on") <= day)
        if day is not None
        else nw.lit(False),  # noqa: FBT003 (a literal)
        UNDONE_FLAG: undone,
    }


def statement_flags(options: ComparisonOptions, wide: Wide) -> dict[str, Expr]:
    """
    Return what a row of the statement shows alone.
    """
    asked = (
        nw.lit(True)  # noqa: FBT003 (a literal)
        if options.asked is None
        else nw.col("mer_date").is_null()
        | nw.col("mer_date").is_between(*options.asked)
    )

    return {WRONG_EXCHANGE_FLAG: is_wrong_exchange(options, wide), ASKED_FLAG: asked}


def _is_off_rate(wide: Wide, tolerance: int) -> Expr:
    """
    Tell whether ``total_cny`` is neither ``total * exchange_rate`` to the cent, nor
    *total* what that makes of it.
    """
    rate = nw.col("exchange_rate")
    distance = (wide("total") * rate - wide("total_cny") * RATE_UNIT).abs() * 2
    # Which of the two was rounded depends on what the customer was shown.
    half_cent = nw.when(rate > RATE_UNIT).then(rate).otherwise(nw.lit(RATE_UNIT))

    return distance - half_cent > 2 * RATE_UNIT * tolerance


def is_wrong_exchange(options: ComparisonOptions, wide: Wide) -> Expr:
    """
    Tell whether the statement is wrong about the sum that was paid out.

    ``exchanged_cny = total_cny - service_fee``, less for a refund, and ``exchanged`` is
    that divided by the rate (gateway.md 9.4). As products, with e the sum and n the
    CNY, both without sign: half up is 2 r e <= 2 n + r < 2 r (e + 1), cut is
    r e <= n < r (e + 1), and either may stand where a day's sum is rounded.
    """
    tolerance = options.tolerance.hundredths("exchange")
    total, fee = nw.col("total_cny"), nw.col("service_fee")
    cny, paid = nw.col("exchanged_cny"), nw.col("exchanged")
    due = nw.when(nw.col("kind") == "T").then(-total - fee).otherwise(total - fee)
    rate, size = wide("exchange_rate"), paid.abs()
    exact = wide("exchanged_cny").abs() * RATE_UNIT

    match options.rounding:
        case Rounding.HALF_UP:
            doubled = exact * 2 + rate
            misfits = [
                rate * (size - tolerance) * 2 > doubled,
                rate * (size + (tolerance + 1)) * 2 <= doubled,
            ]
        case Rounding.CUT:
            misfits = [
                rate * (size - tolerance) > exact,
                rate * (size + (tolerance + 1)) <= exact,
            ]
        case Rounding.DAY:
            misfits = [
                rate * (size - (tolerance + 1)) > exact,
                rate * (size + (tolerance + 1)) < exact,
            ]

    return nw.any_horizontal(
        (cny - due).abs() > tolerance,
        *misfits,
        # No sum has the other sign than its CNY.
        ((cny > 0) & (paid < -tolerance)) | ((cny < 0) & (paid > tolerance)),
        ignore_nulls=True,
    )


def wide_column(frame: Frame, *, is_narrow: bool = False) -> Wide:
    """
    Return what makes integers of 128 bits of a column, as the engine of *frame* has
    them: no product of two columns overflows.

    Args:
        is_narrow: 64 are enough.
    """
    if is_narrow:
        return nw.col

    if frame.implementation.is_spark_like():
        # Its widest integers are decimals.
        return lambda name: nw.col(name) * nw.lit(Decimal(1))

    return lambda name: nw.col(name).cast(nw.Int128)


def with_flags(frame: Frame, applies: Mapping[Difference, Expr]) -> Frame:
    """
    Return *frame* with a flag for each class.

    Args:
        applies: What `rules()` returns.
    """
    return frame.with_columns(**{_flag(name): rule for name, rule in applies.items()})


def name_classes(flagged: Frame, classes: Collection[Difference]) -> Frame:
    """
    Name the first class of each row in *class*, and the others in *also*.

    Args:
        flagged: With the flags of *classes*.
        classes: In their order.
    """
    first: Expr = nw.lit(str(Difference.MATCHED))

    for name in reversed([*classes]):
        first = nw.when(nw.col(_flag(name))).then(nw.lit(str(name))).otherwise(first)

    rows = flagged.with_columns(first.alias("class"), nw.lit("").alias("side"))
    also = [
        nw.when(nw.col(_flag(name)) & (nw.col("class") != str(name))).then(
            nw.lit(str(name))
        )
        for name in classes
    ]

    return rows.with_columns(
        nw.concat_str(also, separator=",", ignore_nulls=True).alias("also")
    )


def _flag(name: Difference) -> str:
    return f"_is_{name}"
