"""
The order of a request: goods, sub orders, risk information.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import attrs

from umfpay.models import _checks as checks
from umfpay.models._enums import ItemType
from umfpay.models._money import Money
from umfpay.sensitive import Private, hides_arguments


@hides_arguments
@attrs.frozen(kw_only=True)
class NewItem:
    """
    One kind of goods. *amount* is the line total; *quantity* does not multiply it.
    """

    mer_item_id: str = checks.text()
    type: ItemType | str = checks.enum(ItemType)
    amount: Money = checks.money()
    name: str | None = checks.optional_text()
    description: str | None = checks.optional_text()
    quantity: int = checks.quantity()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewSubOrder:
    """
    A part of an order whose goods share one *trans_code* (8 digits, `TRANS_CODES`).
    """

    mer_sub_reference_id: str = checks.text()
    amount: Money = checks.money()
    trans_code: str = checks.text()
    sub_trans_type: str | None = checks.optional_text()
    is_customs: bool | None = checks.truth()
    order_summary: str | None = checks.optional_text()
    invoice_id: str | None = checks.optional_text()
    items: Sequence[NewItem] = checks.several(NewItem)


@hides_arguments
@attrs.frozen(kw_only=True)
class NewOrder:
    """
    The merchant's order.

    Args:
        mer_reference_id: The merchant's order number, unique and paid only once.
        mer_date: The merchant's own business date.
        expire_time: How long it may be paid from now on, in whole minutes.
        user_ip: The customer's address.
        sub_orders: 1 to 10; their amounts add up to *amount*.
    """

    mer_reference_id: str = checks.text()
    mer_date: date = checks.day()
    amount: Money = checks.money()
    sub_orders: Sequence[NewSubOrder] = checks.several(NewSubOrder)
    order_summary: str | None = checks.optional_text()
    expire_time: timedelta | None = checks.minutes()
    user_ip: str | None = checks.ip_address()
    sub_mer_id: str | None = checks.optional_text()


@hides_arguments
@attrs.frozen(kw_only=True)
class RiskInfo:
    """
    What the contract wants to be told about risk (gateway.md 6 and 7.9).

    Names, misspellings included, are those of the reference.
    """

    trans_type: str | None = checks.optional_text()
    goods_type: str | None = checks.optional_text()
    real_name: str | None = checks.optional_text()
    business_type: str | None = checks.optional_text()
    receiver_name: Private | str | None = checks.private()
    receiver_moblie_id: Private | str | None = checks.private()
    receiver_address: Private | str | None = checks.private()
    registration_identify_code: Private | str | None = checks.private()
    registration_email: Private | str | None = checks.private()
    registration_moblie_id: Private | str | None = checks.private()
    device_id: str | None = checks.optional_text()
    device_type: str | None = checks.optional_text()
    user_id: str | None = checks.optional_text()
    registration_time: str | None = checks.optional_text()
    user_agent: str | None = checks.optional_text()
    success_transactions_number: str | None = checks.optional_text()
    risk_expand: str | None = checks.optional_text()
