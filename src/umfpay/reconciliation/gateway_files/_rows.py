"""
Rows of statement files as objects (gateway.md 9.1, 9.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._values import (
    RowError,
    misfit_error,
    read_amount,
    read_day,
    read_rate,
    read_word,
)
from umfpay.sensitive import Private


_FILE_COLUMNS: Final = 14
# Of the date that stands before the state in files of 15 columns.
_RECONCILIATION_DATE_INDEX: Final = 10
_KIND_INDEX: Final = 11
_PRODUCT_INDEX: Final = 12
_COUNTS_OF_TRANSACTION: Final = Text("14 or 15", "14 或 15")
# An amount in a foreign currency, that in CNY, and the rate between them.
_AMOUNTS_OF_TRANSACTION: Final = ((7, 8, 9),)
_AMOUNTS_OF_PAID_OUT: Final = ((5, 6, 10), (8, 9, 10))
_CURRENCY_INDEX_OF_TRANSACTION: Final = 6
_CURRENCY_INDEX_OF_PAID_OUT: Final = 4
# Of rows in it the file may leave out the amount in a foreign currency, and the rate.
CNY_WORDS: Final = frozenset({"CNY", "RMB"})


class Kind(StrEnum):
    """
    Whether money came in or went back.
    """

    PAYMENT = "P"
    REFUND = "T"


_KINDS: Final = frozenset(map(str, Kind))


@attrs.frozen(kw_only=True)
class Transaction:
    """
    A row of the transaction file.

    Args:
        trade_no: UMF's own number.
        mobile: The customer's phone, hidden in logs.
        order_id: The merchant's order number.
        mer_date: The order's date.
        plat_date: The day the payment or refund succeeded, as the file has it.
        plat_time: The time of that, as the file has it: its form is documented
            nowhere, and nothing compares it.
        currency: Of *total*.
        total: In *currency*.
        total_cny: In CNY.
        exchange_rate: CNY for one unit of *currency*.
        reconciliation_date: What stands before the state in files of 15 columns.
        state: As the file has it.
        kind: Payment or refund.
        product_id: The product.
        refund_id: The refund's number, empty for payments.
    """

    trade_no: str
    mobile: Private
    order_id: str
    mer_date: date
    plat_date: str
    plat_time: str
    currency: str
    total: Decimal
    total_cny: Decimal
    exchange_rate: Decimal
    reconciliation_date: str
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


def read_transaction(fields: Sequence[str]) -> Transaction:
    """
    Read the columns of a row of the transaction file.

    Strict is what is compared; platDate, platTime, the product and the date of files of
    15 columns are any text.

    Raises:
        RowError: It has neither 14 nor 15 columns, however they are counted, or one of
            them does not hold what belongs there.
    """
    row, reconciliation_date = _aligned(fields)
    row = _with_foreign_amounts(
        row, _CURRENCY_INDEX_OF_TRANSACTION, _AMOUNTS_OF_TRANSACTION
    )

    return Transaction(
        trade_no=row[0],
        mobile=Private(row[1]),
        order_id=read_word(row[2], "order id"),
        mer_date=read_day(row[3], "order date"),
        plat_date=row[4],
        plat_time=row[5],
        currency=read_word(row[6], "currency"),
        total=read_amount(row[7], "amount"),
        total_cny=read_amount(row[8], "amount in CNY"),
        exchange_rate=read_rate(row[9], "exchange rate"),
        reconciliation_date=reconciliation_date,
        state=row[10],
        kind=_kind(row[11]),
        product_id=row[12],
        refund_id=row[13],
    )


def read_paid_out(fields: Sequence[str]) -> PaidOut:
    """
    Read the columns of a row of the reconciliation file.

    Raises:
        RowError: It has not 14 columns, or one of them does not hold what belongs
            there.
    """
    row = _without_trailing_commas(fields, _FILE_COLUMNS)

    if len(row) != _FILE_COLUMNS:
        raise _column_count_error(len(row), Text("14", "14"))

    row = _with_foreign_amounts(row, _CURRENCY_INDEX_OF_PAID_OUT, _AMOUNTS_OF_PAID_OUT)

    return PaidOut(
        object_id=row[0],
        order_id=read_word(row[1], "order id"),
        mer_date=read_day(row[2], "order date"),
        settled_on=read_day(row[3], "settle date"),
        currency=read_word(row[4], "currency"),
        total=read_amount(row[5], "amount"),
        total_cny=read_amount(row[6], "amount in CNY"),
        service_fee=read_amount(row[7], "service fee"),
        exchanged=read_amount(row[8], "exchanged amount"),
        exchanged_cny=read_amount(row[9], "exchanged amount in CNY"),
        exchange_rate=read_rate(row[10], "exchange rate"),
        exchanged_on=read_day(row[11], "exchange date"),
        kind=_kind(row[12]),
        state=row[13],
    )


def key_of_transaction(fields: Sequence[str]) -> tuple[str, str, str, str]:
    """
    Return order, kind, number of the refund and day of a row that cannot be read; each
    "" where it is not known which of its columns is which.
    """
    try:
        row, _ = _aligned(fields)
    except RowError:
        return "", "", "", ""

    kind = row[_KIND_INDEX]

    return row[2], kind, row[13] if kind == Kind.REFUND else "", row[3]


def key_of_paid_out(fields: Sequence[str]) -> tuple[str, str, str, str]:
    """
    Return the same of a row of the reconciliation file, which does not know the order of
    a refund.
    """
    row = _without_trailing_commas(fields, _FILE_COLUMNS)

    if len(row) != _FILE_COLUMNS or row[12] not in _KINDS:
        return "", "", "", ""

    if row[12] == Kind.PAYMENT:
        return row[1], row[12], "", row[2]

    return "", row[12], row[1], row[2]


def is_dated(fields: Sequence[str]) -> bool:
    """
    Tell whether a row of the transaction file has a date before the state.
    """
    # A product may be called P.
    return _has_kind(fields, _KIND_INDEX + 1) and not (
        _has_kind(fields, _KIND_INDEX)
        and not _is_day(fields[_RECONCILIATION_DATE_INDEX])
    )


def _has_kind(fields: Sequence[str], index: int) -> bool:
    return index < len(fields) and fields[index] in _KINDS


def _aligned(fields: Sequence[str]) -> tuple[list[str], str]:
    """
    Return the 14 documented columns, and the date of files of 15.

    Which columns a row has is found by counting from both ends: from the first to the
    kind, and from the number of a refund back; what is between them is the product, a
    free text that may have commas.
    """
    row = [*fields]
    date_of_15 = row.pop(_RECONCILIATION_DATE_INDEX) if is_dated(fields) else ""

    if not _has_kind(row, _KIND_INDEX):
        if len(row) in (_FILE_COLUMNS, _FILE_COLUMNS + 1):
            raise misfit_error("kind")

        raise _column_count_error(len(row), _COUNTS_OF_TRANSACTION)

    if row[_KIND_INDEX] == Kind.PAYMENT:
        if len(row) == _FILE_COLUMNS - 1:
            # The number of a refund that it has not.
            row.append("")

        is_aligned = not row[-1]
    else:
        row = _without_trailing_commas(row, _FILE_COLUMNS)
        is_aligned = bool(row[-1])

    if len(row) > _FILE_COLUMNS and is_aligned:
        product = ",".join(row[_PRODUCT_INDEX:-1]).rstrip(",")
        row = [*row[:_PRODUCT_INDEX], product, row[-1]]

    if len(row) != _FILE_COLUMNS:
        raise _column_count_error(len(fields), _COUNTS_OF_TRANSACTION)

    return row, date_of_15


def _without_trailing_commas(fields: Sequence[str], count: int) -> list[str]:
    row = [*fields]

    while len(row) > count and not row[-1]:
        row.pop()

    return row


def _with_foreign_amounts(
    row: list[str], currency_index: int, amounts: Sequence[tuple[int, int, int]]
) -> list[str]:
    """
    Return *row*; where its currency is CNY, an amount that is blank is that in CNY.
    """
    if row[currency_index].upper() in CNY_WORDS:
        for foreign, cny, rate in amounts:
            row[foreign] = row[foreign] or row[cny]
            row[rate] = row[rate] or "1"

    return row


def _is_day(text: str) -> bool:
    try:
        read_day(text, "date")
    except RowError:
        return False

    return True


def _column_count_error(found: int, wanted: Text) -> RowError:
    return RowError(
        f"it has {found} columns, not {wanted.en}",
        f"有 {found} 列，应为 {wanted.zh} 列",
    )


def _kind(text: str) -> Kind:
    if text not in _KINDS:
        raise misfit_error("kind")

    return Kind(text)
