"""
Card payments: create, SMS code, execute, final state (gateway.md 10.1).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from umfpay._session import UMFSession
from umfpay.errors import (
    ConfigError,
    NotFinishedError,
    PendingExpiredError,
    WrongCodeError,
)
from umfpay.flows._card_begin import begin, hidden_text, send_code
from umfpay.flows._card_confirm import Confirmation, hidden_code
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._pending import MAX_ATTEMPTS, PendingCardPayment, needed_pending
from umfpay.flows._steps import OnStep
from umfpay.models import (
    BankCard,
    NewOrder,
    PayerAgreement,
    Payment,
    PaymentMethod,
    PaymentState,
    RiskInfo,
)
from umfpay.sensitive import Private, withholds


# How long the sealed data may be used: SMS codes live for minutes.
DEFAULT_KEEP_DURATION: Final = timedelta(minutes=15)


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
    Pay an order with a card, from the order to the final state.

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
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Returns:
        The paid payment, as a query or a notification tells it.

    Raises:
        WrongCodeError: Three codes were wrong.
        OutcomeUnknownError: Money may have moved; the cause tells why nobody knows.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: The order had expired.
        NotFinishedError: The deadline came first.
        APIError: The gateway refused the order or the card, and the payment still
            waits.
    """
    try:
        hidden = hidden_text("phone", phone)
    finally:
        # It would be seen in a traceback that shows locals.
        del phone

    if not callable(verification_code):
        raise _not_awaitable_error()

    end = Deadline.after(deadline, intent_id)
    pending = await begin(
        session,
        order,
        card,
        bank_code=bank_code,
        payment_method=payment_method,
        phone=hidden,
        risk_info=risk_info,
        notify_url=notify_url,
        on_step=on_step,
        arrivals=arrivals,
        end=end,
        keep_for=max(DEFAULT_KEEP_DURATION, timedelta(seconds=deadline)),
    )
    confirmation = Confirmation(
        session=session, pending=pending, end=end, arrivals=arrivals, on_step=on_step
    )
    # Nobody can have executed it: it need not be asked for.
    known: Payment | None = Payment(id=pending.payment_id)

    times = 1

    while True:
        code = await _ask_code(verification_code, pending, end)

        try:
            return await confirmation.run(code, known=known)
        except WrongCodeError as error:
            # A code that was refused before uses up no attempt.
            if times == MAX_ATTEMPTS or not error.attempts_left:
                raise

        known = None
        times += 1


async def _ask_code(
    verification_code: Callable[[PendingCardPayment], Awaitable[Private | str]],
    pending: PendingCardPayment,
    end: Deadline,
) -> Private:
    """
    Return the code that the customer typed in time.
    """
    try:
        async with asyncio.timeout_at(end.at) as limit:
            answer = verification_code(pending)

            if not inspect.isawaitable(answer):
                # It may be the code.
                del answer

                raise _not_awaitable_error()

            return hidden_code(await answer)
    except TimeoutError as error:
        if not limit.expired():
            raise

        pending.forget()

        raise NotFinishedError(
            f"{pending.payment_id}: the deadline passed before the SMS code came.",
            f"{pending.payment_id}：在期限内未收到短信验证码。",
            last=pending,
        ) from error


def _not_awaitable_error() -> ConfigError:
    return ConfigError(
        "verification_code: a function that can be awaited is needed.",
        "verification_code：必须是可等待的函数（async def）。",
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
    Create the payment and have the SMS code sent: the first half of `card_payment()`.

    Steps reported: ``created``, ``code_sent``.

    Args:
        keep_for: How long it may be confirmed; the gateway may end it sooner.
        intent_id: What the shop wants by it, for the journal: while the payment is
            being created, or was, no other call with it is sent.
        deadline: Seconds for both calls.

    Returns:
        What `confirm_card_payment()` needs; `PendingCardPayment.to_json()` stores it.

    Raises:
        OutcomeUnknownError: The payment may exist; nobody can have paid it.
        APIError: The gateway refused the order or the card.
    """
    try:
        hidden = hidden_text("phone", phone)
    finally:
        # It would be seen in a traceback that shows locals.
        del phone

    return await begin(
        session,
        order,
        card,
        bank_code=bank_code,
        payment_method=payment_method,
        phone=hidden,
        risk_info=risk_info,
        notify_url=notify_url,
        on_step=on_step,
        arrivals=arrivals,
        end=Deadline.after(deadline),
        keep_for=keep_for,
        create_intent_id=intent_id,
    )


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
    Pay with the SMS code: the second half of `card_payment()`.

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
        ConfigError: *pending* is of another merchant or gateway.
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
        hidden = hidden_code(code)
    finally:
        # It would be seen in a traceback that shows locals.
        del code

    end = Deadline.after(deadline, intent_id)
    given, gone = None, None

    try:
        given = await needed_pending(session, pending)
    except PendingExpiredError as error:
        gone = error

    if given is None:
        assert gone is not None

        return await _paid_before(session, pending, gone, end)

    return await Confirmation(
        session=session,
        pending=given,
        end=end,
        arrivals=arrivals,
        on_step=on_step,
        allow_repeat=allow_repeat,
    ).run(hidden)


async def _paid_before(
    session: UMFSession,
    pending: PendingCardPayment | str,
    gone: PendingExpiredError,
    end: Deadline,
) -> Payment:
    """
    Return a payment of which nothing is kept, because it is paid.

    Raises:
        PendingExpiredError: It is not.
    """
    if isinstance(pending, str):
        payment = await session.payments.get(pending, **end.options(session))

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
    Have another SMS code sent. Store *pending* again: it knows when that was.

    Step reported: ``code_sent``.

    Raises:
        CodeTooSoonError: A code was sent within the last minute; this call sent none.
        PendingExpiredError: *pending* is too old or forgotten.
        VerificationCodeError: Too many codes were sent for this order.
    """
    end = Deadline.after(deadline)
    given = await needed_pending(session, pending)
    await send_code(session, given, on_step, end)
