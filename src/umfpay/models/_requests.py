"""
What we send as a whole: payments, refunds, declarations, parcels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import attrs

from umfpay.errors import InvalidValueError
from umfpay.models import _checks as checks
from umfpay.models._enums import CitizenIdType
from umfpay.models._money import Money, exact_sum
from umfpay.models._order import NewOrder, RiskInfo, check_order
from umfpay.models._payer import NewPayer, check_payer
from umfpay.sensitive import Private, Sealed, Secret, hides_arguments


@hides_arguments
@attrs.frozen(kw_only=True)
class NewPayment:
    """
    A payment to be created (gateway.md 5.3).

    Args:
        notify_url: Where the gateway reports the result.
        ret_url: Where the customer's browser returns to, for pages of the gateway.

    Raises:
        ConfigError: A rule of the gateway is broken; it names the member.
    """

    payer: NewPayer = checks.part(NewPayer, needed=True)
    order: NewOrder = checks.part(NewOrder, needed=True)
    notify_url: str | None = checks.url()
    ret_url: str | None = checks.url()
    risk_info: RiskInfo | None = checks.part(RiskInfo)

    def __attrs_post_init__(self) -> None:
        check_payer(self.payer)
        check_order(self.order)


@hides_arguments
@attrs.frozen(kw_only=True)
class RefundSubOrder:
    """
    What is given back of one sub order.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    mer_sub_reference_id: str = checks.text()
    amount: Money = checks.money()
    trans_code: str | None = checks.optional_text()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewRefund:
    """
    A refund to be asked for (gateway.md 5.7).

    Args:
        mer_reference_id: The number of this refund, never used before.
        mer_date: The date of this refund.
        amount: What is given back, in the currency of the payment.
        sub_orders: What of it belongs to which sub order.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    mer_reference_id: str = checks.text()
    mer_date: date = checks.day()
    amount: Money = checks.money()
    refund_summary: str | None = checks.optional_text()
    sub_orders: Sequence[RefundSubOrder] = checks.several(RefundSubOrder)
    notify_url: str | None = checks.url()

    def __attrs_post_init__(self) -> None:
        _check_same_currency(
            self.amount,
            [(f"sub_orders[{i}]", x.amount) for i, x in enumerate(self.sub_orders)],
        )

        parts = exact_sum(x.amount.total for x in self.sub_orders)

        if self.sub_orders and parts != self.amount.total:
            raise InvalidValueError.of(
                "amount", "it is not the sum of the sub orders", "不等于子订单金额之和"
            )


def _check_same_currency(amount: Money, others: Sequence[tuple[str, Money]]) -> None:
    """
    Refuse amounts in another currency than *amount*, by name.
    """
    for name, other in others:
        if other.currency != amount.currency:
            raise InvalidValueError.of(
                f"{name}.amount.currency",
                f"it must be {amount.currency} as the whole",
                f"必须与总金额币种 {amount.currency} 一致",
            )


@hides_arguments
@attrs.frozen(kw_only=True)
class NewCustomsDeclaration:
    """
    A declaration of one sub order to the customs (gateway.md 5.9).

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    customs_id: str = checks.text()
    mer_customs_code: str = checks.text()
    mer_sub_reference_id: str = checks.text()
    mer_item_ids: Sequence[str] = checks.several(str)
    sub_order_amount: Money = checks.money()
    freight_amount: Money | None = checks.fee()
    tax_amount: Money | None = checks.fee()
    ec_plat_id: str | None = checks.optional_text()
    notify_url: str | None = checks.url()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewStandaloneDeclaration:
    """
    A declaration of a payment made elsewhere (gateway.md 5.21).

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    mer_reference_id: str = checks.text()
    order_amount: Money = checks.money()
    customs_id: str = checks.text()
    mer_customs_code: str = checks.text()
    mer_pay_date: date = checks.day()
    mer_pay_time: str = checks.text(default="000000")
    name: Secret | Sealed | str | None = checks.secret()
    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()
    phone: Private | str | None = checks.private()
    ec_plat_id: str | None = checks.optional_text()
    freight_amount: Money | None = checks.fee()
    tax_amount: Money | None = checks.fee()
    paye_code: str | None = checks.optional_text()
    goods_info: str | None = checks.optional_text()
    tracking_number: str | None = checks.optional_text()


@hides_arguments
@attrs.frozen(kw_only=True)
class Parcel:
    """
    The parcel of one sub order; *tracking_number* is ``<carrier name> <number>``.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    mer_sub_reference_id: str = checks.text()
    tracking_number: str = checks.text()


@hides_arguments
@attrs.frozen(kw_only=True)
class ExpressInfo:
    """
    The parcels of an order (gateway.md 5.21).

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    sub_orders: Sequence[Parcel] = checks.several(Parcel)

    def __attrs_post_init__(self) -> None:
        if not self.sub_orders:
            raise InvalidValueError.of("sub_orders", "it is empty", "为空")
