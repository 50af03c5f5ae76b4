"""
Answers that were tampered with: the same one for the same number.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from umfpay import models
from umfpay.models import Received
from umfpay.protocol import parse_json


# 100000 take some minutes: UMFPAY_MUTATIONS=100000.
MUTATIONS = int(os.environ.get("UMFPAY_MUTATIONS", "3000"))
PARTS = 10

VECTORS = Path(__file__).parent.parent / "vectors"

RECEIVED = [
    cls
    for cls in vars(models).values()
    if isinstance(cls, type) and issubclass(cls, Received)
]
# All names of one member stand together.
SPELLINGS = [
    (field.name, *field.metadata.get("wire", ()))
    for cls in RECEIVED
    for field in attrs.fields(cls)
    if field.name != "extra"
]
OTHER_NAMES = {
    name: [other for other in names if other != name]
    for names in SPELLINGS
    for name in names
    if len(names) > 1
}
NAMES = sorted({name for names in SPELLINGS for name in names})
VALUES = [
    None,
    "",
    " ",
    "\u3000",
    "text",
    " text ",
    "6.98",
    "1e3",
    "-1",
    "9" * 70,
    "20170424",
    "2017-04-24",
    "2017-04-24T10:11:12+08:00",
    "soon",
    "TRUE",
    "“N”",
    "CREDIT_CARD",
    "TRADE_SUCCESS ",
    "USD",
    '{"appId":"wx1"}',
    0,
    5,
    20170424,
    10**40,
    True,
    False,
    Decimal("6.9800"),
    Decimal("1E+2"),
    [],
    [None],
    ["", {}],
    ["USD", " "],
    {},
    {"x": "1"},
    {"total": "1.00", "Currency": "USD"},
    [{"rel": "self", "href": "/payments/payment/PAY_A"}],
]


def _amount(total: str) -> dict[str, Any]:
    return {"total": total, "currency": "USD", "exchange_rate": {"rate": "6.9"}}


# What the vectors have none of.
_INVENTED: list[dict[str, Any]] = [
    {
        "refund": {
            "id": "REFUND_A",
            "state": "REFUND_PROCESS",
            "refund_info": {
                "mer_reference_id": "r1",
                "mer_date": "20170424",
                "amount": _amount("69037"),
                "sub_orders": [{"amount": _amount("5")}, {"items": [{"type": "FOOD"}]}],
            },
        },
        "links": [{"ref": "parent_payment", "href": "/payments/payment/PAY_A"}],
    },
    {
        "customs_declaration": {
            "id": "CUST_A",
            "state": "SUBMITED",
            "sub_order": {
                "mer_sub_reference_id": "s1",
                "is_customs": "TRUE",
                "items": [{"mer_item_id": "1", "item_quantity": "2"}],
            },
            "sub_order_amount": _amount("50.02"),
            "customs_clearance_date": "2017-04-24",
        }
    },
    {
        "transactions": {
            "payment_summaries": [
                {
                    "payment_id": "PAY_A",
                    "phone_number": "15210838198",
                    "order_date": "20170410",
                    "amount": {"total": "1.00", "currency": "USD", "exchange_rate": 6},
                    "execute_success_time": "2017-04-24T10:11:12+08:00",
                    "state": "TRADE_SUCCESS",
                },
                {
                    "payment_id": "PAY_B",
                    "amount": {"cb_amount": "1", "Currency": "USD"},
                },
            ],
            "refund_summaries": [{"refund_id": "REFUND_A", "service_fee": "0.10"}],
            "pagination": {"total_count": 3, "page_number": "1", "page_size": "20"},
        }
    },
    {
        "payment": {
            "id": "PAY_A",
            "payer": {
                "payer_info": {
                    "wechat_in_app": {"payInfo": {"appId": "wx1", "noncestr": "n"}},
                    "ali_qr_scan": {"bank_payurl": "https://x"},
                    "phone": "152",
                    "bankCard": {"mer_cust_id": "c1", "valid_date": "", "phone": "1"},
                },
                "enterprise_qualification": {"rank": "A", "enterprise_contact": "李"},
            },
            "risk_info": {"trans_type": "02", "shipping_address": "路1号"},
            "is_from_US": "Y",
        }
    },
    {"banks": [{"code": "CCB", "types": ["CREDIT_CARD"]}, {"type": "DEBIT_CARD"}]},
    {"exchangeRates": [{"rate": "6.9", "Currency": "USD"}]},
]


def _answers() -> list[dict[str, Any]]:
    cases = [
        case
        for name in ("gateway_captures", "response_signatures")
        for case in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
        if case["verdict"] == "valid"
    ]

    return [parse_json(base64.b64decode(case["raw_base64"])) for case in cases] + (
        _INVENTED
    )


ANSWERS = _answers()


def mutated_answer(number: int) -> dict[str, Any]:
    """
    Return an answer with none to six changes.
    """
    # Not for secrets: the same number gives the same answer.
    dice = random.Random(number)
    answer = copy.deepcopy(dice.choice(ANSWERS))

    for _ in range(dice.randrange(7)):
        one = dice.choice([*_objects(answer)])
        _mutate(one, dice)

    return answer


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value

    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _objects(one)


def _mutate(one: dict[str, Any], dice: random.Random) -> None:
    name = dice.choice([*one, dice.choice(NAMES)])
    others = [f"{name} ", f" {name}", name.upper(), *(OTHER_NAMES.get(name, []) * 3)]

    match dice.randrange(8):
        case 0:
            one.pop(name, None)
        case 1:
            one[dice.choice(others)] = one.pop(name, dice.choice(VALUES))
        case 2:
            one[dice.choice(others)] = copy.deepcopy(one.get(name, "7"))
        case 3:
            one[dice.choice(others)] = copy.deepcopy(dice.choice(VALUES))
        case 4:
            one[name] = [one.get(name)]
        case 5:
            found = one.get(name)
            one[name] = found[0] if isinstance(found, list) and found else found
        case 6:
            one["brand_new"] = copy.deepcopy(dice.choice(VALUES))
        case 7:
            one[name] = copy.deepcopy(dice.choice(VALUES))

    if dice.randrange(4) == 0:
        moved = dice.choice([*one] or [name])
        one[moved] = one.pop(moved, None)
