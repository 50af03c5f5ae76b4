"""
Compare a signed answer with what was asked for.

The gateway signs for all its merchants with one key, and old answers stay signed for
ever. What an answer names and was not asked for refuses it; what it leaves out is asked
for once where there is a query that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, Self

import attrs

from umfpay import _codec
from umfpay.errors import MismatchedResponseError, escape
from umfpay.models import (
    Amount,
    NewOrder,
    NewRefund,
    Order,
    Received,
)
from umfpay.protocol import number_in_id


_SHOWN_CHARACTERS: Final = 64


def must_match(what: str, asked: object, answered: object) -> None:
    """
    Compare what was asked with what the answer names, where both exist.

    Args:
        what: Its name in the message, ``payment`` or ``mer_date``.

    Raises:
        MismatchedResponseError: They differ.
    """
    if asked is None or answered is None or asked == answered:
        return

    raise mismatch(what, asked, answered)


def mismatch(what: str, asked: object, answered: object) -> MismatchedResponseError:
    """
    Return the error of an answer that names another *what*.
    """
    return MismatchedResponseError(
        f"The answer names another {what}: {_display_text(answered)}, asked was"
        f" {_display_text(asked)}.",
        f"应答中的 {what} 不一致：{_display_text(answered)}，请求的是 {_display_text(asked)}。",
    )


def _display_text(value: object) -> str:
    return escape(str(value), limit=_SHOWN_CHARACTERS)


def must_be_about(cls: type[Received], members: Mapping[str, Any]) -> None:
    """
    Refuse an answer that holds objects of another kind than *cls*.

    Such as answers to calls that are answered by links or by ``meta`` alone.

    Raises:
        MismatchedResponseError: It is about something else.
    """
    noun = _codec.noun_of(cls)
    others = _codec.nouns_in(members) - {noun}

    if not others:
        return

    raise MismatchedResponseError(
        f"The answer is about {min(others)}, asked was {noun}.",
        f"应答内容是 {min(others)}，请求的是 {noun}。",
    )


def must_name_only(members: Mapping[str, Any], **ids: str | None) -> None:
    """
    Compare every id that an answer names, in whichever object, with that of its kind.

    Args:
        ids: By prefix, ``PAY="PAY_..."``; kinds that are not given are not compared.

    Raises:
        MismatchedResponseError: It names another one.
    """
    payment_id = ids.get("PAY")

    if (
        payment_id is not None
        and len(ids) == 1
        and _codec.surely_names_only(members, payment_id)
    ):
        return

    for named in _codec.ids_named(members):
        kind = named.partition("_")[0]
        asked = ids.get(kind)

        if asked is not None and named != asked:
            raise mismatch(f"{kind}_ id", asked, named)


def must_name_number(members: Mapping[str, Any], mer_reference_id: str | None) -> None:
    """
    Compare every mer_reference_id that an answer names.

    Args:
        mer_reference_id: None is not compared.

    Raises:
        MismatchedResponseError: It names another one.
    """
    for named in _codec.values_named(members, "mer_reference_id"):
        must_match("mer_reference_id", mer_reference_id, named)


_NO_AMOUNT: Final = Amount()


@attrs.frozen(kw_only=True)
class KnownOrder:
    """
    What is known of an order: number, the merchant's day, amount and currency.

    What is None is not compared.
    """

    mer_reference_id: str | None = None
    mer_date: date | None = None
    total: Decimal | None = None
    currency: str | None = None

    @classmethod
    def of(cls, new: NewOrder | NewRefund) -> Self:
        """
        Return what *new* orders, or gives back under its own number.
        """
        return cls(
            mer_reference_id=new.mer_reference_id,
            mer_date=new.mer_date,
            total=new.amount.total,
            currency=str(new.amount.currency),
        )

    @classmethod
    def named_by(cls, order: Order | None) -> Self:
        """
        Return what an answer names.
        """
        if order is None:
            return cls()

        amount = order.amount or _NO_AMOUNT

        return cls(
            mer_reference_id=order.mer_reference_id,
            mer_date=order.mer_date,
            total=amount.total,
            currency=None if amount.currency is None else str(amount.currency),
        )

    def must_be(self, order: Order | None) -> None:
        """
        Compare with the order that an answer names.

        Raises:
            MismatchedResponseError: It is another one.
        """
        if order is None:
            return

        must_match("mer_reference_id", self.mer_reference_id, order.mer_reference_id)
        must_match("mer_date", self.mer_date, order.mer_date)
        amount = order.amount

        if amount is not None:
            must_match("currency", self.currency, amount.currency)
            must_match("amount", self.total, amount.total)

    def fits(self, order: Order | None) -> bool:
        """
        Tell whether nothing that an answer names is different.
        """
        try:
            self.must_be(order)
        except MismatchedResponseError:
            return False

        return True

    def is_named_by(self, order: Order | None) -> bool:
        """
        Tell whether an answer names all that is known here.
        """
        if order is None:
            return self == KnownOrder()

        amount = order.amount or _NO_AMOUNT

        return (
            (self.mer_reference_id is None or order.mer_reference_id is not None)
            and (self.mer_date is None or order.mer_date is not None)
            and (self.total is None or amount.total is not None)
            and (self.currency is None or amount.currency is not None)
        )


def must_hold_number(what: str, object_id: str | None, number: str | None) -> None:
    """
    Compare the number that an id of digits holds (gateway.md 5.22) with *number*.

    Args:
        what: Whose id it is, in the message.

    Raises:
        MismatchedResponseError: They differ.
    """
    coded = None if object_id is None else number_in_id(object_id)

    if coded is not None and number is not None and number.isdecimal():
        must_match(f"number in the {what}'s id", int(number), coded)
