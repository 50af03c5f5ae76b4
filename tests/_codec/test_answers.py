"""
Whole answers, captured and invented: one form of ours for each oddity of theirs.
"""

from __future__ import annotations

import base64
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from umfpay import _codec
from umfpay._codec import structure
from umfpay.errors import EnvelopeError, MismatchedResponseError
from umfpay.models import (
    Amount,
    Bank,
    BankType,
    Currency,
    CustomsDeclaration,
    CustomsState,
    EnterpriseBusiness,
    EnterpriseQualification,
    ExchangeRate,
    LinkRef,
    PayInfo,
    Payment,
    PaymentMethod,
    PaymentState,
    ReceivedAgreement,
    ReceivedCard,
    ReconciliationsPage,
    Refund,
    RefundState,
    StandaloneDeclaration,
    TransactionsPage,
)
from umfpay.protocol import PublicKey, Verdict, Verifier, open_envelope, parse_json


VECTORS = Path(__file__).parent.parent / "vectors"
SIGNED = [
    case
    for case in json.loads((VECTORS / "response_signatures.json").read_text("utf-8"))
    if case["verdict"] == "valid"
]
HOST = "http://10.10.77.79:8081/V1/spay_rest/payments"
PAY_ID = "PAY_AAGSRXVMGCDZOAJTY2VD2"
META = {"ret_code": "0000", "ret_msg": "Success"}


def link(ref, path, **changes):
    return {"ref": ref, "method": "GET", "href": f"{HOST}{path}", **changes}


def test_the_captured_create_answer(captures):
    """
    No payment.id on the wire: it is in the self link (gateway.md, trap 9).
    """
    payment = _codec.read_object(captures["create_card_payment"], Payment)
    order = payment.order
    amount = order.amount

    assert PAY_ID == payment.id
    assert PaymentState.WAIT_BUYER_PAY is payment.state
    assert ("20170411543977", date(2017, 4, 10)) == (
        order.mer_reference_id,
        order.mer_date,
    )
    assert "100.02 USD 692.07" == f"{amount.total} {amount.currency} {amount.total_cny}"
    assert ExchangeRate(rate=Decimal("6.9193"), currency=Currency.USD) == (
        amount.exchange_rate
    )
    assert ReceivedCard() == payment.payer.payer_info.bank_card
    assert ReceivedAgreement() == payment.payer.payer_info.payer_agreement
    assert [LinkRef.SELF, LinkRef.SMS_VERIFY] == [one.ref for one in payment.links]
    assert payment.link("sms_verify").href.endswith(f"/{PAY_ID}/verify")
    assert payment.verified


def test_the_captured_sms_answer(captures):
    """
    Links only; the payment's id is in them.
    """
    sent = _codec.read_sms(captures["send_sms"])

    assert PAY_ID == sent.payment_id
    assert [LinkRef.SELF, LinkRef.CONFIRM] == [one.ref for one in sent.links]


def test_the_captured_execute_answer(captures):
    """
    The agreement and the internal gate id, with the names of the wire.
    """
    payment = _codec.read_object(captures["execute_with_agreement"], Payment)

    assert "PAY_AAEZW7SW6VQJ6AJTY24KG" == payment.id
    assert PaymentState.TRADE_SUCCESS is payment.state
    assert date(2017, 4, 24) == payment.settle_date == payment.execute_success_time
    assert "B001" == payment.payer.bank_code
    assert ReceivedAgreement(
        usr_busi_agreement_id="UB201704201445250000000000533377",
        usr_pay_agreement_id="P2017011114291400000000000532236",
        gate_id="B001",
        last_four_cardid="9442",
    ) == (payment.payer.payer_info.payer_agreement)
    assert Amount(
        total=Decimal("100.02"), currency=Currency.USD, total_cny=Decimal("690.37")
    ) == (payment.order.amount)
    assert {} == payment.extra


def test_the_captured_query_answer(captures):
    """
    It names no id: it is the one that was asked for.
    """
    payment = _codec.read_object(captures["query_payment"], Payment, asked=PAY_ID)

    assert PAY_ID == payment.id
    assert PaymentMethod.CREDIT_CARD is payment.payer.payment_method
    assert payment.order.user_ip is None
    assert payment.order.expire_time is None
    assert Decimal("6.9023") == payment.order.amount.exchange_rate.rate


