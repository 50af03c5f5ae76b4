"""
What the shop sells, as the gateway wants it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tests import orders
from tests.simulation.plan import AGREEMENT
from umfpay.models import (
    BankCard,
    Money,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewRefund,
    PayerAgreement,
)


DAY: Final = orders.DAY
EXPIRES: Final = orders.EXPIRES
PHONE: Final = orders.PHONE
NOTIFY_URL: Final = "http://127.0.0.1:9/notify"


def new_payment(number: str, amount: Decimal) -> NewPayment:
    """
    Return an order of one book.
    """
    return orders.card_payment(reference=number, total=amount)


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

    return orders.card(code, number=card)


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
