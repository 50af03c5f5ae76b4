"""
The layer that verifies: what may refuse, what may give.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from umfpay.errors import EnvelopeError, SignatureError, UnsignedResponseError
from umfpay.protocol import Verdict
from umfpay.transport import (
    CallEnd,
    Effect,
    VerifyingTransport,
    build_request,
    classify,
)


FORGED = b'{"meta":{"sign":"AAAA","ret_msg":"x","ret_code":"%s"},"payment":{}}'


class Stream(httpx.AsyncByteStream):
    """
    A body in pieces that knows whether it was closed.
    """

    def __init__(self, *pieces):
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece

            yield piece

    async def aclose(self):
        self.closed = True


@pytest.fixture(name="layered")
def _layered(play, gateway):
    def layered(*steps, **options):
        script, network = play(*steps)

        return script, VerifyingTransport(network, verifier=gateway.verifier, **options)

    return layered


async def through(layer, state):
    return await layer.handle_async_request(build_request(state))


@pytest.mark.parametrize("place", ["meta", "header", "both"])
async def test_a_signed_answer_is_verified(layered, call, gateway, place):
    """Wherever the gateway signs, the facts of the answer are in the state."""
    state = call()
    _, layer = layered(gateway.answer(place=place, payment={"id": "1"}))
    response = await through(layer, state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert (state.envelope.ret_code, state.status) == ("0000", 200)
    assert state.envelope.members["payment"] == {"id": "1"}
    assert not state.unverified_accepted
    assert b'"payment"' in await response.aread()


@pytest.mark.parametrize("status", [200, 401, 502])
@pytest.mark.parametrize("code", [b"0000", b"00280703"])
async def test_a_forged_answer_is_refused_at_once(layered, call, status, code):
    """No forged answer passes, not even as a refusal."""
    _, layer = layered(httpx.Response(status, content=FORGED % code))

    with pytest.raises(SignatureError, match="response_signatures"):
        await through(layer, call())


@pytest.mark.parametrize("code", ["00280703", "00060710", "00060999"])
async def test_an_unsigned_refusal_passes(layered, call, gateway, code):
    """What is not signed may refuse."""
    state = call()
    _, layer = layered(gateway.answer(code, place="none"))
    await through(layer, state)

    assert (code, False) == (state.envelope.ret_code, state.unverified_accepted)
    assert Verdict.UNSIGNED is state.envelope.verdict


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"meta":{"ret_code":"0000"}}'])
async def test_an_error_status_passes_whatever_the_body(layered, call, status, body):
    """Authorizing and Retrying see refusals of proxies; they give nothing."""
    state = call()
    _, layer = layered(httpx.Response(status, content=body))
    response = await through(layer, state)

    assert (status, False) == (response.status_code, state.unverified_accepted)


@pytest.mark.parametrize("code", ["0000", "00060761", "00060861"])
async def test_an_unsigned_answer_that_gives_is_refused(layered, call, gateway, code):
    """Success, pending and accepted need a signature."""
    _, layer = layered(gateway.answer(code, place="none"))

    with pytest.raises(UnsignedResponseError, match="unsigned_responses"):
        await through(layer, call())


async def test_an_unsigned_answer_without_code_gives(layered, call):
    """An answer that names no code at all must not pass for a refusal."""
    _, layer = layered(httpx.Response(200, content=b'{"payment":{}}'))

    with pytest.raises(UnsignedResponseError):
        await through(layer, call())


async def test_endpoints_documented_unsigned_are_exempt_from_absence(layered, call):
    """The token answer has no meta at all."""
    state = call(Effect.TOKEN, unsigned_allowed=True)
    _, layer = layered(
        httpx.Response(200, content=b'{"expires_in":3600,"access_token":"a"}')
    )
    await through(layer, state)

    assert state.unverified_accepted


async def test_no_endpoint_is_exempt_from_forgery(layered, call):
    """A signature that is there must verify, on the token endpoint, too."""
    _, layer = layered(httpx.Response(200, content=FORGED % b"0000"))

    with pytest.raises(SignatureError):
        await through(layer, call(Effect.TOKEN, unsigned_allowed=True))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b'{"a":1', b"null"])
async def test_an_unreadable_answer_is_refused(layered, call, body):
    """A good status with anything but a JSON object is an error."""
    _, layer = layered(httpx.Response(200, content=body))

    with pytest.raises(EnvelopeError, match="No setting"):
        await through(layer, call(unsigned_allowed=True))


async def test_a_compressed_answer_is_named(layered, call):
    """Content-Encoding in spite of identity is said to be the reason."""
    _, layer = layered(
        httpx.Response(
            200, headers={"Content-Encoding": "br"}, stream=Stream(b"\x1f\x8b")
        )
    )

    with pytest.raises(EnvelopeError, match="Content-Encoding br"):
        await through(layer, call())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused(layered, call, status):
    """No token follows a redirect, and neither do we."""
    stream = Stream(b"{}")
    _, layer = layered(
        httpx.Response(status, headers={"Location": "https://evil/"}, stream=stream)
    )

    with pytest.raises(EnvelopeError, match="redirect"):
        await through(layer, call(body_limit=399))

    assert stream.closed


async def test_accept_lets_unsigned_through_with_one_warning(
    layered, call, gateway, caplog
):
    """One warning for each endpoint, however often it is called."""
    steps = [gateway.answer(place="none") for _ in range(3)]
    _, layer = layered(*steps, unsigned_responses="accept")

    with caplog.at_level(logging.WARNING, "umfpay"):
        for path in ("/a", "/a", "/b"):
            state = call(path=path)
            await through(layer, state)

            assert state.unverified_accepted

    assert len(caplog.records) == 2
    assert "GET /a" in caplog.text
    assert "GET /b" in caplog.text


async def test_accept_does_not_cover_a_signature_taken_off(layered, call, gateway):
    """An endpoint that once answered signed must stay signed; others need not."""
    _, layer = layered(
        gateway.answer(),
        gateway.answer(place="none"),
        gateway.answer(place="none"),
        unsigned_responses="accept",
    )
    await through(layer, call(path="/a"))

    with pytest.raises(UnsignedResponseError, match="earlier ones did"):
        await through(layer, call(path="/a"))

    await through(layer, call(path="/b"))


async def test_an_endpoint_that_signs_does_so_for_every_object(
    layered, call, gateway, caplog
):
    """
    Whoever writes the path: by template, with an id, with doubled or quoted characters.
    """
    paths = [
        "/payments/payment/{payment_id}",
        "/payments/payment/PAY_GMYTANRRGEZDGMBU",
        "//payments/payment/PAY_AAAAAAAA/",
        "/payments/payment/%50AY_AAAAAAAA",
        "/payments/payment/%7Bpayment_id%7D",
    ]

    for signed in paths:
        for stripped in paths:
            _, layer = layered(
                gateway.answer(),
                gateway.answer(place="none"),
                gateway.answer(place="none"),
                unsigned_responses="accept",
            )
            await through(layer, call(path=signed))

            with pytest.raises(UnsignedResponseError, match="earlier ones did"):
                await through(layer, call(path=stripped))

            await through(layer, call(path=f"{stripped.rstrip('/')}/refund"))


async def test_a_warning_is_given_once_for_all_objects(layered, call, gateway, caplog):
    """
    Ten thousand payments are no ten thousand lines.
    """
    steps = [gateway.answer(place="none") for _ in range(3)]
    _, layer = layered(*steps, unsigned_responses="accept")

    with caplog.at_level(logging.WARNING, "umfpay"):
        for key in ("PAY_AAAAAAAA", "PAY_BBBBBBBB", "{payment_id}"):
            await through(layer, call(path=f"/payments/payment/{key}"))

    assert 1 == len(caplog.records)


async def test_report_logs_forged_answers_and_lets_them_through(layered, call, caplog):
    """The verdict is logged, the start is warned about."""
    with caplog.at_level(logging.WARNING, "umfpay"):
        _, layer = layered(
            httpx.Response(200, content=FORGED % b"0000"),
            response_signatures="report",
        )
        state = call()
        await through(layer, state)

    assert Verdict.FORGED is state.envelope.verdict
    assert (state.envelope.ret_code, state.envelope.members["payment"]) == ("0000", {})
    assert state.unverified_accepted
    assert CallEnd.GOOD is classify(state).ending
    assert [
        next(words for words in ("not refused", "forged answer") if words in line)
        for line in caplog.messages
    ] == ["not refused", "forged answer"]


@pytest.mark.parametrize("status", [200, 502])
async def test_report_lets_nothing_through_that_cannot_be_read(layered, call, status):
    """A signature over something that is no object is refused or passes as a refusal."""
    state = call()
    _, layer = layered(
        httpx.Response(status, headers={"Signature": "AAAA"}, content=b"<html>"),
        response_signatures="report",
    )

    if status == 200:
        with pytest.raises(EnvelopeError):
            await through(layer, state)
    else:
        await through(layer, state)

    assert Verdict.UNREADABLE is state.envelope.verdict
    assert not state.unverified_accepted


async def test_a_forged_refusal_under_report_stays_a_refusal(layered, call):
    """Its code is seen by the layers outside; it is not verified."""
    state = call(Effect.MONEY, handed_over=True)
    _, layer = layered(
        httpx.Response(200, content=FORGED % b"00060710"), response_signatures="report"
    )
    await through(layer, state)

    assert state.envelope.ret_code == "00060710"
    assert CallEnd.UNCLEAR is classify(state).ending


async def test_report_does_not_let_unsigned_through(layered, call, gateway):
    """Absence of a signature is the other setting's matter."""
    _, layer = layered(gateway.answer(place="none"), response_signatures="report")

    with pytest.raises(UnsignedResponseError):
        await through(layer, call())


