"""
WeChat payments: in an official account's pages and in apps; the customer's open_id.

Sections 5.14, 10.3 and 10.4 of gateway.md.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, EnvelopeError, FlowError, Text
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep
from umfpay.flows._presentation import present_and_wait
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

# What needs no encoding at any level of the nested address.
_STATE_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAGE_PATTERN: Final = re.compile(r"https?://[A-Za-z0-9.\[][A-Za-z0-9._~:/\[\]-]*")
_OPEN_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


async def authorize_url(
    session: UMFSession, notify_url: str, state: str, *, deadline: float = 30.0
) -> str:
    """
    Return the page that the customer opens in WeChat to tell who he is.

    The gateway cuts a *notify_url* at the first ``&`` of its query (gateway.md
    5.14), so *state* travels as the last segment of its path: the browser comes back to
    ``<notify_url>/<state>?open_id=...``. Keep the fragment ``#wechat_redirect``.

    Args:
        notify_url: The merchant's page, without query and fragment. It travels inside
            an address inside an address: only letters, digits and ``. _ ~ - : /`` come
            back as they were sent.
        state: Random text of letters, digits, ``_`` and ``-`` that the merchant keeps
            with the customer's browser session, so that nobody else can come back.
        deadline: Seconds.

    Raises:
        ConfigError: *notify_url* or *state* cannot be used.
        EnvelopeError: The answer names no page.
    """
    _check_state(state)

    if not isinstance(notify_url, str) or _PAGE_PATTERN.fullmatch(notify_url) is None:
        raise ConfigError.of(
            "notify_url",
            "an http(s) address of letters, digits, . _ ~ - : and / is"
            " needed, without a query",
            "必须是不带查询参数的 http(s) 地址，且只含字母、数字及 . _ ~ - : /",
        )

    flow = FlowOptions.of(session, deadline=deadline)
    link = await session.wechat.openid_link(
        f"{notify_url.rstrip('/')}/{state}", **flow.call_options()
    )

    if not link.href:
        raise EnvelopeError(
            "The answer holds no WeChat page.", "应答中没有微信授权页面。"
        )

    return link.href


def open_id_from(url: str | Mapping[str, str], *, state: str | None = None) -> str:
    """
    Return the open_id with which the customer's browser came back (gateway.md 10.3).

    Args:
        url: The address that was called, or its query as text or mapping.
        state: What `authorize_url()` was given; the last segment of the address must be
            it. Give it with the whole address: a query alone does not hold it.

    Raises:
        FlowError: There is no open_id, or it came back with another state.
        ConfigError: *state* was given with a mapping, which cannot hold it.
    """
    path, found = _split_return_url(url)

    if state is not None:
        _check_state(state)

        if isinstance(url, Mapping):
            raise ConfigError.of(
                "url",
                "the address is needed to check the state, not a mapping",
                "核对 state 需要完整地址，而不是映射",
            )

        last = path.rpartition("/")[2].encode("utf-8", "surrogatepass")

        if not hmac.compare_digest(last, state.encode()):
            raise FlowError(
                "The browser came back with another state.",
                "浏览器返回时携带的 state 不一致。",
                advice=Text(
                    "Send the customer to authorize_url() again.",
                    "请让客户重新打开 authorize_url()。",
                ),
            )

    if len(found) != 1 or _OPEN_ID_PATTERN.fullmatch(found[0]) is None:
        raise FlowError(
            "There is no open_id.",
            "没有 open_id。",
            advice=Text(
                "The customer did not authorise, or did not open the page in WeChat.",
                "客户未授权，或未在微信中打开页面。",
            ),
        )

    return found[0]


def _split_return_url(url: object) -> tuple[str, list[str]]:
    """
    Return the path and the values of open_id, nothing of an address that is none.
    """
    if isinstance(url, Mapping):
        value = url.get("open_id")
        values = value if isinstance(value, list | tuple) else [value]

        return "", [one for one in values if isinstance(one, str)]

    if not isinstance(url, str):
        kind = type(url).__name__

        raise ConfigError.of(
            "url",
            f"text or a mapping is needed, not {kind}",
            f"必须是文本或映射，而不是 {kind}",
        )

    try:
        # A bare query has neither scheme nor path.
        parts = urlsplit(url if "?" in url or "/" in url else f"?{url}")
    except ValueError:
        # A stranger can call any address.
        return "", []

    return parts.path, parse_qs(parts.query).get("open_id", [])


def _check_state(state: str) -> None:
    if not isinstance(state, str) or _STATE_PATTERN.fullmatch(state) is None:
        raise ConfigError.of(
            "state",
            "1 to 128 letters, digits, _ and - are needed",
            "必须是 1 到 128 个字母、数字、_ 或 -",
        )


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
    Let a customer pay on a page of an official account (gateway.md 10.3).

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
        ConfigError: An argument cannot be used; nothing was sent.
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

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    return await present_and_wait(flow, new, show=show, what=_pay_info, step="shown")


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
    Let a customer pay with WeChat inside the merchant's app (gateway.md 10.4).

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

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    return await present_and_wait(flow, new, show=show, what=_pay_info, step="shown")


def _pay_info(payment: Payment) -> PayInfo:
    info = None if payment.payer is None else payment.payer.payer_info

    for part in () if info is None else (info.wechat_in_app_web, info.wechat_in_app):
        if part is not None and part.pay_info is not None:
            return part.pay_info

    raise EnvelopeError(
        f"{payment.id}: the answer holds no pay_info.",
        f"{payment.id}：应答中没有 pay_info。",
    )