def test_the_captured_refund_answer(captures):
    """
    A list with nothing but a state becomes one refund (gateway.md, trap 16).
    """
    refund = _codec.read_object(captures["query_refund"], Refund, asked="REFUND_A")

    assert Refund(id="REFUND_A", state=RefundState.REFUND_PROCESS) == refund


@pytest.mark.parametrize("case", SIGNED, ids=lambda case: case["name"])
def test_signed_answers_are_read(case):
    """
    Each valid answer of the vectors is verified and read.
    """
    body = base64.b64decode(case["raw_base64"])
    headers = {name.lower(): value for name, value in case["headers"].items()}
    envelope = open_envelope(
        body,
        header_signature=headers.get("signature"),
        verifier=Verifier([PublicKey.load(VECTORS / case["certificate"])]),
    )
    members = envelope.members

    assert Verdict.VERIFIED is envelope.verdict
    assert members == parse_json(body)

    if "payment" in members:
        payment = _codec.read_object(members, Payment, asked=PAY_ID)
        assert PAY_ID == payment.id
        assert payment.order is None or payment.order.amount.total == Decimal("100.02")
    elif "enterprise_qualification" in members:
        company = _codec.read_object(members, EnterpriseQualification)
        assert company.enterprise_name.startswith("华西")
        assert EnterpriseBusiness.GFHG is company.busi_type
    else:
        amount = structure(members["amount"], Amount)
        assert Decimal("49.41") == amount.total
        assert "6.9800" == str(amount.extra["rate"])


def test_the_create_answer_of_autumn_2017():
    """
    The id is there, names are snake_case, the request is echoed (gateway.md 5.3).
    """
    payment = _codec.read_object(
        {
            "meta": META,
            "payment": {
                "pay_elements": "",
                "risk_info": {"trans_type": "02", "shipping_address": "路1号"},
                "id": PAY_ID,
                "state": "WAIT_BUYER_PAY",
                "is_from_US": "Y",
                "payer": {
                    "payer_info": {
                        "bank_card": {
                            "citizen_id_type": "IDENTITY_CARD",
                            "mer_cust_id": "c1",
                            "state": "ok",
                        }
                    }
                },
                "order": {
                    "sub_orders": [
                        {"is_customs": "TRUE", "items": [{"item_quantity": "2"}]}
                    ]
                },
            },
            "links": [link("self", "/payment/PAY_OTHER")],
        },
        Payment,
    )
    sub_order = payment.order.sub_orders[0]

    assert PAY_ID == payment.id
    assert payment.pay_elements is None
    assert "02" == payment.risk_info.trans_type
    assert "路1号" == payment.risk_info.receiver_address.reveal()
    assert "路1号" not in repr(payment)
    assert "Y" == payment.is_from_US
    assert "c1" == payment.payer.payer_info.bank_card.external_customer_id
    assert "ok" == payment.payer.payer_info.bank_card.state
    assert sub_order.is_customs is True
    assert Decimal(2) == sub_order.items[0].quantity


def test_a_named_id_with_blanks_is_the_id():
    """
    What was asked for does not take its place, so that a mix-up is seen.
    """
    members = {"payment": {"id ": "PAY_OTHER"}}

    assert "PAY_OTHER" == _codec.read_object(members, Payment, asked=PAY_ID).id


def test_names_with_and_without_blanks():
    """
    The one without blanks is the member, the other is kept.
    """
    payment = _codec.read_object({"payment": {" id": "PAY_B", "id": "PAY_A"}}, Payment)

    assert "PAY_A" == payment.id
    assert {" id": "PAY_B"} == payment.extra


@pytest.mark.parametrize(
    "links",
    [
        [link("self", "/payment/PAY_A")],
        [link("refund", "/payment/PAY_B/refund"), link("self", "/payment/PAY_A")],
        [{"rel": "self", "href": "https://x/cberest/v1//payments/payment/PAY_A?a=b"}],
        link("self", "/payment/PAY_A"),
        ["", link("confirm", "/payment/PAY_A/execute")],
    ],
)
def test_an_id_from_links(links):
    """
    By ref first, wherever it stands, whatever stands before it (gateway.md, traps 7-9).
    """
    for members in (
        {"payment": {}, "links": links},
        {"payment": {"links": links}},
        {"payment ": {"id": ""}, " links": links},
    ):
        assert "PAY_A" == _codec.read_object(members, Payment).id


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"payment": ""},
        {"payment": {}},
        {"payment": {}, "links": [link("self", "/refund/REFUND_A")]},
        {"payment": {}, "links": [{"ref": "self"}]},
    ],
)
def test_a_payment_without_any_id(members):
    """
    An object that cannot be named is of no use.
    """
    with pytest.raises(EnvelopeError, match="holds no payment"):
        _codec.read_object(members, Payment)


