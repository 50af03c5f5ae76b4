"""
The endpoints of FastAPI and aiohttp, inside real servers, called by the real emulator.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import logging
import sqlite3
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from fastapi import FastAPI

from tests import orders
from tests.servers.web import serve_aiohttp
from umfpay import UMFSession
from umfpay.emulator import Emulator, serve, serve_app
from umfpay.errors import NotificationError
from umfpay.flows import qr_payment, refund
from umfpay.models import Money
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.notifications.aiohttp import notification_routes
from umfpay.notifications.fastapi import notification_router
from umfpay.testing import EmulatorBox, NotificationSigner


ORDER = {
    "mer_reference_id": "order-1",
    "mer_date": "20261123",
    "total": "3.00",
    "currency": "USD",
}
WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


async def _fastapi(stack, inbox):
    app = FastAPI()
    app.include_router(notification_router(inbox))
    server = await stack.enter_async_context(serve_app(app))

    return server.origin


async def _aiohttp(stack, inbox):
    app = web.Application()
    app.add_routes(notification_routes(inbox))

    return await stack.enter_async_context(serve_aiohttp(app))


class Shop:
    """
    A shop behind an endpoint, and the gateway that calls it.
    """

    def __init__(self, box, inbox, origin, session):
        self.box = box
        self.inbox = inbox
        self.origin = origin
        self.session = session
        self.heard = []

    async def post(self, body, headers, method="POST"):
        return await asyncio.to_thread(self._post, body, headers, method)

    def _post(self, body, headers, method):
        connection = http.client.HTTPConnection(
            urlsplit(self.origin).netloc, timeout=10
        )

        try:
            connection.request(
                method,
                "/umf/notify",
                body,
                headers,
                encode_chunked="Transfer-Encoding" in headers,
            )
            answer = connection.getresponse()

            return answer.status, answer.read()
        finally:
            connection.close()

    async def until(self, condition):
        for _ in range(2000):
            if condition():
                return

            await asyncio.sleep(0.02)

        raise AssertionError

    def notifications(self):
        return self.box.control("GET", "/notifications")["notifications"]


@pytest.fixture(name="shop", params=[_fastapi, _aiohttp])
async def _shop(request, credentials, tmp_path):
    async with AsyncExitStack() as stack:
        emulator = Emulator(credentials=credentials)
        await stack.enter_async_context(serve(emulator))
        box = EmulatorBox(emulator)
        inbox = NotificationInbox(
            tmp_path / "shop.sqlite3",
            NotificationReceiver.from_config(box.config()),
        )
        origin = await request.param(stack, inbox)
        session = UMFSession(box.config(notify_url=f"{origin}/umf/notify"))
        await stack.enter_async_context(inbox)
        await stack.enter_async_context(session)
        shop = Shop(box, inbox, origin, session)

        @inbox.handler
        async def heard(event, _transaction):
            shop.heard.append((event.object_id, event.state))

        yield shop


@pytest.fixture(name="signer")
def _signer(credentials):
    return NotificationSigner(credentials.gateway_key)


async def test_the_gateway_is_heard_and_acknowledged(shop):
    """
    Once, and its books say so.
    """
    payment = await shop.session.payments.create(
        orders.wallet_payment("ALIPAY_SCAN"), arrivals=shop.inbox
    )
    shop.box.pay(payment.id)
    await shop.until(lambda: shop.heard)
    await shop.until(lambda: shop.notifications()[0]["status"] == "acknowledged")

    assert [(payment.id, "TRADE_SUCCESS")] == shop.heard
    assert 1 == len(shop.notifications()[0]["attempts"])


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (b'{"payment":{"id":"PAY_A","state":"TRADE_SUCCESS"}}', None, 401),
        (b'{"payment":{"id":"PAY_A","state":"TRADE_SUCCESS"}}', "AAAA", 401),
        (b"no json", None, 401),
        (b"", None, 401),
        (b"x" * (1024 * 1024 + 1), "AAAA", 413),
    ],
)
async def test_what_cannot_be_believed_is_not_stored(shop, body, signature, status):
    """
    Nor acknowledged.
    """
    headers = {} if signature is None else {"Signature": signature}
    found, reply = await shop.post(body, headers)

    assert status == found
    assert b"0000" not in reply
    assert await shop.inbox.notified(object_id="PAY_A") is None


@pytest.mark.parametrize("length", [str(1024 * 1024 + 1), "9" * 5000])
async def test_a_body_that_says_it_is_too_long_is_not_waited_for(shop, length):
    """
    The refusal comes before the first byte of it; 5,000 digits are no number to read.
    """
    host, port = urlsplit(shop.origin).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    try:
        head = (
            f"POST /umf/notify HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        )
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readline(), 20)
    finally:
        writer.close()

    # A server may refuse such a number by itself.
    assert answer.split()[1] in ([b"413"] if len(length) < 20 else [b"413", b"400"])


async def test_a_compressed_body_is_not_unpacked(shop, signer, caplog):
    """
    The signature covers what was sent; half a megabyte of it may unpack to 500.
    """
    caplog.set_level(logging.INFO)
    signed = signer.payment("PAY_A", **ORDER)

    for body in (gzip.compress(signed.body), b"no gzip at all"):
        status, reply = await shop.post(
            body, {**signed.headers, "Content-Encoding": "gzip"}
        )

        assert (415, b"the body is compressed") == (status, reply)

    assert await shop.inbox.held() == []
    assert [] == [one.name for one in caplog.records if one.exc_info]


async def test_a_body_that_breaks_off_leaves_no_traceback(shop, caplog):
    """
    Anybody can send half a body: it would fill a disk with tracebacks.
    """
    caplog.set_level(logging.INFO)
    host, port = urlsplit(shop.origin).netloc.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /umf/notify HTTP/1.1\r\nHost: x\r\nSignature: x\r\n"
        b"Content-Length: 1000\r\n\r\nhalf"
    )
    await writer.drain()
    # Answered: the server has read the half before.
    await shop.post(b"{}", {})
    writer.close()
    await shop.until(lambda: "the body is not whole" in caplog.text)
    # And it answers whoever comes next.
    assert 401 == (await shop.post(b"{}", {}))[0]

    assert [] == [one.name for one in caplog.records if one.exc_info]


async def test_other_methods_are_refused(shop):
    """
    The gateway posts.
    """
    status, _ = await shop.post(None, {}, method="GET")

    assert 405 == status


async def test_a_body_in_chunks_is_read_whole(shop, signer):
    """
    The signature covers all of it.
    """
    signed = signer.payment("PAY_A", **ORDER)
    chunks = [signed.body[:10], signed.body[10:]]
    status, _ = await shop.post(
        iter(chunks), {**signed.headers, "Transfer-Encoding": "chunked"}
    )

    assert 200 == status


async def test_while_the_store_is_down_the_gateway_tries_again(shop, monkeypatch):
    """
    503 until it is stored; then the handler runs once.
    """
    payment = await shop.session.payments.create(
        orders.wallet_payment("ALIPAY_SCAN"), arrivals=shop.inbox
    )
    receive = shop.inbox.receive
    refused = []

    async def down(body, headers):
        if len(refused) < 2:
            refused.append(body)
            raise NotificationError("down", "坏")

        return await receive(body, headers)

    monkeypatch.setattr(shop.inbox, "receive", down)
    shop.box.pay(payment.id)
    await shop.until(lambda: shop.heard)
    await shop.until(lambda: shop.notifications()[0]["status"] == "acknowledged")
    attempts = shop.notifications()[0]["attempts"]

    assert [(payment.id, "TRADE_SUCCESS")] == shop.heard
    assert 3 == len(attempts)
    assert {"failed: HTTP 503"} == {one["outcome"] for one in attempts[:2]}


async def test_a_file_that_is_broken_meanwhile_acknowledges_nothing(
    shop, signer, tmp_path, caplog
):
    """
    The table is gone: what cannot be kept is not confirmed, and the log says so.
    """
    with sqlite3.connect(tmp_path / "shop.sqlite3") as file:
        file.execute("DROP TABLE umf_events")

    file.close()
    signed = signer.payment("PAY_A", **ORDER)
    status, reply = await shop.post(signed.body, signed.headers)

    assert (503, b"not stored") == (status, reply)
    refused = [one for one in caplog.records if "was refused" in one.message]
    assert ["WARNING"] == [one.levelname for one in refused]


async def test_a_flow_ends_by_its_notification(shop):
    """
    The inbox wakes it; the gateway is not asked.
    """
    payment = await qr_payment(
        shop.session,
        orders.order(),
        method="WECHAT_SCAN",
        show=lambda code: shop.box.pay(code.payment_id),
        arrivals=shop.inbox,
        **WHO,
    )
    given_back = await refund(
        shop.session,
        payment,
        mer_reference_id="r-1",
        mer_date=orders.DAY,
        amount=Money("4.00", "USD"),
        arrivals=shop.inbox,
    )
    asked = [
        one["path"]
        for one in shop.box.requests(given_back.id)
        if one["method"] == "GET"
    ]

    assert "TRADE_SUCCESS" == payment.state
    assert "REFUND_SUCCESS" == given_back.state
    assert [] == asked
    assert payment.id == (await shop.inbox.notified(object_id=payment.id)).id


async def test_a_notification_that_is_faster_than_the_create_is_kept(shop):
    """
    The answer to create is late; the customer has paid already.
    """
    order = orders.order()
    new = orders.wallet_payment("ALIPAY_SCAN")
    import attrs

    new = attrs.evolve(new, order=order)
    shop.box.control(
        "PUT",
        "/faults",
        {"rules": [{"kind": "delay", "path": "/payments/payment$", "seconds": 1.0}]},
    )
    creating = asyncio.create_task(shop.session.payments.create(new))
    await shop.until(lambda: shop.box.control("GET", "/payments")["payments"])
    shop.box.pay(shop.box.control("GET", "/payments")["payments"][0]["id"])
    await shop.until(
        lambda: shop.notifications() and shop.notifications()[0]["status"] != "pending"
    )

    await shop.inbox.replay()

    assert [] == shop.heard
    assert 1 == len(await shop.inbox.held())

    payment = await creating
    await shop.inbox.expect(order, payment_id=payment.id)
    await shop.until(lambda: shop.heard)

    assert [(payment.id, "TRADE_SUCCESS")] == shop.heard
