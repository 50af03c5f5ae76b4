"""
Serialize: request models to JSON values, with the recommended names, without None.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

import attrs

from umfpay.errors import ConfigError
from umfpay.models import (
    ExpressInfo,
    Money,
    NewCustomsDeclaration,
    NewItem,
    NewPayer,
    NewRefund,
    NewStandaloneDeclaration,
    RiskInfo,
)


# As for what is read.
_MAX_EXPONENT: Final = 100


@attrs.frozen(kw_only=True, cache_hash=True)
class EncodeOptions:
    """
    Which of several documented forms is sent.

    *refund_body*: gateway.md 5.7. *risk_names*: names of the reference or of the
    official SDK. *quantity_names*: ``both`` adds item_quantity.
    """

    refund_body: Literal["refund_info", "order", "orders"] = "refund_info"
    risk_names: Literal["docs", "sdk"] = "docs"
    quantity_names: Literal["quantity", "both"] = "quantity"


@attrs.frozen(kw_only=True)
class PayerBody:
    """
    The body of verify and execute.
    """

    payer: NewPayer


# Names of risk_info in the official SDK (gateway.md 6).
_SDK_RISK_NAMES: Final = {
    "receiver_address": "shipping_address",
    "registration_identify_code": "identify_card_number",
    "device_id": "device_identification",
    "user_id": "user_ip",
}


def wire_text(value: Any) -> str:
    """
    Return a scalar as the gateway's text.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"

    if isinstance(value, timedelta):
        return str(value // timedelta(minutes=1))

    if isinstance(value, datetime):
        return value.isoformat()

    if isinstance(value, date):
        return value.isoformat().replace("-", "")

    return str(value)


def write_money(value: Money) -> Members:
    """
    Return *value* as the gateway's object.
    """
    return {"total": value.text, "currency": str(value.currency)}


def digits(value: Decimal) -> str:
    """
    Return *value* as the gateway's text: 100, never 1E+2.

    Raises:
        ConfigError: It is not finite, or so large that to write it fills the memory.
    """
    if value.is_finite() and abs(value.adjusted()) <= _MAX_EXPONENT:
        return f"{value:f}"

    return refuse(value)


def refuse(value: object) -> NoReturn:
    """
    Refuse *value*.

    Raises:
        ConfigError: Always.
    """
    raise cannot_be_sent(type(value).__name__)


def cannot_be_sent(kind: str) -> ConfigError:
    """
    Return the error for a *kind* of value that the gateway does not take.
    """
    return ConfigError(
        f"The body holds a {kind} that cannot be sent; give text, int, Decimal,"
        " dates or models.",
        f"请求内容包含无法发送的 {kind}；请使用文本、整数、Decimal、日期或模型对象。",
    )


Members = dict[str, Any]


def form_of(
    cls: type[Any], options: EncodeOptions
) -> Callable[[Members], Members] | None:
    """
    Return what makes of the members of a *cls* the form that is sent, if anything does.
    """
    forms: dict[type[Any], Callable[[Members], Members]] = {
        NewRefund: _REFUND_FORMS[options.refund_body],
        NewCustomsDeclaration: _declaration,
        NewStandaloneDeclaration: _standalone_declaration,
        ExpressInfo: lambda members: {"order": members},
    }

    if options.quantity_names == "both":
        forms[NewItem] = _item

    if options.risk_names == "sdk":
        forms[RiskInfo] = _risk_info

    return next((form for kind, form in forms.items() if issubclass(cls, kind)), None)


def _item(members: Members) -> Members:
    # Older texts call the quantity item_quantity (gateway.md, trap 12).
    return {**members, "item_quantity": members["quantity"]}


def _risk_info(members: Members) -> Members:
    # gateway.md, trap 14.
    return {_SDK_RISK_NAMES.get(name, name): one for name, one in members.items()}


def _refund_info(members: Members) -> Members:
    outer = {name: members.pop(name) for name in ("notify_url",) if name in members}

    return {"refund_info": members, **outer}


def _refund_order(members: Members) -> Members:
    # An order has another name for it.
    if "refund_summary" in members:
        members["order_summary"] = members.pop("refund_summary")

    form = _refund_info(members)

    return {"order": form.pop("refund_info"), **form}


def _refund_orders(members: Members) -> Members:
    form = _refund_order(members)
    order = form.pop("order")

    return {"org_amount": order["amount"], "orders": [order], **form}


# gateway.md 5.7.
_REFUND_FORMS: Final = {
    "refund_info": _refund_info,
    "order": _refund_order,
    "orders": _refund_orders,
}


def _declaration(members: Members) -> Members:
    """
    Make an object of its own of the sub order (gateway.md 5.9).
    """
    sub_order = {"mer_sub_reference_id": members.pop("mer_sub_reference_id")}
    ids = members.pop("mer_item_ids", ())

    if ids:
        sub_order["items"] = [{"mer_item_id": one} for one in ids]

    return {**members, "sub_order": sub_order}


def _standalone_declaration(members: Members) -> Members:
    # These two are plain amounts here (gateway.md 5.21).
    for name in ("freight_amount", "tax_amount"):
        if name in members:
            members[name] = members[name]["total"]

    return members