@pytest.mark.parametrize("given", [[], "text", 5])
def test_a_payment_that_is_no_object(given):
    """
    The error says where.
    """
    with pytest.raises(EnvelopeError, match="payment is not an object"):
        _codec.read_object({"payment": given}, Payment)


def test_a_link_that_is_no_object():
    """
    The error says which.
    """
    with pytest.raises(EnvelopeError, match=r"links\[1\] is str"):
        _codec.read_object({"payment": {}, "links": [{}, "x"]}, Payment)


@pytest.mark.parametrize(
    ("where", "read"),
    [
        (("qr_code_scan", "qr_code_url"), lambda payment: payment.qr_code_url),
        (
            ("wechat_H5", "wechat_h5_url"),
            lambda payment: payment.payer.payer_info.wechat_H5.wechat_h5_url,
        ),
    ],
)
def test_addresses_by_method(where, read):
    """
    Where each method puts its address (gateway.md 5.3).
    """
    info = {where[0]: {where[1]: "weixin://x"}}
    payment = _codec.read_object(
        {"payment": {"id": "PAY_A", "payer": {"payer_info": info}}}, Payment
    )

    assert "weixin://x" == read(payment)


@pytest.mark.parametrize("member", ["wechat_in_app", "wechat_in_app_web"])
def test_pay_info_by_method(member):
    """
    In an app and on a page.
    """
    info = {member: {"open_id": "o", "pay_info": {"app_id": "wx1"}}}
    payment = _codec.read_object(
        {"payment": {"id": "PAY_A", "payer": {"payer_info": info}}}, Payment
    )
    found = getattr(payment.payer.payer_info, member)

    assert PayInfo(app_id="wx1") == found.pay_info
    assert "o" == found.open_id


def test_the_cashier_s_address_is_given_as_it_is():
    """
    Raw blanks and Chinese letters are the browser's business (gateway.md, trap 31).
    """
    href = "https://uatfx.soopay.net/upay/cbPluginPay.do?goodsInf=商品 一"
    members = {
        "payment": {"id": "PAY_A"},
        "links": [{"ref": "upay", "method": "GET", "href": href}],
    }

    assert href == _codec.read_object(members, Payment).cashier_url


REFUND_LINKS = [
    link("parent_payment", "/payment/PAY_A"),
    link("self", "/refund/REFUND_B"),
]


@pytest.mark.parametrize("container", ["order", "orders", "refund_info"])
@pytest.mark.parametrize("several", [True, False])
def test_refunds_of_any_shape_are_one(container, several):
    """
    Array or object outside, three names inside (gateway.md, trap 16).
    """
    order = {"mer_reference_id": "o1", "amount": {"total": "69037", "total_cny": ""}}
    inner = {container: [order] if container == "orders" else order}
    given = {"state": "REFUND_SUCCESS", **inner}
    members = {"refunds": [given]} if several else {"refund": given}
    refund = _codec.read_object({**members, "links": REFUND_LINKS}, Refund)

    assert "REFUND_B" == refund.id
    assert "PAY_A" == refund.parent_payment
    assert "o1" == refund.order.mer_reference_id
    assert Amount(total=Decimal(69037)) == refund.order.amount
    assert {} == refund.extra


def test_orders_of_a_refund_may_be_an_object():
    """
    One order stands for a list of one.
    """
    refund = _codec.read_object(
        {"refund": {"id": "REFUND_B", "orders": {"mer_reference_id": "o1"}}}, Refund
    )

    assert "o1" == refund.order.mer_reference_id


def test_more_orders_of_a_refund_are_kept():
    """
    One has a place, the others are not lost.
    """
    orders = [{"mer_reference_id": "o1"}, {"mer_reference_id": "o2"}]
    refund = _codec.read_object(
        {"refund": {"id": "REFUND_B", "orders": orders}}, Refund
    )

    assert "o1" == refund.order.mer_reference_id
    assert {"orders": orders[1:]} == refund.extra

    refund = _codec.read_object(
        {"refund": {"id": "REFUND_B", "order": {"state": "x"}, "orders": orders}},
        Refund,
    )

    assert "x" == refund.order.state
    assert {"orders": orders} == refund.extra


