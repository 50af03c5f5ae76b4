"""
The order of a request: goods, sub orders, risk information; and the rules of an order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import attrs

from umfpay.errors import InvalidValueError
from umfpay.models import _checks as checks
from umfpay.models._enums import ItemType
from umfpay.models._money import Money, exact_sum
from umfpay.sensitive import Private, hides_arguments


_TRANS_CODE: Final = re.compile(r"[0-9]{8}")
_MAX_SUB_ORDERS: Final = 10


@hides_arguments
@attrs.frozen(kw_only=True)
class NewItem:
    """
    One kind of goods. *amount* is the line total; *quantity* does not multiply it.

    Raises:
        ConfigError: A member cannot be sent; it is named.
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

    Raises:
        ConfigError: A member cannot be sent; it is named.
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

    Raises:
        ConfigError: A member cannot be sent; it is named.
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

    Raises:
        ConfigError: A member cannot be sent; it is named.
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


def check_order(order: NewOrder) -> None:
    """
    Check the rules that hold between the members of a payment's order (gateway.md 5.3).

    Raises:
        ConfigError: Names the member that breaks a rule.
    """
    subs = order.sub_orders

    if not 1 <= len(subs) <= _MAX_SUB_ORDERS:
        raise InvalidValueError.of(
            "order.sub_orders",
            f"1 to {_MAX_SUB_ORDERS} are needed, not {len(subs)}",
            f"需要 1 到 {_MAX_SUB_ORDERS} 个子订单，而不是 {len(subs)} 个",
        )

    _check_unique("order.sub_orders", [sub.mer_sub_reference_id for sub in subs])

    for index, sub in enumerate(subs):
        _check_sub_order(f"order.sub_orders[{index}]", sub, order)

    _check_sum("order.amount", order.amount.total, [sub.amount.total for sub in subs])


def _check_sub_order(name: str, sub: NewSubOrder, order: NewOrder) -> None:
    if _TRANS_CODE.fullmatch(sub.trans_code) is None:
        raise InvalidValueError.of(
            f"{name}.trans_code", "it must be 8 digits", "必须是 8 位数字"
        )

    for index, item in enumerate(sub.items):
        _check_currency(f"{name}.items[{index}]", item.amount.currency, order)

    _check_currency(name, sub.amount.currency, order)

    if sub.trans_code.startswith("01") and not sub.items:
        raise InvalidValueError.of(
            f"{name}.items",
            "goods (trans_code 01...) list their items",
            "货物类必须列出商品",
        )

    if sub.items:
        _check_unique(f"{name}.items", [item.mer_item_id for item in sub.items])
        _check_sum(
            f"{name}.amount",
            sub.amount.total,
            [item.amount.total for item in sub.items],
        )


def _check_currency(name: str, currency: str, order: NewOrder) -> None:
    if currency != order.amount.currency:
        raise InvalidValueError.of(
            f"{name}.amount.currency",
            f"it must be {order.amount.currency} as the order",
            f"必须与订单币种 {order.amount.currency} 一致",
        )


def _check_unique(name: str, ids: list[str]) -> None:
    for index, one in enumerate(ids):
        if one in ids[:index]:
            raise InvalidValueError.of(
                f"{name}[{index}]", f"{one} is there twice", f"{one} 重复"
            )


def _check_sum(name: str, total: Decimal, parts: list[Decimal]) -> None:
    found = exact_sum(parts)

    if found != total:
        raise InvalidValueError.of(
            name,
            f"{total} is not the sum of its parts, {found}",
            f"{total} 不等于各部分之和 {found}",
        )
