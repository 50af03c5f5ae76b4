"""
The canned gateway answers what was asked, however the request arrives.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import pytest

from benchmarks import orders
from benchmarks.canned import Keys, Route, gateway, reply


OTHERS = [
    Route(
        line="POST /others",
        answers={name: reply(name.encode()) for name in ("one", "two")},
    )
]


@pytest.fixture(name="place", scope="module", params=["http", "https"])
def _place(request):
    tls = request.param == "https"

    with gateway(Keys.make(1024), tls=tls, pool=3, others=OTHERS) as place:
        yield place


async def _ask(place, *pieces):
    where = urlsplit(place.url)
    context = place.tls()
    assert context is None or context.verify_mode is ssl.CERT_REQUIRED
    reader, writer = await asyncio.open_connection(
        where.hostname, where.port, ssl=context
    )

    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)

    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(size)
    writer.close()
    await writer.wait_closed()

    return body


@pytest.mark.parametrize("number", [0, 2])
async def test_an_order_is_found_however_its_request_is_cut(place, number):
    """
    Head and body apart, or every byte alone.
    """
    body = f'{{"mer_reference_id":"{orders.reference(number)}"}}'.encode()
    request = (
        b"POST /cberest/v1/payments/payment HTTP/1.1\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    place_of_body = request.index(body)

    for pieces in (
        [request],
        [request[:place_of_body], body],
        [request[n : n + 1] for n in range(len(request))],
    ):
        answer = await _ask(place, *pieces)

        assert orders.payment_id(number).encode() in answer


async def test_a_query_is_found_by_its_path(place):
    """
    The last segment is the payment's id.
    """
    request = (
        f"GET /cberest/v1/payments/payment/{orders.payment_id(1)} HTTP/1.1\r\n\r\n"
    )

    assert orders.reference(1).encode() in await _ask(place, request.encode())


async def test_answers_without_a_key_take_turns(place):
    """
    So that no two calls get the same.
    """
    request = b"POST /others HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    answers = [await _ask(place, request) for _ in range(4)]

    assert answers[0] != answers[1]
    assert answers[:2] == answers[2:]


async def test_it_counts_its_connections(place):
    """
    The one of the question as well.
    """
    before = await asyncio.to_thread(place.ask, "counted")
    after = await asyncio.to_thread(place.ask, "counted")

    assert before != after
