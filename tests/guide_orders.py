"""
The card order of the guide (section 2.2), and a card to pay it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

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
    RiskInfo,
)


PHONE: Final = "15210838198"
MER_DATE: Final = date(2017, 4, 10)


def _usd(total: str) -> Money:
    return Money(total, "USD")


def guide_payment(notify_url: str) -> NewPayment:
    """
    Return the payment of the guide's section 2.2, in our member names.
    """
    return NewPayment(
        payer=NewPayer(
            payment_method="CREDIT_CARD",
            bank_code="CCB",
            payer_info=NewPayerInfo(bank_card=BankCard(phone=PHONE)),
        ),
        order=NewOrder(
            mer_reference_id="20170411543977",
            mer_date=MER_DATE,
            amount=_usd("100.02"),
            order_summary="maimaimai",
            expire_time=timedelta(minutes=360),
            sub_orders=(
                NewSubOrder(
                    mer_sub_reference_id="04115439771",
                    amount=_usd("50.02"),
                    trans_code="01121990",
                    sub_trans_type="1",
                    is_customs=True,
                    items=(
                        NewItem(
                            mer_item_id="041154397711",
                            type="FOOD",
                            name="yifu1",
                            description="yifu1",
                            quantity=2,
                            amount=_usd("30.02"),
                        ),
                        NewItem(
                            mer_item_id="041154397712",
                            type="ELECTRONIC",
                            name="yifu2",
                            description="yifu2",
                            quantity=3,
                            amount=_usd("20.00"),
                        ),
                    ),
                ),
                NewSubOrder(
                    mer_sub_reference_id="04115439772",
                    amount=_usd("50.00"),
                    trans_code="03223010",
                    sub_trans_type="3",
                ),
            ),
        ),
        notify_url=notify_url,
        risk_info=RiskInfo(
            trans_type="02", goods_type="1", real_name="0", business_type="Y"
        ),
    )


def card_payer(verify_code: str | None = None) -> NewPayer:
    """
    Return what a customer types: an invented card, and the SMS code if there is one.
    """
    return NewPayer(
        payment_method="CREDIT_CARD",
        bank_code="CCB",
        payer_info=NewPayerInfo(
            bank_card=BankCard(
                number="6227000000000005",
                valid_date="3012",
                cvv2="123",
                payer_name="张三",
                citizen_id_type="IDENTITY_CARD",
                citizen_id_number="110101199003070011",
                phone=PHONE,
                verify_code=verify_code,
            )
        ),
    )


def guide_refund(notify_url: str) -> NewRefund:
    """
    Return a partial refund of it: the second of its goods.
    """
    return NewRefund(
        mer_reference_id="9010040125",
        mer_date=date(2017, 4, 11),
        amount=_usd("20.00"),
        refund_summary="yifu2",
        notify_url=notify_url,
    )
