"""
Notifications that are signed and about something else apply nothing.

The rows stand in `about_something_else.CLASSES`. The gateway signs for all its merchants
with one key, and any signed answer can be sent to a notify_url, its signed text as the
body, its signature as the header. The shop has one order, one refund and one declaration,
and a worker without a session: what is in doubt stays in doubt.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from pathlib import Path

import pytest

from tests import orders
from tests.end_to_end.about_something_else import (
    classes,
    notified_customs,
    notified_payment,
    notified_refund,
)
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
REFUND = NewRefund(
    mer_reference_id="r1", mer_date=date(2026, 11, 24), amount=Money("4.00", "USD")
)


# What is applied: each row is refused for what it differs in, and for nothing else.
RIGHT = {
    "payment": (notified_payment(), ("PAY_MINE", "TRADE_SUCCESS")),
    "refund": (notified_refund(), ("REFUND_MINE", "REFUND_SUCCESS")),
    "customs": (notified_customs(), ("CUST_MINE", "SUCCESS")),
}


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
        await inbox.expect(orders.order(reference="n1"), payment_id="PAY_MINE")
        await inbox.expect(REFUND, payment_id="PAY_MINE", refund_id="REFUND_MINE")
        await inbox.expect(CustomsDeclaration(id="CUST_MINE"), payment_id="PAY_MINE")

        yield inbox


async def _lists(inbox):
    found = {
        "held": await inbox.held(),
        "unconfirmed": await inbox.unconfirmed(),
        "conflicts": await inbox.conflicts(),
        "failed": await inbox.failed(),
    }

    return [(name, event.reason) for name, events in found.items() for event in events]


@pytest.mark.parametrize("row", classes("notification"), ids=lambda row: row.name)
async def test_nothing_else_is_applied(shop, row):
    """
    It is acknowledged, because the gateway signed it, and found on one list.
    """
    signed = SIGNER(row.signed)
    reply = await shop.receive(signed.body, signed.headers)
    applied = await shop.replay()

    assert (200, 0, []) == (reply.status, applied, shop.applied)

    ((where, reason),) = await _lists(shop)

    assert row.end == where
    assert row.because in reason


@pytest.mark.parametrize("asked", RIGHT)
async def test_the_right_one_is_applied(shop, asked):
    """
    On its own word, at once.
    """
    members, ended = RIGHT[asked]
    signed = SIGNER(members)
    await shop.receive(signed.body, signed.headers)
    await shop.replay()

    assert [ended] == shop.applied
    assert [] == await _lists(shop)


async def test_a_refund_may_name_the_order_it_is_of(shop):
    """
    As answers about refunds do (gateway.md, trap 15).
    """
    signed = SIGNER(notified_refund(number="n1", parent=None))
    await shop.receive(signed.body, signed.headers)
    await shop.replay()

    assert [("REFUND_MINE", "REFUND_SUCCESS")] == shop.applied


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