async def test_a_custom_verifier_decides_about_the_header(layered, call, gateway):
    """It gets the whole body, the header and the keys; its word counts."""
    asked = []
    body, _ = gateway.body(place="none")

    def decide(data, signature, keys):
        asked.append((data, signature, tuple(keys)))

        return signature == "yes"

    _, layer = layered(
        httpx.Response(200, headers={"Signature": "yes"}, content=body),
        httpx.Response(200, headers={"Signature": "no"}, content=body),
        gateway.answer(place="meta"),
        response_verifier=decide,
    )
    state = call()
    await through(layer, state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert [(body, "yes", tuple(gateway.verifier.keys))] == asked

    with pytest.raises(SignatureError):
        await through(layer, call())

    await through(layer, state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert len(asked) == 2


async def test_two_signature_headers_are_forged(layered, call, gateway):
    """Nobody may add a signature to the good one."""
    body, signature = gateway.body(place="header")
    _, layer = layered(
        httpx.Response(
            200, headers=[("Signature", signature), ("Signature", "b")], content=body
        )
    )

    with pytest.raises(SignatureError):
        await through(layer, call())


async def test_a_slow_verifier_works_in_the_executor(call, gateway, play):
    """Verifying that takes long does not stop the loop."""
    threads = []

    class Slow:
        off_loop = True
        keys = gateway.verifier.keys

        def verify(self, data, signature):
            threads.append(threading.current_thread().name)

            return gateway.verifier.verify(data, signature)

    _, network = play(gateway.answer(place="meta"))

    with ThreadPoolExecutor(1, thread_name_prefix="rsa") as executor:
        layer = VerifyingTransport(network, verifier=Slow(), executor=executor)
        state = call()
        await through(layer, state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert {"rsa_0"} == set(threads)


@pytest.mark.parametrize("pieces", [1, 4])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_large_answer_is_refused_while_it_comes(layered, call, pieces, status):
    """The limit holds before the whole answer is in memory."""
    stream = Stream(*[b"x" * (400 // pieces)] * pieces, AssertionError("read on"))
    _, layer = layered(httpx.Response(status, stream=stream))

    with pytest.raises(EnvelopeError, match="larger than 399"):
        await through(layer, call(body_limit=399))

    assert stream.closed


async def test_a_slow_close_of_a_foreign_answer_holds_nobody_up(layered, call, gateway):
    """The answer is complete; who made the transport has a moment to tidy up."""

    class Clinging(Stream):
        async def aclose(self):
            await asyncio.sleep(60)

    body, _ = gateway.body()
    _, layer = layered(httpx.Response(200, stream=Clinging(body)))
    state = call()

    async with asyncio.timeout(10):
        await through(layer, state)

    assert state.status == 200


async def test_an_answer_of_exactly_the_limit_is_read(layered, call, gateway):
    """The limit itself is allowed."""
    body, _ = gateway.body()
    _, layer = layered(httpx.Response(200, stream=Stream(body[:50], body[50:])))
    state = call(body_limit=len(body))
    await through(layer, state)

    assert Verdict.VERIFIED is state.envelope.verdict


async def test_an_answer_that_breaks_is_closed(layered, call):
    """A connection that fails inside the body is given back and reported."""
    stream = Stream(b'{"meta"', httpx.ReadError("gone"))
    _, layer = layered(httpx.Response(200, stream=stream))
    state = call()

    with pytest.raises(httpx.ReadError):
        await through(layer, state)

    assert (stream.closed, state.status) == (True, 200)


async def test_the_network_has_the_request_before_it_fails(layered, call):
    """From here on a call may have been sent."""
    _, layer = layered(httpx.ReadError("x"))
    state = call(Effect.MONEY)

    with pytest.raises(httpx.ReadError) as caught:
        await through(layer, state)

    assert state.may_have_been_sent(caught.value)


async def test_closing_closes_the_network(layered):
    """Closing goes through."""
    script, layer = layered()
    await layer.aclose()

    assert script.closed


@pytest.mark.parametrize("late", [0.0, 1.0])
@pytest.mark.parametrize("effect", Effect)
async def test_nothing_is_sent_when_the_deadline_has_passed(
    layered, call, gateway, effect, late
):
    """A timeout of the loop works at the next pause only: a busy loop had none."""
    script, layer = layered(gateway.answer())
    now = asyncio.get_running_loop().time()
    state = call(effect, deadline=now - late)

    with pytest.raises(TimeoutError) as caught:
        await layer.handle_async_request(build_request(state))

    assert ([], False) == (script.requests, state.may_have_been_sent())
    assert CallEnd.FAILED is classify(state, caught.value).ending


async def test_a_compressed_answer_is_not_blamed_on_the_certificate(
    layered, call, gateway
):
    """Signed is what was compressed: its signature can be neither good nor bad."""
    body, signature = gateway.body(place="header")
    headers = {"Content-Encoding": "gzip", "Signature": signature}
    _, layer = layered(
        httpx.Response(200, headers=headers, stream=Stream(gzip.compress(body)))
    )

    with pytest.raises(EnvelopeError, match="Content-Encoding gzip") as caught:
        await layer.handle_async_request(build_request(call()))

    assert "certificate" not in caught.value.advice.en
    assert "compression" in caught.value.advice.en
    assert "压缩" in caught.value.advice.zh