def test_an_empty_order_leaves_the_place_to_another():
    """
    Empty text is nothing (gateway.md, trap 40).
    """
    refund = _codec.read_object(
        {"refund": {"id": "REFUND_B", "order": "", "orders": [{"state": "x"}]}}, Refund
    )

    assert "x" == refund.order.state


def test_a_named_parent_wins():
    """
    The member before the link.
    """
    refund = _codec.read_object(
        {
            "refund": {"parent_payment": "PAY_C", "refund_info": {}},
            "links": REFUND_LINKS,
        },
        Refund,
    )

    assert "PAY_C" == refund.parent_payment


@pytest.mark.parametrize(("given", "count"), [([], 0), ([{}, {}], 2)])
def test_several_refunds_are_not_one(given, count):
    """
    None of them is taken by chance; the same for declarations.
    """
    with pytest.raises(EnvelopeError, match=f"{count} refunds instead of one"):
        _codec.read_object({"refunds": given}, Refund, asked="REFUND_B")

    with pytest.raises(EnvelopeError, match=f"{count} customsDeclarations instead"):
        _codec.read_object({"customsDeclarations": given}, CustomsDeclaration)


def test_a_refund_without_any_id():
    """
    As for payments.
    """
    with pytest.raises(EnvelopeError, match=r"holds no refund\.id"):
        _codec.read_object({"refund": {"state": "REFUND_FAIL"}}, Refund)


@pytest.mark.parametrize("member", ["types", "type"])
def test_banks(member):
    """
    Members by the English and the Chinese page (gateway.md 5.2).
    """
    members = {
        "banks": [
            {
                "name": "China Construction Bank",
                "name_zh": "建设银行",
                "code": "CCB",
                "logo_url": "x",
                member: ["CREDIT_CARD", "DEBIT_CARD"],
                "is_support": "1",
            },
            {"code": "ICBC"},
        ],
        "meta": META,
    }
    first, second = _codec.read_banks(members)

    assert "建设银行" == first.name_zh
    assert (BankType.CREDIT_CARD, BankType.DEBIT_CARD) == first.types
    assert "1" == first.is_support
    assert Bank(code="ICBC") == second


def test_no_banks():
    """
    An empty list is an answer, no list is none.
    """
    assert () == _codec.read_banks({"banks": []})

    with pytest.raises(EnvelopeError, match="holds no banks or bank"):
        _codec.read_banks({"meta": META})


def test_a_bank_that_is_no_object():
    """
    The error says which.
    """
    with pytest.raises(EnvelopeError, match=r"banks\[1\]\.code is list"):
        _codec.read_banks({"banks": [{}, {"code": []}]})


@pytest.mark.parametrize(
    "members",
    [
        {"exchangeRates": [{"rate": "6.9023", "currency": "USD"}]},
        {"exchange_rates": [{"rate": Decimal("6.9023"), "currency": "USD"}]},
        {"exchange_rate": {"rate": "6.9023", "currency": "USD"}},
        {"exchangeRate": {"rate": "6.9023"}},
        {"rate": "6.9023"},
        {"rate": Decimal("6.9023"), "currency": "USD"},
        {"rate": [{"rate": "6.9023"}]},
        {
            "exchangeRates": [
                {"rate": "0.9", "currency": "HKD"},
                {"rate": "", "currency": "USD"},
                {"rate": "6.9023", "currency": "USD"},
            ]
        },
    ],
)
def test_a_rate_under_any_name(members):
    """
    Docs, demo and SDK name it differently (gateway.md, trap 17).
    """
    expected = ExchangeRate(rate=Decimal("6.9023"), currency=Currency.USD)

    assert expected == _codec.read_rate(members, currency=Currency.USD)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"exchangeRates": []}, EnvelopeError),
        (
            {"exchangeRates": [{"rate": "0.9", "currency": "HKD"}]},
            MismatchedResponseError,
        ),
        ({"exchangeRates": [{"currency": "USD"}]}, EnvelopeError),
        ({"rate": "0.9", "currency": "HKD"}, MismatchedResponseError),
        ({}, EnvelopeError),
    ],
)
def test_no_rate_of_that_currency(members, error):
    """
    The rate of another currency is never taken for it.
    """
    with pytest.raises(error, match="holds no"):
        _codec.read_rate(members, currency=Currency.USD)


def test_a_rate_that_names_its_currency_goes_before_one_that_does_not():
    """
    What is named is never outweighed by what is not.
    """
    members = {"exchangeRates": [{"rate": "1"}, {"rate": "2", "currency": "USD"}]}

    assert Decimal(2) == _codec.read_rate(members, currency=Currency.USD).rate


