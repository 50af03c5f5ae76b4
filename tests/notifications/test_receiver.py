"""
Raw bytes to events: only what the gateway signed, whatever arrives.
"""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umfpay.emulator import Emulator
from umfpay.errors import (
    NotificationBodyError,
    NotificationError,
    NotificationSignatureError,
)
from umfpay.models import CustomsDeclaration, Payment, Refund
from umfpay.notifications import NotificationReceiver


VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "notifications.json").read_text("utf-8"))
ORDER = {
    "mer_reference_id": "order-1",
    "mer_date": "20261123",
    "total": "3.00",
    "currency": "USD",
}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_vector_gives_its_verdict(case):
    """
    Bytes and signatures from outside our code.
    """
    receiver = NotificationReceiver(VECTORS / case["certificate"])
    body = base64.b64decode(case["body_base64"])

    if case["verdict"] == "valid":
        event = receiver.read(body, case["headers"])

        assert ("payment", "TRADE_SUCCESS") == (event.kind, event.state)
        assert "20170411543977" == event.mer_reference_id

        return

    with pytest.raises(NotificationSignatureError):
        receiver.read(body, case["headers"])


def test_several_certificates_are_tried(credentials, signer):
    """
    While UMF changes its keys.
    """
    receiver = NotificationReceiver(
        [VECTORS / "gateway_1024.cert.crt", credentials.gateway_certificate]
    )
    signed = signer.payment("PAY_A", **ORDER)

    assert "PAY_A" == receiver.read(signed.body, signed.headers).object_id


@pytest.mark.parametrize("name", ["Signature", "signature", "SIGNATURE"])
@pytest.mark.parametrize("form", [dict, list])
def test_headers_come_as_mapping_or_pairs_in_any_case(receiver, signer, name, form):
    """
    Frameworks differ.
    """
    signed = signer.payment("PAY_A", **ORDER)
    headers = form({"Host": "x", name: signed.headers["Signature"]}.items())

    assert "TRADE_SUCCESS" == receiver.read(signed.body, headers).state


def test_two_signatures_are_refused(receiver, signer):
    """
    Which one counts would be a matter of taste.
    """
    signed = signer.payment("PAY_A", **ORDER)
    pairs = [("Signature", signed.headers["Signature"])] * 2

    with pytest.raises(NotificationSignatureError, match="two"):
        receiver.read(signed.body, pairs)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_are_bytes(receiver, signer, kind):
    """
    The event keeps a copy of its own.
    """
    signed = signer.payment("PAY_A", **ORDER)
    event = receiver.read(kind(signed.body), signed.headers)

    assert (bytes, signed.body) == (type(event.body), event.body)


@pytest.mark.parametrize("body", [{"payment": {}}, "text", [], None, 5, object()])
def test_a_parsed_body_is_refused_with_the_cure(receiver, body):
    """
    For the four frameworks most used.
    """
    with pytest.raises(NotificationBodyError) as caught:
        receiver.read(body, {})

    for word in ("request.body()", "request.read()", "get_data()", "Django"):
        assert word in caught.value.advice.en
        assert word in caught.value.advice.zh


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"payment": {}},
        {"payment": {"id": "PAY_A"}},
        {"payment": {"state": "TRADE_SUCCESS"}},
        {"payment": "PAY_A"},
        {"payment": None},
        {"refund": []},
        {"customs_declaration": {"state": "SUCCESS"}},
        {
            "payment": {"state": "TRADE_SUCCESS"},
            "links": [{"ref": "self", "href": "https://x/payments/payment/PAY_A"}],
        },
        {
            "payment": {
                "state": "TRADE_SUCCESS",
                "links": [{"ref": "self", "href": "https://x/payments/payment/PAY_A"}],
            },
        },
        {
            "payment": {"id": "PAY_A", "state": "TRADE_SUCCESS"},
            "refund": {"id": "REFUND_A", "state": "REFUND_SUCCESS"},
        },
        {"something": {"id": "PAY_A", "state": "TRADE_SUCCESS"}},
    ],
)
def test_signed_bytes_that_are_no_notification_are_refused(receiver, signer, members):
    """
    One object with an id of its own and a state is needed: a link is no id.
    """
    signed = signer(members)

    with pytest.raises(NotificationBodyError):
        receiver.read(signed.body, signed.headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"payment":{"id":"PAY_A","id":"PAY_B","state":"TRADE_SUCCESS"}}',
        b'{"payment":{}} x',
        b'\xef\xbb\xbf{"payment":{}}',
        b"[" * 100_000,
    ],
)
def test_signed_bytes_that_are_no_json_object_are_refused(credentials, receiver, body):
    """
    The signature does not make them readable.
    """
    from umfpay.protocol import Signer

    signature = Signer(credentials.gateway_key).sign(body)

    with pytest.raises(NotificationBodyError):
        receiver.read(body, {"Signature": signature})


