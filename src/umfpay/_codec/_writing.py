"""
From our objects to JSON values: the recommended names, None left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from umfpay.models import (
    ExpressInfo,
    Money,
    NewCustomsDeclaration,
    NewEnterprise,
    NewItem,
    NewRefund,
    NewStandaloneDeclaration,
    OpenEnum,
    Received,
    RiskInfo,
)
from umfpay.sensitive import Private, Sealed, Secret


if TYPE_CHECKING:
    from cattrs import Converter


@attrs.frozen(kw_only=True)
class EncodeOptions:
    """
    Which of several documented forms is sent.

    *refund_body*: protocol notes 5.7. *risk_names*: names of the reference or of the
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

    payer: Any  # NewPayer; the hook of its class is found at run time


# Names of risk_info in the official SDK (protocol notes 6).
_SDK_RISK_NAMES = {
    "receiver_address": "shipping_address",
    "registration_identify_code": "identify_card_number",
    "device_id": "device_identification",
    "user_id": "user_ip",
}

Hook = Callable[[Any], Any]


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
        return f"{value:%Y%m%d}"

    return str(value)


def add_writing(converter: Converter, options: EncodeOptions) -> None:
    """
    Register how everything that we send, and everything read, is written.
    """
    write = converter.unstructure

    def members(value: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}

        for field in attrs.fields(type(value)):
            given = getattr(value, field.name)

            if given is None or given == ():
                continue

            if isinstance(given, int | timedelta):
                given = wire_text(given)

            result[field.name] = write(given)

        return result

    def item(value: NewItem) -> dict[str, Any]:
        result = members(value)

        if options.quantity_names == "both":
            result["item_quantity"] = result["quantity"]

        return result

    def risk(value: RiskInfo) -> dict[str, Any]:
        result = members(value)

        if options.risk_names == "docs":
            return result

        return {_SDK_RISK_NAMES.get(name, name): text for name, text in result.items()}

    def refund(value: NewRefund) -> dict[str, Any]:
        info = members(value)
        outer = {"notify_url": info.pop("notify_url")} if "notify_url" in info else {}

        if options.refund_body == "refund_info":
            return {"refund_info": info, **outer}

        info.pop("refund_summary", None)

        if options.refund_body == "order":
            return {"order": info, **outer}

        return {"org_amount": info["amount"], "orders": [info], **outer}

    def declaration(value: NewCustomsDeclaration) -> dict[str, Any]:
        result = members(value)
        sub_order: dict[str, Any] = {
            "mer_sub_reference_id": result.pop("mer_sub_reference_id")
        }
        ids = result.pop("mer_item_ids", ())

        if ids:
            sub_order["items"] = [{"mer_item_id": one} for one in ids]

        return {**result, "sub_order": sub_order}

    def standalone(value: NewStandaloneDeclaration) -> dict[str, Any]:
        result = members(value)

        # These two are plain amounts here (protocol notes 5.21).
        for name in ("freight_amount", "tax_amount"):
            if name in result:
                result[name] = result[name]["total"]

        return result

    def top_enterprise(value: NewEnterprise) -> dict[str, Any]:
        return members(value)

    def received(value: Received) -> dict[str, Any]:
        result: dict[str, Any] = {}

        for field in attrs.fields(type(value)):
            given = getattr(value, field.name)

            if field.name == "extra" or given is None or given == ():
                continue

            result[field.name] = write(given)

        return {**result, **value.extra}

    converter.register_unstructure_hook_func(attrs.has, members)
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, Received), received
    )
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, OpenEnum), str.__str__
    )
    hooks: dict[type[Any], Hook] = {
        NewItem: item,
        RiskInfo: risk,
        NewRefund: refund,
        NewCustomsDeclaration: declaration,
        NewStandaloneDeclaration: standalone,
        NewEnterprise: top_enterprise,
        ExpressInfo: lambda value: {"order": members(value)},
        Money: lambda value: {"total": value.text, "currency": str(value.currency)},
        Private: lambda value: value.reveal(),
        Sealed: lambda value: value.ciphertext,
        # A Secret stays one until the bytes are written: see encode().
        Secret: lambda value: value,
        Decimal: str,
        datetime: wire_text,
        date: wire_text,
        timedelta: wire_text,
        tuple: lambda value: [write(one) for one in value],
        list: lambda value: [write(one) for one in value],
        dict: lambda value: {name: write(one) for name, one in value.items()},
        bool: lambda value: value,
        int: lambda value: value,
        str: lambda value: value,
    }

    for cls, hook in hooks.items():
        converter.register_unstructure_hook(cls, hook)
