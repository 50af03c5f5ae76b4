"""
An order that is right, to be made wrong one member at a time.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from umfpay.models import (
    BankCard,
    Money,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewSubOrder,
    QRCodeScan,
)


def usd(total: str) -> Money:
    return Money(total, "USD")


class Right:
    """
    Right objects; keywords replace members.
    """

    usd = staticmethod(usd)

    def item(self, **changes: Any) -> NewItem:
        members = {"mer_item_id": "1", "type": "FOOD", "amount": usd("10.00")}

        return NewItem(**{**members, **changes})

    def sub_order(self, **changes: Any) -> NewSubOrder:
        members = {
            "mer_sub_reference_id": "s1",
            "amount": usd("10.00"),
            "trans_code": "01121990",
            "items": [self.item()],
        }

        return NewSubOrder(**{**members, **changes})

    def order(self, **changes: Any) -> NewOrder:
        members = {
            "mer_reference_id": "o1",
            "mer_date": date(2017, 4, 10),
            "amount": usd("10.00"),
            "sub_orders": [self.sub_order()],
        }

        return NewOrder(**{**members, **changes})

    def payer(self, **changes: Any) -> NewPayer:
        members = {
            "payment_method": "CREDIT_CARD",
            "bank_code": "CCB",
            "payer_info": NewPayerInfo(bank_card=BankCard(phone="15210838198")),
        }

        return NewPayer(**{**members, **changes})

    def scan(self, **changes: Any) -> NewPayerInfo:
        members = {"name": "张三", "qr_code_scan": QRCodeScan(citizen_id_number="11")}

        return NewPayerInfo(**{**members, **changes})

    def payment(self, **changes: Any) -> NewPayment:
        members = {"payer": self.payer(), "order": self.order()}

        return NewPayment(**{**members, **changes})


@pytest.fixture(name="right")
def _right() -> Right:
    return Right()
