"""
Card payments: create, SMS code, execute, final state (gateway.md 10.1).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import attrs

from umfpay._callbacks import call_until
from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    CodeTooSoonError,
    ConfigError,
    InvalidValueError,
    NotFinishedError,
    PendingExpiredError,
    TransportError,
    WrongCodeError,
)
from umfpay.flows._card_confirmation import Confirmation
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep, utc_now
from umfpay.flows._pending import (
    MAX_ATTEMPTS,
    Merchant,
    PendingCardPayment,
    needed_pending,
    seal_payer,
    store_pending,
)
from umfpay.models import (
    BankCard,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    PayerAgreement,
    Payment,
    PaymentMethod,
    PaymentState,
    RiskInfo,
    SmsSent,
)
from umfpay.sensitive import Private, withholds


# How long the sealed data may be used: SMS codes live for minutes.
DEFAULT_KEEP_DURATION: Final = timedelta(minutes=15)
_MAX_KEEP_DURATION: Final = timedelta(days=3650)
# The gateway sends one code a minute (gateway.md 5.4).
_CODE_PAUSE_SECONDS: Final = 60.0
_TOO_SOON_CODES: Final = frozenset({"00080706", "00200086"})


@withholds(order=NewOrder, card=(BankCard, PayerAgreement), risk_info=RiskInfo)
async def card_payment(
    session: UMFSession,
    order: NewOrder,
    card: BankCard | PayerAgreement,
    *,
    verification_code: Callable[[PendingCardPayment], Awaitable[Private | str]],
    bank_code: str | None = None,
    payment_method: PaymentMethod | str | None = None,
    phone: Private | str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Pay an order with a card, from the order to the final state (gateway.md 10.1).

    Steps reported: ``created``, ``code_sent``, ``executing``, ``executed``, ``waiting``,
    ``final``.

    Args:
        card: The customer's card, or a stored agreement in its place.
        verification_code: Awaited for the code of the SMS; it is given the pending
            payment, for `resend_code()`. It is awaited again if the code was wrong,
            three times in all: ``pending.attempts_left`` is 3 at first.
        bank_code: From ``session.banks.list()``.
        payment_method: CREDIT_CARD or DEBIT_CARD; needed with an agreement. A card
            with a cvv2 is a credit card if this is not given.
        phone: As the bank knows it, if the card does not hold it.
        risk_info: About the customer and the device, for the gateway's risk control.
        notify_url: Where the notification goes; Config's if not given.
        on_step: Is given each `Step`, and awaited if it is async.
        arrivals: Where the notification arrives; without it the gateway is asked.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Returns:
        The paid payment, as a query or a notification tells it.

    Raises:
        ConfigError: An argument cannot be used; nothing was sent.
        WrongCodeError: Three codes were wrong.
        OutcomeUnknownError: Money may have moved; the cause tells why nobody knows.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: The order had expired.
        NotFinishedError: The deadline came first.
        APIError: The gateway refused the order or the card, and the payment still
            waits.
    """
    try:
        hidden = _hidden_text("phone", phone)
    finally:
        # It would be seen in a traceback that shows locals.
        del phone

    if not callable(verification_code):
        raise _not_awaitable_error()

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )
    # The intent is what is paid for, so it is the execute's.
    pending = await _begin(
        attrs.evolve(flow, intent_id=None),
        order,
        card,
        bank_code=bank_code,
        payment_method=payment_method,
        phone=hidden,
        risk_info=risk_info,
        notify_url=notify_url,
        keep_for=max(DEFAULT_KEEP_DURATION, timedelta(seconds=deadline)),
    )
    confirmation = Confirmation(flow=flow, pending=pending)
    # Nobody can have executed it: it need not be asked for.
    known: Payment | None = Payment(id=pending.payment_id)

    times = 1

    while True:
        code = await _ask_code(flow, verification_code, pending)

        try:
            return await confirmation.run(code, known=known)
        except WrongCodeError as error:
            # A code that was refused before uses up no attempt.
            if times == MAX_ATTEMPTS or not error.attempts_left:
                raise

        known = None
        times += 1


async def _ask_code(
    flow: FlowOptions,
    verification_code: Callable[[PendingCardPayment], Awaitable[Private | str]],
    pending: PendingCardPayment,
) -> Private:
    """
    Return the code that the customer typed in time.

    Raises:
        ConfigError: *verification_code* cannot be awaited, or gave no code.
        NotFinishedError: The deadline came first; *pending* has forgotten the card.
    """

    async def ask() -> Private:
        answer = verification_code(pending)

        if not inspect.isawaitable(answer):
            # It may be the code.
            del answer

            raise _not_awaitable_error()

        return _hidden_code(await answer)

    def late() -> NotFinishedError:
        pending.forget()

        return NotFinishedError(
            f"{pending.payment_id}: the deadline passed before the SMS code came.",
            f"{pending.payment_id}：在期限内未收到短信验证码。",
            last=pending,
        )

    return await call_until(flow.ends_at, ask, late=late)


