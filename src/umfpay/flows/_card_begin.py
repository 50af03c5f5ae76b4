"""
Begin a card payment: create it and send the SMS code (gateway.md 5.3, 5.4).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import attrs

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    CodeTooSoonError,
    InvalidValueError,
    TransportError,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._payer_data import seal_payer
from umfpay.flows._pending import Merchant, PendingCardPayment, store_pending
from umfpay.flows._steps import OnStep, check_listener, report_step
from umfpay.models import (
    BankCard,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    PayerAgreement,
    PaymentMethod,
    RiskInfo,
    SmsSent,
)
from umfpay.sensitive import Private


# The gateway sends one code a minute (gateway.md 5.4).
_CODE_PAUSE_SECONDS: Final = 60.0
_MAX_KEEP_DURATION: Final = timedelta(days=3650)
_TOO_SOON_CODES: Final = frozenset({"00080706", "00200086"})
_CARD_METHODS: Final = (PaymentMethod.CREDIT_CARD, PaymentMethod.DEBIT_CARD)


def hidden_text(name: str, text: Private | str | None) -> Private | None:
    """
    Return *text* hidden, None if it is empty.

    Raises:
        ConfigError: It is no text.
    """
    if text is None or isinstance(text, Private):
        return text or None

    if not isinstance(text, str):
        # A number is as secret as its text; tracebacks may show locals.
        del text

        raise InvalidValueError.of(name, "it must be text", "必须是文本")

    return Private(text.strip()) or None


async def begin(
    session: UMFSession,
    order: NewOrder,
    card: BankCard | PayerAgreement,
    *,
    bank_code: str | None,
    payment_method: PaymentMethod | str | None,
    phone: Private | None,
    risk_info: RiskInfo | None,
    notify_url: str | None,
    on_step: OnStep | None,
    arrivals: NotificationSource | None,
    end: Deadline,
    keep_for: timedelta,
    create_intent_id: str | None = None,
) -> PendingCardPayment:
    """
    Create the payment and have the first code sent; see `begin_card_payment()`.
    """
    method = _payment_method(card, payment_method)
    phone = phone or _phone_of(card)
    check_listener(on_step)
    new = NewPayment(
        payer=NewPayer(
            payment_method=method,
            bank_code=bank_code,
            payer_info=_first_info(card, phone),
        ),
        order=order,
        notify_url=notify_url,
        risk_info=risk_info,
    )
    _check_time("keep_for", keep_for)

    if order.expire_time is not None:
        _check_time("order.expire_time", order.expire_time)

    creation = attrs.evolve(end, intent_id=create_intent_id)
    payment = await session.payments.create(
        new, arrivals=arrivals, **creation.intent_options(session)
    )
    await report_step(on_step, "created", payment, deadline=end)
    info, kept = await seal_payer(session, payment.id, card, phone)
    now = datetime.now(UTC)
    pending = PendingCardPayment(
        payment_id=payment.id,
        mer_reference_id=order.mer_reference_id,
        mer_date=order.mer_date,
        amount=order.amount,
        payment_method=method,
        bank_code=bank_code,
        merchant=Merchant.of(session),
        created_at=now,
        expires_at=now + keep_for,
        order_expires_at=None if order.expire_time is None else now + order.expire_time,
        info=info,
        kept=kept,
    )
    await send_code(session, pending, on_step, end)

    return pending


def _payment_method(
    card: BankCard | PayerAgreement, given: PaymentMethod | str | None
) -> PaymentMethod:
    if not isinstance(card, BankCard | PayerAgreement):
        raise InvalidValueError.of(
            "card", "a BankCard or PayerAgreement is needed", "类型不符"
        )

    if isinstance(card, BankCard) and card.number is None:
        raise InvalidValueError.of("card.number", "it is missing", "缺失")

    if given is None and isinstance(card, BankCard):
        credit = card.cvv2 is not None

        return PaymentMethod.CREDIT_CARD if credit else PaymentMethod.DEBIT_CARD

    if given not in _CARD_METHODS:
        raise InvalidValueError.of(
            "payment_method",
            "CREDIT_CARD or DEBIT_CARD is needed",
            "必须是 CREDIT_CARD 或 DEBIT_CARD",
        )

    return PaymentMethod(given)


def _check_time(name: str, given: timedelta) -> None:
    # The end of what goes on for longer is not in the calendar.
    if (
        not isinstance(given, timedelta)
        or not timedelta(0) < given <= _MAX_KEEP_DURATION
    ):
        raise InvalidValueError.of(
            name,
            "a timedelta above 0, at most ten years, is needed",
            "必须是大于 0 且不超过十年的 timedelta",
        )


def _phone_of(card: BankCard | PayerAgreement) -> Private | None:
    phone = card.phone if isinstance(card, BankCard) else None

    # The model turns text into Private.
    return phone if isinstance(phone, Private) else None


def _first_info(
    card: BankCard | PayerAgreement, phone: Private | None
) -> NewPayerInfo | None:
    # At create the documents send the phone alone (gateway.md 5.3).
    if phone is None:
        return None

    if isinstance(card, BankCard):
        return NewPayerInfo(bank_card=BankCard(phone=phone))

    return NewPayerInfo(phone=phone)


async def send_code(
    session: UMFSession,
    pending: PendingCardPayment,
    on_step: OnStep | None,
    end: Deadline,
) -> None:
    """
    Have a code sent; see `resend_code()`.
    """
    check_listener(on_step)
    payer = pending.payer(session, None)
    now = datetime.now(UTC)
    last = pending.code_sent_at

    # The clocks of two processes differ a little: "just ahead" is just now, too.
    if last is not None and abs((now - last).total_seconds()) < _CODE_PAUSE_SECONDS:
        left = _CODE_PAUSE_SECONDS - (now - last).total_seconds()

        raise _too_soon_error(
            pending, f"wait {left:.0f} seconds", f"请等待 {left:.0f} 秒"
        )

    end.must_have_time(pending)
    # Before it is: another task that asks meanwhile is too soon, and so is whoever
    # comes after a cancellation.
    pending.code_sent_at = now
    pending.codes_asked += 1

    try:
        sent = await session.payments.verify(
            pending.payment_id, payer, **end.options(session)
        )
    except TransportError as error:
        if not error.request_sent:
            pending.code_sent_at = last
            pending.codes_asked -= 1

        raise
    except APIError as refusal:
        too_soon = refusal.ret_code in _TOO_SOON_CODES

        # The first code cannot be too soon: whatever repeats requests on their way gets
        # it sent by the first copy, and we see the refusal of the second one.
        if too_soon and last is None:
            sent = SmsSent(payment_id=pending.payment_id)
        else:
            # A server that failed may have sent it before.
            if refusal.http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
                pending.code_sent_at = last
                pending.codes_asked -= 1

            if not too_soon:
                raise

            raise _too_soon_error(
                pending, "says the gateway", "平台拒绝再次发送"
            ) from refusal

    await store_pending(session, pending)
    await report_step(on_step, "code_sent", sent, deadline=end)


def _too_soon_error(pending: PendingCardPayment, en: str, zh: str) -> CodeTooSoonError:
    return CodeTooSoonError(
        f"{pending.payment_id}: an SMS code was sent within the last minute; {en}.",
        f"{pending.payment_id}：一分钟内已发送过验证码；{zh}。",
        last=pending,
    )
