"""
The orders that the benchmarks place, and what the gateway answers: each text is another.

One order, placed again and again, would flatter whoever keeps what he has seen.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from umfpay.models import (
    BankCard,
    Money,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewSubOrder,
)


# More than any cache of texts would hold that is worth its memory.
POOL: Final = 2_000
_DATE: Final = "20261123"
_RATE: Final = Decimal("6.9193")


def reference(number: int) -> str:
    """
    Return the merchant's number of an order.
    """
    return f"BENCH{number:05}"


def payment_id(number: int) -> str:
    """
    Return the id that the gateway gives to its payment.
    """
    digest = hashlib.sha256(reference(number).encode()).digest()

    return f"PAY_{base64.b32encode(digest[:20]).decode()}"


def total(number: int) -> Decimal:
    """
    Return its amount in USD: as many digits for each of the `POOL`.
    """
    return Decimal(1_000 + number).scaleb(-2)


def new_payment(number: int) -> NewPayment:
    """
    Return the payment to create, as our objects.
    """
    name = reference(number)
    amount = Money(total(number), "USD")

    return NewPayment(
        notify_url="https://shop.example/notify",
        payer=NewPayer(
            payment_method="CREDIT_CARD",
            bank_code="CCB",
            payer_info=NewPayerInfo(bank_card=BankCard()),
        ),
        order=NewOrder(
            mer_reference_id=name,
            mer_date=date.fromisoformat(_DATE),
            amount=amount,
            order_summary=_summary(number),
            expire_time=timedelta(minutes=30),
            user_ip=_address(number),
            sub_orders=[
                NewSubOrder(
                    mer_sub_reference_id=f"{name}-1",
                    amount=amount,
                    trans_code="01122030",
                    items=[
                        NewItem(
                            mer_item_id=f"{name}-1-1",
                            type="OTHER",
                            name=_book(number),
                            amount=amount,
                        )
                    ],
                )
            ],
        ),
    )


def payment_body(number: int) -> dict[str, Any]:
    """
    Return the same payment as a dict, member for member as we write it.
    """
    name = reference(number)
    amount = {"total": str(total(number)), "currency": "USD"}

    return {
        "payer": {
            "payment_method": "CREDIT_CARD",
            "bank_code": "CCB",
            "interface_type": "SERVER_TO_SERVER",
            "business_type": "B2C",
            "payer_info": {"bank_card": {}},
        },
        "order": {
            "mer_reference_id": name,
            "mer_date": _DATE,
            "amount": amount,
            "sub_orders": [
                {
                    "mer_sub_reference_id": f"{name}-1",
                    "amount": amount,
                    "trans_code": "01122030",
                    "items": [
                        {
                            "mer_item_id": f"{name}-1-1",
                            "type": "OTHER",
                            "amount": amount,
                            "name": _book(number),
                            "quantity": "1",
                        }
                    ],
                }
            ],
            "order_summary": _summary(number),
            "expire_time": "30",
            "user_ip": _address(number),
        },
        "notify_url": "https://shop.example/notify",
    }


def created(number: int) -> dict[str, Any]:
    """
    Return the answer to the create, member for member as the emulator gives it.
    """
    name = reference(number)
    href = f"https://127.0.0.1/cberest/v1/payments/payment/{payment_id(number)}"
    amount = {"total": str(total(number)), "currency": "USD"}

    return {
        "meta": {"ret_msg": "Success", "ret_code": "0000"},
        "payment": {
            "pay_elements": "",
            "risk_info": {},
            "id": payment_id(number),
            "state": "WAIT_BUYER_PAY",
            "notify_url": "https://shop.example/notify",
            "payer": {
                "bank_code": "CCB",
                "business_type": "B2C",
                "interface_type": "SERVER_TO_SERVER",
                "payment_method": "CREDIT_CARD",
                "payer_info": {
                    "bank_card": {
                        "number": "",
                        "cvv2": "",
                        "valid_date": "",
                        "citizen_id_number": "",
                        "phone": "",
                        "citizen_id_type": "IDENTITY_CARD",
                        "payer_name": "",
                    },
                    "payer_agreement": {
                        "usr_busi_agreement_id": "",
                        "usr_pay_agreement_id": "",
                    },
                },
            },
            "ret_url": "",
            "is_from_US": "Y",
            "order": {
                "amount": _converted(number),
                "mer_date": _DATE,
                "mer_reference_id": name,
                "order_summary": _summary(number),
                "expire_time": "30",
                "user_ip": _address(number),
                "sub_orders": [
                    {
                        "mer_sub_reference_id": f"{name}-1",
                        "amount": amount,
                        "trans_code": "01122030",
                        "items": [
                            {
                                "mer_item_id": f"{name}-1-1",
                                "type": "OTHER",
                                "amount": amount,
                                "name": _book(number),
                                "quantity": "1",
                            }
                        ],
                    }
                ],
            },
        },
        "links": [
            {"ref": "self", "method": "GET", "href": href},
            {"ref": "sms_verify", "method": "POST", "href": f"{href}/verify"},
        ],
    }


def queried(number: int) -> dict[str, Any]:
    """
    Return the answer to the query of it.
    """
    return {
        "meta": {"error_code": "", "ret_msg": "Success", "ret_code": "0000"},
        "payment": {
            "settle_date": "",
            "state": "WAIT_BUYER_PAY",
            "execute_success_time": "",
            "payer": {"payment_method": "CREDIT_CARD"},
            "order": {
                "user_ip": _address(number),
                "amount": _converted(number),
                "mer_date": _DATE,
                "expire_time": "",
                "mer_reference_id": reference(number),
            },
        },
    }


def _converted(number: int) -> dict[str, Any]:
    amount = total(number)

    return {
        "total": str(amount),
        "exchange_rate": {"rate": str(_RATE), "currency": "USD"},
        "currency": "USD",
        "total_cny": f"{amount * _RATE:.2f}",
    }


def _summary(number: int) -> str:
    return f"books, parcel {number:05}"


def _book(number: int) -> str:
    return f"book {number:05}"


def _address(number: int) -> str:
    return f"192.0.2.{100 + number % 100}"
