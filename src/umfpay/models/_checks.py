"""
Checks of single members that we send: each refusal names the member.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import attrs

from umfpay.errors import InvalidValueError
from umfpay.models._money import Money
from umfpay.sensitive import Private, Sealed, Secret, hide, kind_of


# Converters never raise: they run while the object is half made, and a traceback that
# shows locals would then fail on its repr. Validators run when all members are there.


def _secret(value: object) -> object:
    return hide(value, Secret)


def _private(value: object) -> object:
    return hide(value, Private)


def _tuple(value: Any) -> Any:
    return (
        tuple(value)
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
        else value
    )


def _is_a(*classes: type[Any], en: str, zh: str) -> Any:
    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is not None and not isinstance(value, classes):
            raise InvalidValueError.of(field.name, f"{en}, not {kind_of(value)}", zh)

    return validate


def secret() -> Any:
    """
    A member that is sealed before it is sent.
    """
    return attrs.field(
        default=None,
        converter=_secret,
        metadata={"hidden": Secret},
        validator=_is_a(
            Secret,
            Sealed,
            en="it must be text, Secret or Sealed",
            zh="必须是文本、Secret 或 Sealed",
        ),
    )


def private() -> Any:
    """
    A member that is sent clear and hidden from logs.
    """
    return attrs.field(
        default=None,
        converter=_private,
        metadata={"hidden": Private},
        validator=_is_a(
            Private, en="it must be text or Private", zh="必须是文本或 Private"
        ),
    )


def several(cls: type[Any]) -> Any:
    """
    A member that is a sequence of *cls*.
    """

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, tuple) or not all(isinstance(x, cls) for x in value):
            raise InvalidValueError.of(
                field.name,
                f"it must be a sequence of {cls.__name__}",
                f"必须是 {cls.__name__} 的序列",
            )

    return attrs.field(
        factory=tuple,
        converter=_tuple,
        validator=validate,
        metadata={"members": (cls,)},
    )


def part(cls: type[Any], *, needed: bool = False) -> Any:
    """
    A member that is an object of *cls*.
    """
    default = attrs.NOTHING if needed else None

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if (value is None and needed) or not isinstance(value, cls | None):
            raise InvalidValueError.of(
                field.name,
                f"it must be {cls.__name__}, not {kind_of(value)}",
                f"必须是 {cls.__name__}",
            )

    return attrs.field(default=default, validator=validate, metadata={"kinds": (cls,)})


def enum(cls: type[Any], default: Any = attrs.NOTHING) -> Any:
    """
    A member that is one of the words of *cls*; optional with a *default*.
    """

    def convert(value: Any) -> Any:
        return cls(value.strip()) if isinstance(value, str) and value.strip() else value

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is None and default is None:
            return

        if not isinstance(value, cls):
            raise InvalidValueError.of(
                field.name, f"it must be a {cls.__name__}", f"必须是 {cls.__name__}"
            )

    return attrs.field(default=default, converter=convert, validator=validate)


def optional_text() -> Any:
    """
    A member that is text, or left out.
    """
    return attrs.field(
        default=None, validator=_is_a(str, en="it must be text", zh="必须是文本")
    )


def _is_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValueError.of(field.name, "it is missing or empty", "缺失或为空")


def text(*, default: Any = attrs.NOTHING) -> Any:
    """
    A member that must be text with something in it.
    """
    return attrs.field(default=default, validator=_is_text)


def _is_date(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError.of(
            field.name, "it must be a datetime.date", "必须是 datetime.date"
        )


def day() -> Any:
    """
    A member that is a business date.
    """
    return attrs.field(validator=_is_date)


def _is_money(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Money):
        raise InvalidValueError.of(field.name, "it must be Money", "必须是 Money")

    if value.total <= 0:
        raise InvalidValueError.of(field.name, "it must be above 0", "必须大于 0")


def money() -> Any:
    """
    A member that is money above 0.
    """
    return attrs.field(validator=_is_money)


def _is_fee(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Money):
        raise InvalidValueError.of(field.name, "it must be Money", "必须是 Money")


def fee() -> Any:
    """
    A member that is money, 0 included.
    """
    return attrs.field(default=None, validator=_is_fee)


def _is_minutes(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return

    if not isinstance(value, timedelta) or value % timedelta(minutes=1):
        raise InvalidValueError.of(
            field.name,
            "it must be a timedelta of whole minutes",
            "必须是整分钟的 timedelta",
        )

    if value < timedelta(minutes=1):
        raise InvalidValueError.of(
            field.name, "it must be a minute or more", "至少一分钟"
        )


def minutes() -> Any:
    """
    A member that is a time span of whole minutes.
    """
    return attrs.field(default=None, validator=_is_minutes)


def _is_url(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return

    if not isinstance(value, str) or not _leads_to_a_host(value):
        raise InvalidValueError.of(
            field.name,
            "it must begin with http:// or https:// and name a host",
            "必须以 http:// 或 https:// 开头并包含主机名",
        )


def _leads_to_a_host(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False

    # urlsplit drops line ends without a word; the gateway would not.
    clean = value.isprintable() and " " not in value

    return clean and parts.scheme in ("http", "https") and bool(parts.hostname)


def url() -> Any:
    """
    A member that is an http(s) address.
    """
    return attrs.field(default=None, validator=_is_url)


def _is_ip(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return

    try:
        # As text: a number would be taken for an address.
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise InvalidValueError.of(
            field.name, "it must be an IP address", "必须是 IP 地址"
        ) from None


def ip_address() -> Any:
    """
    A member that is an IP address.
    """
    return attrs.field(default=None, validator=_is_ip)


def truth() -> Any:
    """
    A member that is true or false, or left out.
    """
    return attrs.field(
        default=None,
        validator=_is_a(bool, en="it must be True or False", zh="必须是 True 或 False"),
    )


def _is_quantity(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValueError.of(
            field.name, "it must be a number above 0", "必须是大于 0 的整数"
        )


def quantity() -> Any:
    """
    A member that counts goods.
    """
    return attrs.field(default=1, validator=_is_quantity)
