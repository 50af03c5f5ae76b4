"""
Answers and files that are signed and about something else give nothing.

The rows stand in `about_something_else.CLASSES`; here they come over a real socket, with
a real signature.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests import orders
from tests.end_to_end import test_notified_about_something_else as notified
from tests.end_to_end.about_something_else import (
    BANKS,
    CLASSES,
    CODED_COMPANY,
    NAMED,
    NOT_REFUNDED,
    PAY,
    PAYING,
    R1,
    R2,
    SMS,
    WECHAT_PAGE,
    bare,
    book,
    classes,
    company,
    declaration,
    flow_answers,
    listed,
    paid,
    payment,
    refund,
    refund_row,
    refunded,
    row,
    settled,
    transactions,
)
from tests.servers.streams import answer as http_answer
from tests.servers.streams import listening, read_request
from umfpay import Config, Executed, UMFSession, flows
from umfpay.errors import (
    EnvelopeError,
    Intent,
    MismatchedResponseError,
    NotFinishedError,
    OutcomeUnknownError,
    StatementError,
    UMFError,
)
from umfpay.models import BankCard, Money, NewCustomsDeclaration, NewRefund
from umfpay.protocol import PrivateKey, Signer, sign_envelope


GATEWAY, MERCHANT = PrivateKey.generate(1024), PrivateKey.generate(1024)
SIGNER = Signer(GATEWAY)

DAY = orders.DAY
ORDER = orders.order(reference="O1")
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


async def _all(given):
    return [one async for one in given]


async def _the_only(results):
    (result,) = await _all(results)

    if result.error is not None:
        raise result.error

    return result.object


async def _confirm(session):
    pending = await flows.begin_card_payment(
        session, ORDER, CARD, bank_code="CCB", **FLOW
    )

    return await flows.confirm_card_payment(session, pending, "123456", **FLOW)


FIRST_REFUND = attrs.evolve(REFUND, mer_reference_id="9010040124")


async def _second_refund(session):
    await session.refunds.create(PAY, FIRST_REFUND)

    return await session.refunds.create(PAY, REFUND)


async def _raw_second_refund(session):
    path = f"/payments/payment/{PAY}/refund"
    await session.request("POST", path, FIRST_REFUND)

    return await session.request("POST", path, REFUND)


def _intent(call, **members):
    return Intent(
        call=call, at=datetime.now(UTC), mer_date="20261123", currency="USD", **members
    )


EXECUTED = _intent(
    "payments.execute",
    payment_id=PAY,
    mer_reference_id="O1",
    amount=Decimal("10.00"),
)
CREATED = _intent("payments.create", mer_reference_id="O1", amount=Decimal("10.00"))
GIVEN_BACK = _intent(
    "refunds.create",
    payment_id=PAY,
    mer_reference_id=REFUND.mer_reference_id,
    amount=Decimal("5.00"),
)
CUSTOMS_DICT = {
    "customs_id": "HZ",
    "mer_customs_code": "3301",
    "ec_plat_id": "P1",
    "sub_order": {"mer_sub_reference_id": "77"},
    "sub_order_amount": {"total": 10, "currency": "USD"},
    "freight_amount": {"total": "1.00", "currency": "USD"},
    "tax_amount": {"total": "2.00", "currency": "USD"},
}
FLOW: Any = {"deadline": 20.0}
PERSON: Any = {"name": "张三", "citizen_id_number": orders.ID_NUMBER, "show": _nobody}

CALLS: dict[str, Callable[[UMFSession], Any]] = {
    "create": lambda s: s.payments.create(_new()),
    "get": lambda s: s.payments.get(PAY),
    "get_many": lambda s: _the_only(s.payments.get_many([PAY])),
    "execute": lambda s: s.payments.execute(PAY, orders.card("123456")),
    "verify": lambda s: s.payments.verify(PAY, orders.card()),
    "tracking": lambda s: s.payments.update_express_info(PAY, orders.parcels()),
    "refund": lambda s: s.refunds.create(PAY, REFUND, known_refunds=["REFUND_KNOWN"]),
    "second_refund": _second_refund,
    "refund_get": lambda s: s.refunds.get(R2),
    "refund_get_many": lambda s: _the_only(s.refunds.get_many([R2])),
    "customs": lambda s: s.customs.apply(PAY, CUSTOMS),
    "customs_get": lambda s: s.customs.get("CUST_AAAA"),
    "declare_only": lambda s: s.customs.apply_only(orders.declaration()),
    "declare_again": lambda s: s.customs.declare_again("O1"),
    "register": lambda s: s.enterprises.register(orders.company()),
    "enterprise_get": lambda s: s.enterprises.get("EQ_AAAA"),
    "enterprise_coded": lambda s: s.enterprises.get(CODED_COMPANY),
    "wechat_page": lambda s: s.wechat.openid_link("https://shop.example/back"),
    "rate": lambda s: s.exchange_rates.get("USD"),
    "banks": lambda s: s.banks.list("CREDIT_CARD"),
    "transactions": lambda s: s.statements.transactions_page(DAY, page_number=2),
    "reconciliation": lambda s: s.statements.reconciliation_page(DAY),
    "all_transactions": lambda s: _all(s.statements.transactions(DAY)),
    "all_reconciliation": lambda s: _all(s.statements.reconciliation(DAY)),
    "raw_create": lambda s: s.request("POST", "/payments/payment", _new()),
    "raw_create_dict": lambda s: s.request(
        "POST", "/payments/payment", {"payer": {}, "order": NAMED}
    ),
    "raw_get": lambda s: s.request("GET", f"/payments/payment/{PAY}"),
    "raw_query": lambda s: s.request("POST", f"/payments/payment/{PAY}/query"),
    "raw_execute": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/execute", {"payer": {}}
    ),
    "raw_verify": lambda s: s.request("POST", f"/payments/payment/{PAY}/verify"),
    "raw_tracking": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/update_express_info", orders.parcels()
    ),
    "raw_refund": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/refund", REFUND
    ),
    "raw_second_refund": _raw_second_refund,
    "raw_refund_get": lambda s: s.request("GET", f"/payments/refund/{R2}"),
    "raw_customs": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/apply_to_customs", CUSTOMS
    ),
    "raw_customs_dict": lambda s: s.request(
        "POST", f"/payments/payment/{PAY}/apply_to_customs", CUSTOMS_DICT
    ),
    "raw_declare_only": lambda s: s.request(
        "POST", "/apply_to_customes_only", orders.declaration()
    ),
    "raw_declare_again": lambda s: s.request(
        "POST", "/declare_again", {"mer_reference_id": "O1", "declare_type": "0"}
    ),
    "raw_wechat_page": lambda s: s.request("GET", "/payments/wechat_openid"),
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
    "raw_banks": lambda s: s.request("GET", "/bank", query={"type": "CREDIT_CARD"}),
    "raw_transactions": lambda s: s.request(
        "GET",
        "/payments/transactions",
        query={"mer_date": "20261123", "page_number": "2"},
    ),
    "raw_reconciliation": lambda s: s.request(
        "GET",
        "/payments/reconciliation_statement",
        query={"settle_date": "20261123", "page_number": "1"},
    ),
    "card_flow": lambda s: flows.card_payment(
        s, ORDER, CARD, bank_code="CCB", verification_code=_code, **FLOW
    ),
    "qr_flow": lambda s: flows.qr_payment(
        s, ORDER, method="WECHAT_SCAN", **PERSON, **FLOW
    ),
    "begin_flow": lambda s: flows.begin_card_payment(
        s, ORDER, CARD, bank_code="CCB", **FLOW
    ),
    "confirm_flow": _confirm,
    "wechat_web_flow": lambda s: flows.wechat_web(
        s, ORDER, open_id="o", **PERSON, **FLOW
    ),
    "wechat_app_flow": lambda s: flows.wechat_app(s, ORDER, **PERSON, **FLOW),
    "wechat_page_flow": lambda s: flows.authorize_url(
        s, "https://shop.example/back", "state"
    ),
    "tracking_flow": lambda s: flows.report_tracking(s, PAY, {"1": "SF 123"}),
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
    "wait_enabled_flow": lambda s: flows.wait_enabled(s, "EQ_AAAA", deadline=20.0),
    "resolve_execute": lambda s: s.resolve(EXECUTED),
    "resolve_refund": lambda s: s.resolve(GIVEN_BACK),
    "resolve_create": lambda s: s.resolve(CREATED),
}

FILES: dict[str, Callable[[UMFSession, Path], Any]] = {
    "open_transactions": lambda s, _: _read(s.statements.open_transactions(DAY)),
    "download_transactions": lambda s, to: s.statements.download_transactions(
        DAY, to / "book"
    ),
    "download_reconciliation": lambda s, to: s.statements.download_reconciliation(
        DAY, to / "book"
    ),
    "pull": lambda s, to: _all(s.statements.pull(DAY, DAY, to, merchant="8017")),
    # The merchant is that of the first file.
    "pull_unnamed": lambda s, to: _all(s.statements.pull(date(2026, 11, 22), DAY, to)),
    "pull_reconciliation": lambda s, to: _all(
        s.statements.pull(DAY, DAY, to, kind="reconciliation")
    ),
}


async def _read(download):
    async with download as chunks:
        return await _all(chunks)


# What must be taken: otherwise a row could be refused for anything.
TAKEN: list[tuple[str, str, dict[str, Any]]] = [
    *[
        (call, "what was asked for", {".": signed})
        for call, signed in {
            "create": payment(),
            "raw_create": payment(),
            "raw_create_dict": payment(),
            "get": payment(),
            "get_many": payment(),
            "raw_get": payment(),
            "raw_get_spelled": payment(),
            "raw_query": payment(),
            "execute": payment(),
            "raw_execute": payment(),
            "verify": SMS,
            "raw_verify": SMS,
            "tracking": {},
            "tracking_flow": {},
            "raw_tracking": {},
            "refund": refund(),
            "raw_refund": refund(),
            "second_refund": [refund(R1), refund(R2)],
            "raw_second_refund": [refund(R1), refund(R2)],
            "refund_get": refunded(),
            "refund_get_many": refunded(),
            "raw_refund_get": refunded(),
            "customs": declaration(),
            "raw_customs": declaration(),
            "raw_customs_dict": declaration(),
            "customs_get": declaration(),
            "raw_customs_get": declaration(),
            "declare_only": {"customes_declaration_only": {"pay_trace": "1"}},
            "raw_declare_only": {"customes_declaration_only": {"pay_trace": "1"}},
            "declare_again": {},
            "raw_declare_again": {},
            "register": company(),
            "raw_register": company(),
            "enterprise_get": company(),
            "raw_enterprise_get": company(),
            "enterprise_coded": company(CODED_COMPANY),
            "wait_enabled_flow": company(enterprise_status="ENABLE"),
            "rate": {"rate": "6.9"},
            "raw_rate": {"rate": "6.9"},
            "banks": BANKS,
            "raw_banks": BANKS,
            "wechat_page": WECHAT_PAGE,
            "wechat_page_flow": WECHAT_PAGE,
            "raw_wechat_page": WECHAT_PAGE,
            "transactions": transactions(page=2),
            "raw_transactions": transactions(page=2),
            "all_transactions": transactions(),
            "reconciliation": settled(settle_date="20261123"),
            "raw_reconciliation": settled(settle_date="20261123"),
            "all_reconciliation": settled(),
            "resolve_execute": paid(),
        }.items()
    ],
    *[
        (call, "the form of the real gateway", {".": signed})
        for call, signed in {
            "create": payment(None),
            "get": bare(),
            "raw_get": bare(),
            "raw_query": bare(),
            "verify": {},
        }.items()
    ],
    (
        "create",
        "the currency under another name",
        {".": payment(amount={"total": 10, "Currency": "USD"})},
    ),
    ("create", "the amount asked for", {"POST": payment(amount=None), "GET": bare()}),
    ("raw_create", "another form", {".": {"order": {}}}),
    (
        "execute",
        "swapped amounts (gateway.md, trap 18)",
        {
            ".": payment(
                amount={"total": "690.46", "currency": "USD", "total_cny": "10.00"}
            )
        },
    ),
    *[(call, "no id, asked for", {".": bare()}) for call in ("execute", "raw_execute")],
    *[
        (
            call,
            "an id of letters, the payment asked for",
            {
                "POST": refund("REFUND_AAAA"),
                "GET": bare(),
            },
        )
        for call in ("refund", "raw_refund")
    ],
    (
        "refund",
        "an id of letters, the payment cannot be asked for",
        {"POST": refund("REFUND_AAAA"), "GET": {}},
    ),
    *[
        (
            call,
            "the sub order asked for",
            {
                "POST": declaration(sub_order=""),
                "GET": declaration(),
            },
        )
        for call in ("customs", "raw_customs", "raw_customs_dict")
    ],
    *[
        (
            call,
            "the company asked for",
            {
                "POST": company(external_enterprise_id=""),
                "GET": company(),
            },
        )
        for call in ("register", "raw_register")
    ],
    *[
        (call, "a payment that is paid", flow_answers(call, bare(), paid()))
        for call in PAYING
    ],
    ("begin_flow", "a payment", {"/verify": SMS, ".": payment()}),
    (
        "bank_flow_checked",
        "a payment that is paid",
        {
            "/enterprise": company(enterprise_status="ENABLE"),
            **flow_answers("bank_flow", paid()),
        },
    ),
    (
        "refund_flow",
        "a refund that is done",
        {**NOT_REFUNDED, "POST": refund(), "GET": refunded()},
    ),
    (
        "customs_flow",
        "a declaration that is cleared",
        {"POST": declaration(state="ACCEPTED"), "GET": declaration(state="SUCCESS")},
    ),
    (
        "enterprise_flow",
        "a company that may pay",
        {"POST": company(), "GET": company(enterprise_status="ENABLE")},
    ),
    (
        "resolve_refund",
        "our row",
        {"/transactions": listed(row(), refunds=(refund_row(),)), "GET": paid()},
    ),
    ("resolve_create", "our row", {".": transactions()}),
]


class Answering:
    """
    A gateway on loopback that signs what a row says.
    """

    def __init__(self):
        self.answers = {}

    async def serve(self, reader, writer):
        while True:
            head = (await read_request(reader)).decode("latin-1")
            method, target, _ = head.split(" ", 2)
            writer.write(self._answer(f"{method} {target}"))

    def _answer(self, asked):
        if "/oauth/" in asked:
            return http_answer(b'{"access_token":"T","expires_in":3600}')

        answer = next(
            given for at, given in self.answers.items() if re.search(at, asked)
        )

        if isinstance(answer, list):
            # One after another, the last one again and again.
            answer = answer.pop(0) if len(answer) > 1 else answer[0]

        if isinstance(answer, bytes):
            return http_answer(answer, b"Signature: " + SIGNER.sign(answer).encode())

        members = {"meta": {"ret_code": "0000", "ret_msg": "Success"}, **answer}

        return http_answer(sign_envelope(members, signer=SIGNER, place="meta")[0])


def _answers_in_turn(signed):
    """
    Return *signed* with lists of its own, which are used up.
    """
    return {
        at: list(given) if isinstance(given, list) else given
        for at, given in signed.items()
    }


@pytest.fixture(name="gateway")
async def _gateway():
    gateway = Answering()

    async with listening(gateway.serve) as gateway.port:
        yield gateway


@pytest.fixture(autouse=True)
def _quick_questions(monkeypatch):
    """
    Flows ask again at once.
    """
    monkeypatch.setattr("umfpay.flows._waiting._FIRST_PAUSE_SECONDS", 0.02)


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


@pytest.mark.parametrize(
    ("asked", "signed"),
    [(asked, signed) for asked, _, signed in TAKEN],
    ids=[f"{asked}-{claim}" for asked, claim, _ in TAKEN],
)
async def test_the_answer_that_was_asked_for_is_taken(gateway, session, asked, signed):
    """
    Also in the forms in which the real gateway leaves names out or swaps them.
    """
    gateway.answers = _answers_in_turn(signed)
    found = await CALLS[asked](session)

    if asked.startswith("resolve"):
        assert found.outcome is Executed.YES


@pytest.mark.parametrize("row", classes("answer"), ids=lambda row: row.name)
async def test_an_answer_about_something_else_gives_nothing(gateway, session, row):
    """
    A read is refused; a write that has left is unclear; a flow never ends with it.
    """
    gateway.answers = _answers_in_turn(row.signed)

    if row.end == "unknown":
        found = await CALLS[row.asked](session)

        assert found.outcome is Executed.UNKNOWN
        assert row.because in found.advice.en

        return

    with pytest.raises(UMFError) as caught:
        await CALLS[row.asked](session)

    error = caught.value

    if row.end == "refused":
        reason = error
        assert not error.money_may_have_moved
    elif row.end.endswith("unclear"):
        reason = error.__cause__
        assert isinstance(error, OutcomeUnknownError)
        assert (row.end == "money unclear") is error.money_may_have_moved
    else:
        reason = error.__cause__
        assert isinstance(error, NotFinishedError)
        assert (row.end == "not finished") is error.money_may_have_moved

    assert isinstance(reason, MismatchedResponseError | EnvelopeError)
    assert row.because in str(reason)


@pytest.mark.parametrize("asked", FILES)
async def test_the_file_that_was_asked_for_is_taken(gateway, session, tmp_path, asked):
    """
    Each of the rows of files is refused for what it differs in.
    """
    gateway.answers = {"20261122": book("20261122"), ".": book()}

    assert await FILES[asked](session, tmp_path)


@pytest.mark.parametrize("row", classes("file"), ids=lambda row: row.name)
async def test_a_file_of_something_else_gets_no_name(gateway, session, tmp_path, row):
    """
    Though each byte is signed.
    """
    gateway.answers = {"20261122": book("20261122"), **row.signed}

    with pytest.raises(StatementError) as caught:
        await FILES[row.asked](session, tmp_path)

    assert row.because in str(caught.value)
    assert not (tmp_path / "book").exists()
    assert not [*tmp_path.glob("*20261123.txt")]


def _rows_of(test):
    (marked,) = [one for one in test.pytestmark if one.name == "parametrize"]

    return marked.args[1]


def test_the_table_is_whole_and_each_row_is_run():
    """
    60 classes at least, each once; every call, file and kind of notification has some.
    """
    run = [
        *_rows_of(test_an_answer_about_something_else_gives_nothing),
        *_rows_of(test_a_file_of_something_else_gets_no_name),
        *_rows_of(notified.test_nothing_else_is_applied),
    ]
    names = [row.name.partition("-")[2] for row in CLASSES]

    assert len(CLASSES) >= 60
    assert list(range(1, len(CLASSES) + 1)) == [row.number for row in CLASSES]
    assert len(set(names)) == len(names)
    assert list(CLASSES) == sorted(run, key=lambda row: row.number)
    assert set(CALLS) == {row.asked for row in classes("answer")}
    assert set(CALLS) == {asked for asked, _, _ in TAKEN}
    assert set(FILES) == {row.asked for row in classes("file")}
    assert set(notified.RIGHT) == {row.asked for row in classes("notification")}


def test_no_two_rows_are_signed_alike():
    """
    What a call is answered differs from row to row.
    """
    bodies = [(row.asked, repr(dict(row.signed))) for row in CLASSES]

    assert len(set(bodies)) == len(bodies)
