"""
``umfpay demo``: the card payment of the guide, from token to statement.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from umfpay._session import UMFSession
from umfpay.cli._demo_runner import (
    CARD,
    DAY,
    REFUNDED,
    WAIT_SECONDS,
    Runner,
    Step,
    open_gateway,
    order,
    serve_notify_url,
)
from umfpay.cli._demo_stories import run_stories
from umfpay.cli._exit import ExitCode, run_to_end
from umfpay.cli._options import config_option, fetch_token_option
from umfpay.cli._sessions import open_session, settings
from umfpay.cli._streams import print_json, print_line
from umfpay.config import Config
from umfpay.errors import ConfigError, Text
from umfpay.models import (
    BankCard,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewRefund,
    PaymentState,
    RefundState,
)


if TYPE_CHECKING:
    from umfpay.notifications import NotificationReceiver, NotificationReply


_ORDER_NUMBER: Final = "demo-card"
_UNTRIED_KEY_NOTE: Final = (
    "; the merchant key was not tried, for these steps sign nothing, nor the"
    " client_secret where the token was a stored one"
    " | 这些步骤不签名，商户私钥未经验证；若使用了已保存的令牌，client_secret 也未经验证"
)


@click.command()
@click.option(
    "--all", "all_stories", is_flag=True, help="Tell all eight stories of the guide."
)
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
@click.option("--base-url", help="Another gateway: only the read-only steps run there.")
@config_option
@fetch_token_option
def demo(
    *,
    all_stories: bool,
    as_json: bool,
    base_url: str | None,
    file: Path | None,
    fetch_token: bool,
) -> ExitCode:
    """
    Take the guide's card payment, or --all its stories, against an emulator.
    """
    elsewhere = base_url is not None or file is not None

    if all_stories and elsewhere:
        raise ConfigError(
            "--all pays: it runs against its own emulator only.",
            "--all 会付款，只能在自带的模拟网关上运行。",
            advice=Text("Leave out one of the two.", "请去掉其中一个选项。"),
        )

    printer = _Printer(as_json=as_json, signs=not elsewhere)

    if all_stories:
        run_to_end(run_stories(printer.show))
    elif elsewhere:
        run_to_end(
            _look_around(
                printer, settings(file, base_url=base_url), fetch_token=fetch_token
            )
        )
    else:
        run_to_end(_pay_by_card(printer))

    return printer.finish()


class _Printer:
    """
    Prints each step when it is done, or all of them as one JSON document.

    Args:
        signs: Whether a step signs a request, and so tries the merchant key.
    """

    def __init__(self, *, as_json: bool, signs: bool) -> None:
        self._as_json = as_json
        self._signs = signs
        self._steps: list[Step] = []

    def show(self, step: Step) -> None:
        self._steps.append(step)

        if not self._as_json:
            print_line(_line(step))

    def finish(self) -> ExitCode:
        good = bool(self._steps) and all(step.good for step in self._steps)

        if self._as_json:
            steps = [
                attrs.asdict(step, filter=lambda _, value: value is not None)
                for step in self._steps
            ]
            result = {"ok": good, "merchant_key_tried": self._signs, "steps": steps}
            print_json(json.dumps(result, indent=2))
        else:
            done = sum(step.good for step in self._steps)
            untried = "" if self._signs else _UNTRIED_KEY_NOTE
            click.echo(f"{done} of {len(self._steps)} steps as expected{untried}")

        return ExitCode.OK if good else ExitCode.NO


def _line(step: Step) -> str:
    mark = "ok" if step.good else "NO"

    if step.story is not None:
        return (
            f"{mark:<3}{step.story:<20}{step.name:<12}{step.state:<20}"
            f"{step.milliseconds:>9.1f} ms"
        )

    return (
        f"{mark:<3}{step.name:<22}{step.call:<58}{step.state:<26}"
        f"{step.milliseconds:>8.1f} ms  {step.signature}"
    )


class _Notifications:
    """
    What arrives at the notify_url, verified.
    """

    def __init__(self, receiver: NotificationReceiver) -> None:
        self._receiver = receiver
        self._arrived: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def receive(
        self, body: bytes, headers: Iterable[tuple[str, str]]
    ) -> NotificationReply:
        """
        Verify and keep one; return what is answered.

        Raises:
            NotificationError: It is not the gateway's.
        """
        event = self._receiver.read(body, dict(headers))
        await self._arrived.put((event.object_id, event.state))

        return event.ack()

    async def state_of(self, object_id: str) -> str:
        """
        Wait for the next that is about *object_id*.

        Raises:
            TimeoutError: None came.
        """
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                about, state = await self._arrived.get()

                if about == object_id:
                    return state


async def _pay_by_card(printer: _Printer) -> None:
    """
    Take the guide's card payment, refund a part of it, and read the day's list.
    """
    from umfpay.notifications import NotificationReceiver

    runner = Runner(printer.show)

    async with open_gateway() as gateway:
        notifications = _Notifications(
            NotificationReceiver.from_config(gateway.config())
        )

        async with (
            serve_notify_url(notifications.receive) as notify_url,
            UMFSession(gateway.config(notify_url), on_call=runner.hear) as session,
        ):
            await _ask_the_gateway(runner, session)
            payment = await runner.call(
                "create",
                session.payments.create(_new_payment()),
                lambda made: str(made.state),
                expected=PaymentState.WAIT_BUYER_PAY,
            )
            await runner.call(
                "SMS code",
                session.payments.verify(payment.id, _payer(CARD)),
                lambda sent: (
                    "sent" if sent.payment_id == payment.id else "another payment"
                ),
                expected="sent",
            )
            # What the customer reads on his phone.
            sms = gateway.control("GET", f"/payments/{payment.id}/sms_code")
            card = attrs.evolve(CARD, verify_code=str(sms["sms_code"]))
            await runner.call(
                "execute",
                session.payments.execute(payment.id, _payer(card)),
                lambda done: str(done.state),
                expected=PaymentState.TRADE_SUCCESS,
            )
            await runner.notification(
                "notification",
                notifications.state_of(payment.id),
                expected=PaymentState.TRADE_SUCCESS,
            )
            await runner.call(
                "query",
                session.payments.get(payment.id),
                lambda found: str(found.state),
                expected=PaymentState.TRADE_SUCCESS,
            )
            await _refund_a_part(runner, session, payment.id)
            await runner.call(
                "transaction list",
                _day_file(session, DAY),
                _rows_of(_ORDER_NUMBER),
                expected="1 payment, 1 refund",
            )


def _new_payment() -> NewPayment:
    return NewPayment(
        payer=_payer(BankCard(phone=CARD.phone)), order=order(_ORDER_NUMBER)
    )


def _payer(card: BankCard) -> NewPayer:
    return NewPayer(
        payment_method="CREDIT_CARD",
        bank_code="CCB",
        payer_info=NewPayerInfo(bank_card=card),
    )


async def _refund_a_part(runner: Runner, session: UMFSession, payment_id: str) -> None:
    refund = await runner.call(
        "partial refund",
        session.refunds.create(
            payment_id,
            NewRefund(mer_reference_id="demo-refund", mer_date=DAY, amount=REFUNDED),
        ),
        lambda made: str(made.state),
        expected=RefundState.REFUND_PROCESS,
    )
    await _wait_settled(session, refund.id)
    await runner.call(
        "refund query",
        session.refunds.get(refund.id),
        lambda found: str(found.state),
        expected=RefundState.REFUND_SUCCESS,
    )


async def _ask_the_gateway(runner: Runner, session: UMFSession) -> None:
    """
    Token, banks and rate: what changes nothing but the token.
    """
    await runner.call(
        "token",
        session.authorize(),
        lambda seconds: f"usable for {seconds:.0f} s",
        call="POST /oauth/authorize",
    )
    await runner.call(
        "bank list",
        session.banks.list("CREDIT_CARD"),
        lambda banks: f"{len(banks)} banks",
    )
    await runner.call(
        "exchange rate",
        session.exchange_rates.get("USD"),
        lambda rate: f"1 USD = {rate.rate} CNY",
    )


async def _look_around(printer: _Printer, config: Config, *, fetch_token: bool) -> None:
    """
    Take the read-only steps against a gateway that is not ours.
    """
    runner = Runner(printer.show)

    async with open_session(config, fetch_token=fetch_token) as session:
        session.on_call = runner.hear
        await _ask_the_gateway(runner, session)
        await runner.call(
            "transaction list",
            session.statements.transactions_page(
                date.today(),  # noqa: DTZ011 (a business date)
                page_size=1,
            ),
            lambda page: (
                f"{page.pagination.total_count if page.pagination else '?'} rows"
            ),
        )


async def _wait_settled(session: UMFSession, refund_id: str) -> None:
    """
    Wait until the refund is final, as a shop would that has no notification.
    """
    pause = 0.1
    deadline = time.monotonic() + WAIT_SECONDS

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
