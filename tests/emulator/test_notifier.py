"""
Notifications: signed, delivered, tried again, written down.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.emulator.merchant import PAY
from umfpay.emulator import Emulator, EmulatorSettings


def _all(shop):
    return shop.control("GET", "/notifications")["notifications"]


def test_a_result_is_notified_signed(shop, listener, tmp_path, until):
    """
    The header covers the raw body.
    """
    key = shop.created(notify_url=listener.url)
    shop.execute(key)
    payment = listener.wait(1)[0]["payment"]
    path, headers, body = listener.got[0]

    assert ("/umf", "application/json") == (path, headers["Content-Type"])
    assert shop.keys.verifies(body, headers["Signature"], tmp_path)
    assert not shop.keys.verifies(body + b" ", headers["Signature"], tmp_path)
    assert (key, "TRADE_SUCCESS") == (payment["id"], payment["state"])
    assert "ref-1" == payment["order"]["mer_reference_id"]
    assert "692.07" == payment["order"]["amount"]["total_cny"]

    until(lambda: _all(shop)[0]["status"] == "acknowledged")

    assert 1 == len(_all(shop)[0]["attempts"])


def test_refunds_and_declarations_are_notified_as_well(shop, listener):
    """
    To their own address, or to that of the payment.
    """
    shop.settings(settle_after=0)
    key = shop.paid(notify_url=listener.url)
    shop.refund(key)
    shop.post(
        f"{PAY}/{key}/apply_to_customs",
        {
            "customs_id": "HZ",
            "mer_customs_code": "1",
            "notify_url": f"{listener.url}/customs",
            "sub_order": {"mer_sub_reference_id": "ref-1-a"},
        },
    )
    bodies = listener.wait(3)
    refund = next(one["refund"] for one in bodies if "refund" in one)
    declared = next(
        one["customs_declaration"] for one in bodies if "customs_declaration" in one
    )

    assert ("REFUND_SUCCESS", key) == (refund["state"], refund["parent_payment"])
    assert "back-1" == refund["order"]["mer_reference_id"]
    assert "SUCCESS" == declared["state"]
    assert {"/umf", "/umf/customs"} == {path for path, _, _ in listener.got}


def test_an_address_without_scheme_is_http(shop, listener):
    """
    As in the demo.
    """
    shop.paid(notify_url=listener.place + "/bare")
    listener.wait(1)

    assert "/bare" == listener.got[0][0]


@pytest.mark.parametrize(
    "reply",
    [
        (500, [b""], {}),
        (200, [b"ok"], {}),
        (200, [b'{"meta":{"ret_code":"1"}}'], {}),
        (302, [b""], {"Location": "/elsewhere"}),
    ],
)
def test_it_is_tried_again_until_acknowledged(shop, listener, until, reply):
    """
    The same bytes each time; redirects are not followed.
    """
    listener.replies = [reply, reply]
    shop.paid(notify_url=listener.url)
    until(lambda: _all(shop)[0]["status"] == "acknowledged")
    outcomes = [one["outcome"] for one in _all(shop)[0]["attempts"]]

    assert 3 == len(listener.got) == len(outcomes)
    assert {("/umf", listener.got[0][2])} == {(path, b) for path, _, b in listener.got}
    assert outcomes[0].startswith("failed")
    assert "acknowledged" == outcomes[2]


def test_a_reply_in_pieces_is_read_to_its_end(shop, listener, until):
    """
    However the network cuts it.
    """
    listener.replies = [(200, [b'{"meta":', b'{"ret_code"', b':"0000"}}'], {})]
    shop.paid(notify_url=listener.url)
    until(lambda: _all(shop)[0]["attempts"])

    assert "acknowledged" == _all(shop)[0]["status"]


def test_an_endless_reply_is_cut(shop, listener, until):
    """
    After 64 KiB nobody reads on.
    """
    listener.replies = [(200, [b"x" * 50_000, b"x" * 50_000], {})]
    shop.paid(notify_url=listener.url)
    until(lambda: _all(shop)[0]["attempts"])

    assert "failed: no ret_code 0000" == _all(shop)[0]["attempts"][0]["outcome"]


def test_it_gives_up_in_the_end(shop, until):
    """
    After as many attempts as the settings have.
    """
    shop.settings(notification_attempts=2, notification_pause=0.01)
    shop.paid(notify_url="http://127.0.0.1:1/closed")
    until(lambda: _all(shop)[0]["status"].startswith("failed"))

    assert 2 == len(_all(shop)[0]["attempts"])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.test/n", "shop.test is not loopback"),
        ("https://192.0.2.1/n", "192.0.2.1 is not loopback"),
        ("http://127.0.0.1.shop.test/", "not loopback"),
        ("http://[broken/", "no URL"),
        ("", "no notify_url"),
    ],
)
def test_nothing_goes_to_foreign_hosts(shop, until, url, why):
    """
    It is written down, and not tried again.
    """
    shop.paid(notify_url=url)
    until(lambda: _all(shop)[0]["status"] != "pending")

    assert why in _all(shop)[0]["status"]
    assert len(_all(shop)[0]["attempts"]) <= 1


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://127.0.0.1:99999/x"])
def test_what_cannot_be_called_fails(shop, until, url):
    """
    Without harm to the emulator.
    """
    shop.settings(notification_attempts=1)
    shop.paid(notify_url=url)
    until(lambda: _all(shop)[0]["status"].startswith("failed"))

    assert "0000" == shop.get("/exchange_rate?currency=USD").code


def test_only_hosts_that_were_allowed_are_called(
    make_box, running, listener, monkeypatch, until
):
    """
    Taken as foreign, 127.0.0.1 must be named.
    """
    monkeypatch.setattr("umfpay.emulator._notifier.is_loopback", lambda _: False)

    for hosts, status in (((), "not delivered"), (["127.0.0.1"], "acknowledged")):
        box = make_box(deliver_to=hosts)

        with running(box) as shop:
            shop.paid(notify_url=listener.url)
            until(lambda shop=shop: _all(shop)[0]["status"] != "pending")

            assert _all(shop)[0]["status"].startswith(status)


def test_faults_duplicate_lose_and_delay(shop, listener, until):
    """
    Each by the kind of object.
    """
    shop.faults({"kind": "duplicate_notification", "path": "payment"})
    shop.paid(notify_url=listener.url)
    bodies = listener.wait(2)

    assert bodies[0] == bodies[1]

    until(lambda: len(_all(shop)[0]["attempts"]) == 2)
    shop.faults(
        {"kind": "lose_notification"},
        {"kind": "late_notification", "seconds": 0.2, "skip": 1},
    )
    shop.paid(reference="lost", notify_url=listener.url)

    assert "lost by the fault plan" in _all(shop)[1]["status"]

    shop.paid(reference="late", notify_url=listener.url)

    assert [] == _all(shop)[2]["attempts"]

    listener.wait(3)

    assert 3 == len(listener.got)


def test_faults_turn_the_order_around(shop, listener):
    """
    The first one waits for the second.
    """
    shop.faults({"kind": "reorder_notification"})
    shop.paid(reference="first", notify_url=listener.url)
    shop.paid(reference="second", notify_url=listener.url)

    assert ["second", "first"] == [
        one["payment"]["order"]["mer_reference_id"] for one in listener.wait(2)
    ]


def test_one_can_be_sent_again(shop, listener, until):
    """
    The same bytes, also when it was acknowledged before.
    """
    shop.paid(notify_url=listener.url)
    listener.wait(1)
    until(lambda: _all(shop)[0]["status"] == "acknowledged")

    assert {"resent": 1} == shop.control("POST", "/notifications/1/resend")

    listener.wait(2)
    listener.replies = [(500, [b""], {})]
    until(lambda: len(_all(shop)[0]["attempts"]) == 2)

    assert listener.got[0][2] == listener.got[1][2]
    assert "acknowledged" == _all(shop)[0]["status"]
    assert 404 == shop.control("POST", "/notifications/9/resend").status


def test_a_reset_stops_deliveries(shop, listener):
    """
    What was under way does not come back into the books.
    """
    shop.faults({"kind": "late_notification", "seconds": 0.1})
    shop.paid(notify_url=listener.url)
    shop.control("POST", "/reset")

    async def later():
        await asyncio.sleep(0.2)

    asyncio.run(later())

    assert [] == listener.got
    assert [] == _all(shop)


def test_the_body_holds_no_card(shop, listener):
    """
    Only what a merchant may see.
    """
    key = shop.created(notify_url=listener.url)
    shop.execute(key)
    notification = json.dumps(listener.wait(1))

    assert "5678" not in notification
    assert "bank_card" not in notification


async def test_notifications_can_be_delivered_without_http():
    """
    By a callable that is given what would be posted; what it raises is a failure.
    """
    got = []

    async def post(url, body, headers):
        got.append((url, json.loads(body), headers))

        if len(got) == 1:
            raise ConnectionRefusedError

        return 200, b'{"meta": {"ret_code": "0000"}}'

    emulator = Emulator(
        key_bits=1024, post=post, settings=EmulatorSettings(notification_pause=0.0)
    )

    try:
        emulator._gateway_state.store.put(
            "refund",
            "REFUND_A",
            {
                "state": "REFUND_SUCCESS",
                "payment": "PAY_A",
                "notify_url": "http://127.0.0.1:9/umf",
                "reference": "r-1",
                "mer_date": "20261123",
                "total": "1.00",
                "currency": "USD",
                "total_cny": "7.00",
            },
        )
        emulator._notifier.notify("refund", "REFUND_A")

        async with asyncio.timeout(10):
            while _all(emulator)[0]["status"] != "acknowledged":
                await asyncio.sleep(0.01)

        url, body, headers = got[1]

        assert ("http://127.0.0.1:9/umf", "REFUND_A") == (url, body["refund"]["id"])
        assert {"Content-Type", "Signature"} == set(headers)
        assert ["failed: ConnectionRefusedError", "acknowledged"] == [
            one["outcome"] for one in _all(emulator)[0]["attempts"]
        ]
    finally:
        await emulator.aclose()


async def test_a_delivery_that_cannot_be_written_down_is_reported(
    make_box, full_disk, caplog
):
    """
    In one line, and nothing is left to be told when the program ends.
    """
    delivered = []

    async def post(url, body, headers):
        delivered.append(url)

        return 200, b'{"meta": {"ret_code": "0000"}}'

    box = make_box(post=post)
    record = {
        "number": 1, "url": "http://127.0.0.1:9/", "body": "{}", "signature": "",
        "attempts": [], "status": "pending",
    }  # fmt: skip
    box._gateway_state.store.put("notification", "1", record)

    try:
        with full_disk(box):
            assert box._notifier.resend(1)

            async with asyncio.timeout(10):
                while not caplog.records:
                    await asyncio.sleep(0.01)
    finally:
        await box.aclose()

    assert ["http://127.0.0.1:9/"] == delivered
    [record] = caplog.records

    assert "umfpay.emulator" == record.name
    assert "readonly database" in record.getMessage()
    assert record.exc_info is None


def _outcome(shop, listener, until, status, reply):
    """
    Return what becomes of a notification that gets *reply*.
    """
    shop.settings(notification_attempts=1)
    listener.replies = [(status, [reply], {})]
    shop.paid(notify_url=listener.url)
    until(lambda: _all(shop)[0]["status"] != "pending")

    return _all(shop)[0]["status"]


@pytest.mark.parametrize(
    "reply",
    [
        b'{"order_id":"1","mer_date":"20261123","ret_code":"0000","ret_msg":"ok"}',
        b'{"meta":{"ret_code":"0000"},"payment":{"id":"PAY_A"}}',
        b'{"meta":{"ret_code":"0000","ret_msg":["SUCCESS"]}}',
        b"ret_code=0000&ret_msg= ok",
        b"\n mer_id=1&ret_code=0000&sign=x\n",
    ],
)
def test_these_acknowledge(shop, listener, until, reply):
    """
    Flat JSON, meta, an array in meta, plain text.
    """
    assert "acknowledged" == _outcome(shop, listener, until, 200, reply)


def test_a_reply_of_another_status_does_not_acknowledge(shop, listener, until):
    """
    Whatever it says.
    """
    reply = b"ret_code=0000&ret_msg= ok"

    assert "failed: HTTP 201" == _outcome(shop, listener, until, 201, reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"OK",
        b"success",
        b"null",
        b"[]",
        b'"0000"',
        b'{"ret_code":"0001"}',
        b'{"meta":"0000"}',
        b"ret_code=00001",
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_these_do_not(shop, listener, until, reply):
    """
    There is no ret_code 0000 in them.
    """
    assert "failed: no ret_code 0000" == _outcome(shop, listener, until, 200, reply)
