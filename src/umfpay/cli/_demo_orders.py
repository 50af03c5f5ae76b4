"""
Invented orders and buyers of the demo's eight stories.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from umfpay.models import (
    BankCard,
    Money,
    NewEnterprise,
    NewItem,
    NewOrder,
    NewSubOrder,
)


DAY: Final = date(2017, 4, 11)
NAME: Final = "张三"
ID_NUMBER: Final = "110101199003070011"
PHONE: Final = "15210838198"
CARD: Final = BankCard(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name=NAME,
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number=ID_NUMBER,
    phone=PHONE,
)


def order(number: str, currency: str = "USD") -> NewOrder:
    """
    Return an order of a book for 10.00.
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


def part() -> Money:
    """
    Return what is refunded.
    """
    return Money("4.00", "USD")


def _company(number: str) -> NewEnterprise:
    return NewEnterprise(
        external_enterprise_id=number,
        busi_type="GFHG",
        enterprise_name="Books Ltd",
        enterprise_phone="01012345678",
        enterprise_email="books@example.com",
        enterprise_contacts="Li",
        enterprise_code="91110000000000000X",
    )


COMPANY: Final = _company("demo-1")
OTHER_COMPANY: Final = _company("demo-2")
