"""
Payments that the customer makes elsewhere: create, present the QR code or link, wait.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from umfpay._callbacks import call_until
from umfpay.errors import (
    APIError,
    ConfigError,
    NotFinishedError,
    OutcomeUnknownError,
    ProtocolError,
    Text,
    TransportError,
    UMFError,
)
from umfpay.flows._options import FlowOptions
from umfpay.flows._payment_outcome import wait_until_paid
from umfpay.models import NewPayment, Payment
from umfpay.resources import KnownOrder, bind


T = TypeVar("T")

_log = logging.getLogger("umfpay")


async def present_and_wait(
    flow: FlowOptions,
    new: NewPayment,
    *,
    show: Callable[[T], Awaitable[None] | None],
    what: Callable[[Payment], T],
    step: str,
) -> Payment:
    """
    Create the payment, show once what pays it, and wait until it is paid.

    Steps reported: ``created``, *step*, ``waiting``, ``final``. What *show* raises ends
    the flow; the payment then stays unpaid until it expires.

    Args:
        show: The shop's own; it has until the deadline.
        what: Takes what is shown out of the gateway's answer.
        step: The name of the step after *show*.

    Raises:
        ConfigError: *show* cannot be called; nothing was created.
        EnvelopeError: The answer holds nothing to show.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid in time.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the payment.
    """
    if not callable(show):
        raise ConfigError(
            "What shows the payment must be a function.",
            "用于展示支付的参数必须是函数。",
        )

    payment = await _create(flow, new)
    await call_until(
        flow.ends_at,
        show,
        what(payment),
        late=lambda: NotFinishedError(
            f"{payment.id}: the deadline passed before the shop had shown it.",
            f"{payment.id}：在期限内商户未完成展示。",
            last=payment,
            money_may_have_moved=True,
        ),
    )
    await flow.report(step, payment, money_may_have_moved=True)

    return await wait_until_paid(flow, payment, ordered=KnownOrder.of(new.order))


async def _create(flow: FlowOptions, new: NewPayment) -> Payment:
    """
    Create the payment and report ``created``.

    Nobody pays by a create, and nobody has seen the first one: if its end is unclear it
    is made once more, within the deadline, under the same order number, which is paid
    only once.

    Raises:
        NotFinishedError: The deadline had passed before; nothing was sent.
        OutcomeUnknownError: The second one is unclear, too, or could not be made;
            nobody has paid. So is a refusal that cannot be trusted: the same would be
            refused again.
        APIError: The gateway refused the payment.
    """
    if not flow.seconds_left:
        raise NotFinishedError(
            "The deadline passed before the payment was created.",
            "在创建支付之前期限已到。",
            advice=Text(
                "Nothing was created; start again.", "未创建支付，请重新发起。"
            ),
        )

    try:
        payment = await flow.session.payments.create(
            new, arrivals=flow.arrivals, **flow.intent_options()
        )
    except OutcomeUnknownError as unknown:
        payment = await _create_again(flow, new, unknown)

        if flow.arrivals is not None:
            await bind(flow.arrivals, new.order, payment_id=payment.id)

    await flow.report("created", payment)

    return payment


async def _create_again(
    flow: FlowOptions, new: NewPayment, unknown: OutcomeUnknownError
) -> Payment:
    no_answer = isinstance(unknown.__cause__, TransportError | ProtocolError)

    if not no_answer or not flow.seconds_left:
        raise unknown

    try:
        found = await flow.session.resolve(
            unknown.intent,
            evidence=flow.arrivals,
            again=new,
            allow_repeat=True,
            **flow.intent_options(),
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
