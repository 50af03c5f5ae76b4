"""
``umfpay demo --all``: the guide's eight stories, each as the coroutine a shop awaits.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay import flows
from umfpay._session import UMFSession
from umfpay.cli._demo_runner import (
    CARD,
    DAY,
    REFUNDED,
    Gateway,
    Runner,
    Step,
    open_gateway,
    order,
    serve_notify_url,
)
from umfpay.errors import UMFError
from umfpay.models import NewEnterprise


if TYPE_CHECKING:
    from umfpay.notifications import NotificationEvent, NotificationInbox, Transaction


_DEADLINE_SECONDS: Final = 20.0
_BUYER: Final[dict[str, Any]] = {
    "name": "张三",
    "citizen_id_number": "110101199003070011",
}


@attrs.frozen(kw_only=True)
class Shop:
    """
    A shop at the emulator, as every story needs it.
    """

    session: UMFSession
    inbox: NotificationInbox
    gateway: Gateway

    def options(self, runner: Runner) -> dict[str, Any]:
        """
        Return what every flow is given.
        """
        return {
            "arrivals": self.inbox,
            "on_step": runner.on_step,
            "deadline": _DEADLINE_SECONDS,
        }

    def pay(self, payment_id: str | None = None) -> None:
        """
        Pay as the customer does: the named payment, or the newest.
        """
        control = self.gateway.control

        if payment_id is None:
            payment_id = control("GET", "/payments")["payments"][-1]["id"]

        control("POST", f"/payments/{payment_id}/pay")


@asynccontextmanager
async def _open_shop() -> AsyncIterator[Shop]:
    # Only here: SQLAlchemy takes as long to import as all other commands need.
    from umfpay.notifications import NotificationInbox, NotificationReceiver

    async with open_gateway() as gateway:
        receiver = NotificationReceiver.from_config(gateway.config())

        with tempfile.TemporaryDirectory(prefix="umf-demo-") as folder:
            inbox = NotificationInbox(Path(folder) / "inbox.sqlite3", receiver)
            inbox.handler(_apply)

            async with (
                serve_notify_url(inbox.receive) as notify_url,
                inbox,
                UMFSession(gateway.config(notify_url)) as session,
            ):
                yield Shop(session=session, inbox=inbox, gateway=gateway)


async def _apply(event: NotificationEvent, transaction: Transaction) -> None:
    """
    Apply an event: a shop would write its order here.
    """


async def run_stories(show: Callable[[Step], None]) -> None:
    """
    Run the stories one after another; one that fails does not stop the others.
    """
    async with _open_shop() as shop:
        for name, expected, story in _STORIES:
            runner = Runner(show, story=name)

            try:
                found = await story(shop, runner)
            except UMFError as error:
                found = type(error).__name__

            runner.end(found, expected=expected)


async def _card(shop: Shop, runner: Runner) -> str:
    async def read(pending: flows.PendingCardPayment) -> str:
        if not pending.attempts:
            return "mistyped"

        # Refused, and asked about twice: the customer may try again.
        runner.on_step(flows.Step(name="wrong_code"))
        sms = shop.gateway.control("GET", f"/payments/{pending.payment_id}/sms_code")

        return str(sms["sms_code"])

    payment = await flows.card_payment(
        shop.session,
        order("story-card"),
        CARD,
        verification_code=read,
        bank_code="CCB",
        **shop.options(runner),
    )

    return str(payment.state)


async def _qr(shop: Shop, runner: Runner) -> str:
    payment = await flows.qr_payment(
        shop.session,
        order("story-qr"),
        method="WECHAT_SCAN",
        show=lambda code: shop.pay(code.payment_id),
        **_BUYER,
        **shop.options(runner),
    )

    return str(payment.state)


async def _wechat_web(shop: Shop, runner: Runner) -> str:
    payment = await flows.wechat_web(
        shop.session,
        order("story-wechat-web"),
        open_id="oDemo-0000000000000000000000",
        show=lambda _: shop.pay(),
        ret_url="http://127.0.0.1/back",
        **_BUYER,
        **shop.options(runner),
    )

    return str(payment.state)


async def _wechat_app(shop: Shop, runner: Runner) -> str:
    payment = await flows.wechat_app(
        shop.session,
        order("story-wechat-app"),
        show=lambda _: shop.pay(),
        **_BUYER,
        **shop.options(runner),
    )

    return str(payment.state)


async def _refund(shop: Shop, runner: Runner) -> str:
    found = await shop.inbox.notified(mer_reference_id="story-card")

    if found is None or found.id is None:
        return "there is no payment to refund"

    refund = await flows.refund(
        shop.session,
        found.id,
        mer_reference_id="story-refund",
        mer_date=DAY,
        amount=REFUNDED,
        **shop.options(runner),
    )

    return str(refund.state)


async def _bank(shop: Shop, runner: Runner) -> str:
    enterprise = _enterprise("demo-1")
    company = await flows.register_enterprise(
        shop.session, enterprise, wait=False, deadline=_DEADLINE_SECONDS
    )
    shop.gateway.control("POST", f"/enterprises/{company.id}/enable")
    payment = await flows.bank_payment(
        shop.session,
        order("story-bank", "CNY"),
        bank_code="ICBC",
        enterprise=enterprise,
        enterprise_id=company.id,
        open_page=lambda _: shop.pay(),
        **shop.options(runner),
    )

    return str(payment.state)


async def _checkout(shop: Shop, runner: Runner) -> str:
    payment = await flows.checkout(
        shop.session,
        order("story-checkout"),
        open_page=lambda _: shop.pay(),
        ret_url="http://127.0.0.1/back",
        phone="15210838198",
        **shop.options(runner),
    )

    return str(payment.state)


async def _register(shop: Shop, runner: Runner) -> str:
    control = shop.gateway.control

    def hear(step: flows.Step) -> None:
        runner.on_step(step)

        # Days go by, and people at UMF and the bank have checked the papers.
        if step.name == "waiting":
            newest = control("GET", "/enterprises")["enterprises"][-1]["id"]
            control("POST", f"/enterprises/{newest}/enable")

    company = await flows.register_enterprise(
        shop.session, _enterprise("demo-2"), on_step=hear, deadline=_DEADLINE_SECONDS
    )

    return str(company.enterprise_status)


def _enterprise(number: str) -> NewEnterprise:
    return NewEnterprise(
        external_enterprise_id=number,
        busi_type="GFHG",
        enterprise_name="Books Ltd",
        enterprise_phone="01012345678",
        enterprise_email="books@example.com",
        enterprise_contacts="Li",
        enterprise_code="91110000000000000X",
    )


# What each is called, the state that it ends with, and what it does.
_STORIES: Final[
    tuple[tuple[str, str, Callable[[Shop, Runner], Awaitable[str]]], ...]
] = (
    ("2.2 card", "TRADE_SUCCESS", _card),
    ("2.3 QR code", "TRADE_SUCCESS", _qr),
    ("2.4 WeChat account", "TRADE_SUCCESS", _wechat_web),
    ("2.5 WeChat app", "TRADE_SUCCESS", _wechat_app),
    ("2.6 refund", "REFUND_SUCCESS", _refund),
    ("2.7 bank", "TRADE_SUCCESS", _bank),
    ("2.8 cashier", "TRADE_SUCCESS", _checkout),
    ("2.9 enterprise", "ENABLE", _register),
)