@pytest.mark.parametrize(
    "container",
    [
        "customs_declaration",
        "customs_declarations",
        "customsDeclarations",
        "customsDeclaration",
    ],
)
@pytest.mark.parametrize("several", [True, False])
def test_declarations(container, several):
    """
    Names and plural differ; the href holds a blank that is really there (gateway.md
    5.9).
    """
    given = {
        "customs_id": "HZ",
        "state": "SUBMITED",
        "freight_amount": {"total": "1.00", "currency": "USD", "total_cny": "6.90"},
        "sub_order": {"items": [{"mer_item_id": "1"}]},
        "customs_clearance_date": "20170424",
        "acquiring_by_ump": "1",
    }
    declaration = _codec.read_object(
        {
            container: [given] if several else given,
            "links": [
                link("parent_payment", "/payment/PAY_A"),
                link("self", "/customs_ declarations/CUST_B"),
            ],
        },
        CustomsDeclaration,
    )

    assert "CUST_B" == declaration.id
    assert "PAY_A" == declaration.parent_payment
    assert CustomsState.SUBMITTED is declaration.state
    assert Decimal("6.90") == declaration.freight_amount.total_cny
    assert "1" == declaration.sub_order.items[0].mer_item_id
    assert date(2017, 4, 24) == declaration.customs_clearance_date
    assert "1" == declaration.acquiring_by_ump


def test_a_declaration_may_have_no_id():
    """
    No sample names one; what was asked for is taken if there is something.
    """
    members = {"customs_declaration": {"state": "ACCEPTED", "parent_payment": ""}}

    assert CustomsDeclaration(state=CustomsState.ACCEPTED) == (
        _codec.read_object(members, CustomsDeclaration)
    )
    assert "CUST_A" == (
        _codec.read_object(members, CustomsDeclaration, asked="CUST_A").id
    )


@pytest.mark.parametrize(
    "container", ["customes_declaration_only", "customs_declaration_only"]
)
def test_declarations_of_payments_made_elsewhere(container):
    """
    The gateway's misspelling, and the word as it should be.
    """
    members = {container: {"pay_trace": "7"}, "meta": META}

    assert StandaloneDeclaration(pay_trace="7") == (
        _codec.read_standalone_declaration(members)
    )


def test_a_declaration_elsewhere_may_answer_nothing():
    """
    Success is in meta.
    """
    assert StandaloneDeclaration() == _codec.read_standalone_declaration({"meta": META})


@pytest.mark.parametrize(
    "container",
    [
        "enterprise_qualification",
        "external_enterprise",
        "EnterpriseQualification",
        "enterprise_qualifications",
        None,
    ],
)
@pytest.mark.parametrize("contacts", ["enterprise_contacts", "enterprise_contact"])
def test_companies(container, contacts):
    """
    Wrapped by several names, or bare (gateway.md, trap 13).
    """
    given = {
        "external_enterprise_id": "e1",
        "enterprise_status": "ENABLE",
        "rank": "A",
        contacts: "李四",
    }
    members = {container: given} if container else given
    company = _codec.read_object(
        {"meta": META, **members, "links": [link("self", "/EQ_A")]},
        EnterpriseQualification,
    )

    assert "EQ_A" == company.id
    assert "e1" == company.external_enterprise_id
    assert "ENABLE" == company.enterprise_status
    assert "A" == company.rank
    assert "李四" == company.enterprise_contacts.reveal()
    assert {} == company.extra


def test_a_company_as_it_was_asked_for():
    """
    The query's answer has no link.
    """
    company = _codec.read_object(
        {"enterprise_qualification": {"busi_type": "SJHG"}},
        EnterpriseQualification,
        asked="EQ_A",
    )

    assert EnterpriseQualification(id="EQ_A", busi_type=EnterpriseBusiness.SJHG) == (
        company
    )


def test_the_page_that_gives_an_open_id():
    """
    Found by ref; its fragment is kept (gateway.md 5.14).
    """
    href = "https://open.weixin.qq.com/connect/oauth2/authorize?x=1#wechat_redirect"
    found = _codec.read_wechat_link(
        {"links": [{"ref": "self"}, {"ref": "weChat", "method": "GET", "href": href}]}
    )

    assert href == found.href


