"""
Orders, and how they are paid.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import aiosqlite
from sqlalchemy import text

from umfpay import UMFSession
from umfpay.errors import (
    NotFinishedError,
    OutcomeUnknownError,
    UMFError,
    WrongCodeError,
)
from umfpay.flows import (
    PendingCardPayment,
    QRCode,
    Step,
    begin_card_payment,
    confirm_card_payment,
    qr_payment,
)
from umfpay.models import BankCard, Money, NewItem, NewOrder, NewSubOrder, Payment
from umfpay.notifications import NotificationEvent, NotificationInbox, Transaction


SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',
    payment_id TEXT,
    pending TEXT,
    qr TEXT,
    trouble TEXT
)
"""
PRICE = Money("9.90", "USD")


class Bookstore:
    """
    Sells one book; the notification, and nothing else, says that an order is paid.

    Args:
        session: The merchant's session.
        inbox: Where notifications arrive; it keeps them in the file of the orders, so
            that an order and its notification are committed together.
        orders: A connection to that file.
    """

    def __init__(
        self,
        session: UMFSession,
        inbox: NotificationInbox,
        orders: aiosqlite.Connection,
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._orders = orders
        self._waiting: set[asyncio.Task[None]] = set()
        inbox.handler(self._notified)

    async def orders(self) -> list[dict[str, Any]]:
        """
        Return all orders, the newest first.
        """
        self._orders.row_factory = aiosqlite.Row
        rows = await self._orders.execute_fetchall(
            "SELECT * FROM orders ORDER BY rowid DESC"
        )

        return [dict(row) for row in rows]

    async def order(self, number: str) -> dict[str, Any] | None:
        """
        Return one order.
        """
        found = [one for one in await self.orders() if one["number"] == number]

        return found[0] if found else None

    async def buy(self) -> str:
        """
        Write down a new order and tell the inbox what to expect.
        """
        number = secrets.token_hex(8)
        today = date.today()
        await self._change(
            "INSERT INTO orders (number, day) VALUES (?, ?)", number, today.isoformat()
        )
        await self._inbox.expect(_order(number, today))

        return number

    async def begin_card(self, number: str, form: Mapping[str, str]) -> None:
        """
        Have the SMS code sent; what is stored holds sealed card data only.
        """
        card = BankCard(
            number=form["number"],
            valid_date=form["valid_date"],
            cvv2=form["cvv2"],
            payer_name=form["payer_name"],
            citizen_id_type="IDENTITY_CARD",
            citizen_id_number=form["citizen_id_number"],
            phone=form["phone"],
        )
        order = await self._known(number)

        try:
            pending = await begin_card_payment(
                self._session,
                order,
                card,
                bank_code=form["bank_code"],
                arrivals=self._inbox,
            )
        except UMFError as error:
            await self._fail(number, error)

            return

        await self._keep(number, pending)

    async def confirm_card(self, number: str, code: str) -> None:
        """
        Pay with the code that the customer read.
        """
        row = await self.order(number)

        if row is None or row["pending"] is None:
            return

        pending = PendingCardPayment.from_json(row["pending"])

        async def keep(step: Step) -> None:
            if step.name == "executing":
                # A shop that dies from here on finds that it may have been sent.
                await self._keep(number, pending)

        try:
            await confirm_card_payment(
                self._session,
                pending,
                code,
                arrivals=self._inbox,
                on_step=keep,
                deadline=60,
            )
        except WrongCodeError as error:
            await self._say(number, _wrong_code(error.attempts_left))
            await self._keep(number, pending)
        except (OutcomeUnknownError, NotFinishedError) as error:
            # It may be paid yet: no other payment is begun for this order.
            await self._fail(number, error)
            await self._keep(number, pending)
        except UMFError as error:
            await self._fail(number, error)
            await self._keep(number, None if pending.forgotten else pending)
        else:
            await self._keep(number, None)

    async def show_qr(self, number: str, form: Mapping[str, str]) -> None:
        """
        Make the QR code; a task waits until the customer has paid.
        """
        shown = asyncio.Event()

        async def show(code: QRCode) -> None:
            await self._change(
                "UPDATE orders SET qr = ? WHERE number = ?", code.svg(), number
            )
            shown.set()

        async def wait() -> None:
            try:
                await qr_payment(
                    self._session,
                    await self._known(number),
                    method=form["method"],
                    name=form["payer_name"],
                    citizen_id_number=form["citizen_id_number"],
                    show=show,
                    arrivals=self._inbox,
                )
            except UMFError as error:
                await self._fail(number, error)
            finally:
                shown.set()

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        await shown.wait()

    async def aclose(self) -> None:
        """
        Stop waiting: a notification that comes later is applied all the same.
        """
        for task in list(self._waiting):
            task.cancel()

            with suppress(asyncio.CancelledError):
                await task

    async def _notified(
        self, event: NotificationEvent, transaction: Transaction
    ) -> None:
        payment = event.object

        if isinstance(payment, Payment) and payment.order is not None:
            await transaction.connection.execute(
                text(
                    "UPDATE orders SET state = :state, payment_id = :payment_id"
                    " WHERE number = :number"
                ),
                {
                    "state": event.state,
                    "payment_id": payment.id,
                    "number": payment.order.mer_reference_id,
                },
            )

    async def _known(self, number: str) -> NewOrder:
        row = await self.order(number)

        if row is None:
            raise KeyError(number)

        return _order(number, date.fromisoformat(row["day"]))

    async def _keep(self, number: str, pending: PendingCardPayment | None) -> None:
        kept = None if pending is None else pending.to_json()
        await self._change(
            "UPDATE orders SET pending = ? WHERE number = ?", kept, number
        )

    async def _fail(self, number: str, error: UMFError) -> None:
        await self._say(number, str(error))

    async def _say(self, number: str, trouble: str) -> None:
        await self._change(
            "UPDATE orders SET trouble = ? WHERE number = ?", trouble, number
        )

    async def _change(self, statement: str, *values: object) -> None:
        await self._orders.execute(statement, values)
        await self._orders.commit()


def _wrong_code(attempts_left: int) -> str:
    if attempts_left == 0:
        return "The code is wrong again. Nothing more is tried for this payment."

    return f"The code is wrong. Please try again: {attempts_left} attempts are left."


def _order(number: str, day: date) -> NewOrder:
    return NewOrder(
        mer_reference_id=number,
        mer_date=day,
        amount=PRICE,
        order_summary="a book",
        expire_time=timedelta(minutes=30),
        sub_orders=[
            NewSubOrder(
                mer_sub_reference_id=f"{number}-1",
                amount=PRICE,
                trans_code="01122030",
                items=[
                    NewItem(
                        mer_item_id="book-1",
                        type="OTHER",
                        name="a book",
                        amount=PRICE,
                    )
                ],
            )
        ],
    )
