"""
Payments that the customer makes elsewhere: create, present the QR code or link, wait.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, NotFinishedError
from umfpay.flows._create_payment import create_payment
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._payment_outcome import wait_until_paid
from umfpay.flows._steps import OnStep, report_step
from umfpay.models import NewPayment, Payment
from umfpay.resources import KnownOrder


T = TypeVar("T")


async def present_and_wait(
    session: UMFSession,
    new: NewPayment,
    *,
    show: Callable[[T], Awaitable[None] | None],
    what: Callable[[Payment], T],
    step: str,
    deadline: Deadline,
    arrivals: NotificationSource | None,
    on_step: OnStep | None,
) -> Payment:
    """
    Create the payment, show once what pays it, and wait until it is paid.

    Steps reported: ``created``, *step*, ``waiting``, ``final``. What *show* raises ends
    the flow; the payment then stays unpaid until it expires.

    Args:
        show: The shop's own; it has until *deadline*.
        what: Takes what is shown out of the gateway's answer.
        step: The name of the step after *show*.

    Raises:
        ConfigError: *show* cannot be called; nothing was created.
        EnvelopeError: The answer holds nothing to show.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid in time.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
    """
    if not callable(show):
        raise ConfigError(
            "What shows the payment must be a function.",
            "用于展示支付的参数必须是函数。",
        )

    payment = await create_payment(
        session, new, deadline=deadline, arrivals=arrivals, on_step=on_step
    )
    await _show(payment, show, what(payment), deadline)
    await report_step(
        on_step, step, payment, deadline=deadline, money_may_have_moved=True
    )

    return await wait_until_paid(
        session,
        payment,
        deadline=deadline,
        arrivals=arrivals,
        on_step=on_step,
        ordered=KnownOrder.of(new.order),
    )


async def _show(
    payment: Payment,
    show: Callable[[T], Awaitable[None] | None],
    what: T,
    deadline: Deadline,
) -> None:
    try:
        async with asyncio.timeout_at(deadline.at) as limit:
            shown = show(what)

            if inspect.isawaitable(shown):
                await shown
    except TimeoutError as error:
        # The shop's own time-outs are its own errors.
        if not limit.expired():
            raise

        raise NotFinishedError(
            f"{payment.id}: the deadline passed before the shop had shown it.",
            f"{payment.id}：在期限内商户未完成展示。",
            last=payment,
            money_may_have_moved=True,
        ) from error