def _not_awaitable_error() -> ConfigError:
    return ConfigError.of(
        "verification_code",
        "a function that can be awaited is needed",
        "必须是可等待的函数（async def）",
    )


@withholds(order=NewOrder, card=(BankCard, PayerAgreement), risk_info=RiskInfo)
async def begin_card_payment(
    session: UMFSession,
    order: NewOrder,
    card: BankCard | PayerAgreement,
    *,
    bank_code: str | None = None,
    payment_method: PaymentMethod | str | None = None,
    phone: Private | str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    keep_for: timedelta = DEFAULT_KEEP_DURATION,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 60.0,
) -> PendingCardPayment:
    """
    Create the payment and have the SMS code sent: the first half of `card_payment()`
    (gateway.md 5.3, 5.4), whose arguments it takes.

    Steps reported: ``created``, ``code_sent``.

    Args:
        keep_for: How long it may be confirmed, at most ten years; the gateway may end
            it sooner.
        intent_id: What the shop wants by it, for the journal: while the payment is
            being created, or was, no other call with it is sent.
        deadline: Seconds for both calls.

    Returns:
        What `confirm_card_payment()` needs; `PendingCardPayment.to_json()` stores it.

    Raises:
        ConfigError: An argument cannot be used; nothing was sent.
        OutcomeUnknownError: The payment may exist; nobody can have paid it.
        NotFinishedError: The deadline came before the code was asked for, or while
            *on_step* was at work.
        APIError: The gateway refused the order or the card.
    """
    try:
        hidden = _hidden_text("phone", phone)
    finally:
        # It would be seen in a traceback that shows locals.
        del phone

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    return await _begin(
        flow,
        order,
        card,
        bank_code=bank_code,
        payment_method=payment_method,
        phone=hidden,
        risk_info=risk_info,
        notify_url=notify_url,
        keep_for=keep_for,
    )


async def _begin(
    flow: FlowOptions,
    order: NewOrder,
    card: BankCard | PayerAgreement,
    *,
    bank_code: str | None,
    payment_method: PaymentMethod | str | None,
    phone: Private | None,
    risk_info: RiskInfo | None,
    notify_url: str | None,
    keep_for: timedelta,
) -> PendingCardPayment:
    """
    Create the payment and have the first code sent; see `begin_card_payment()`.
    """
    method = _payment_method(card, payment_method)
    phone = phone or _phone_of(card)
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

    payment = await flow.session.payments.create(
        new, arrivals=flow.arrivals, **flow.intent_options()
    )
    await flow.report("created", payment)
    info, kept = await seal_payer(flow.session, payment.id, card, phone)
    now = utc_now()
    pending = PendingCardPayment(
        payment_id=payment.id,
        mer_reference_id=order.mer_reference_id,
        mer_date=order.mer_date,
        amount=order.amount,
        payment_method=method,
        bank_code=bank_code,
        merchant=Merchant.of(flow.session),
        created_at=now,
        expires_at=now + keep_for,
        order_expires_at=None if order.expire_time is None else now + order.expire_time,
        info=info,
        kept=kept,
    )
    await _send_code(flow, pending)

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

    if not isinstance(given, str) or not PaymentMethod(given).by_card:
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


