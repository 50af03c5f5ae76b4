"""
The gateway's rules for a new payment, checked before anything is sent (gateway.md 5.3,
7.4).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from umfpay.errors import InvalidValueError
from umfpay.models._enums import BusinessType, InterfaceType, PaymentMethod
from umfpay.models._money import exact_sum
from umfpay.models._order import NewOrder, NewSubOrder
from umfpay.models._payer import NewPayer


_TRANS_CODE: Final = re.compile(r"[0-9]{8}")
_MAX_SUB_ORDERS: Final = 10

_M = PaymentMethod
_WEB_METHODS: Final = frozenset(
    {_M.CREDIT_CARD, _M.DEBIT_CARD, _M.WECHAT_SCAN, _M.ALIPAY_SCAN, _M.NOT_APPLICABLE}
)

# payment_method x interface_type x business_type (gateway.md 7.4); H5 is the mobile
# cashier page. Companies use the cashier too (gateway.md 10.8), though the table leaves
# that cell open.
_METHODS_OF_INTERFACE: Final = {
    (InterfaceType.SERVER_TO_SERVER, BusinessType.B2C): frozenset(
        {
            _M.CREDIT_CARD,
            _M.DEBIT_CARD,
            _M.WECHAT_SCAN,
            _M.WECHAT_IN_APP,
            _M.WECHAT_WEB,
            _M.ALIPAY_SCAN,
            _M.WECHAT_H5,
        }
    ),
    (InterfaceType.SERVER_TO_WEB, BusinessType.B2C): _WEB_METHODS,
    (InterfaceType.SERVER_TO_H5WEB, BusinessType.B2C): _WEB_METHODS,
    (InterfaceType.SERVER_TO_WEB, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
    (InterfaceType.SERVER_TO_H5WEB, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
    (InterfaceType.DIRECT_TO_BANK, BusinessType.B2C): frozenset(
        {_M.WECHAT_SCAN, _M.ALIPAY_SCAN}
    ),
    (InterfaceType.DIRECT_TO_BANK, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
}

# Where the customer's id number stands, by method (gateway.md 4).
_ID_MEMBER_OF_METHOD: Final = {
    _M.WECHAT_SCAN: "qr_code_scan",
    _M.ALIPAY_SCAN: "qr_code_scan",
    _M.WECHAT_IN_APP: "wechat_in_app",
    _M.WECHAT_WEB: "wechat_in_app_web",
    _M.WECHAT_H5: "wechat_H5",
}


def check_new_payment(payer: NewPayer, order: NewOrder) -> None:
    """
    Check the rules that hold between members.

    Raises:
        ConfigError: Names the member that breaks a rule.
    """
    _check_payer(payer)
    _check_order(order)


def _check_payer(payer: NewPayer) -> None:
    method, interface = payer.payment_method, payer.interface_type
    cell = (InterfaceType(interface), BusinessType(payer.business_type))
    allowed = _METHODS_OF_INTERFACE.get(cell, frozenset())

    if method not in allowed:
        raise InvalidValueError.of(
            "payer.payment_method",
            f"{method} does not go with interface_type {interface} and business_type"
            f" {payer.business_type}",
            f"{method} 不能与 {interface}、{payer.business_type} 组合",
        )

    direct = interface == InterfaceType.DIRECT_TO_BANK and method == _M.NOT_APPLICABLE

    if direct and payer.bank_code is None:
        raise InvalidValueError.of(
            "payer.bank_code",
            "it is needed for DIRECT_TO_BANK with NOT_APPLICABLE",
            "DIRECT_TO_BANK 与 NOT_APPLICABLE 必须提供银行代码",
        )

    if payer.business_type == BusinessType.B2B:
        if payer.enterprise_qualification is None:
            raise InvalidValueError.of(
                "payer.enterprise_qualification",
                "it is needed for B2B",
                "B2B 必须提供企业资质",
            )

        return

    _check_identity(payer)


def _check_identity(payer: NewPayer) -> None:
    member = _ID_MEMBER_OF_METHOD.get(PaymentMethod(payer.payment_method))

    # On UMF's own pages the customer types these.
    if member is None or payer.interface_type != InterfaceType.SERVER_TO_SERVER:
        return

    info = payer.payer_info
    holder = None if info is None else getattr(info, member)

    if info is None or info.name is None:
        raise InvalidValueError.of("payer.payer_info.name", "it is needed", "缺失")

    if holder is None or holder.citizen_id_number is None:
        raise InvalidValueError.of(
            f"payer.payer_info.{member}.citizen_id_number", "it is needed", "缺失"
        )


def _check_order(order: NewOrder) -> None:
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
