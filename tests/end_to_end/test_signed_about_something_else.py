"""
Answers that are signed and about something else give nothing: one table of all classes.

The gateway signs for all its merchants with one key, and old answers stay signed for
ever: each row is such an answer, over a real socket, with a real signature. The rows of
notifications stand in ``test_notified_about_something_else.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import attrs
import orders
import pytest

from umfpay import Config, UMFSession, flows
from umfpay.errors import (
    EnvelopeError,
    MismatchedResponseError,
    NotFinishedError,
    OutcomeUnknownError,
    UMFError,
)
from umfpay.models import BankCard, Money, NewCustomsDeclaration, NewRefund
from umfpay.protocol import PrivateKey, Signer, new_object_id, sign_envelope


GATEWAY, MERCHANT = PrivateKey.generate(1024), PrivateKey.generate(1024)
SIGNER = Signer(GATEWAY)

DAY = orders.DAY
PAY, OTHER = "PAY_AAAA", "PAY_BBBB"
ORDER = orders.order(reference="O1")
USD = {"total": "10.00", "currency": "USD"}
NAMED = {"mer_reference_id": "O1", "mer_date": "20261123", "amount": USD}
REFUND = NewRefund(
    mer_reference_id="9010040125",
    mer_date=DAY,
    amount=Money("5.00", "USD"),
)
CUSTOMS = NewCustomsDeclaration(
    customs_id="HZ",
    mer_customs_code="3301",
    mer_sub_reference_id="77",
    mer_item_ids=["1"],
    sub_order_amount=Money("10.00", "USD"),
    freight_amount=Money("1.00", "USD"),
    tax_amount=Money("2.00", "USD"),
    ec_plat_id="P1",
)


def numbered(prefix, number, day=20261123):
    """
    Return an id that holds a number of digits, as the gateway's do (gateway.md 5.22).
    """
    return new_object_id(prefix, number.to_bytes(8) + day.to_bytes(4))


R1, R2 = numbered("REFUND", 9010040124), numbered("REFUND", 9010040125)


def link(path, ref="self"):
    return {"ref": ref, "method": "GET", "href": f"http://10.0.0.1/spay_rest/{path}"}


def payment(key=PAY, *, links=None, state="WAIT_BUYER_PAY", **order):
    """
    Return an answer about a payment; its order is the right one but for *order*.
    """
    return {
        "payment": {
            **({} if key is None else {"id": key}),
            "state": state,
            "order": {
                name: value
                for name, value in {**NAMED, **order}.items()
                if value is not None
            },
        },
        "links": [link(f"payments/payment/{PAY}")] if links is None else links,
    }


def bare(**order):
    """
    Return a query's answer as the real gateway gives it: without id and links.
    """
    return payment(None, links=[], **order)


def refund(key=R2, *, parent=PAY, links=None, **order):
    named = {
        # Of the original order, in CNY cents (gateway.md, trap 15).
        "mer_reference_id": "O1",
        "mer_date": "20261123",
        "amount": {"total": "3451", "currency": "USD", "total_cny": ""},
        **order,
    }

    return {
        "links": [
            link(f"payments/payment/{parent}", "parent_payment"),
            link(f"payments/refund/{key}"),
        ]
        if links is None
        else links,
        "refund": {"orders": [named], "state": "REFUND_PROCESS"},
    }


def declaration(key="CUST_AAAA", *, parent=PAY, links=None, **changes):
    return {
        "links": [
            link(f"payments/payment/{parent}", "parent_payment"),
            link(f"payments/customs_ declarations/{key}"),
        ]
        if links is None
        else links,
        "customsDeclarations": [
            {
                "customs_id": "HZ",
                "mer_customs_code": "3301",
                "ec_plat_id": "P1",
                "sub_order": {"mer_sub_reference_id": "77"},
                "sub_order_amount": USD,
                "freight_amount": {"total": "1.00", "currency": "USD"},
                "tax_amount": {"total": "2.00", "currency": "USD"},
                **changes,
            }
        ],
    }


def company(key="EQ_AAAA", **changes):
    return {
        "enterprise_qualification": {
            "external_enterprise_id": "c-1",
            "busi_type": "GFHG",
            "enterprise_status": "DISABLE",
            **changes,
        },
        "links": [link(f"enterprise_qualification/{key}")],
    }


def listed(*, page=1, day="20261123", name="transactions", **more):
    row = {
        "payment_id": PAY,
        "order_date": day,
        "mer_reference_id": "O1",
        "amount": USD,
    }

    return {
        name: {
            "payment_summaries": [row],
            "refund_summaries": [],
            "pagination": {"total_count": 1, "page_number": page, "page_size": 500},
            **more,
        }
    }


@attrs.frozen(kw_only=True)
class Row:
    """
    One class of answers.

    Args:
        call: One of `CALLS`.
        different: What the answer names that was not asked for.
        answers: By a pattern of method and path, what the gateway answers; the first
            that fits.
        end: ``taken``, ``refused`` (nothing can have happened), ``unclear`` (money, or
            an object, may be there), or ``not_finished`` (a flow never returns it).
    """

    call: str
    different: str
    answers: dict[str, Any]
    end: str


CARD = BankCard(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name="张三",
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number=orders.ID_NUMBER,
    phone="15210838198",
)


async def _code(_pending):
    return "123456"


def _nobody(_shown):
    return None


def _new():
    return attrs.evolve(orders.card_payment(), order=ORDER)


FLOW: Any = {"deadline": 20.0}
PERSON: Any = {"name": "张三", "citizen_id_number": orders.ID_NUMBER, "show": _nobody}

CALLS: dict[str, Callable[[UMFSession], Any]] = {
    "create": lambda s: s.payments.create(_new()),
    "get": lambda s: s.payments.get(PAY),
    "execute": lambda s: s.payments.execute(PAY, orders.card("123456")),
    "verify": lambda s: s.payments.verify(PAY, orders.card()),
    "tracking": lambda s: s.payments.update_express_info(PAY, orders.parcels()),
    "refund": lambda s: s.refunds.create(PAY, REFUND, known_refunds=["REFUND_KNOWN"]),
    "refund_get": lambda s: s.refunds.get(R2),
    "customs": lambda s: s.customs.apply(PAY, CUSTOMS),
    "customs_get": lambda s: s.customs.get("CUST_AAAA"),
    "declare_only": lambda s: s.customs.apply_only(orders.declaration()),
    "declare_again": lambda s: s.customs.declare_again("O1"),
    "register": lambda s: s.enterprises.register(orders.company()),
    "enterprise_get": lambda s: s.enterprises.get("EQ_AAAA"),
    "enterprise_coded": lambda s: s.enterprises.get(
        new_object_id("EQ", b"c-1|GFHG20261123")
    ),
    "rate": lambda s: s.exchange_rates.get("USD"),
    "banks": lambda s: s.banks.list("CREDIT_CARD"),
    "transactions": lambda s: s.statements.transactions_page(DAY, page_number=2),
    "reconciliation": lambda s: s.statements.reconciliation_page(DAY),
    "raw_create": lambda s: s.request("POST", "/payments/payment", _new()),
    "raw_create_dict": lambda s: s.request(
        "POST", "/payments/payment", {"payer": {}, "order": NAMED}
    ),
    "raw_get": lambda s: s.request("GET", f"/payments/payment/{PAY}"),
    "raw_execute": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/execute", {"payer": {}}
    ),
    "raw_verify": lambda s: s.request("POST", f"/payments/payment/{PAY}/verify"),
    "raw_refund": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/refund", REFUND
    ),
    "raw_refund_get": lambda s: s.request("GET", f"/payments/refund/{R2}"),
    "raw_customs": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/apply_to_customs", CUSTOMS
    ),
    "raw_customs_get": lambda s: s.request(
        "GET", "/payments/customs_declarations/CUST_AAAA"
    ),
    "raw_register": lambda s: s.request(
        "POST", "/enterprise_qualification", orders.company()
    ),
    "raw_enterprise_get": lambda s: s.request(
        "GET", "/enterprise_qualification/EQ_AAAA"
    ),
    "raw_rate": lambda s: s.request("GET", "/exchange_rate", query={"currency": "USD"}),
    "raw_get_spelled": lambda s: s.request("GET", f"/Payments/payment/{PAY}"),
    "raw_banks": lambda s: s.request("GET", "/bank", query={"type": "DEBIT_CARD"}),
    "raw_transactions": lambda s: s.request(
        "GET", "/payments/transactions", query={"mer_date": "20261123"}
    ),
    "raw_reconciliation": lambda s: s.request(
        "GET", "/payments/reconciliation_statement", query={"settle_date": "20261123"}
    ),
    "card_flow": lambda s: flows.card_payment(
        s, ORDER, CARD, bank_code="CCB", verification_code=_code, **FLOW
    ),
    "qr_flow": lambda s: flows.qr_payment(
        s, ORDER, method="WECHAT_SCAN", **PERSON, **FLOW
    ),
    "wechat_flow": lambda s: flows.wechat_web(s, ORDER, open_id="o", **PERSON, **FLOW),
    "checkout_flow": lambda s: flows.checkout(
        s, ORDER, open_page=_nobody, ret_url="http://127.0.0.1:9/", **FLOW
    ),
    "bank_flow": lambda s: flows.bank_payment(
        s,
        ORDER,
        bank_code="ICBC",
        enterprise=orders.company(),
        open_page=_nobody,
        **FLOW,
    ),
    "bank_flow_checked": lambda s: flows.bank_payment(
        s,
        ORDER,
        bank_code="ICBC",
        enterprise=orders.company(),
        enterprise_id="EQ_AAAA",
        open_page=_nobody,
        **FLOW,
    ),
    "refund_flow": lambda s: flows.refund(
        s,
        PAY,
        mer_reference_id=REFUND.mer_reference_id,
        mer_date=REFUND.mer_date,
        amount=REFUND.amount,
        deadline=20.0,
    ),
    "customs_flow": lambda s: flows.declare_customs(s, PAY, [CUSTOMS], deadline=20.0),
    "enterprise_flow": lambda s: flows.register_enterprise(
        s, orders.company(), deadline=20.0
    ),
}

LESS = {"total": "1.00", "currency": "USD"}
EURO = {"total": "10.00", "currency": "EUR"}
WRONG_ORDERS = {
    "number": {"mer_reference_id": "O2"},
    "day": {"mer_date": "20200101"},
    "amount": {"amount": LESS},
    "currency": {"amount": EURO},
}
STRANGE_LINK = [link(f"payments/payment/{PAY}"), link(f"payments/payment/{OTHER}")]


def _rows(call, end, **answers):
    return [
        Row(call=call, different=name, answers={".": answer}, end=end)
        for name, answer in answers.items()
    ]


def _payment_rows(call, end):
    """
    Return what every answer is refused for that must be about `PAY`.
    """
    nested = payment()
    nested["payment"]["links"] = [link(f"payments/payment/{OTHER}")]
    deep = payment()
    deep["payment"]["order"]["parent"] = {"links": [link(f"payments/payment/{OTHER}")]}

    return _rows(
        call,
        end,
        id=payment(OTHER, links=[]),
        self_link=payment(None, links=[link(f"payments/payment/{OTHER}")]),
        another_self_link=payment(links=STRANGE_LINK),
        other_link=payment(links=[link(f"payments/payment/{OTHER}/refund", "refund")]),
        nested_self_link=nested,
        deeply_nested_self_link=deep,
    )


def _paid(**order):
    return bare(state="TRADE_SUCCESS", **order)


QR = payment()
QR["payment"]["payer"] = {"payer_info": {"qr_code_scan": {"qr_code_url": "weixin://x"}}}
WECHAT = payment()
WECHAT["payment"]["payer"] = {
    "payer_info": {"wechat_in_app_web": {"pay_info": {"app_id": "a"}}}
}
CASHIER = payment(
    links=[link(f"payments/payment/{PAY}"), link("upay/cbPluginPay.do?x=1", "upay")]
)
MADE = {"card_flow": payment(), "qr_flow": QR, "wechat_flow": WECHAT}
SMS = {"links": [link(f"payments/payment/{PAY}")]}


def _flow_rows(call, end, final):
    steps = {
        "POST /payments/payment$": MADE.get(call, CASHIER),
        "/verify": SMS,
        "/execute": payment(state="TRADE_SUCCESS"),
    }

    return [
        Row(
            call=call,
            different=f"final {name}",
            answers={**steps, "GET": answer},
            end=end,
        )
        for name, answer in final.items()
    ]


PAYING = ["card_flow", "qr_flow", "wechat_flow", "checkout_flow", "bank_flow"]
NOT_REFUNDED = {"/transactions": listed(), f"GET /payments/payment/{PAY}": _paid()}

TAKEN = [
    *_rows(
        "create",
        "taken",
        nothing=payment(),
        real_form=payment(None),
        currency_in_capitals=payment(amount={"total": 10, "Currency": "USD"}),
    ),
    Row(
        call="create",
        different="nothing, asked for once",
        answers={"POST": payment(amount=None), "GET": bare()},
        end="taken",
    ),
    *_rows("get", "taken", nothing=payment(), real_form=bare()),
    *_rows(
        "execute",
        "taken",
        nothing=payment(),
        swapped=payment(
            amount={"total": "690.46", "currency": "USD", "total_cny": "10.00"}
        ),
    ),
    *_rows("verify", "taken", nothing=SMS, no_link={}),
    *_rows("tracking", "taken", nothing={}),
    *_rows("refund", "taken", nothing=refund()),
    Row(
        call="refund",
        different="nothing, an id of letters: the payment is asked for",
        answers={"POST": refund("REFUND_AAAA"), "GET": bare()},
        end="taken",
    ),
    Row(
        call="refund",
        different="nothing, an id of letters: the payment cannot be asked",
        answers={"POST": refund("REFUND_AAAA"), "GET": {}},
        end="taken",
    ),
    *_rows("refund_get", "taken", nothing={"refunds": [{"state": "REFUND_SUCCESS"}]}),
    *_rows("customs", "taken", nothing=declaration()),
    *_rows("customs_get", "taken", nothing=declaration()),
    *_rows("register", "taken", nothing=company()),
    *_rows("enterprise_get", "taken", nothing=company()),
    *_rows("rate", "taken", nothing={"rate": "6.9"}),
    *_rows(
        "banks", "taken", nothing={"banks": [{"code": "A", "types": ["CREDIT_CARD"]}]}
    ),
    *_rows("transactions", "taken", nothing=listed(page=2)),
    *_rows(
        "reconciliation",
        "taken",
        nothing=listed(name="reconciliations", settle_date="20261123"),
    ),
    *_rows("raw_create", "taken", nothing=payment(), another_form={"order": {}}),
    *_rows("raw_create_dict", "taken", nothing=payment()),
    *_rows("raw_get", "taken", nothing=bare()),
    *_rows("raw_execute", "taken", nothing=payment()),
    *_rows("raw_refund", "taken", nothing=refund()),
    *_rows("raw_customs", "taken", nothing=declaration()),
    *_rows("raw_register", "taken", nothing=company()),
    *_rows("raw_rate", "taken", nothing={"rate": "6.9"}),
    *_rows("raw_transactions", "taken", nothing=listed()),
    *itertools.chain.from_iterable(
        _flow_rows(call, "taken", {"nothing": _paid()}) for call in PAYING
    ),
]

ANSWERS = [
    # What was ordered.
    *_payment_rows("create", "unclear")[2:],
    *_rows(
        "create",
        "unclear",
        **{name: payment(**order) for name, order in WRONG_ORDERS.items()},
    ),
    *[
        Row(
            call="create",
            different=f"{name}, in the query for what was missing",
            answers={"POST": payment(**dict.fromkeys(order)), "GET": bare(**order)},
            end="unclear",
        )
        for name, order in WRONG_ORDERS.items()
    ],
    *_payment_rows("get", "refused"),
    *_payment_rows("execute", "unclear"),
    Row(
        call="execute",
        different="number, of an answer that names no id",
        answers={"POST": bare(mer_reference_id="O2"), "GET": bare()},
        end="unclear",
    ),
    *_rows(
        "verify",
        "refused",
        self_link={"links": [link(f"payments/payment/{OTHER}")]},
        nested={"payment": {"links": [link(f"payments/payment/{OTHER}/x", "confirm")]}},
    ),
    *_rows("tracking", "unclear", id={"payment": {"id": OTHER}}),
    # Refunds.
    *_rows(
        "refund",
        "unclear",
        parent=refund(parent=OTHER),
        number_in_the_id=refund(R1),
        known_refund={"refund": {"id": "REFUND_KNOWN", "parent_payment": PAY}},
        currency=refund(amount={"total": "3451", "currency": "EUR"}),
        another_self_link=refund(
            links=[link(f"payments/refund/{R2}"), link(f"payments/refund/{R1}")]
        ),
    ),
    *[
        Row(
            call="refund",
            different=f"{name} of neither the refund nor the order",
            answers={"POST": refund("REFUND_AAAA", **order), "GET": bare()},
            end="unclear",
        )
        for name, order in {
            "number": {"mer_reference_id": "R1"},
            "day": {"mer_date": "20200101"},
            "amount": {"amount": {"total": "3.00", "currency": "USD"}},
        }.items()
    ],
    Row(
        call="refund",
        different="nothing named but another number, and the payment cannot be asked",
        answers={
            "POST": refund("REFUND_AAAA", links=[link("payments/refund/REFUND_AAAA")]),
            "GET": {},
        },
        end="unclear",
    ),
    *_rows(
        "refund_get",
        "refused",
        id={"refunds": [{"id": R1, "state": "REFUND_SUCCESS"}]},
        self_link={
            "refunds": [{"state": "x"}],
            "links": [link(f"payments/refund/{R1}")],
        },
        nested_self_link={
            "refunds": [{"state": "x", "links": [link(f"payments/refund/{R1}")]}]
        },
        a_payment=payment(state="TRADE_SUCCESS"),
    ),
    # Declarations.
    *_rows(
        "customs",
        "unclear",
        parent=declaration(parent=OTHER),
        customs_id=declaration(customs_id="NB"),
        customs_code=declaration(mer_customs_code="9"),
        platform=declaration(ec_plat_id="P2"),
        sub_order=declaration(sub_order={"mer_sub_reference_id": "78"}),
        amount=declaration(sub_order_amount=LESS),
        currency=declaration(sub_order_amount=EURO),
        freight=declaration(freight_amount=LESS | {"total": "9.00"}),
        tax=declaration(tax_amount=LESS | {"total": "9.00"}),
        number_in_the_id=declaration(numbered("CUST", 78)),
    ),
    Row(
        call="customs",
        different="sub order, in the query for what was missing",
        answers={
            "POST": declaration(sub_order=""),
            "GET": declaration(sub_order={"mer_sub_reference_id": "78"}),
        },
        end="unclear",
    ),
    *_rows(
        "customs_get",
        "refused",
        id=declaration(id="CUST_BBBB", links=[]),
        self_link=declaration("CUST_BBBB"),
    ),
    *_rows(
        "declare_only",
        "unclear",
        number={"customes_declaration_only": {"mer_reference_id": "elsewhere-2"}},
    ),
    *_rows("declare_again", "unclear", number={"mer_reference_id": "O2"}),
    # Companies.
    *_rows(
        "register",
        "unclear",
        company=company(external_enterprise_id="c-2"),
        business=company(busi_type="SJHG"),
    ),
    Row(
        call="register",
        different="company, in the query for what was missing",
        answers={
            "POST": company(external_enterprise_id=""),
            "GET": company(external_enterprise_id="c-2"),
        },
        end="unclear",
    ),
    *_rows(
        "enterprise_get",
        "refused",
        id=company(id="EQ_BBBB"),
        self_link=company("EQ_BBBB"),
    ),
    *_rows(
        "enterprise_coded",
        "refused",
        company_in_the_id={
            "enterprise_qualification": {"external_enterprise_id": "c-2"}
        },
    ),
    # Lists.
    *_rows(
        "rate",
        "refused",
        currency={"exchangeRates": [{"rate": "0.9", "currency": "HKD"}]},
        bare_currency={"rate": "0.9", "currency": "HKD"},
    ),
    *_rows(
        "banks", "refused", type={"banks": [{"code": "A", "types": ["DEBIT_CARD"]}]}
    ),
    *_rows(
        "transactions",
        "refused",
        page=listed(page=1),
        day=listed(page=2, day="20200101"),
    ),
    *_rows(
        "reconciliation",
        "refused",
        page=listed(page=2, name="reconciliations"),
        day=listed(name="reconciliations", settle_date="20200101"),
    ),
    # The way out for what has no method.
    *_payment_rows("raw_create", "unclear")[2:],
    *[
        row
        for call in ("raw_create", "raw_create_dict")
        for row in _rows(
            call,
            "unclear",
            **{name: payment(**order) for name, order in WRONG_ORDERS.items()},
        )
    ],
    Row(
        call="raw_create",
        different="amount, in the query for what was missing",
        answers={"POST": payment(amount=None), "GET": bare(amount=LESS)},
        end="unclear",
    ),
    *_payment_rows("raw_get", "refused"),
    *_rows("raw_get", "refused", a_refund={"refunds": [{"state": "REFUND_SUCCESS"}]}),
    *_payment_rows("raw_execute", "unclear"),
    *_rows(
        "raw_verify",
        "unclear",
        self_link={"links": [link(f"payments/payment/{OTHER}")]},
    ),
    *_rows(
        "raw_refund",
        "unclear",
        parent=refund(parent=OTHER),
        number_in_the_id=refund(R1),
    ),
    Row(
        call="raw_refund",
        different="number of neither the refund nor the order",
        answers={"POST": refund("REFUND_AAAA", mer_reference_id="R1"), "GET": bare()},
        end="unclear",
    ),
    *_rows(
        "raw_refund_get",
        "refused",
        id={"refunds": [{"id": R1, "state": "REFUND_SUCCESS"}]},
        self_link={
            "refunds": [{"state": "x"}],
            "links": [link(f"payments/refund/{R1}")],
        },
    ),
    *_rows(
        "raw_customs",
        "unclear",
        parent=declaration(parent=OTHER),
        customs_id=declaration(customs_id="NB"),
        sub_order=declaration(sub_order={"mer_sub_reference_id": "78"}),
    ),
    *_rows("raw_customs_get", "refused", self_link=declaration("CUST_BBBB")),
    *_rows("raw_register", "unclear", company=company(external_enterprise_id="c-2")),
    *_rows("raw_enterprise_get", "refused", self_link=company("EQ_BBBB")),
    *_rows("raw_rate", "refused", currency={"rate": "0.9", "currency": "HKD"}),
    *_rows("raw_get_spelled", "refused", id=payment(OTHER)),
    *_rows(
        "raw_banks",
        "refused",
        payment=payment(),
        kind={"banks": [{"id": "CCB", "types": ["CREDIT_CARD"]}]},
    ),
    *_rows("raw_transactions", "refused", day=listed(day="20200101")),
    *_rows(
        "raw_reconciliation",
        "refused",
        day=listed(name="reconciliations", settle_date="20200101"),
    ),
    # The end of a flow.
    *itertools.chain.from_iterable(
        _flow_rows(
            call,
            "not_finished",
            {
                **{name: _paid(**order) for name, order in WRONG_ORDERS.items()},
                "id": payment(OTHER, links=[], state="TRADE_SUCCESS"),
            }
            if call == "card_flow"
            else {"number and amount": _paid(mer_reference_id="O2", amount=LESS)},
        )
        for call in PAYING
    ),
    Row(
        call="bank_flow_checked",
        different="company",
        answers={
            "GET": company(enterprise_status="ENABLE", external_enterprise_id="c-2")
        },
        end="refused",
    ),
    Row(
        call="refund_flow",
        different="final parent",
        answers={
            **NOT_REFUNDED,
            "POST": refund(),
            "GET": {"refunds": [{"state": "REFUND_SUCCESS", "parent_payment": OTHER}]},
        },
        end="not_finished",
    ),
    Row(
        call="refund_flow",
        different="final number",
        answers={
            **NOT_REFUNDED,
            "POST": refund(),
            "GET": {
                "refunds": [
                    {"state": "REFUND_SUCCESS", "order": {"mer_reference_id": "R1"}}
                ]
            },
        },
        end="not_finished",
    ),
    Row(
        call="customs_flow",
        different="final sub order",
        answers={
            "POST": declaration(state="ACCEPTED"),
            "GET": declaration(
                state="SUCCESS", sub_order={"mer_sub_reference_id": "78"}
            ),
        },
        end="harmless",
    ),
    Row(
        call="enterprise_flow",
        different="final company",
        answers={
            "POST": company(),
            "GET": company(enterprise_status="ENABLE", external_enterprise_id="c-2"),
        },
        end="harmless",
    ),
]

# Notifications that are signed and about something else: rows of their own kind.
NOTIFICATIONS: list[Row] = []


def _named(row):
    return f"{row.call}-{row.different}"


class Answering:
    """
    A gateway on loopback that signs what a row says.
    """

    def __init__(self):
        self.answers = {}
        self.tasks = set()

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())

        with contextlib.suppress(OSError, EOFError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = re.search(r"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                method, target, _ = head.split(" ", 2)
                writer.write(self._answer(method, target))

        writer.close()

        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _answer(self, method, target):
        if "/oauth/" in target:
            body = b'{"access_token":"T","expires_in":3600}'
        else:
            asked = f"{method} {target}"
            found = [a for at, a in self.answers.items() if re.search(at, asked)]
            members = {"meta": {"ret_code": "0000", "ret_msg": "Success"}, **found[0]}
            body = sign_envelope(members, signer=SIGNER, place="meta")[0]

        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture(name="gateway")
async def _gateway():
    gateway = Answering()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]

    yield gateway

    server.close()
    await asyncio.gather(*gateway.tasks)


@pytest.fixture(autouse=True)
def _quick_questions(monkeypatch):
    """
    Flows ask again at once.
    """
    monkeypatch.setattr("umfpay.flows._waiting._FIRST", 0.02)


@pytest.fixture(name="session")
async def _session(gateway):
    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=MERCHANT,
        gateway_certificate=GATEWAY.public,
        base_url=f"http://127.0.0.1:{gateway.port}/",
        token_store="memory",
        notify_url="http://127.0.0.1:9/notify",
    )

    async with UMFSession(config) as session:
        yield session


@pytest.mark.parametrize("row", TAKEN, ids=_named)
async def test_the_answer_that_was_asked_for_is_taken(gateway, session, row):
    """
    Also in the forms in which the real gateway leaves names out or swaps them.
    """
    gateway.answers = row.answers
    await CALLS[row.call](session)


@pytest.mark.parametrize("row", ANSWERS, ids=_named)
async def test_an_answer_about_something_else_gives_nothing(gateway, session, row):
    """
    A read is refused; a write that has left is unclear; a flow never ends with it.
    """
    gateway.answers = row.answers

    with pytest.raises(UMFError) as caught:
        await CALLS[row.call](session)

    error = caught.value
    money = row.call in ("execute", "refund", "raw_execute", "raw_refund")

    if row.end == "refused":
        assert isinstance(error, MismatchedResponseError | EnvelopeError)
        assert not error.money_may_have_moved
    elif row.end == "unclear":
        assert isinstance(error, OutcomeUnknownError)
        assert isinstance(error.__cause__, MismatchedResponseError | EnvelopeError)
        assert money is error.money_may_have_moved
    else:
        assert isinstance(error, NotFinishedError)
        assert (row.end == "not_finished") is error.money_may_have_moved


def test_there_are_enough_classes_and_none_twice():
    """
    60 with the notifications.
    """
    named = [_named(row) for row in ANSWERS + NOTIFICATIONS]

    assert len(named) >= 60
    assert len(set(named)) == len(named)
    assert set(CALLS) == {row.call for row in ANSWERS}
