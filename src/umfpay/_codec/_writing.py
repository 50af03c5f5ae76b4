"""
Serialize: request models to JSON values, with the recommended names, without None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.models import (
    ExpressInfo,
    Money,
    NewCustomsDeclaration,
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

    payer: Any  # NewPayer; the hook of its class is found at run time


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


def digits(value: Decimal) -> str:
    """
    Return *value* as the gateway's text: 100, never 1E+2.

    Raises:
        ConfigError: It is not finite.
    """
    return f"{value:f}" if value.is_finite() else refuse(value)


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
        Text(
            f"The body holds a {kind} that cannot be sent; give text, int, Decimal,"
            " dates or models.",
            f"请求内容包含无法发送的 {kind}；请使用文本、整数、Decimal、日期或模型对象。",
        )
    )


class Writer:
    """
    Turns what we send, and everything read, into JSON values.
    """

    def __init__(self, converter: Converter, options: EncodeOptions) -> None:
        self._write = converter.unstructure
        self._options = options

    def register(self, converter: Converter) -> None:
        """
        Make *converter* write by these methods.
        """
        # What no hook below knows is refused: cattrs would take sets and floats.
        converter.register_unstructure_hook_func(lambda _: True, refuse)
        converter.register_unstructure_hook_func(attrs.has, self.members)
        converter.register_unstructure_hook_func(_is_received, self.received)
        converter.register_unstructure_hook_func(_is_enum, str.__str__)
        converter.register_unstructure_hook_func(_is_mapping, self.mapping)
        hooks: dict[type[Any], Callable[[Any], Any]] = {
            NewItem: self.item,
            RiskInfo: self.risk,
            NewRefund: self.refund,
            NewCustomsDeclaration: self.declaration,
            NewStandaloneDeclaration: self.standalone,
            ExpressInfo: lambda value: {"order": self.members(value)},
            Money: lambda value: {"total": value.text, "currency": str(value.currency)},
            Private: Private.reveal,
            Sealed: lambda value: value.ciphertext,
            # A Secret stays one until the bytes are written: see encode().
            Secret: lambda value: value,
            Decimal: digits,
            datetime: wire_text,
            date: wire_text,
            timedelta: wire_text,
            tuple: self.several,
            list: self.several,
            dict: self.mapping,
            str: str.__str__,
            int: lambda value: value,
            type(None): lambda value: value,
            bytes: refuse,
        }

        for cls, hook in hooks.items():
            converter.register_unstructure_hook(cls, hook)

    def members(self, value: Any) -> dict[str, Any]:
        """
        Write what is there; numbers and truth values of ours are text on the wire.
        """
        result: dict[str, Any] = {}

        kind: Any = type(value)

        for name in _names(kind):
            given = getattr(value, name)

            if type(given) is str:
                # Most members; the converter would only give it back.
                result[name] = given

                continue

            if given is None or given == ():
                continue

            if isinstance(given, int):
                given = wire_text(given)

            result[name] = self._write(given)

        return result

    def received(self, value: Received) -> dict[str, Any]:
        """
        Write an object that was read, unknown members as they came.
        """
        result: dict[str, Any] = {}

        for field in attrs.fields(type(value)):
            given = getattr(value, field.name)

            if field.name == "extra" or given is None or given == ():
                continue

            # All digits as they came, an exponent too.
            result[field.name] = (
                str(given) if isinstance(given, Decimal) else self._write(given)
            )

        return {**value.extra, **result}

    def several(self, value: Any) -> list[Any]:
        """
        Write a list.
        """
        return [self._write(one) for one in value]

    def mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        """
        Write an object that the caller built, without what is None.
        """
        if not all(isinstance(name, str) for name in value):
            raise cannot_be_sent("dict")

        return {
            name: self._write(one) for name, one in value.items() if one is not None
        }

    def item(self, value: NewItem) -> dict[str, Any]:
        """
        Write goods; older texts call the quantity item_quantity (gateway.md, trap 12).
        """
        result = self.members(value)

        if self._options.quantity_names == "both":
            result["item_quantity"] = result["quantity"]

        return result

    def risk(self, value: RiskInfo) -> dict[str, Any]:
        """
        Write risk_info by the names of the reference or of the SDK (gateway.md, trap 14).
        """
        result = self.members(value)

        if self._options.risk_names == "docs":
            return result

        return {_SDK_RISK_NAMES.get(name, name): text for name, text in result.items()}

    def refund(self, value: NewRefund) -> dict[str, Any]:
        """
        Write a refund in the shape that was chosen (gateway.md 5.7).
        """
        info = self.members(value)
        outer = {"notify_url": info.pop("notify_url")} if "notify_url" in info else {}

        if self._options.refund_body == "refund_info":
            return {"refund_info": info, **outer}

        # An order has another name for it.
        if "refund_summary" in info:
            info["order_summary"] = info.pop("refund_summary")

        if self._options.refund_body == "order":
            return {"order": info, **outer}

        return {"org_amount": info["amount"], "orders": [info], **outer}

    def declaration(self, value: NewCustomsDeclaration) -> dict[str, Any]:
        """
        Write a declaration; its sub order is an object of its own.
        """
        result = self.members(value)
        sub_order: dict[str, Any] = {
            "mer_sub_reference_id": result.pop("mer_sub_reference_id")
        }
        ids = result.pop("mer_item_ids", ())

        if ids:
            sub_order["items"] = [{"mer_item_id": one} for one in ids]

        return {**result, "sub_order": sub_order}

    def standalone(self, value: NewStandaloneDeclaration) -> dict[str, Any]:
        """
        Write a declaration of a payment made elsewhere.
        """
        result = self.members(value)

        # These two are plain amounts here (gateway.md 5.21).
        for name in ("freight_amount", "tax_amount"):
            if name in result:
                result[name] = result[name]["total"]

        return result


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


def _is_received(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Received)


def _is_mapping(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Mapping)


def _is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, OpenEnum)
