"""
What the shop tells of its orders and refunds, so that their money is compared.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self, get_args

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.models import Currency, Money, NewOrder, NewRefund


# Orders and refunds each have numbers of their own.
Expected = Literal["payment", "refund"]


@attrs.frozen(kw_only=True)
class Expectation:
    """
    What the shop knows of an order or refund: the number, *total* in *currency*.
    """

    kind: Expected
    mer_reference_id: str
    total: Decimal
    currency: str

    @classmethod
    def of(
        cls,
        what: NewOrder | NewRefund | str,
        *,
        amount: Money | None = None,
        kind: Expected = "payment",
    ) -> Self:
        """
        Return what is expected of *what*.

        Args:
            amount: With a number: what it costs.
            kind: With a number: whose it is.

        Raises:
            ConfigError: It is none of these, or it is not told what it costs.
        """
        if isinstance(what, NewOrder):
            number, amount, kind = what.mer_reference_id, what.amount, "payment"
        elif isinstance(what, NewRefund):
            number, amount, kind = what.mer_reference_id, what.amount, "refund"
        else:
            number = what

        if not isinstance(number, str) or not number or not isinstance(amount, Money):
            raise ConfigError(
                Text(
                    "expect: an order, a refund, or a number and amount= are needed.",
                    "expect：需要订单、退款，或单号与 amount=。",
                )
            )

        if kind not in get_args(Expected):
            raise ConfigError(
                Text(
                    'expect: kind is "payment" or "refund".',
                    'expect：kind 应为 "payment" 或 "refund"。',
                )
            )

        return cls(
            kind=kind,
            mer_reference_id=number,
            total=amount.total,
            currency=Currency(amount.currency).value,
        )
