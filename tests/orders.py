"""
Orders for tests.
"""

from __future__ import annotations

import itertools
from datetime import date, timedelta

from umfpay.models import (
    BankCard,
    ExpressInfo,
    Money,
    NewEnterprise,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewRefund,
    NewStandaloneDeclaration,
    NewSubOrder,
    Parcel,
    QRCodeScan,
    WeChatInApp,
    WeChatInAppWeb,
)


DAY = date(2026, 11, 23)
EXPIRES = timedelta(minutes=30)
PHONE = "15210838198"
ID_NUMBER = "110101199003070011"
_numbers = itertools.count(1)


def order(total="10.00", currency="USD", reference=None, customs=None, day=DAY):
    number = reference or f"order-{next(_numbers)}"

    return NewOrder(
        mer_reference_id=number,
        mer_date=day,
        amount=Money(total, currency),
        order_summary="books",
        expire_time=EXPIRES,
        user_ip="192.0.2.7",
        sub_orders=[
            NewSubOrder(
                mer_sub_reference_id=f"{number}-1",
                amount=Money(total, currency),
                trans_code="01122030",
                is_customs=customs,
                items=[
                    NewItem(
                        mer_item_id=f"{number}-1-1",
                        type="OTHER",
                        name="book",
                        amount=Money(total, currency),
                    )
                ],
            )
        ],
    )


def card(verify_code=None, method="CREDIT_CARD", number="6227000000000005"):
    return NewPayer(
        payment_method=method,
        bank_code="CCB",
        payer_info=NewPayerInfo(
            bank_card=BankCard(
                number=number,
                valid_date="3012" if method == "CREDIT_CARD" else None,
                cvv2="123" if method == "CREDIT_CARD" else None,
                payer_name="张三",
                citizen_id_type="IDENTITY_CARD",
                citizen_id_number=ID_NUMBER,
                phone=PHONE,
                verify_code=verify_code,
            )
        ),
    )


def card_payment(method="CREDIT_CARD", **changes):
    payer = NewPayer(
        payment_method=method,
        bank_code="CCB",
        payer_info=NewPayerInfo(bank_card=BankCard(phone=PHONE)),
    )

    return NewPayment(payer=payer, order=order(**changes))


def wallet_payment(method, citizen=ID_NUMBER):
    infos = {
        "WECHAT_SCAN": {"qr_code_scan": QRCodeScan(citizen_id_number=citizen)},
        "ALIPAY_SCAN": {"qr_code_scan": QRCodeScan(citizen_id_number=citizen)},
        "WECHAT_IN_APP": {"wechat_in_app": WeChatInApp(citizen_id_number=citizen)},
        "WECHAT_WEB": {
            "wechat_in_app_web": WeChatInAppWeb(open_id="o1", citizen_id_number=citizen)
        },
    }
    info = NewPayerInfo(name="张三", phone=PHONE, **infos[method])

    return NewPayment(
        payer=NewPayer(payment_method=method, payer_info=info), order=order()
    )


def cashier_payment(interface="SERVER_TO_WEB"):
    return NewPayment(
        payer=NewPayer(
            payment_method="NOT_APPLICABLE",
            interface_type=interface,
            payer_info=NewPayerInfo(phone=PHONE),
        ),
        order=order(),
        ret_url="http://127.0.0.1:9/back",
    )


def company(external="c-1"):
    return NewEnterprise(
        external_enterprise_id=external,
        busi_type="GFHG",
        enterprise_name="Books Ltd",
        enterprise_phone="01012345678",
        enterprise_email="books@example.com",
        enterprise_contacts="Li",
        enterprise_code="91110000000000000X",
    )


def bank_payment():
    return NewPayment(
        payer=NewPayer(
            payment_method="NOT_APPLICABLE",
            interface_type="DIRECT_TO_BANK",
            business_type="B2B",
            bank_code="ICBC",
            enterprise_qualification=company(),
        ),
        order=order(currency="CNY"),
    )


def refund(total="4.00", currency="USD"):
    return NewRefund(
        mer_reference_id=f"refund-{next(_numbers)}",
        mer_date=DAY,
        amount=Money(total, currency),
        refund_summary="returned",
    )


def declaration():
    return NewStandaloneDeclaration(
        mer_reference_id="elsewhere-1",
        order_amount=Money("5.00", "CNY"),
        customs_id="HZHG",
        mer_customs_code="3301",
        mer_pay_date=DAY,
        name="张三",
        citizen_id_number=ID_NUMBER,
        phone=PHONE,
        freight_amount=Money("1.00", "CNY"),
    )


def parcels(sub_order="1"):
    return ExpressInfo(
        sub_orders=[Parcel(mer_sub_reference_id=sub_order, tracking_number="SF 123")]
    )


async def paid(session, box, **changes):
    """
    Create and pay a card payment; *box* is in this process, or one that is awaited.
    """
    payment = await session.payments.create(card_payment(**changes))
    await session.payments.verify(payment.id, card())
    code = box.sms_code(payment.id)

    return await session.payments.execute(payment.id, card(code))
