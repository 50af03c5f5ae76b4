"""
WeChat: pages of an official account, and apps (protocol notes 10.3, 10.4).
"""

from __future__ import annotations

import hmac
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, EnvelopeError, FlowError, Text
from umfpay.flows._arrivals import Arrivals
from umfpay.flows._creating import create_payment
from umfpay.flows._deadline import Deadline
from umfpay.flows._settling import wait_paid
from umfpay.flows._steps import OnStep, tell
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
from umfpay.sensitive import Private, Secret


Show = Callable[[PayInfo], Awaitable[None] | None]

# What needs no encoding at any level of the nested address.
_STATE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_OPEN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


async def authorize_url(
    session: UMFSession, notify_url: str, state: str, *, deadline: float = 30.0
) -> str:
    """
    Return the page that the customer opens in WeChat to tell who he is.

    The gateway cuts a *notify_url* at the first ``&`` of its query (protocol notes
    5.14), so *state* travels as the last segment of its path: the browser comes back to
    ``<notify_url>/<state>?open_id=...``. Keep the fragment ``#wechat_redirect``.

    Args:
        notify_url: The merchant's page, without a query.
        state: Random text of letters, digits, ``_`` and ``-`` that the merchant keeps
            with the customer's browser session, so that nobody else can come back.
        deadline: Seconds.

    Raises:
        ConfigError: *notify_url* or *state* cannot be used.
    """
    _check_state(state)
    end = Deadline.after(deadline)
    link = await session.wechat.openid_link(
        f"{notify_url.rstrip('/')}/{state}", **end.options(session)
    )

    if not link.href:
        raise EnvelopeError(
            Text("The answer holds no WeChat page.", "应答中没有微信授权页面。")
        )

    return link.href


def open_id_from(url: str | Mapping[str, str], *, state: str | None = None) -> str:
    """
    Return the open_id with which the customer's browser came back.

    Args:
        url: The address that was called, or its query as text or mapping.
        state: What `authorize_url()` was given; the last segment of the address must be
            it. Give it whenever the address is known.

    Raises:
        FlowError: There is no open_id, or it came back with another state.
    """
    if isinstance(url, Mapping):
        path, found = "", [url["open_id"]] if "open_id" in url else []
    else:
        # A bare query has neither scheme nor path.
        parts = urlsplit(url if "?" in url or "/" in url else f"?{url}")
        path, found = parts.path, parse_qs(parts.query).get("open_id", [])

    if state is not None:
        _check_state(state)

        if not hmac.compare_digest(path.rpartition("/")[2], state):
            raise FlowError(
                Text(
                    "The browser came back with another state.",
                    "浏览器返回时携带的 state 不一致。",
                ),
                advice=Text(
                    "Send the customer to authorize_url() again.",
                    "请让客户重新打开 authorize_url()。",
                ),
            )

    if len(found) != 1 or _OPEN_ID.fullmatch(found[0]) is None:
        raise FlowError(
            Text("There is no open_id.", "没有 open_id。"),
            advice=Text(
                "The customer did not authorise, or did not open the page in WeChat.",
                "客户未授权，或未在微信中打开页面。",
            ),
        )

    return found[0]


def _check_state(state: str) -> None:
    if not isinstance(state, str) or _STATE.fullmatch(state) is None:
        raise ConfigError(
            Text(
                "state: 1 to 128 letters, digits, _ and - are needed.",
                "state：必须是 1 到 128 个字母、数字、_ 或 -。",
            )
        )


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
    arrivals: Arrivals | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Let a customer pay on a page of an official account.

    Steps told: ``created``, ``shown``, ``waiting``, ``final``.

    Args:
        open_id: From `open_id_from()`.
        name: The customer's name, sealed.
        citizen_id_number: The customer's id number, sealed.
        show: Called once; `PayInfo.for_wechat_js()` is what the page's
            ``getBrandWCPayRequest`` takes.
        ret_url: Where WeChat leads the customer afterwards.
        deadline: Seconds for all of it.

    Raises:
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid before the order expired.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the order.
    """
    info = NewPayerInfo(
        name=name,
        wechat_in_app_web=WeChatInAppWeb(
            open_id=open_id, citizen_id_number=citizen_id_number
        ),
    )
    new = NewPayment(
        payer=NewPayer(payment_method=PaymentMethod.WECHAT_WEB, payer_info=info),
        order=order,
        notify_url=notify_url,
        ret_url=ret_url,
        risk_info=risk_info,
    )

    return await _paid(session, new, show, on_step, arrivals, Deadline.after(deadline))


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
    arrivals: Arrivals | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Let a customer pay with WeChat inside the merchant's app.

    Steps, arguments and errors are those of `wechat_web()`; *show* hands the `PayInfo`
    to the app, which calls WeChat's SDK with it.
    """
    info = NewPayerInfo(
        name=name,
        phone=phone,
        wechat_in_app=WeChatInApp(citizen_id_number=citizen_id_number),
    )
    new = NewPayment(
        payer=NewPayer(payment_method=PaymentMethod.WECHAT_IN_APP, payer_info=info),
        order=order,
        notify_url=notify_url,
        risk_info=risk_info,
    )

    return await _paid(session, new, show, on_step, arrivals, Deadline.after(deadline))


async def _paid(
    session: UMFSession,
    new: NewPayment,
    show: Show,
    on_step: OnStep | None,
    arrivals: Arrivals | None,
    end: Deadline,
) -> Payment:
    payment = await create_payment(
        session, new, deadline=end, arrivals=arrivals, on_step=on_step
    )
    shown = show(_pay_info(payment))

    if inspect.isawaitable(shown):
        await shown

    await tell(on_step, "shown", payment)

    return await wait_paid(
        session, payment, deadline=end, arrivals=arrivals, on_step=on_step
    )


def _pay_info(payment: Payment) -> PayInfo:
    info = None if payment.payer is None else payment.payer.payer_info

    for part in () if info is None else (info.wechat_in_app_web, info.wechat_in_app):
        if part is not None and part.pay_info is not None:
            return part.pay_info

    raise EnvelopeError(
        Text(
            f"{payment.id}: the answer holds no pay_info.",
            f"{payment.id}：应答中没有 pay_info。",
        )
    )