@pytest.mark.parametrize("links", ["", [], [{"ref": "weChat"}], [{"ref": "self"}]])
def test_no_page_that_gives_an_open_id(links):
    """
    The error names what is missing.
    """
    with pytest.raises(EnvelopeError, match=r"holds no links\[weChat\]"):
        _codec.read_wechat_link({"links": links})


PAGE = {
    "payment_summaries": [
        {
            "payment_id": "PAY_A",
            "phone_number": "15210838198",
            "order_date": "20170213",
            "mer_reference_id": "o1",
            "amount": {
                "total": Decimal("49.41"),
                "total_cny": Decimal("344.88"),
                "currency": "USD",
                "exchange_rate": Decimal("6.9800"),
            },
            "settle_date": "20170214",
            "execute_success_time": "2017-02-13T10:11:12+08:00",
            "state": "TRADE_SUCCESS",
            "product_id": "goods",
            "service_fee": "10.00",
            "exchange_amount": {"total": "48.19", "exchange_rate": "6.95"},
            "exchange_date": "20170215",
        }
    ],
    "refund_summaries": [
        {"refund_id": "REFUND_A", "payment_id ": "PAY_A", "state": "REFUND_SUCCESS"}
    ],
}
PAGINATION = {"total_count": 2, "page_number": "1", "page_size": 500}


@pytest.mark.parametrize("place", ["inside", "beside"])
@pytest.mark.parametrize(
    ("container", "cls"),
    [
        ("transactions", TransactionsPage),
        ("reconciliations", ReconciliationsPage),
        ("reconciliation", ReconciliationsPage),
    ],
)
def test_lists(container, cls, place):
    """
    Numbers and text, pagination inside or beside (gateway.md 9.3, 9.4).
    """
    inside = {"pagination": PAGINATION} if place == "inside" else {}
    beside = {} if inside else {"pagination": PAGINATION}
    page = _codec.read_page({container: {**PAGE, **inside}, **beside}, cls)
    payment, refund = page.payment_summaries[0], page.refund_summaries[0]

    assert (2, 1, 500) == (
        page.pagination.total_count,
        page.pagination.page_number,
        page.pagination.page_size,
    )
    assert "49.41" == str(payment.amount.total)
    assert "6.9800" == str(payment.amount.exchange_rate.rate)
    assert "2017-02-13T10:11:12+08:00" == payment.execute_success_time.isoformat()
    assert Decimal("10.00") == payment.service_fee
    assert Decimal("6.95") == payment.exchange_amount.exchange_rate.rate
    assert date(2017, 2, 15) == payment.exchange_date
    assert "PAY_A" == refund.payment_id
    assert RefundState.REFUND_SUCCESS is refund.state
    assert {} == payment.extra == refund.extra == page.extra


def test_the_total_of_a_reconciliation():
    """
    Its date and amount are the page's own.
    """
    members = {
        "settle_date": "20170215",
        "amount": {"total": "78.40", "total_cny": "544.91"},
    }
    page = _codec.read_page({"reconciliations": members}, ReconciliationsPage)

    assert date(2017, 2, 15) == page.settle_date
    assert Decimal("544.91") == page.amount.total_cny
    assert () == page.payment_summaries
    assert page.pagination is None


@pytest.mark.parametrize("given", [[], "x", 5])
def test_a_list_that_is_no_object(given):
    """
    The error says where.
    """
    with pytest.raises(EnvelopeError, match="transactions is not an object"):
        _codec.read_page({"transactions": given}, TransactionsPage)


@pytest.mark.parametrize(
    ("members", "kind", "found"),
    [
        ({"payment": {"id": "PAY_A"}}, "Payment", "PAY_A"),
        ({" payment ": {"id": "PAY_A"}}, "Payment", "PAY_A"),
        ({"refund": {"id": "REFUND_A"}}, "Refund", "REFUND_A"),
        ({"payment": "", "refunds": [{"id": "REFUND_A"}]}, "Refund", "REFUND_A"),
        ({"customs_declaration": {"id": "CUST_A"}}, "CustomsDeclaration", "CUST_A"),
    ],
)
def test_notifications(members, kind, found):
    """
    The member tells what it is about (gateway.md 3.3).
    """
    value = _codec.read_notification({**members, "meta": META})

    assert (kind, found) == (type(value).__name__, value.id)


def test_a_notification_about_nothing():
    """
    It is told as such.
    """
    with pytest.raises(
        EnvelopeError, match="none of payment, refund, customs_declaration"
    ):
        _codec.read_notification({"meta": META})