@withholds(pending=(PendingCardPayment, str))
async def confirm_card_payment(
    session: UMFSession,
    pending: PendingCardPayment | str,
    code: Private | str,
    *,
    allow_repeat: bool = False,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Pay with the SMS code: the second half of `card_payment()` (gateway.md 5.5).

    The payment is asked for first: one that is paid, or being paid, is never executed
    again, and is returned. One code is sent once. After a `WrongCodeError` the same
    *pending* takes another one, three in all; it was raised when the gateway had
    refused the code and two queries five seconds apart had said that the payment
    waits. From then on its final state alone decides: begin no other payment for the
    order before. Once the card was used, *pending* forgets it.

    Steps reported: ``executing``, ``executed``, ``waiting``, ``final``. ``executing`` comes
    just before the execute is sent, with *pending*: store it then, and a process that
    reads it after a crash executes nothing. If two processes may confirm it at once,
    the store needs compare-and-set: the one that comes second raises in *on_step*,
    which ends its flow before anything is sent. Store *pending* again when the flow
    ends in an error: it knows by then what was sent.

    Args:
        pending: From `begin_card_payment()`, in this process or another; with a
            journal, which keeps it, the payment's id.
        code: What the customer read in the SMS.
        allow_repeat: Send another code although the outcome of an earlier execute of
            *pending* is not known, for example because the connection broke. The
            gateway lets an order be paid only once.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Raises:
        PendingExpiredError: *pending* is too old or forgotten, and is not paid.
        ConfigError: *pending* is of another merchant or gateway, or *code* is no text.
        WrongCodeError: The code is wrong, or was refused before and not sent again;
            the customer may try again while *attempts_left* is not 0.
        CardError: The balance is too low, or the card is refused; the payment waits.
            So with all other refusals that the payment's state can explain.
        OutcomeUnknownError: Money may have moved; the cause tells why nobody knows.
            Nothing was sent if an earlier execute is the one that is unknown.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: The order had expired.
        NotFinishedError: The deadline came first.
    """
    try:
        hidden = _hidden_code(code)
    finally:
        # It would be seen in a traceback that shows locals.
        del code

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )
    given, gone = None, None

    try:
        given = await needed_pending(session, pending)
    except PendingExpiredError as error:
        gone = error

    if given is None:
        assert gone is not None

        return await _paid_before(flow, pending, gone)

    return await Confirmation(flow=flow, pending=given, allow_repeat=allow_repeat).run(
        hidden
    )


async def _paid_before(
    flow: FlowOptions, pending: PendingCardPayment | str, gone: PendingExpiredError
) -> Payment:
    """
    Return a payment of which nothing is kept, because it is paid.

    Raises:
        PendingExpiredError: It is not.
    """
    if isinstance(pending, str):
        payment = await flow.session.payments.get(pending, **flow.call_options())

        if payment.state == PaymentState.TRADE_SUCCESS:
            return payment

    raise gone


@withholds(pending=(PendingCardPayment, str))
async def resend_code(
    session: UMFSession,
    pending: PendingCardPayment | str,
    *,
    on_step: OnStep | None = None,
    deadline: float = 60.0,
) -> None:
    """
    Have another SMS code sent (gateway.md 5.4). Store *pending* again: it knows when
    that was.

    Step reported: ``code_sent``.

    Args:
        pending: From `begin_card_payment()`; with a journal, the payment's id.
        deadline: Seconds.

    Raises:
        ConfigError: *pending* is of another merchant or gateway.
        CodeTooSoonError: A code was sent within the last minute; this call sent none.
        PendingExpiredError: *pending* is too old or forgotten.
        VerificationCodeError: Too many codes were sent for this order.
        NotFinishedError: The deadline came first; nothing was sent.
        TransportError: The gateway could not be reached; if it has the request, the
            code counts as sent.
    """
    flow = FlowOptions.of(session, deadline=deadline, on_step=on_step)
    given = await needed_pending(session, pending)
    await _send_code(flow, given)


async def _send_code(flow: FlowOptions, pending: PendingCardPayment) -> None:
    """
    Have a code sent; see `resend_code()`.
    """
    payer = pending.payer(flow.session, None)
    now = utc_now()
    last = pending.code_sent_at

    # The clocks of two processes differ a little: "just ahead" is just now, too.
    if last is not None and abs((now - last).total_seconds()) < _CODE_PAUSE_SECONDS:
        left = _CODE_PAUSE_SECONDS - (now - last).total_seconds()

        raise _too_soon_error(
            pending, f"wait {left:.0f} seconds", f"请等待 {left:.0f} 秒"
        )

    flow.must_have_time(pending)
    # Before it is: another task that asks meanwhile is too soon, and so is whoever
    # comes after a cancellation.
    pending.code_sent_at = now
    pending.codes_asked += 1

    try:
        sent = await flow.session.payments.verify(
            pending.payment_id, payer, **flow.call_options()
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

    await store_pending(flow.session, pending)
    await flow.report("code_sent", sent)


def _too_soon_error(pending: PendingCardPayment, en: str, zh: str) -> CodeTooSoonError:
    return CodeTooSoonError(
        f"{pending.payment_id}: an SMS code was sent within the last minute; {en}.",
        f"{pending.payment_id}：一分钟内已发送过验证码；{zh}。",
        last=pending,
    )


def _hidden_text(name: str, text: Private | str | None) -> Private | None:
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


def _hidden_code(code: Private | str) -> Private:
    """
    Return the SMS code hidden.

    Raises:
        ConfigError: There is none.
    """
    try:
        hidden = _hidden_text("code", code)
    finally:
        # It would be seen in a traceback that shows locals.
        del code

    if hidden is None:
        raise InvalidValueError.of("code", "the SMS code is missing", "缺少短信验证码")

    return hidden
