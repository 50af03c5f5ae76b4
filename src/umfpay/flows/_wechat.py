"""
WeChat: pages of an official account, and apps (gateway.md 10.3, 10.4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from umfpay._session import UMFSession
from umfpay.errors import EnvelopeError
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._presentation import present_and_wait
from umfpay.flows._steps import OnStep
from umfpay.models import (
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    PayInfo,
    Payment,
    PaymentMethod,
    RiskInfo,
    WeChatInApp,
    WeChatInAppWeb,
)
from umfpay.sensitive import Private, Secret, withholds


Show = Callable[[PayInfo], Awaitable[None] | None]


@withholds(order=NewOrder, open_id=str, risk_info=RiskInfo)
async def wechat_web(
    session: UMFSession,
    order: NewOrder,
    *,
    open_id: str,
    name: Secret | str,
    citizen_id_number: Secret | str,
    show: Show,
    ret_url: str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Let a customer pay on a page of an official account.

    Steps reported: ``created``, ``shown``, ``waiting``, ``final``.

    Args:
        open_id: From `open_id_from()`.
        name: The customer's name, sealed.
        citizen_id_number: The customer's id number, sealed.
        show: Called once; `PayInfo.for_wechat_js()` is what the page's
            ``getBrandWCPayRequest`` takes.
        ret_url: Where WeChat leads the customer afterwards.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Raises:
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid before the order expired.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the order.
    """
    try:
        info = NewPayerInfo(
            name=name,
            wechat_in_app_web=WeChatInAppWeb(
                open_id=open_id, citizen_id_number=citizen_id_number
            ),
        )
    finally:
        # Plain text would be seen in a traceback that shows locals.
        del name, citizen_id_number

    new = NewPayment(
        payer=NewPayer(payment_method=PaymentMethod.WECHAT_WEB, payer_info=info),
        order=order,
        notify_url=notify_url,
        ret_url=ret_url,
        risk_info=risk_info,
    )

    return await _present_and_wait(
        session, new, show, on_step, arrivals, Deadline.after(deadline, intent_id)
    )


@withholds(order=NewOrder, risk_info=RiskInfo)
async def wechat_app(
    session: UMFSession,
    order: NewOrder,
    *,
    name: Secret | str,
    citizen_id_number: Secret | str,
    show: Show,
    phone: Private | str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Let a customer pay with WeChat inside the merchant's app.

    Steps, arguments and errors are those of `wechat_web()`; *show* hands the `PayInfo`
    to the app, which calls WeChat's SDK with it.
    """
    try:
        info = NewPayerInfo(
            name=name,
            phone=phone,
            wechat_in_app=WeChatInApp(citizen_id_number=citizen_id_number),
        )
    finally:
        # Plain text would be seen in a traceback that shows locals.
        del name, phone, citizen_id_number

    new = NewPayment(
        payer=NewPayer(payment_method=PaymentMethod.WECHAT_IN_APP, payer_info=info),
        order=order,
        notify_url=notify_url,
        risk_info=risk_info,
    )

    return await _present_and_wait(
        session, new, show, on_step, arrivals, Deadline.after(deadline, intent_id)
    )


async def _present_and_wait(
    session: UMFSession,
    new: NewPayment,
    show: Show,
    on_step: OnStep | None,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> Payment:
    return await present_and_wait(
        session,
        new,
        show=show,
        what=_pay_info,
        step="shown",
        deadline=end,
        arrivals=arrivals,
        on_step=on_step,
    )


def _pay_info(payment: Payment) -> PayInfo:
    info = None if payment.payer is None else payment.payer.payer_info

    for part in () if info is None else (info.wechat_in_app_web, info.wechat_in_app):
        if part is not None and part.pay_info is not None:
            return part.pay_info

    raise EnvelopeError(
        f"{payment.id}: the answer holds no pay_info.",
        f"{payment.id}：应答中没有 pay_info。",
    )
