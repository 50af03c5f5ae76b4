"""
Create a payment by a page, a QR code or WeChat: the first step of such flows.
"""

from __future__ import annotations

import logging

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    NotFinishedError,
    OutcomeUnknownError,
    ProtocolError,
    Text,
    TransportError,
    UMFError,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._steps import OnStep, check_listener, report_step
from umfpay.models import NewPayment, Payment
from umfpay.resources import bind


_log = logging.getLogger("umfpay")


async def create_payment(
    session: UMFSession,
    new: NewPayment,
    *,
    deadline: Deadline,
    arrivals: NotificationSource | None,
    on_step: OnStep | None,
) -> Payment:
    """
    Create the payment and report ``created``.

    Nobody pays by a create, and nobody has seen the first one: if its end is unclear it
    is made once more, within the deadline, under the same order number, which is paid
    only once.

    Raises:
        ConfigError: *on_step* is no function.
        NotFinishedError: The deadline had passed before; nothing was sent.
        OutcomeUnknownError: The second one is unclear, too, or could not be made;
            nobody has paid. So is a refusal that cannot be trusted: the same would be
            refused again.
        APIError: The gateway refused the payment.
    """
    check_listener(on_step)

    if not deadline.seconds_left:
        raise NotFinishedError(
            "The deadline passed before the payment was created.",
            "在创建支付之前期限已到。",
            advice=Text(
                "Nothing was created; start again.", "未创建支付，请重新发起。"
            ),
        )

    try:
        payment = await session.payments.create(
            new, arrivals=arrivals, **deadline.intent_options(session)
        )
    except OutcomeUnknownError as unknown:
        payment = await _create_again(session, new, unknown, deadline, arrivals)

        if arrivals is not None:
            await bind(arrivals, new.order, payment_id=payment.id)

    await report_step(on_step, "created", payment, deadline=deadline)

    return payment


async def _create_again(
    session: UMFSession,
    new: NewPayment,
    unknown: OutcomeUnknownError,
    deadline: Deadline,
    arrivals: NotificationSource | None,
) -> Payment:
    no_answer = isinstance(unknown.__cause__, TransportError | ProtocolError)

    if not no_answer or not deadline.seconds_left:
        raise unknown

    try:
        found = await session.resolve(
            unknown.intent,
            evidence=arrivals,
            again=new,
            allow_repeat=True,
            **deadline.intent_options(session),
        )
    except UMFError as error:
        # The second create's own end. A refusal without a signature, or one of the
        # question alone, says nothing: what the first create did stays unclear.
        if (
            isinstance(error, OutcomeUnknownError)
            and error.intent is not unknown.intent
        ) or (isinstance(error, APIError) and error.verified):
            raise

        _log.info("creating again failed: %s", type(error.__cause__ or error).__name__)

        raise unknown from unknown.__cause__

    # A row or a notification under this number: it is paid, and not by us.
    if not isinstance(found.object, Payment) or found.evidence != "repeat":
        raise unknown

    return found.object
