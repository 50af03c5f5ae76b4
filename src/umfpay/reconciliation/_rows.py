"""
Rows of statement files as objects (gateway.md 9.1, 9.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import IncompleteStatementError
from umfpay.reconciliation._values import (
    incomplete_error,
    misfit_error,
    read_amount,
    read_clock,
    read_day,
    read_rate,
    read_word,
)
from umfpay.sensitive import Private


_FILE_COLUMNS: Final = 14
_FILE_COLUMNS_WITH_DATE: Final = 15
_RECONCILED_ON_INDEX: Final = 10


class Kind(StrEnum):
    """
    Whether money came in or went back.
    """

    PAYMENT = "P"
    REFUND = "T"


@attrs.frozen(kw_only=True)
class Transaction:
    """
    A row of the transaction file.

    Args:
        trade_no: UMF's own number.
        mobile: The customer's phone, hidden in logs.
        order_id: The merchant's order number.
        mer_date: The order's date.
        paid_on: The day the payment or refund succeeded.
        paid_at: The time of that, None where the file has none.
        currency: Of *total*.
        total: In *currency*.
        total_cny: In CNY.
        exchange_rate: CNY for one unit of *currency*.
        reconciled_on: The date that stands in files of 15 columns.
        state: As the file has it.
        kind: Payment or refund.
        product_id: The product.
        refund_id: The refund's number, empty for payments.
    """

    trade_no: str
    mobile: Private
    order_id: str
    mer_date: date
    paid_on: date
    paid_at: time | None
    currency: str
    total: Decimal
    total_cny: Decimal
    exchange_rate: Decimal
    reconciled_on: date | None
    state: str
    kind: Kind
    product_id: str
    refund_id: str


@attrs.frozen(kw_only=True)
class PaidOut:
    """
    A row of the reconciliation file: what a payment or refund added to the sum.

    The format is documented nowhere: this is what the emulator writes, with the
    members of the documented JSON list (gateway.md 9.2, 9.4).

    Args:
        object_id: The payment's or refund's id.
        order_id: The merchant's number.
        mer_date: The order's date.
        settled_on: The day of the statement.
        currency: Of *total* and *exchanged*.
        total: In *currency*.
        total_cny: In CNY.
        service_fee: In CNY.
        exchanged: What was paid out, in *currency*.
        exchanged_cny: What was paid out, in CNY.
        exchange_rate: CNY for one unit of *currency* on *exchanged_on*.
        exchanged_on: The day of the exchange.
        kind: Payment or refund.
        state: As the file has it.
    """

    object_id: str
    order_id: str
    mer_date: date
    settled_on: date
    currency: str
    total: Decimal
    total_cny: Decimal
    service_fee: Decimal
    exchanged: Decimal
    exchanged_cny: Decimal
    exchange_rate: Decimal
    exchanged_on: date
    kind: Kind
    state: str


def read_transaction(fields: Sequence[str], *, number: int) -> Transaction:
    """
    Read the columns of a row of the transaction file.

    Args:
        number: Of the line, for the error.

    Raises:
        IncompleteStatementError: It has neither 14 nor 15 columns, or one of them does
            not hold what belongs there.
    """
    where = f"line {number}"

    if len(fields) == _FILE_COLUMNS_WITH_DATE:
        reconciled_on = read_day(
            fields[_RECONCILED_ON_INDEX], where, "reconciliation date"
        )
        fields = [*fields[:_RECONCILED_ON_INDEX], *fields[_RECONCILED_ON_INDEX + 1 :]]
    elif len(fields) == _FILE_COLUMNS:
        reconciled_on = None
    else:
        raise _column_count_error(where, len(fields), "14 or 15")

    return Transaction(
        trade_no=fields[0],
        mobile=Private(fields[1]),
        order_id=read_word(fields[2], where, "order id"),
        mer_date=read_day(fields[3], where, "order date"),
        paid_on=read_day(fields[4], where, "platform date"),
        paid_at=read_clock(fields[5], where, "platform time"),
        currency=read_word(fields[6], where, "currency"),
        total=read_amount(fields[7], where, "amount"),
        total_cny=read_amount(fields[8], where, "amount in CNY"),
        exchange_rate=read_rate(fields[9], where, "exchange rate"),
        reconciled_on=reconciled_on,
        state=fields[10],
        kind=_kind(fields[11], where),
        product_id=fields[12],
        refund_id=fields[13],
    )


def read_paid_out(fields: Sequence[str], *, number: int) -> PaidOut:
    """
    Read the columns of a row of the reconciliation file.

    Args:
        number: Of the line, for the error.

    Raises:
        IncompleteStatementError: It has not 14 columns, or one of them does not hold
            what belongs there.
    """
    where = f"line {number}"

    if len(fields) != _FILE_COLUMNS:
        raise _column_count_error(where, len(fields), "14")

    return PaidOut(
        object_id=fields[0],
        order_id=read_word(fields[1], where, "order id"),
        mer_date=read_day(fields[2], where, "order date"),
        settled_on=read_day(fields[3], where, "settle date"),
        currency=read_word(fields[4], where, "currency"),
        total=read_amount(fields[5], where, "amount"),
        total_cny=read_amount(fields[6], where, "amount in CNY"),
        service_fee=read_amount(fields[7], where, "service fee"),
        exchanged=read_amount(fields[8], where, "exchanged amount"),
        exchanged_cny=read_amount(fields[9], where, "exchanged amount in CNY"),
        exchange_rate=read_rate(fields[10], where, "exchange rate"),
        exchanged_on=read_day(fields[11], where, "exchange date"),
        kind=_kind(fields[12], where),
        state=fields[13],
    )


def _column_count_error(
    where: str, found: int, wanted: str
) -> IncompleteStatementError:
    return incomplete_error(
        where,
        f"it has {found} columns, not {wanted}",
        f"有 {found} 列，应为 {wanted} 列",
    )


def _kind(text: str, where: str) -> Kind:
    if text not in ("P", "T"):
        raise misfit_error(where, "kind")

    return Kind(text)
