"""
Run the stories of ``umfpay demo``: what all of them share.

Steps and who runs them, the gateway, notifications, an order.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from umfpay import flows
from umfpay._session import CallReport
from umfpay.config import Config
from umfpay.errors import NotificationError, UMFError
from umfpay.models import BankCard, Money, NewItem, NewOrder, NewSubOrder
from umfpay.protocol import Verdict


if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from umfpay.notifications import NotificationReply


T = TypeVar("T")

DAY: Final = date(2017, 4, 11)
CARD: Final = BankCard(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name="张三",
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number="110101199003070011",
    phone="15210838198",
)
REFUNDED: Final = Money("4.00", "USD")

WAIT_SECONDS: Final = 10.0

_NOTIFY_PATH: Final = "/umf/notify"

# Documented without a signature (gateway.md 2.2).
_UNSIGNED_STEPS: Final = frozenset({"token"})


def order(number: str, currency: str = "USD") -> NewOrder:
    """
    Return the merchant's order *number*, of a book for 10.00.
    """
    price = Money("10.00", currency)

    return NewOrder(
        mer_reference_id=number,
        mer_date=DAY,
        amount=price,
        order_summary="a book",
        expire_time=timedelta(minutes=30),
        sub_orders=[
            NewSubOrder(
                mer_sub_reference_id=f"{number}-1",
                amount=price,
                trans_code="01122030",
                items=[
                    NewItem(
                        mer_item_id=f"{number}-1-1",
                        type="OTHER",
                        name="a book",
                        amount=price,
                    )
                ],
            )
        ],
    )


@attrs.frozen(kw_only=True)
class Step:
    """
    One line of the demo; what it does not say is None.

    Attributes:
        story: Which of several it is of.
        call: Method and path.
        state: What was found, *expected* is what should be; "" is anything.
        milliseconds: How long it took; of a story, since its begin.
        signature: The verdict about the gateway's.
    """

    story: str | None = None
    name: str
    call: str | None = None
    state: str
    expected: str | None = None
    milliseconds: float
    signature: str | None = None
    good: bool


class Runner:
    """
    Runs the steps of one story and shows each when it is done.

    Args:
        show: Called with each `Step`.
        story: Its name, where several are shown.
    """

    def __init__(
        self, show: Callable[[Step], None], *, story: str | None = None
    ) -> None:
        self._show = show
        self._story = story
        self._started = time.perf_counter()
        self._last: CallReport | None = None

    def hear(self, report: CallReport) -> None:
        """
        Keep what the session reports of a call: its ``on_call``.
        """
        self._last = report

    async def call(
        self,
        name: str,
        work: Awaitable[T],
        state: Callable[[T], str],
        *,
        call: str = "",
        expected: str = "",
    ) -> T:
        """
        Await a call of a session; show its state and whether its answer is verified.

        Args:
            state: What of the result is shown.
            call: Method and path, where the session does not report them.
            expected: What the state must be; "" is anything.

        Raises:
            UMFError: What *work* raises, after it was shown.
        """
        self._last = None
        self._started = time.perf_counter()

        try:
            result = await work
        except UMFError as error:
            self._show_call(name, call, type(error).__name__, expected, good=False)

            raise

        found = state(result)
        self._show_call(name, call, found, expected, good=expected in ("", found))

        return result

    async def notification(
        self, name: str, arrived: Awaitable[str], *, expected: str
    ) -> None:
        """
        Await the state that a verified notification tells; show it.
        """
        self._started = time.perf_counter()

        try:
            state, signature = await arrived, str(Verdict.VERIFIED)
        except TimeoutError:
            state, signature = f"none within {WAIT_SECONDS:.0f} s", "none"

        self._show_step(
            name=name,
            call="POST notify_url (from the gateway)",
            state=state,
            expected=expected,
            signature=signature,
            good=state == expected,
        )

    def on_step(self, step: flows.Step) -> None:
        """
        Show a step of a flow.
        """
        state = getattr(step.object, "state", None) or getattr(
            step.object, "enterprise_status", None
        )
        self._show_step(
            name=step.name, state="" if state is None else str(state), good=True
        )

    def end(self, found: str, *, expected: str) -> None:
        """
        Show how the story ended, and whether it should have.
        """
        self._show_step(name="end", state=found, good=found == expected)

    def _show_call(
        self, name: str, call: str, state: str, expected: str, *, good: bool
    ) -> None:
        report = self._last
        verdict = "" if report is None else report.verdict
        unsigned = good and name in _UNSIGNED_STEPS
        self._show_step(
            name=name,
            call=call or ("" if report is None else f"{report.method} {report.path}"),
            state=state,
            expected=expected,
            signature="documented unsigned" if unsigned else verdict or "none",
            good=good and (unsigned or verdict == Verdict.VERIFIED),
        )

    def _show_step(self, **members: Any) -> None:
        spent = round((time.perf_counter() - self._started) * 1000, 1)
        self._show(Step(story=self._story, milliseconds=spent, **members))


@attrs.frozen(kw_only=True)
class Gateway:
    """
    The emulator of the demo.

    Attributes:
        settings: Of its merchant, without a notify_url.
        control: What the customer, the company or UMF does: method and path of a call of
            the control API.
    """

    settings: dict[str, Any]
    control: Callable[[str, str], dict[str, Any]]

    def config(self, notify_url: str | None = None) -> Config:
        """
        Return the settings of its merchant.
        """
        return Config(**self.settings, notify_url=notify_url)


@asynccontextmanager
async def open_gateway() -> AsyncIterator[Gateway]:
    """
    Serve an emulator that was made for the demo.

    Raises:
        ConfigError: The extra ``emulator`` is missing.
    """
    from umfpay.emulator import Emulator, serve

    box = Emulator()

    def control(method: str, path: str) -> dict[str, Any]:
        return box.control(method, path, {} if method == "POST" else None)

    async with serve(box) as server:
        made = box.credentials
        settings = {
            "client_id": made.client_id,
            "client_secret": made.client_secret,
            "merchant_key": made.merchant_key,
            "gateway_certificate": made.gateway_certificate,
            "base_url": server.base_url,
            "token_store": "memory",
        }

        yield Gateway(settings=settings, control=control)


@asynccontextmanager
async def serve_notify_url(
    receive: Callable[[bytes, Iterable[tuple[str, str]]], Awaitable[NotificationReply]],
) -> AsyncIterator[str]:
    """
    Serve the merchant's notify_url behind a real HTTP server; give its address.

    Args:
        receive: Given body and headers; what it returns is answered, and 400 to what it
            refuses with a `NotificationError`.
    """
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    from umfpay.emulator import serve_app

    async def notified(request: Request) -> Response:
        try:
            reply = await receive(await request.body(), request.headers.items())
        except NotificationError:
            return Response(status_code=400)

        return Response(reply.body, reply.status, media_type=reply.content_type)

    app = Starlette(routes=[Route(_NOTIFY_PATH, notified, methods=["POST"])])

    async with serve_app(app) as server:
        yield f"{server.origin}{_NOTIFY_PATH}"
