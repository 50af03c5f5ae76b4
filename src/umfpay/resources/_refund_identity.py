"""
Which refund of a payment an answer is about: by its id, its number, its amount.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from umfpay.models import Refund
from umfpay.protocol import number_in_id, text_in_id
from umfpay.resources._matching import (
    KnownOrder,
    mismatch,
    must_hold_number,
    must_match,
)


_MAX_PAYMENTS: Final = 10_000


class RefundIds:
    """
    Knows which refund of a payment has which id.

    The answer to a new refund names neither its number nor its amount (gateway.md, trap
    15): an answer that is given a second time is recognised by its id alone.

    Args:
        max_payments: The oldest are forgotten beyond that.
    """

    def __init__(self, *, max_payments: int = _MAX_PAYMENTS) -> None:
        self._max_payments = max_payments
        self._payments: dict[str, dict[str, str]] = {}

    def of_other_numbers(self, payment_id: str, number: str) -> Collection[str]:
        """
        Return the ids of the refunds of *payment_id* that have another *number*.
        """
        refunds = self._payments.get(payment_id, {})

        return [one for one, other in refunds.items() if other != number]

    def add(self, payment_id: str, refund_id: str, number: str) -> None:
        """
        Note that *refund_id* is the refund with *number*.
        """
        refunds = self._payments.pop(payment_id, {})
        refunds.setdefault(refund_id, number)
        self._payments[payment_id] = refunds

        if len(self._payments) > self._max_payments:
            del self._payments[next(iter(self._payments))]


def must_be_refund(
    refund: Refund,
    *,
    payment_id: str | None,
    wanted: KnownOrder,
    known_refunds: Collection[str] = (),
    original: KnownOrder | None = None,
) -> None:
    """
    Compare the answer to a new refund with what was asked for.

    It names the number and the day of the *original* order, and an amount in CNY cents
    (gateway.md, trap 15): numbers, days and amounts that are not the refund's must be
    those of *original*, and whole numbers are not taken for amounts at all.

    Args:
        wanted: Number, day and amount of the refund.
        known_refunds: Ids of the other refunds of this payment.
        original: The order of the payment, None if it is not known (yet).

    Raises:
        MismatchedResponseError: It is another one.
    """
    must_match("payment", payment_id, refund.parent_payment)

    if refund.id in known_refunds:
        raise mismatch("refund", wanted.mer_reference_id, refund.id)

    named = KnownOrder.named_by(refund.order)
    must_hold_number("refund", refund.id, wanted.mer_reference_id)
    must_match("currency", wanted.currency, named.currency)

    if original is None:
        return

    if named.mer_reference_id != wanted.mer_reference_id:
        must_match(
            "mer_reference_id", original.mer_reference_id, named.mer_reference_id
        )

    if named.mer_date != wanted.mer_date:
        must_match("mer_date", original.mer_date, named.mer_date)

    if _is_amount(named.total) and named.total != wanted.total:
        must_match("amount", original.total, named.total)


def is_own_refund(refund: Refund, wanted: KnownOrder) -> bool:
    """
    Tell whether an answer can be told to be about *wanted* without asking further.
    """
    named = KnownOrder.named_by(refund.order)
    own = wanted.mer_reference_id

    return (
        named.mer_reference_id in (None, own)
        or (own is not None and is_id_of_number(refund.id, own))
    ) and (not _is_amount(named.total) or named.total == wanted.total)


def _is_amount(total: Decimal | None) -> bool:
    exponent = None if total is None else total.as_tuple().exponent

    return isinstance(exponent, int) and exponent < 0


def is_id_of_number(refund_id: str, number: str) -> bool:
    """
    Tell whether *refund_id* holds the refund's own number (gateway.md 5.22).
    """
    coded = number_in_id(refund_id)

    if coded is not None and number.isdecimal() and str(coded) == number.lstrip("0"):
        return True

    return text_in_id(refund_id) == number
