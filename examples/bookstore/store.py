"""
Orders, and how they are paid.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from bookstore.orders import Order, State, end_order
from umfpay import UMFSession
from umfpay.errors import UMFError, WrongCodeError
from umfpay.flows import QRCode, begin_card_payment, confirm_card_payment, qr_payment
from umfpay.journal import Journal, RecordedIntent
from umfpay.models import BankCard
from umfpay.notifications import NotificationInbox


class Bookstore:
    """
    Sells one book.

    It never writes that an order is paid: notifications and `Recovery` do.

    Args:
        engine: Of the database with orders, inbox and journal.
        session: The merchant's session, with *journal*.
        inbox: Where notifications arrive.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        session: UMFSession,
        journal: Journal,
        inbox: NotificationInbox,
    ) -> None:
        self._transaction = async_sessionmaker(engine, expire_on_commit=False).begin
        self._session = session
        self._journal = journal
        self._inbox = inbox
        self._waiting: set[asyncio.Task[None]] = set()

    async def orders(self) -> Sequence[Order]:
        """
        Return the newest orders.
        """
        newest = select(Order).order_by(Order.bought_at.desc()).limit(100)

        async with self._transaction() as orders:
            return (await orders.scalars(newest)).all()

    async def order(self, number: str) -> Order | None:
        """
        Return one order.
        """
        async with self._transaction() as orders:
            return await orders.get(Order, number)

    async def buy(self) -> str:
        """
        Write down a new order.
        """
        order = Order(number=secrets.token_hex(8))

        async with self._transaction() as orders:
            orders.add(order)

        return order.number

    async def begin_card(self, number: str, form: Mapping[str, str]) -> None:
        """
        Have the SMS code sent; the journal keeps the card, sealed.
        """
        order, recorded = await self._begin(number)

        if recorded is None:
            return

        try:
            card = BankCard(
                number=form["number"],
                valid_date=form["valid_date"],
                cvv2=form["cvv2"],
                payer_name=form["payer_name"],
                citizen_id_type="IDENTITY_CARD",
                citizen_id_number=form["citizen_id_number"],
                phone=form["phone"],
            )
            pending = await self._journal.send_recorded(
                recorded,
                begin_card_payment,
                self._session,
                order.for_gateway,
                card,
                bank_code=form["bank_code"],
                arrivals=self._inbox,
            )
        except UMFError as error:
            # Nobody has a code, so nobody can pay it.
            await self._change(number, trouble=str(error), is_over=True)
        else:
            await self._change(number, code_for=pending.payment_id)

    async def confirm_card(self, number: str, code: str) -> None:
        """
        Pay with the code that the customer read.
        """
        order = await self.order(number)

        if order is None or order.code_for is None:
            return

        try:
            await confirm_card_payment(
                self._session,
                order.code_for,
                code,
                arrivals=self._inbox,
                deadline=60,
            )
        except WrongCodeError as error:
            left = error.attempts_left
            trouble = (
                f"The code is wrong. Please try again: {left} attempts are left."
                if left
                else "The code is wrong again. Nothing more is tried for this payment."
            )
            again = order.code_for if left else None
            await self._change(number, code_for=again, trouble=trouble)
        except UMFError as error:
            # Perhaps it is paid: the payment's final state says so.
            await self._change(number, code_for=None, trouble=str(error))

    async def show_qr(self, number: str, form: Mapping[str, str]) -> None:
        """
        Make the QR code; a task waits until the customer has paid.
        """
        order, recorded = await self._begin(number)

        if recorded is None:
            return

        shown = asyncio.Event()

        async def show(code: QRCode) -> None:
            await self._change(number, qr=code.svg())
            shown.set()

        async def wait() -> None:
            try:
                await self._journal.send_recorded(
                    recorded,
                    qr_payment,
                    self._session,
                    order.for_gateway,
                    method=form["method"],
                    name=form["payer_name"],
                    citizen_id_number=form["citizen_id_number"],
                    show=show,
                    arrivals=self._inbox,
                )
            except UMFError as error:
                # What nobody has seen, nobody can pay.
                await self._change(
                    number, trouble=str(error), is_over=not shown.is_set()
                )
            finally:
                shown.set()

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        await shown.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """
        Stop waiting: a notification that comes later is applied all the same.
        """
        for task in list(self._waiting):
            task.cancel()

            with suppress(asyncio.CancelledError):
                await task

    async def _begin(self, number: str) -> tuple[Order, RecordedIntent | None]:
        """
        Write down in one transaction that the order is being paid, and the call for it.

        Of two clicks the second one changes nothing, and gets None.
        """
        async with self._transaction() as orders:
            taken = await orders.execute(
                update(Order)
                .where(Order.number == number, Order.state == State.NEW)
                .values(state=State.PAYING, trouble=None)
            )
            order = await orders.get_one(Order, number)

            if taken.rowcount == 0:
                return order, None

            return order, await self._journal.begin(
                await orders.connection(), f"pay {number}", mer_reference_id=number
            )

    async def _change(
        self, number: str, *, is_over: bool = False, **values: str | None
    ) -> None:
        async with self._transaction() as orders:
            await orders.execute(
                update(Order).where(Order.number == number).values(**values)
            )

            if is_over:
                await end_order(await orders.connection(), number, None)
