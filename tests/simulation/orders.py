"""
What the shop sells, as the gateway wants it.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from tests.simulation.plan import AGREEMENT
from umfpay.models import (
    BankCard,
    Money,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewRefund,
    NewSubOrder,
    PayerAgreement,
)


DAY: Final = date(2026, 11, 23)
EXPIRES: Final = timedelta(minutes=30)

PHONE: Final = "15210838198"
NOTIFY_URL: Final = "http://127.0.0.1:9/notify"


def new_payment(number: str, amount: Decimal) -> NewPayment:
    """
    Return an order of one book.
    """
    money = Money(amount, "USD")

    return NewPayment(
        payer=NewPayer(
            payment_method="CREDIT_CARD",
            bank_code="CCB",
            payer_info=NewPayerInfo(bank_card=BankCard(phone=PHONE)),
        ),
        order=NewOrder(
            mer_reference_id=number,
            mer_date=DAY,
            amount=money,
            order_summary="books",
            expire_time=EXPIRES,
            user_ip="192.0.2.7",
            sub_orders=[
                NewSubOrder(
                    mer_sub_reference_id=f"{number}-1",
                    amount=money,
                    trans_code="01122030",
                    items=[
                        NewItem(
                            mer_item_id=f"{number}-1-1",
                            type="OTHER",
                            name="book",
                            amount=money,
                        )
                    ],
                )
            ],
        ),
    )


def new_payer(card: str, *, code: str | None = None) -> NewPayer:
    """
    Return the customer's card, or the agreement that stands for it.

    Args:
        card: A number, or `AGREEMENT`.
        code: The SMS code, for execute.
    """
    if card == AGREEMENT:
        return NewPayer(
            payment_method="CREDIT_CARD",
            bank_code="CCB",
            payer_info=NewPayerInfo(
                bank_card=BankCard(phone=PHONE, verify_code=code),
                payer_agreement=PayerAgreement(
                    usr_busi_agreement_id="b1", usr_pay_agreement_id="p1"
                ),
            ),
        )

    return NewPayer(
        payment_method="CREDIT_CARD",
        bank_code="CCB",
        payer_info=NewPayerInfo(
            bank_card=BankCard(
                number=card,
                valid_date="3012",
                cvv2="123",
                payer_name="张三",
                citizen_id_type="IDENTITY_CARD",
                citizen_id_number="110101199003070011",
                phone=PHONE,
                verify_code=code,
            )
        ),
    )


def new_card(card: str) -> BankCard | PayerAgreement:
    """
    Return the same for a flow.
    """
    payer = new_payer(card)

    if card == AGREEMENT:
        assert payer.payer_info is not None
        assert payer.payer_info.payer_agreement is not None

        return payer.payer_info.payer_agreement

    assert payer.payer_info is not None
    assert payer.payer_info.bank_card is not None

    return payer.payer_info.bank_card


def new_refund(number: str, amount: Decimal) -> NewRefund:
    """
    Return a refund under its own *number*.
    """
    return NewRefund(
        mer_reference_id=number,
        mer_date=DAY,
        amount=Money(amount, "USD"),
        refund_summary="returned",
    )
