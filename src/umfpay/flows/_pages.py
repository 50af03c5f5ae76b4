"""
Payments on the cashier page or a bank's page (gateway.md 10.7, 10.8).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from umfpay._session import UMFSession
from umfpay.errors import EnterpriseNotEnabledError, EnvelopeError
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep
from umfpay.flows._presentation import present_and_wait
from umfpay.models import (
    BusinessType,
    EnterpriseStatus,
    InterfaceType,
    NewEnterprise,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    Payment,
    PaymentMethod,
    RiskInfo,
)
from umfpay.resources import must_be_enterprise
from umfpay.sensitive import Private, hide, withholds


OpenPage = Callable[[str], Awaitable[None] | None]


@withholds(order=NewOrder, enterprise=NewEnterprise, risk_info=RiskInfo)
async def bank_payment(
    session: UMFSession,
    order: NewOrder,
    *,
    bank_code: str,
    enterprise: NewEnterprise,
    open_page: OpenPage,
    enterprise_id: str | None = None,
    ret_url: str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 3600.0,
) -> Payment:
    """
    Let a company pay with its bank account, on its bank's page (gateway.md 10.7).

    TRADE_SUCCESS is not the end: the papers go to UMF within 24 hours (see
    `umfpay.documents`), or the payment is cancelled and the money returned.

    Steps reported: ``enabled`` (with *enterprise_id*), ``created``, ``opened``,
    ``waiting``, ``final``.

    Args:
        bank_code: The company's bank.
        enterprise: The company, as it was registered.
        open_page: Called once with the address that the payer opens in a browser.
        enterprise_id: The ``EQ_`` id; given, the company's status is asked for first.
        ret_url: Where the browser returns to; it proves nothing.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Raises:
        ConfigError: An argument cannot be used; nothing was sent.
        EnterpriseNotEnabledError: The company may not pay yet; nothing was created.
        MismatchedResponseError: *enterprise_id* is another company's; nothing was created.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid before the order expired.
        NotFinishedError: The deadline came first; the company may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the order.
    """
    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    if enterprise_id is not None:
        found = await session.enterprises.get(enterprise_id, **flow.call_options())
        must_be_enterprise(
            found,
            external_enterprise_id=enterprise.external_enterprise_id,
            busi_type=str(enterprise.busi_type),
        )

        if found.enterprise_status != EnterpriseStatus.ENABLE:
            raise EnterpriseNotEnabledError(
                f"{enterprise_id}: the company is {found.enterprise_status}.",
                f"{enterprise_id}：企业状态为 {found.enterprise_status}。",
                last=found,
            )

        await flow.report("enabled", found)

    new = NewPayment(
        payer=NewPayer(
            payment_method=PaymentMethod.NOT_APPLICABLE,
            interface_type=InterfaceType.DIRECT_TO_BANK,
            business_type=BusinessType.B2B,
            bank_code=bank_code,
            enterprise_qualification=enterprise,
        ),
        order=order,
        notify_url=notify_url,
        ret_url=ret_url,
        risk_info=risk_info,
    )

    return await present_and_wait(flow, new, show=open_page, what=_page, step="opened")


@withholds(
    order=NewOrder,
    enterprise=NewEnterprise,
    payer_info=NewPayerInfo,
    risk_info=RiskInfo,
)
async def checkout(
    session: UMFSession,
    order: NewOrder,
    *,
    open_page: OpenPage,
    ret_url: str | None = None,
    interface_type: InterfaceType | str = InterfaceType.SERVER_TO_WEB,
    payment_method: PaymentMethod | str = PaymentMethod.NOT_APPLICABLE,
    enterprise: NewEnterprise | None = None,
    phone: Private | str | None = None,
    payer_info: NewPayerInfo | None = None,
    external_customer_id: str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 3600.0,
) -> Payment:
    """
    Let the customer choose how to pay on UMF's cashier page (gateway.md 10.8).

    Steps reported: ``created``, ``opened``, ``waiting``, ``final``.

    Args:
        open_page: Called once with the address that the customer opens in a browser.
        ret_url: Where the browser returns to; it proves nothing. Config's if not given.
        interface_type: SERVER_TO_WEB, or SERVER_TO_H5WEB for phones.
        payment_method: A fixed method, or NOT_APPLICABLE: the customer chooses.
        enterprise: The company that pays, for B2B.
        payer_info: What is known of the payer; *phone* is the short form.
        external_customer_id: The merchant's own number of the customer.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Raises:
        ConfigError: An argument cannot be used; nothing was sent.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid before the order expired.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the order.
    """
    try:
        info = payer_info or NewPayerInfo()

        # What is none is refused below.
        if phone is not None and isinstance(info, NewPayerInfo):
            info = attrs.evolve(info, phone=hide(phone, Private))
    finally:
        # Plain text would be seen in a traceback that shows locals.
        del phone

    new = NewPayment(
        payer=NewPayer(
            payment_method=payment_method,
            interface_type=interface_type,
            business_type=BusinessType.B2C if enterprise is None else BusinessType.B2B,
            payer_info=info if enterprise is None else None,
            enterprise_qualification=enterprise,
            external_customer_id=external_customer_id,
        ),
        order=order,
        notify_url=notify_url,
        ret_url=ret_url,
        risk_info=risk_info,
    )

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    return await present_and_wait(flow, new, show=open_page, what=_page, step="opened")


def _page(payment: Payment) -> str:
    if payment.cashier_url is None:
        raise EnvelopeError(
            f"{payment.id}: the answer holds no page to open.",
            f"{payment.id}：应答中没有可打开的页面。",
        )

    return payment.cashier_url
