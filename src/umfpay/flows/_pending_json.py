"""
`PendingCardPayment` as JSON: strict, versioned, never with clear card data.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

import attrs
import msgspec
from msgspec import Meta

from umfpay.errors import ConfigError, Text
from umfpay.flows._pending import CodeAttempt, Merchant, PendingCardPayment
from umfpay.models import (
    BankCard,
    Money,
    NewPayerInfo,
    PayerAgreement,
    PaymentMethod,
)
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Sealed


_FORMAT_VERSION: Final = 1
# RSA of 1024 bits, and nonce and tag of AES-GCM: nothing in clear is as long as the
# one, and what is not the other is found out by its tag.
_MIN_SEALED_BYTES: Final = 128
_MIN_KEPT_BYTES: Final = 28
# Where msgspec found something; what it found there may be a secret.
_PATH_PATTERN: Final = re.compile(r"`\$\.?([^`]*)`$")

PayerT = TypeVar("PayerT", BankCard, PayerAgreement)
NotBlank = Annotated[str, Meta(pattern=r"\S")]
Moment = Annotated[datetime, Meta(tz=True)]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """
    What is stored has these members, no others, and none of them is missing.
    """


class _StoredMerchant(_Stored):
    client_id: NotBlank
    base_url: NotBlank
    gateway_key: NotBlank


class _StoredAmount(_Stored):
    total: NotBlank
    currency: NotBlank


class _StoredAttempt(_Stored):
    sent_at: Moment
    # SHA-256 in hex.
    code_mark: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    sms_number: Annotated[int, Meta(ge=0)]
    refused_with: NotBlank | None
    verified: bool
    checked: bool


class _StoredSecret(_Stored):
    sealed: str


_StoredPayer = dict[str, _StoredSecret | NotBlank]


class _StoredPending(_Stored):
    version: int
    merchant: _StoredMerchant
    payment_id: NotBlank
    mer_reference_id: NotBlank
    mer_date: date
    amount: _StoredAmount
    payment_method: NotBlank
    bank_code: NotBlank | None
    created_at: Moment
    expires_at: Moment
    order_expires_at: Moment | None
    code_sent_at: Moment | None
    codes_asked: Annotated[int, Meta(ge=0)]
    attempts: list[_StoredAttempt]
    card: _StoredPayer | None
    agreement: _StoredPayer | None
    kept: dict[Annotated[str, Meta(pattern=r"^(phone|valid_date)\Z")], str]


def write_pending(pending: PendingCardPayment) -> str:
    """
    Return *pending* as JSON.
    """
    info = pending.info
    stored = _StoredPending(
        version=_FORMAT_VERSION,
        merchant=_StoredMerchant(**attrs.asdict(pending.merchant)),
        payment_id=pending.payment_id,
        mer_reference_id=pending.mer_reference_id,
        mer_date=pending.mer_date,
        amount=_StoredAmount(pending.amount.text, str(pending.amount.currency)),
        payment_method=str(pending.payment_method),
        bank_code=pending.bank_code,
        created_at=pending.created_at,
        expires_at=pending.expires_at,
        order_expires_at=pending.order_expires_at,
        code_sent_at=pending.code_sent_at,
        codes_asked=pending.codes_asked,
        attempts=[_StoredAttempt(**attrs.asdict(one)) for one in pending.attempts],
        card=None if info is None else _write_payer(info.bank_card),
        agreement=None if info is None else _write_payer(info.payer_agreement),
        kept=dict(pending.kept),
    )

    return msgspec.json.encode(stored).decode()


def _write_payer(payer: BankCard | PayerAgreement | None) -> _StoredPayer | None:
    if payer is None:
        return None

    given = {
        field.name: getattr(payer, field.name) for field in attrs.fields(type(payer))
    }

    return {
        name: _StoredSecret(part.ciphertext) if isinstance(part, Sealed) else str(part)
        for name, part in given.items()
        if part is not None
    }


def read_pending(text: str | bytes) -> PendingCardPayment:
    """
    Read what `write_pending()` wrote.

    Raises:
        ConfigError: It is something else; nothing of it is quoted.
    """
    stored = _parse(text)
    card = _read_payer("card", stored.card, BankCard)
    agreement = _read_payer("agreement", stored.agreement, PayerAgreement)

    if card is not None and agreement is not None:
        raise _unreadable_error("card and agreement stand together", "同时存在卡与协议")

    for name, kept in stored.kept.items():
        if _size(kept) < _MIN_KEPT_BYTES:
            raise _unreadable_error(
                f"kept.{name} is not encrypted", f"kept.{name} 未加密"
            )

    return PendingCardPayment(
        payment_id=stored.payment_id,
        mer_reference_id=stored.mer_reference_id,
        mer_date=stored.mer_date,
        amount=Money(stored.amount.total, stored.amount.currency),
        payment_method=PaymentMethod(stored.payment_method),
        bank_code=stored.bank_code,
        merchant=Merchant(**msgspec.structs.asdict(stored.merchant)),
        created_at=stored.created_at,
        expires_at=stored.expires_at,
        order_expires_at=stored.order_expires_at,
        code_sent_at=stored.code_sent_at,
        codes_asked=stored.codes_asked,
        attempts=[
            CodeAttempt(**msgspec.structs.asdict(one)) for one in stored.attempts
        ],
        info=None
        if card is None and agreement is None
        else NewPayerInfo(bank_card=card, payer_agreement=agreement),
        kept=stored.kept,
    )


def _parse(text: str | bytes) -> _StoredPending:
    if not isinstance(text, str | bytes):
        raise _unreadable_error("it is no text", "不是文本")

    try:
        value = parse_json(text.encode() if isinstance(text, str) else text)
    except (JSONRefusedError, UnicodeError):
        raise _unreadable_error("it is no JSON object", "不是 JSON 对象") from None

    if isinstance(value, dict) and value.get("version") != _FORMAT_VERSION:
        raise _unreadable_error("its version is not known", "版本未知")

    try:
        return msgspec.convert(value, _StoredPending)
    except msgspec.ValidationError as error:
        found = _PATH_PATTERN.search(str(error))
        place = found[1] if found is not None else ""

        raise _unreadable_error(
            f"{place or 'a member'} is missing, not known or of another form",
            f"{place or '有字段'} 缺失、未知或格式不符",
        ) from None


def _read_payer(
    name: str, members: _StoredPayer | None, cls: type[PayerT]
) -> PayerT | None:
    if members is None:
        return None

    fields = attrs.fields(cls)
    secrets = {field.name: field.metadata.get("hidden") is not None for field in fields}
    needed = {field.name for field in fields if field.default is attrs.NOTHING}

    if not needed <= members.keys() <= secrets.keys():
        raise _unreadable_error(
            f"{name} lacks members, or has unknown ones", f"{name} 字段不符"
        )

    # The class refuses phone, verify_code and an agreement's valid_date in any form.
    given: dict[str, Any] = {}

    for one, part in members.items():
        text = part.sealed if isinstance(part, _StoredSecret) else part

        if isinstance(part, str) is secrets[one] or (
            secrets[one] and _size(text) < _MIN_SEALED_BYTES
        ):
            raise _unreadable_error(
                f"{name}.{one} is not sealed", f"{name}.{one} 未加密"
            )

        given[one] = Sealed(text) if secrets[one] else text

    return cls(**given)


def _size(text: str) -> int:
    """
    Return how many bytes base64 *text* holds, 0 if it is none.
    """
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return 0


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
