"""
Forms in which the gateway wants what is sent, where they are not those of our classes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

import attrs

from umfpay import models


Members = dict[str, Any]


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


DEFAULT_OPTIONS: Final = EncodeOptions()


@attrs.frozen(kw_only=True)
class PayerBody:
    """
    The body of verify and execute.
    """

    payer: models.NewPayer


# Names of risk_info in the official SDK (gateway.md 6).
_SDK_RISK_NAMES: Final = {
    "receiver_address": "shipping_address",
    "registration_identify_code": "identify_card_number",
    "device_id": "device_identification",
    "user_id": "user_ip",
}


def form_of(
    cls: type[Any], options: EncodeOptions
) -> Callable[[Members], Members] | None:
    """
    Return what makes of the members of a *cls* the form that is sent, if anything does.
    """
    forms: dict[type[Any], Callable[[Members], Members] | None] = {
        # gateway.md 5.7.
        models.NewRefund: partial(_refund_form, name=options.refund_body),
        models.NewCustomsDeclaration: _declaration,
        models.NewStandaloneDeclaration: _standalone_declaration,
        models.ExpressInfo: lambda members: {"order": members},
        models.NewItem: _item if options.quantity_names == "both" else None,
        models.RiskInfo: _risk_info if options.risk_names == "sdk" else None,
    }

    return next((form for kind, form in forms.items() if issubclass(cls, kind)), None)


def _item(members: Members) -> Members:
    # Older texts call the quantity item_quantity (gateway.md, trap 12).
    return {**members, "item_quantity": members["quantity"]}


def _risk_info(members: Members) -> Members:
    # gateway.md, trap 14.
    return {_SDK_RISK_NAMES.get(name, name): one for name, one in members.items()}


def _refund_form(members: Members, *, name: str) -> Members:
    outer = {one: members.pop(one) for one in ("notify_url",) if one in members}

    # An order has another name for it.
    if name != "refund_info" and "refund_summary" in members:
        members["order_summary"] = members.pop("refund_summary")

    if name == "orders":
        return {"org_amount": members["amount"], name: [members], **outer}

    return {name: members, **outer}


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
