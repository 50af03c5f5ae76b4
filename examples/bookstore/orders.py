"""
The shop's own table, and how an order ends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import String, Text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from umfpay.models import Money, NewItem, NewOrder, NewSubOrder, PaymentState


PRICE = Money("9.90", "USD")


class State(StrEnum):
    """
    How far an order has come; the last two are its ends.
    """

    NEW = "new"
    PAYING = "paying"
    PAID = "paid"
    NOT_PAID = "not paid"


class Base(DeclarativeBase):
    """
    The tables of the shop.
    """


class Order(Base):
    """
    One book for one customer; it is paid by one payment, or not at all.
    """

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)
    bought_at: Mapped[datetime] = mapped_column(default=datetime.now)
    state: Mapped[str] = mapped_column(String(16), default=State.NEW)
    # The card payment whose SMS code the customer is asked for.
    code_for: Mapped[str | None] = mapped_column(String(64))
    qr: Mapped[str | None] = mapped_column(Text)
    trouble: Mapped[str | None] = mapped_column(Text)

    @property
    def for_gateway(self) -> NewOrder:
        """
        The order as the gateway wants it.
        """
        return NewOrder(
            mer_reference_id=self.number,
            mer_date=self.bought_at.date(),
            amount=PRICE,
            order_summary="a book",
            expire_time=timedelta(minutes=30),
            sub_orders=[
                NewSubOrder(
                    mer_sub_reference_id=f"{self.number}-1",
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


async def end_order(
    connection: AsyncConnection, number: str, state: PaymentState | None
) -> None:
    """
    Write how an order ends, in the transaction of *connection*.

    Paid is written on TRADE_SUCCESS only. An order that was paid stays so: what is given
    back later is a refund.

    Args:
        state: Of its payment, None if none was made.
    """
    order = update(Order).where(Order.number == number)

    if state == PaymentState.TRADE_SUCCESS:
        await connection.execute(order.values(state=State.PAID))
    elif state is None or state.final:
        await connection.execute(
            order.where(Order.state == State.PAYING).values(state=State.NOT_PAID)
        )
