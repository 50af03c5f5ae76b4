"""
The steps of the demo: what is called, what must come back.
"""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Final, TypeVar

import attrs

from umfpay import _codec
from umfpay._session import CallReport, UMFSession
from umfpay.cli._demo_order import (
    MER_DATE,
    card_payer,
    guide_payment,
    guide_refund,
)
from umfpay.config import Config
from umfpay.errors import UMFError
from umfpay.models import Payment, PaymentState, RefundState
from umfpay.protocol import Verdict, Verifier, verify_notification


T = TypeVar("T")

Show = Callable[["Step"], None]

_WAIT_SECONDS: Final = 10.0
_ACKNOWLEDGEMENT: Final = b'{"meta":{"ret_code":"0000","ret_msg":["SUCCESS"]}}'

# Documented without a signature (gateway.md 2.2).
_UNSIGNED_STEPS: Final = frozenset({"token"})


@attrs.frozen(kw_only=True)
class Step:
    """
    One line of the demo.
    """

    name: str
    call: str
    state: str
    expected: str
    milliseconds: float
    signature: str
    good: bool


class _Story:
    """
    Runs steps and shows them.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._last: CallReport | None = None

    def heard(self, report: CallReport) -> None:
        """
        Keep what the session tells of a call.
        """
        self._last = report

    async def step(
        self,
        name: str,
        work: Awaitable[T],
        state: Callable[[T], str],
        *,
        call: str = "",
        expected: str = "",
    ) -> T:
        """
        Await *work*; show its state, which must be *expected* if that is given.
        """
        self._last = None
        started = time.perf_counter()

        try:
            result = await work
        except UMFError as error:
            self._report_step(
                name, call, f"{type(error).__name__}", expected, started, good=False
            )
            raise

        found = state(result)
        self._report_step(
            name, call, found, expected, started, good=expected in ("", found)
        )

        return result

    def _report_step(
        self,
        name: str,
        call: str,
        state: str,
        expected: str,
        started: float,
        *,
        good: bool,
    ) -> None:
        report = self._last
        verdict = "" if report is None else report.verdict
        unsigned = good and name in _UNSIGNED_STEPS
        self._show(
            Step(
                name=name,
                call=call
                or ("" if report is None else f"{report.method} {report.path}"),
                state=state,
                expected=expected,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
                signature="documented unsigned" if unsigned else verdict or "none",
                good=good and (unsigned or verdict == Verdict.VERIFIED),
            )
        )

    def show_step(self, step: Step) -> None:
        """
        Show a step that was no call of the session.
        """
        self._show(step)


class _Receiver:
    """
    The merchant's notify_url: an ASGI application that verifies what arrives.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.arrived: asyncio.Queue[tuple[Any, str]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True

        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)

        headers = {name.lower(): value.decode() for name, value in scope["headers"]}
        envelope = verify_notification(
            body, header_signature=headers.get(b"signature"), verifier=self._verifier
        )
        good = envelope.verdict is Verdict.VERIFIED
        await send(
            {
                "type": "http.response.start",
                "status": 200 if good else 400,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send(
            {"type": "http.response.body", "body": _ACKNOWLEDGEMENT if good else b"{}"}
        )

        entity = _codec.read_notification(envelope.members) if good else None
        await self.arrived.put((entity, str(envelope.verdict)))

    async def next(self, kind: type[Any]) -> tuple[Any, str]:
        """
        Wait for the next notification about a *kind*.
        """
        while True:
            entity, verdict = await asyncio.wait_for(self.arrived.get(), _WAIT_SECONDS)

            if entity is None or isinstance(entity, kind):
                return entity, verdict


async def card_story(
    config: Config,
    *,
    serve_app: Callable[[Any], AbstractAsyncContextManager[Any]],
    sms_code: Callable[[str], Awaitable[str]],
    show: Show,
) -> None:
    """
    Take the guide's card payment, refund a part of it, and read the day's list.

    Args:
        serve_app: Runs an ASGI application on loopback.
        sms_code: Reads the code that the customer got.
    """
    story = _Story(show)
    receiver = _Receiver(Verifier(config.gateway_certificate))

    async with (
        serve_app(receiver) as shop,
        UMFSession(config, on_call=story.heard) as session,
    ):
        notify_url = f"{shop.origin}/notify"
        await look_at_the_gateway(story, session)
        payment = await story.step(
            "create",
            session.payments.create(guide_payment(notify_url)),
            lambda made: str(made.state),
            expected=PaymentState.WAIT_BUYER_PAY,
        )
        await story.step(
            "SMS code",
            session.payments.verify(payment.id, card_payer()),
            lambda sent: "sent" if sent.payment_id == payment.id else "another payment",
            expected="sent",
        )
        code = await sms_code(payment.id)
        await story.step(
            "execute",
            session.payments.execute(payment.id, card_payer(code)),
            lambda done: str(done.state),
            expected=PaymentState.TRADE_SUCCESS,
        )
        await _notification(story, receiver, payment.id)
        await story.step(
            "query",
            session.payments.get(payment.id),
            lambda found: str(found.state),
            expected=PaymentState.TRADE_SUCCESS,
        )
        refund = await story.step(
            "partial refund",
            session.refunds.create(payment.id, guide_refund(notify_url)),
            lambda made: str(made.state),
            expected=RefundState.REFUND_PROCESS,
        )
        await _wait_settled(session, refund.id)
        await story.step(
            "refund query",
            session.refunds.get(refund.id),
            lambda found: str(found.state),
            expected=RefundState.REFUND_SUCCESS,
        )
        await story.step(
            "transaction list",
            _day_file(session, MER_DATE),
            _rows_of("20170411543977"),
            expected="1 payment, 1 refund",
        )


async def look_at_the_gateway(story: _Story, session: UMFSession) -> None:
    """
    Token, banks and rate: what changes nothing but the token.
    """
    await story.step(
        "token",
        session.authorize(),
        lambda seconds: f"usable for {seconds:.0f} s",
        call="POST /oauth/authorize",
    )
    await story.step(
        "bank list",
        session.banks.list("CREDIT_CARD"),
        lambda banks: f"{len(banks)} banks",
    )
    await story.step(
        "exchange rate",
        session.exchange_rates.get("USD"),
        lambda rate: f"1 USD = {rate.rate} CNY",
    )


async def look_around(session: UMFSession, day: date, *, show: Show) -> None:
    """
    Take the read-only steps against a gateway that is not ours.
    """
    story = _Story(show)
    session.on_call = story.heard
    await look_at_the_gateway(story, session)
    await story.step(
        "transaction list",
        session.statements.transactions_page(day, page_size=1),
        lambda page: f"{page.pagination.total_count if page.pagination else '?'} rows",
    )


async def _notification(story: _Story, receiver: _Receiver, payment_id: str) -> None:
    started = time.perf_counter()
    state, verdict = "none", ""

    try:
        entity, verdict = await receiver.next(Payment)

        if entity is not None and entity.id == payment_id:
            state = str(entity.state)
    except TimeoutError:
        state = f"none within {_WAIT_SECONDS:.0f} s"

    story.show_step(
        Step(
            name="notification",
            call="POST notify_url (from the gateway)",
            state=state,
            expected=PaymentState.TRADE_SUCCESS,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            signature=verdict or "none",
            good=state == PaymentState.TRADE_SUCCESS and verdict == Verdict.VERIFIED,
        )
    )


async def _wait_settled(session: UMFSession, refund_id: str) -> None:
    """
    Wait until the refund is final, as a shop would that has no notification.
    """
    pause = 0.1
    deadline = time.monotonic() + _WAIT_SECONDS

    while time.monotonic() < deadline:
        found = await session.refunds.get(refund_id)

        if found.final:
            return

        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)


async def _day_file(session: UMFSession, day: date) -> list[list[str]]:
    content = b""

    async with session.statements.open_transactions(day) as chunks:
        async for chunk in chunks:
            content += chunk

    return list(csv.reader(io.StringIO(content.decode("utf-8"))))


def _rows_of(mer_reference_id: str) -> Callable[[list[list[str]]], str]:
    def count(rows: list[list[str]]) -> str:
        if (
            len(rows) < 2
            or rows[0][0] != "TRANSDETAIL-START"
            or rows[-1][0] != "TRANSDETAIL-End"
        ):
            return "not a whole file"

        kinds = [row[11] for row in rows[1:-1] if row[2] == mer_reference_id]

        return f"{kinds.count('P')} payment, {kinds.count('T')} refund"

    return count
