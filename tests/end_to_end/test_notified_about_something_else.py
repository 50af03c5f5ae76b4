"""
Notifications that are signed and about something else apply nothing: one table.

The gateway signs for all its merchants with one key, and any signed answer can be sent to
a notify_url, its signed text as the body, its signature as the header. The shop has one
order, one refund and one declaration, and a worker without a session: what is in doubt
stays in doubt. Each row names the list on which it is found.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from pathlib import Path

import pytest

from umfpay.models import CustomsDeclaration, Money, NewRefund
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.protocol import PrivateKey
from umfpay.testing import NotificationSigner


VECTORS = Path(__file__).parents[1] / "vectors"
GATEWAY = PrivateKey.generate(1024)
SIGNER = NotificationSigner(GATEWAY)
RECEIVER = NotificationReceiver(
    [
        GATEWAY.public,
        VECTORS / "capture_dev.cert.crt",
        VECTORS / "capture_uat.cert.crt",
    ]
)
USD = {"total": "10.00", "currency": "USD"}
BACK = {"total": "4.00", "currency": "USD"}
META = {"ret_code": "0000", "ret_msg": "Success"}
LINKS = [
    {"ref": "self", "method": "GET", "href": "https://x/payments/payment/PAY_MINE"},
    {"ref": "refund", "method": "POST", "href": "https://x/payments/payment/PAY_MINE"},
]
REFUND = NewRefund(
    mer_reference_id="r1", mer_date=date(2026, 11, 24), amount=Money("4.00", "USD")
)


def payment(key="PAY_MINE", *, number="n1", amount=USD, outside=(), **members):
    """
    Return the right notification about the order, but for what is given.
    """
    order = {"mer_date": "20261123"}
    order |= {} if number is None else {"mer_reference_id": number}
    order |= {} if amount is None else {"amount": amount}
    named = {} if key is None else {"id": key}
    told = {"state": "TRADE_SUCCESS", "order": order, **named, **members}

    return {"payment": told, **dict(outside)}


def refund(
    key="REFUND_MINE", *, number="r1", parent="PAY_MINE", amount=BACK, **members
):
    """
    Return the right notification about the refund, but for what is given.
    """
    order = {"amount": amount, "mer_reference_id": number, "mer_date": "20261124"}
    named = {} if key is None else {"id": key}
    told = {} if parent is None else {"parent_payment": parent}

    return {
        "refund": {"state": "REFUND_SUCCESS", "order": order, **named, **told} | members
    }


def customs(key="CUST_MINE", **members):
    named = {} if key is None else {"id": key}

    return {"customs_declaration": {"state": "SUCCESS", **named, **members}}


ANSWER = {"meta": META, "links": LINKS}

# What it is, the notification, the list on which it waits.
ROWS = [
    # Payments: another id.
    ("a stranger's payment under our number", payment("PAY_FOREIGN"), "unconfirmed"),
    (
        "a stranger's payment without money",
        payment("PAY_F", amount=None),
        "unconfirmed",
    ),
    ("a stranger's create answer", payment("PAY_F", outside=ANSWER), "unconfirmed"),
    (
        "a stranger's payment of another amount",
        payment("PAY_F", amount=BACK),
        "conflicts",
    ),
    ("a stranger's payment under his number", payment("PAY_F", number="n9"), "held"),
    ("a stranger's payment without a number", payment("PAY_F", number=None), "held"),
    ("the id in another letter case", payment("pay_mine"), "unconfirmed"),
    ("the id with a blank behind it", payment("PAY_MINE\u00a0x"), "unconfirmed"),
    ("the id of our refund", payment("REFUND_MINE"), "unconfirmed"),
    ("the number of our refund", payment("PAY_F", number="r1"), "held"),
    # Payments: our id, something differs.
    ("our payment for another order", payment(number="n2"), "conflicts"),
    ("our payment for our refund's number", payment(number="r1"), "conflicts"),
    ("less money", payment(amount=USD | {"total": "9.99"}), "conflicts"),
    ("more money", payment(amount=USD | {"total": "10.01"}), "conflicts"),
    ("cents", payment(amount=USD | {"total": "1000"}), "conflicts"),
    ("no money", payment(amount=USD | {"total": "0.00"}), "conflicts"),
    ("negative money", payment(amount=USD | {"total": "-10.00"}), "conflicts"),
    ("another currency", payment(amount=USD | {"currency": "CNY"}), "conflicts"),
    ("an unknown currency", payment(amount=USD | {"currency": "XUS"}), "conflicts"),
    # Payments: our id, an answer as a notification.
    ("a create answer", payment(outside=ANSWER), "unconfirmed"),
    ("a query answer", payment(outside={"meta": META}), "unconfirmed"),
    ("an answer without meta", payment(outside={"links": LINKS}), "unconfirmed"),
    ("links inside", payment(links=LINKS), "unconfirmed"),
    ("meta inside", payment(meta=META), "unconfirmed"),
    (
        "an execute answer, the id in its link",
        payment(None, outside=ANSWER),
        "unconfirmed",
    ),
    (
        "an execute answer, the id in a link inside",
        payment(None, links=LINKS),
        "unconfirmed",
    ),
    # Payments: our id, something is absent.
    ("no number", payment(number=None), "unconfirmed"),
    ("no amount", payment(amount=None), "unconfirmed"),
    ("CNY only", payment(amount={"total_cny": "69.23"}), "unconfirmed"),
    ("no currency", payment(amount={"total": "10.00"}), "unconfirmed"),
    # What is no object of ours at all.
    ("no id, no number", payment(None, number=None), "held"),
    ("another's number and no id", payment(None, number="n9"), "held"),
    (
        "the flat form",
        {"order_id": "n1", "trade_state": "TRADE_SUCCESS"},
        "unconfirmed",
    ),
    ("the flat form, another's", {"order_id": "n9", "trade_no": "1"}, "held"),
    ("the answer to an SMS", {"meta": META, "links": LINKS}, "held"),
    ("a list of banks", {"banks": [{"code": "CCB"}], "meta": META}, "held"),
    ("two objects", payment() | refund(), "unconfirmed"),
    # Refunds.
    ("a stranger's refund", refund("REFUND_F", number="r9", parent="PAY_F"), "held"),
    ("our number, his payment", refund("REFUND_F", parent="PAY_F"), "conflicts"),
    ("our number, no payment", refund("REFUND_F", parent=None), "unconfirmed"),
    ("another refund of our payment", refund("REFUND_F", number="r9"), "unconfirmed"),
    ("our order's number", refund("REFUND_F", number="n1", parent=None), "unconfirmed"),
    ("our refund of his payment", refund(parent="PAY_F"), "conflicts"),
    ("our refund, other money", refund(amount=USD), "conflicts"),
    ("a refund answer", refund() | {"meta": META}, "unconfirmed"),
    ("a refund answer, links inside", refund(links=LINKS), "unconfirmed"),
    (
        "the query of a refund",
        {"meta": META, "refunds": [{"state": "REFUND_SUCCESS"}]},
        "held",
    ),
    # Customs.
    ("another's declaration", customs("CUST_F"), "held"),
    ("another's, of our payment", customs("CUST_F", parent_payment="PAY_MINE"), "held"),
    ("a declaration without an id", customs(None), "held"),
    ("a customs answer", customs() | ANSWER, "unconfirmed"),
    ("the id of our payment", customs("PAY_MINE"), "held"),
]


@pytest.fixture(name="shop")
async def _shop(tmp_path):
    """
    The shop's inbox, and what its handler was given.
    """
    inbox = NotificationInbox(tmp_path / "shop.sqlite3", RECEIVER)
    inbox.applied = []

    @inbox.handler
    async def apply(event, transaction):
        inbox.applied.append((event.object_id, event.state))

    async with inbox:
        # What the test applies is all that is applied.
        inbox._tasks[0].cancel()
        await inbox.expect("n1", amount=Money("10.00", "USD"), payment_id="PAY_MINE")
        await inbox.expect(REFUND, payment_id="PAY_MINE", refund_id="REFUND_MINE")
        await inbox.expect(CustomsDeclaration(id="CUST_MINE"))

        yield inbox


async def _lists(inbox):
    found = {
        "held": await inbox.held(),
        "unconfirmed": await inbox.unconfirmed(),
        "conflicts": await inbox.conflicts(),
        "failed": await inbox.failed(),
    }

    return [name for name, events in found.items() for _ in events]


@pytest.mark.parametrize(
    ("members", "where"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
async def test_nothing_else_is_applied(shop, members, where):
    """
    It is acknowledged, because the gateway signed it, and found on one list.
    """
    signed = SIGNER(members)
    reply = await shop.receive(signed.body, signed.headers)
    applied = await shop.replay()

    assert (200, 0, []) == (reply.status, applied, shop.applied)
    assert [where] == await _lists(shop)


def test_there_are_enough_rows():
    """
    Twenty classes at least, each once.
    """
    bodies = [json.dumps(row[1], sort_keys=True) for row in ROWS]

    assert len(ROWS) == len(set(bodies)) >= 20


@pytest.mark.parametrize(
    ("members", "ended"),
    [
        (payment(), ("PAY_MINE", "TRADE_SUCCESS")),
        (refund(), ("REFUND_MINE", "REFUND_SUCCESS")),
        (customs(), ("CUST_MINE", "SUCCESS")),
    ],
)
async def test_the_right_one_is_applied(shop, members, ended):
    """
    Each row is refused for what it differs in, and for nothing else.
    """
    signed = SIGNER(members)
    await shop.receive(signed.body, signed.headers)
    await shop.replay()

    assert [ended] == shop.applied
    assert [] == await _lists(shop)


@pytest.mark.parametrize(
    "case",
    json.loads((VECTORS / "gateway_captures.json").read_text("utf-8")),
    ids=lambda case: case["name"],
)
async def test_no_captured_answer_passes_as_a_notification(shop, case):
    """
    Of the real test gateway: the shop even knows the payment and its money.
    """
    for number, key in (
        ("20170411543977", "PAY_AAGSRXVMGCDZOAJTY2VD2"),
        ("201704245435022", "PAY_AAEZW7SW6VQJ6AJTY24KG"),
    ):
        await shop.expect(number, amount=Money("100.02", "USD"), payment_id=key)

    body = base64.b64decode(case["raw_base64"])
    sign = re.search(rb'"sign":"([^"]+)",', body)
    text = body.replace(sign[0], b"")
    # It is signed, and a fine notification by its form.
    reply = await shop.receive(text, {"Signature": sign[1].decode()})
    applied = await shop.replay()

    assert (200, 0, []) == (reply.status, applied, shop.applied)
    assert 1 == len(await _lists(shop))
