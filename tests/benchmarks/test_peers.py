"""
The peers of the benchmarks make the same calls, byte for byte.
"""

from __future__ import annotations

import json
from functools import partial

import attrs
import pytest

from benchmarks import orders
from benchmarks.canned import Keys, gateway
from benchmarks.peers import BareAiohttp, Newcomer, Ours, Request, check_same, seen


POOL = 8
THEM = {
    "aiohttp": BareAiohttp,
    "httpx, cryptography": partial(Newcomer, backend="cryptography"),
    "httpx, pycryptodome": partial(Newcomer, backend="pycryptodome"),
}


@pytest.fixture(name="place", scope="module", params=["http", "https"])
def _place(request):
    with gateway(Keys.make(1024), tls=request.param == "https", pool=POOL) as place:
        yield place


async def _ours(place, number):
    ours = Ours(place, pool=POOL)

    try:
        return await seen(ours, place, number)
    finally:
        await ours.aclose()


@pytest.mark.parametrize("name", THEM)
async def test_all_send_the_same_bytes(place, name):
    """
    Bodies, headers and lengths; only the order of the headers may differ.
    """
    like = await _ours(place, 0)
    peer = THEM[name](place, like)

    try:
        for number in (0, POOL - 1):
            check_same(await _ours(place, number), await seen(peer, place, number))
    finally:
        await peer.aclose()


@pytest.mark.parametrize("name", THEM)
async def test_all_get_the_answer_to_what_they_asked(place, name):
    """
    And verify it.
    """
    ours = Ours(place, pool=POOL)
    like = await seen(ours, place)
    peer = THEM[name](place, like)

    try:
        created, queried = await ours.create(3), await ours.query(3)
        theirs = await peer.create(3), await peer.query(3)
    finally:
        await ours.aclose()
        await peer.aclose()

    assert orders.payment_id(3) == created.id == queried.id
    assert created.verified
    assert queried.verified
    assert (orders.created(3)["payment"], orders.queried(3)["payment"]) == tuple(
        answer["payment"] for answer in theirs
    )


def test_other_bytes_are_no_peer_s():
    """
    One byte more is refused.
    """
    one = Request.parse(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n{}")

    check_same([one], [Request.parse(b"POST / HTTP/1.1\r\nhost: a\r\n\r\n{}")])

    for received in (
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n{ }",
        b"POST / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n{}",
    ):
        with pytest.raises(RuntimeError, match="not the same bytes"):
            check_same([one], [Request.parse(received)])


def test_signatures_may_differ():
    """
    They have the same length, and each client makes its own.
    """
    one = Request.parse(b"POST / HTTP/1.1\r\nSignature: AAAA\r\n\r\n{}")
    other = Request.parse(b"POST / HTTP/1.1\r\nSignature: AAAB\r\n\r\n{}")

    check_same([one], [other])

    with pytest.raises(RuntimeError, match="not the same bytes"):
        check_same([one], [attrs.evolve(other, size=one.size + 1)])


def test_orders_and_answers_differ_and_have_one_length():
    """
    So that no cache of texts helps, and no round is heavier than another.
    """
    for make in (orders.payment_body, orders.queried, orders.created):
        texts = {json.dumps(make(number)) for number in range(orders.POOL)}

        assert orders.POOL == len(texts)

    bodies = [json.dumps(orders.payment_body(number)) for number in range(orders.POOL)]

    assert 1 == len({len(body) for body in bodies})
