"""
`PendingCardPayment` as JSON: strict, versioned, never with clear card data.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any, Final, TypeVar

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.flows._pending import CodeAttempt, Merchant, PendingCardPayment
from umfpay.models import (
    BankCard,
    Money,
    NewPayerInfo,
    PayerAgreement,
    PaymentMethod,
)
from umfpay.protocol import JSONRefusedError, dump_json, parse_json
from umfpay.sensitive import Sealed


_FORMAT_VERSION: Final = 1
# RSA of 1024 bits, and nonce and tag of AES-GCM: nothing in clear is as long as the
# one, and what is not the other is found out by its tag.
_MIN_SEALED_BYTES: Final = 128
_MIN_KEPT_BYTES: Final = 28
_KEPT_NAMES: Final = frozenset({"phone", "valid_date"})
_MOMENT_NAMES: Final = (
    "created_at",
    "expires_at",
    "order_expires_at",
    "code_sent_at",
)
_ATTEMPT_NAMES: Final = frozenset(field.name for field in attrs.fields(CodeAttempt))
# SHA-256 in hex.
_MARK_PATTERN: Final = re.compile("[0-9a-f]{64}")
_MEMBER_NAMES: Final = frozenset(
    {
        "version",
        "merchant",
        "payment_id",
        "mer_reference_id",
        "mer_date",
        "amount",
        "payment_method",
        "bank_code",
        "card",
        "agreement",
        "kept",
        "codes_asked",
        "attempts",
        *_MOMENT_NAMES,
    }
)

PayerT = TypeVar("PayerT", BankCard, PayerAgreement)


def write_pending(pending: PendingCardPayment) -> str:
    """
    Return *pending* as JSON.
    """
    info = pending.info
    moments = {name: getattr(pending, name) for name in _MOMENT_NAMES}
    value: dict[str, Any] = {
        "version": _FORMAT_VERSION,
        "merchant": attrs.asdict(pending.merchant),
        "payment_id": pending.payment_id,
        "mer_reference_id": pending.mer_reference_id,
        "mer_date": pending.mer_date.isoformat(),
        "amount": {
            "total": pending.amount.text,
            "currency": str(pending.amount.currency),
        },
        "payment_method": str(pending.payment_method),
        "bank_code": pending.bank_code,
        **{
            name: None if moment is None else moment.isoformat()
            for name, moment in moments.items()
        },
        "codes_asked": pending.codes_asked,
        "attempts": [
            {**attrs.asdict(one), "sent_at": one.sent_at.isoformat()}
            for one in pending.attempts
        ],
        "card": None if info is None else _write_payer(info.bank_card),
        "agreement": None if info is None else _write_payer(info.payer_agreement),
        "kept": dict(pending.kept),
    }

    return dump_json(value).decode()


def _write_payer(payer: BankCard | PayerAgreement | None) -> dict[str, Any] | None:
    if payer is None:
        return None

    members: dict[str, Any] = {}

    for field in attrs.fields(type(payer)):
        given = getattr(payer, field.name)

        if isinstance(given, Sealed):
            members[field.name] = {"sealed": given.ciphertext}
        elif given is not None:
            members[field.name] = str(given)

    return members


def read_pending(text: str | bytes) -> PendingCardPayment:
    """
    Read what `write_pending()` wrote.

    Raises:
        ConfigError: It is something else; nothing of it is quoted.
    """
    if not isinstance(text, str | bytes):
        raise _unreadable_error("it is no text", "不是文本")

    try:
        value = parse_json(text.encode() if isinstance(text, str) else text)
    except (JSONRefusedError, UnicodeError):
        raise _unreadable_error("it is no JSON object", "不是 JSON 对象") from None

    if not isinstance(value, dict):
        raise _unreadable_error("it is no JSON object", "不是 JSON 对象")

    if value.get("version") != _FORMAT_VERSION:
        raise _unreadable_error("its version is not known", "版本未知")

    _check_names("it", value, _MEMBER_NAMES)
    card = _read_payer("card", value["card"], BankCard)
    agreement = _read_payer("agreement", value["agreement"], PayerAgreement)

    if card is not None and agreement is not None:
        raise _unreadable_error("card and agreement stand together", "同时存在卡与协议")

    merchant = _mapping("merchant", value["merchant"])
    amount = _mapping("amount", value["amount"])
    _check_names("merchant", merchant, {"client_id", "base_url", "gateway_key"})
    _check_names("amount", amount, {"total", "currency"})
    bank_code = value["bank_code"]

    return PendingCardPayment(
        payment_id=_text("payment_id", value["payment_id"]),
        mer_reference_id=_text("mer_reference_id", value["mer_reference_id"]),
        mer_date=_day(value["mer_date"]),
        amount=Money(
            _text("amount", amount["total"]), _text("amount", amount["currency"])
        ),
        payment_method=PaymentMethod(_text("payment_method", value["payment_method"])),
        bank_code=None if bank_code is None else _text("bank_code", bank_code),
        merchant=Merchant(**{x: _text(x, y) for x, y in merchant.items()}),
        created_at=_needed_moment("created_at", value["created_at"]),
        expires_at=_needed_moment("expires_at", value["expires_at"]),
        order_expires_at=_moment("order_expires_at", value["order_expires_at"]),
        code_sent_at=_moment("code_sent_at", value["code_sent_at"]),
        codes_asked=_number("codes_asked", value["codes_asked"]),
        attempts=_read_attempts(value["attempts"]),
        info=None
        if card is None and agreement is None
        else NewPayerInfo(bank_card=card, payer_agreement=agreement),
        kept=_read_kept(value["kept"]),
    )


def _read_payer(name: str, value: object, cls: type[PayerT]) -> PayerT | None:
    if value is None:
        return None

    fields = attrs.fields(cls)
    secrets = {field.name: field.metadata.get("hidden") is not None for field in fields}
    needed = {field.name for field in fields if field.default is attrs.NOTHING}
    members = _mapping(name, value)

    if not needed <= members.keys() <= secrets.keys():
        raise _unreadable_error(
            f"{name} lacks members, or has unknown ones", f"{name} 字段不符"
        )

    # phone, verify_code and an agreement's valid_date are never here in any form.
    given: dict[str, Any] = {
        one: _read_sealed(f"{name}.{one}", part)
        if secrets[one]
        else _text(f"{name}.{one}", part)
        for one, part in members.items()
    }

    return cls(**given)


def _read_sealed(name: str, value: object) -> Sealed:
    members = _mapping(name, value)
    ciphertext = members.get("sealed")

    if members.keys() != {"sealed"} or _size(ciphertext) < _MIN_SEALED_BYTES:
        raise _unreadable_error(f"{name} is not sealed", f"{name} 未加密")

    return Sealed(str(ciphertext))


def _read_kept(value: object) -> dict[str, str]:
    members = _mapping("kept", value)

    if not members.keys() <= _KEPT_NAMES:
        raise _unreadable_error("kept has unknown members", "kept 含未知字段")

    for name, text in members.items():
        if _size(text) < _MIN_KEPT_BYTES:
            raise _unreadable_error(
                f"kept.{name} is not encrypted", f"kept.{name} 未加密"
            )

    return {name: str(text) for name, text in members.items()}


def _read_attempts(value: object) -> list[CodeAttempt]:
    if not isinstance(value, list):
        raise _unreadable_error("attempts is no list", "attempts 不是数组")

    return [_read_attempt(_mapping("attempts", one)) for one in value]


def _read_attempt(value: Mapping[str, Any]) -> CodeAttempt:
    _check_names("attempts", value, _ATTEMPT_NAMES)
    mark, refused = value["code_mark"], value["refused_with"]

    if not isinstance(mark, str) or not _MARK_PATTERN.fullmatch(mark):
        raise _unreadable_error("code_mark is no hash", "code_mark 不是摘要")

    return CodeAttempt(
        sent_at=_needed_moment("sent_at", value["sent_at"]),
        code_mark=mark,
        sms_number=_number("sms_number", value["sms_number"]),
        refused_with=None if refused is None else _text("refused_with", refused),
        verified=_flag("verified", value["verified"]),
        checked=_flag("checked", value["checked"]),
    )


def _number(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise _unreadable_error(f"{name} is no number", f"{name} 不是数字")

    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _unreadable_error(
            f"{name} is neither true nor false", f"{name} 不是布尔值"
        )

    return value


def _size(text: object) -> int:
    """
    Return how many bytes base64 *text* holds, 0 if it is none.
    """
    try:
        return len(base64.b64decode(text, validate=True)) if type(text) is str else 0
    except (binascii.Error, ValueError):
        return 0


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable_error(f"{name} is no object", f"{name} 不是对象")

    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _unreadable_error(f"{name} is no text", f"{name} 不是文本")

    return value


def _moment(name: str, value: object) -> datetime | None:
    return None if value is None else _needed_moment(name, value)


def _needed_moment(name: str, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(name, value))
    except ValueError:
        moment = None

    if moment is None or moment.tzinfo is None:
        raise _unreadable_error(
            f"{name} is no moment with a zone", f"{name} 不是带时区的时间"
        )

    return moment


def _day(value: object) -> date:
    try:
        return date.fromisoformat(_text("mer_date", value))
    except ValueError:
        raise _unreadable_error("mer_date is no date", "mer_date 不是日期") from None


def _check_names(name: str, value: Mapping[str, Any], names: AbstractSet[str]) -> None:
    if value.keys() != names:
        raise _unreadable_error(
            f"{name} lacks members, or has others", f"{name} 字段不符"
        )


def _unreadable_error(en: str, zh: str) -> ConfigError:
    return ConfigError.of(
        Text("This is not a pending card payment", "这不是待确认的银行卡支付"),
        en,
        zh,
        advice=Text(
            "Give the text that to_json() wrote, unchanged.",
            "请原样提供 to_json() 写出的文本。",
        ),
    )
