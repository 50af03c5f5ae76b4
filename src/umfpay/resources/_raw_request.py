"""
What a call of `request()` names: ids, parameters, and members of a body in any form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from umfpay.models import Amount, Currency
from umfpay.resources._matching import KnownOrder
from umfpay.resources._refund_identity import RefundIds


@attrs.frozen(kw_only=True)
class RawRequest:
    """
    What the answer to a call of `request()` is compared with.

    Args:
        ids: Of the path, by their names in the endpoint's template.
        query: Parameters of the address.
        body: What the caller gives: models, dicts or anything else.
        refund_ids: Of the session; a new refund is noted there.
    """

    ids: Mapping[str, str]
    query: Mapping[str, str]
    body: object
    refund_ids: RefundIds

    def text(self, *names: str) -> str | None:
        """
        Return the text at *names* in the body, one in the other; None if there is none.
        """
        return text_of(member_of(self.body, *names))

    def day(self, name: str) -> date | None:
        """
        Return the day ``YYYYMMDD`` that a parameter names, None if it names none.
        """
        return day_of(self.query.get(name))

    def number(self, name: str) -> int | None:
        """
        Return the whole number that a parameter names, None if it names none.
        """
        given = self.query.get(name, "")

        return int(given) if given.isdecimal() else None


def member_of(given: object, *names: str) -> Any:
    """
    Return a member of a model or of a dict, None if there is none.

    Args:
        names: One in the other.
    """
    for name in names:
        given = (
            given.get(name)
            if isinstance(given, Mapping)
            else getattr(given, name, None)
        )

    return given


def text_of(given: object) -> str | None:
    """
    Return *given* if it is text, None else and if it is empty.
    """
    return str(given) if isinstance(given, str) and given else None


def day_of(given: object) -> date | None:
    """
    Return the day that *given* is or names as ``YYYYMMDD``, None if it is none.
    """
    if isinstance(given, date):
        return given

    try:
        return datetime.strptime(str(given), "%Y%m%d").date()  # noqa: DTZ007 (a day)
    except ValueError:
        return None


def amount_of(given: object) -> Amount:
    """
    Return the amount that *given* names; what it leaves out is None.
    """
    currency = text_of(member_of(given, "currency"))

    return Amount(
        total=_decimal(member_of(given, "total")),
        currency=None if currency is None else Currency(currency),
    )


def order_of(given: object) -> KnownOrder:
    """
    Return what *given*, an order or a refund, says of itself.
    """
    amount = member_of(given, "amount")

    return KnownOrder(
        mer_reference_id=text_of(member_of(given, "mer_reference_id")),
        mer_date=day_of(member_of(given, "mer_date")),
        total=_decimal(member_of(amount, "total")),
        currency=text_of(member_of(amount, "currency")),
    )


def _decimal(given: object) -> Decimal | None:
    try:
        return Decimal(given) if isinstance(given, Decimal | int | str) else None
    except InvalidOperation:
        return None
