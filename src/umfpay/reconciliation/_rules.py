"""
Rules of each class of difference, as narwhals expressions.

Only integers are compared, only by sums and products: no engine rounds or divides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._tolerance import Tolerance


# Set where a book has the row.
IN_LEDGER_FLAG: Final = "_in_ledger"
AT_GATEWAY_FLAG: Final = "_at_gateway"
# Set for a refund whose payment is in no book.
ORPHAN_FLAG: Final = "_orphan"

_RATE_UNIT: Final = 10**8  # a rate is in hundred-millionths

Frame = Any  # narwhals' LazyFrame
Expr = Any


def rules(
    available: Collection[str], tolerance: Tolerance, *, with_statement: bool
) -> dict[Difference, Expr]:
    """
    Return when each class applies, in their order; a duplicate is none of them.

    Args:
        available: The optional columns of the ledger that are there.
    """
    in_ledger = ~nw.col(IN_LEDGER_FLAG).is_null()
    in_gateway = ~nw.col(AT_GATEWAY_FLAG).is_null()
    both = in_ledger & in_gateway
    applies: dict[Difference, list[Expr]] = {
        Difference.MISSING_IN_LEDGER: [~in_ledger],
        Difference.MISSING_AT_GATEWAY: [~in_gateway],
        Difference.REFUND_WITHOUT_PAYMENT: [both & ~nw.col(ORPHAN_FLAG).is_null()],
        Difference.CURRENCY_DIFFERS: [],
        Difference.AMOUNT_DIFFERS: [],
        Difference.STATE_DIFFERS: [],
        Difference.WRONG_DAY: [],
        Difference.NOT_COMPARED: [both & _is_blank(name) for name in available],
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

    if "state" in available:
        applies[Difference.STATE_DIFFERS].append(
            nw.col("ledger_means") != nw.col("gateway_means")
        )

    if "mer_date" in available:
        applies[Difference.WRONG_DAY].append(
            nw.col("ledger_mer_date") != nw.col("gateway_mer_date")
        )

    if with_statement:
        applies[Difference.CURRENCY_DIFFERS].append(
            nw.col("statement_currency") != nw.col("gateway_currency")
        )
        applies[Difference.AMOUNT_DIFFERS] += [
            _differ(f"statement_{name}", f"gateway_{name}", tolerance.hundredths(name))
            for name in ("total", "total_cny")
        ]
        applies[Difference.EXCHANGE_DIFFERS] += _exchange(
            tolerance.hundredths("exchange")
        )

        if "service_fee" in available:
            applies[Difference.FEE_DIFFERS].append(
                _differ(
                    "ledger_service_fee",
                    "statement_service_fee",
                    tolerance.hundredths("service_fee"),
                )
            )

    return {
        name: nw.any_horizontal(*found, ignore_nulls=True)
        for name, found in applies.items()
        if found
    }


def _is_blank(name: str) -> Expr:
    return nw.col("ledger_means" if name == "state" else f"ledger_{name}").is_null()


def _differ(one: str, other: str, tolerance: int) -> Expr:
    return (nw.col(one) - nw.col(other)).abs() > tolerance


def _exchange(tolerance: int) -> list[Expr]:
    """
    Return what the statement may get wrong about the sum that was paid out.

    ``exchanged_cny = total_cny - service_fee``, less for a refund, and ``exchanged`` is
    that divided by the rate, half up (gateway.md 9.4). As products: with e the sum
    and n the CNY, both without sign, e = floor((2 n + r) / 2 r) where
    2 r e <= 2 n + r < 2 r (e + 1).
    """
    total, fee = nw.col("statement_total_cny"), nw.col("statement_service_fee")
    cny, paid = nw.col("statement_exchanged_cny"), nw.col("statement_exchanged")
    due = nw.when(nw.col("kind") == "T").then(-total - fee).otherwise(total - fee)
    rate = wide("statement_exchange_rate")
    size = paid.abs()
    doubled = wide("statement_exchanged_cny").abs() * (2 * _RATE_UNIT) + rate

    return [
        (cny - due).abs() > tolerance,
        rate * (size - tolerance) * 2 > doubled,
        rate * (size + (tolerance + 1)) * 2 <= doubled,
        # No sum has the other sign than its CNY.
        ((cny > 0) & (paid < -tolerance)) | ((cny < 0) & (paid > tolerance)),
    ]


def wide(name: str) -> Expr:
    """
    Return a column of integers whose products with any other of 64 bits fit.
    """
    return nw.col(name).cast(nw.Int128)


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
