"""
``umfpay demo --all``: the guide's eight stories, each as the coroutine a shop awaits.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay import flows
from umfpay._session import UMFSession
from umfpay.cli import _demo_orders as orders
from umfpay.config import Config
from umfpay.errors import NotificationError, UMFError


if TYPE_CHECKING:
    from starlette.applications import Starlette

    from umfpay.notifications import NotificationEvent, NotificationInbox, Transaction


_DEADLINE_SECONDS: Final = 20.0

# What the customer, the company or UMF does: a call of the control API.
Control = Callable[[str, str], dict[str, Any]]


@attrs.frozen(kw_only=True)
class StoryStep:
    """
    One line: a step of a story, the state it found, and when it came.
    """

    story: str
    name: str
    state: str
    milliseconds: float
    good: bool


Show = Callable[[StoryStep], None]


@attrs.frozen(kw_only=True)
class Shop:
    """
    What every story needs.
    """

    session: UMFSession
    inbox: NotificationInbox
    control: Control


@asynccontextmanager
async def open_shop(
    make_config: Callable[[str], Config], control: Control
) -> AsyncIterator[Shop]:
    """
    Open a session and an inbox behind a real HTTP server.

    Args:
        make_config: Given the notify_url.
    """
    from umfpay.emulator import serve_app

    # Only here: SQLAlchemy takes as long to import as all other commands need.
    from umfpay.notifications import NotificationInbox, NotificationReceiver

    receiver = NotificationReceiver.from_config(make_config("http://127.0.0.1/"))

    with tempfile.TemporaryDirectory(prefix="umf-demo-") as folder:
        inbox = NotificationInbox(Path(folder) / "inbox.sqlite3", receiver)
        inbox.handler(_apply)

        async with serve_app(_endpoint(inbox)) as server, inbox:
            config = make_config(f"{server.origin}/umf/notify")

            async with UMFSession(config) as session:
                yield Shop(session=session, inbox=inbox, control=control)


async def _apply(event: NotificationEvent, transaction: Transaction) -> None:
    """
    Apply an event: a shop would write its order here.
    """


def _endpoint(inbox: NotificationInbox) -> Starlette:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def notified(request: Request) -> Response:
        try:
            reply = await inbox.receive(await request.body(), request.headers.items())
        except NotificationError:
            return Response(status_code=400)

        return Response(reply.body, reply.status, media_type=reply.content_type)

    return Starlette(routes=[Route("/umf/notify", notified, methods=["POST"])])


class _Story:
    """
    Runs one story and shows its steps.
    """

    def __init__(self, name: str, show: Show) -> None:
        self.name = name
        self._show = show
        self._started = time.perf_counter()

    def __call__(self, step: flows.Step) -> None:
        state = getattr(step.object, "state", None) or getattr(
            step.object, "enterprise_status", None
        )
        self._report_step(step.name, "" if state is None else str(state), good=True)

    def end(self, expected: str, found: str) -> None:
        """
        Show whether the story ended as expected.
        """
        self._report_step("end", found, good=found == expected)

    def _report_step(self, name: str, state: str, *, good: bool) -> None:
        spent = (time.perf_counter() - self._started) * 1000
        self._show(
            StoryStep(
                story=self.name,
                name=name,
                state=state,
                milliseconds=round(spent, 1),
                good=good,
            )
        )


async def run_stories(shop: Shop, show: Show) -> None:
    """
    Tell the stories one after another; one that fails does not stop the others.
    """
    for name, expected, story in _STORIES:
        steps = _Story(name, show)

        try:
            found = await story(shop, steps)
        except UMFError as error:
            found = type(error).__name__

        steps.end(expected, found)


async def _card(shop: Shop, steps: _Story) -> str:
    async def read(pending: flows.PendingCardPayment) -> str:
        if not pending.attempts:
            return "mistyped"

        # Refused, and asked about twice: the customer may try again.
        steps(flows.Step(name="wrong_code"))
        sms = shop.control("GET", f"/payments/{pending.payment_id}/sms_code")

        return str(sms["sms_code"])

    payment = await flows.card_payment(
        shop.session,
        orders.order("story-card"),
        orders.CARD,
        verification_code=read,
        bank_code="CCB",
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _qr(shop: Shop, steps: _Story) -> str:
    payment = await flows.qr_payment(
        shop.session,
        orders.order("story-qr"),
        method="WECHAT_SCAN",
        name=orders.NAME,
        citizen_id_number=orders.ID_NUMBER,
        show=lambda code: _paid(shop, code.payment_id),
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _wechat_web(shop: Shop, steps: _Story) -> str:
    payment = await flows.wechat_web(
        shop.session,
        orders.order("story-wechat-web"),
        open_id="oDemo-0000000000000000000000",
        name=orders.NAME,
        citizen_id_number=orders.ID_NUMBER,
        show=lambda _: _paid(shop),
        ret_url="http://127.0.0.1/back",
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _wechat_app(shop: Shop, steps: _Story) -> str:
    payment = await flows.wechat_app(
        shop.session,
        orders.order("story-wechat-app"),
        name=orders.NAME,
        citizen_id_number=orders.ID_NUMBER,
        show=lambda _: _paid(shop),
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _refund(shop: Shop, steps: _Story) -> str:
    found = await shop.inbox.notified(mer_reference_id="story-card")

    if found is None or found.id is None:
        return "there is no payment to refund"

    refund = await flows.refund(
        shop.session,
        found.id,
        mer_reference_id="story-refund",
        mer_date=orders.DAY,
        amount=orders.part(),
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(refund.state)


async def _bank(shop: Shop, steps: _Story) -> str:
    company = await flows.register_enterprise(
        shop.session, orders.COMPANY, wait=False, deadline=_DEADLINE_SECONDS
    )
    shop.control("POST", f"/enterprises/{company.id}/enable")
    payment = await flows.bank_payment(
        shop.session,
        orders.order("story-bank", "CNY"),
        bank_code="ICBC",
        enterprise=orders.COMPANY,
        enterprise_id=company.id,
        open_page=lambda _: _paid(shop),
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _checkout(shop: Shop, steps: _Story) -> str:
    payment = await flows.checkout(
        shop.session,
        orders.order("story-checkout"),
        open_page=lambda _: _paid(shop),
        ret_url="http://127.0.0.1/back",
        phone=orders.PHONE,
        arrivals=shop.inbox,
        on_step=steps,
        deadline=_DEADLINE_SECONDS,
    )

    return str(payment.state)


async def _enterprise(shop: Shop, steps: _Story) -> str:
    def hear(step: flows.Step) -> None:
        steps(step)

        # Days go by, and people at UMF and the bank have checked the papers.
        if step.name == "waiting":
            shop.control("POST", f"/enterprises/{_newest_company(shop)}/enable")

    company = await flows.register_enterprise(
        shop.session, orders.OTHER_COMPANY, on_step=hear, deadline=_DEADLINE_SECONDS
    )

    return str(company.enterprise_status)


def _newest_company(shop: Shop) -> str:
    return str(shop.control("GET", "/enterprises")["enterprises"][-1]["id"])


def _paid(shop: Shop, payment_id: str | None = None) -> None:
    """
    Pay as the customer does: the named payment, or the newest.
    """
    if payment_id is None:
        payment_id = shop.control("GET", "/payments")["payments"][-1]["id"]

    shop.control("POST", f"/payments/{payment_id}/pay")


_STORIES: Final[
    tuple[tuple[str, str, Callable[[Shop, _Story], Awaitable[str]]], ...]
] = (
    ("2.2 card", "TRADE_SUCCESS", _card),
    ("2.3 QR code", "TRADE_SUCCESS", _qr),
    ("2.4 WeChat account", "TRADE_SUCCESS", _wechat_web),
    ("2.5 WeChat app", "TRADE_SUCCESS", _wechat_app),
    ("2.6 refund", "REFUND_SUCCESS", _refund),
    ("2.7 bank", "TRADE_SUCCESS", _bank),
    ("2.8 cashier", "TRADE_SUCCESS", _checkout),
    ("2.9 enterprise", "ENABLE", _enterprise),
)