@pytest.mark.parametrize("headers", [{}, {"Signature": ""}, {"Signature": "A" * 172}])
def test_nothing_is_parsed_that_nobody_has_signed(receiver, headers, monkeypatch):
    """
    A megabyte of small arrays never reaches the scanner: the loop is not held by it.
    """
    scanned = []
    monkeypatch.setattr("umfpay.protocol._signatures.scan", scanned.append)

    with pytest.raises(NotificationSignatureError):
        receiver.read(b'{"a":[' + b"[]," * 340_000 + b"1]}", headers)

    assert [] == scanned


def test_a_flat_notification_names_what_was_looked_for(receiver, signer):
    """
    An early specification listed flat fields (gateway.md 3.3): the message says so.
    """
    signed = signer({"order_id": "n1", "trade_state": "TRADE_SUCCESS", "trade_no": "1"})

    with pytest.raises(
        NotificationBodyError, match="payment, refund, customs"
    ) as caught:
        receiver.read(signed.body, signed.headers)

    assert "flat form" in caught.value.what.en
    assert "扁平" in caught.value.what.zh


def test_a_body_that_is_too_long_is_refused(receiver):
    """
    Before it is verified.
    """
    with pytest.raises(NotificationBodyError, match="too long"):
        receiver.read(b"x" * (1024 * 1024 + 1), {"Signature": "x"})


def test_refunds_and_declarations_are_typed(receiver, signer):
    """
    By the member that holds them.
    """
    refund = signer.refund("REFUND_A", parent_payment="PAY_A", **ORDER)
    declaration = signer(
        {"customs_declaration": {"id": "CUST_A", "state": "SUBMITED", "sub_order": {}}}
    )
    first = receiver.read(refund.body, refund.headers)
    second = receiver.read(declaration.body, declaration.headers)

    assert isinstance(first.object, Refund)
    assert ("refund", "order-1") == (first.kind, first.mer_reference_id)
    assert isinstance(second.object, CustomsDeclaration)
    assert ("SUBMITTED", None) == (second.state, second.mer_reference_id)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("payment", "payment"),
        ("refund", "refund"),
        ("refunds", "refund"),
        ("customs_declaration", "customs_declaration"),
        ("customs_declarations", "customs_declaration"),
    ],
)
@pytest.mark.parametrize("form", [lambda one: one, lambda one: [one]])
def test_an_object_may_stand_in_a_list_of_one(receiver, signer, name, kind, form):
    """
    As in answers (gateway.md, trap 16).
    """
    signed = signer({name: form({"id": "ID_A", "state": "SUCCESS"})})
    event = receiver.read(signed.body, signed.headers)

    assert (kind, "ID_A", True) == (event.kind, event.object_id, event.bare)


@pytest.mark.parametrize(
    ("members", "number"),
    [
        ({"payment": {"order": {"mer_reference_id": " n1 "}}}, "n1"),
        ({"payment": [{"order": [{"mer_reference_id": "n1"}]}]}, "n1"),
        ({"payment": [{"order": {"mer_reference_id": 17}}]}, "17"),
        ({"order_id": "n1", "trade_state": "TRADE_SUCCESS"}, "n1"),
        ({"order_id": 17}, "17"),
        (
            {
                "payment": [
                    {"order": {"mer_reference_id": "n1"}},
                    {"order": {"mer_reference_id": "n2"}},
                ]
            },
            None,
        ),
        ({"payment": {"order": {"mer_reference_id": ["n1"]}}}, None),
        ({"payment": {"order": "n1"}, "order_id": " "}, None),
        ({"payment": [[{"order": {}}]]}, None),
    ],
)
def test_what_cannot_be_read_is_kept_with_the_number_it_names(
    receiver, signer, members, number
):
    """
    So that its payments can be asked for; two numbers are none.
    """
    signed = signer(members)
    delivery = receiver.verify(signed.body, signed.headers)

    assert (None, number) == (delivery.event, delivery.mer_reference_id)


def test_a_payment_without_an_order_has_no_number(receiver, signer):
    """
    Nobody has seen whether every notification tells it.
    """
    signed = signer({"payment": {"id": "PAY_A", "state": "TRADE_SUCCESS"}})
    event = receiver.read(signed.body, signed.headers)

    assert event.mer_reference_id is None
    assert isinstance(event.object, Payment)


def test_a_state_that_nobody_knows_yet_survives(receiver, signer):
    """
    The gateway may learn new words.
    """
    signed = signer.payment("PAY_A", state="TRADE_PARKED", **ORDER)

    assert "TRADE_PARKED" == receiver.read(signed.body, signed.headers).state


async def test_the_reply_is_one_that_the_gateway_takes(credentials, receiver):
    """
    The form of production clients, with the id of the object.
    """
    replies = []

    async def post(_url, body, headers):
        reply = receiver.read(body, headers).ack()
        replies.append(reply)

        return reply.status, reply.body

    emulator = Emulator(credentials=credentials, post=post)
    order = {
        "mer_reference_id": "order-1",
        "amount": {"total": "3.00", "currency": "USD"},
        "notify_url": "http://127.0.0.1:9/umf",
    }

    def status():
        [sent] = emulator.control("GET", "/notifications")["notifications"]

        return sent["status"]

    try:
        made = emulator.control("POST", "/merchants/other/payments", order)["payment"]
        emulator.control("POST", f"/payments/{made['id']}/pay")

        async with asyncio.timeout(10):
            while status() == "pending":
                await asyncio.sleep(0.01)

        assert "acknowledged" == status()
    finally:
        await emulator.aclose()

    [reply] = replies
    members = json.loads(reply.body)

    assert {"ret_code": "0000", "ret_msg": ["SUCCESS"]} == members["meta"]
    assert {"id": made["id"]} == members["payment"]
    assert "application/json" == reply.content_type


def test_an_event_shows_no_body_and_pickles(receiver, signer):
    """
    The same delivery again has the same key.
    """
    signed = signer.payment("PAY_A", **ORDER)
    event = receiver.read(signed.body, signed.headers)

    assert "Signature" not in repr(event)
    assert "mer_date" not in repr(event).partition("object=")[0]
    assert event == pickle.loads(pickle.dumps(event))
    assert event.key == receiver.read(signed.body, signed.headers).key


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_nothing_but_our_errors_escapes(receiver, signer, data):
    """
    Whatever is done to body and header.
    """
    signed = signer.payment("PAY_A", **ORDER)
    body = bytearray(signed.body)

    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))

    header = data.draw(
        st.one_of(st.just(signed.headers["Signature"]), st.text(), st.none())
    )
    headers = {} if header is None else {"Signature": header}

    if bytes(body) == signed.body and header == signed.headers["Signature"]:
        return

    with pytest.raises(NotificationError):
        receiver.read(bytes(body), headers)
