"""
What an answer may do: who may refuse, and who may give.
"""

from __future__ import annotations

import gzip
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from umfpay.errors import EnvelopeError, SignatureError, UnsignedResponseError
from umfpay.protocol import Verdict, sign_envelope
from umfpay.transport import (
    GOOD_VERDICT,
    Answer,
    AnswerVerifier,
    CallEnd,
    Effect,
    classify,
)
from umfpay.transport._retrying import is_busy, is_token_refused


FORGED = b'{"meta":{"sign":"AAAA","ret_msg":"x","ret_code":"%s"},"payment":{}}'


@pytest.fixture(name="verifying")
def _verifying(gateway):
    def verifying(*answers, **options):
        """
        Return what verifies *answers*, one for each call's state.
        """
        verifier = AnswerVerifier(gateway.verifier, **options)
        coming = iter(answers)

        async def take(state):
            assert await verifier.verify(state, next(coming)) is None

        return take

    return verifying


def given(status, body=b"", **headers):
    """
    Return an answer as an edge gives it.
    """
    pairs = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in headers.items()
    ]

    return Answer(status=status, headers=pairs, body=body)


@pytest.mark.parametrize("place", ["meta", "header", "both"])
async def test_a_signed_answer_is_verified(verifying, call, gateway, place):
    """Wherever the gateway signs, the facts of the answer are in the state."""
    state = call()
    take = verifying(gateway.answer(place=place, payment={"id": "1"}))
    await take(state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert (state.envelope.ret_code, state.status) == ("0000", 200)
    assert state.envelope.members["payment"] == {"id": "1"}
    assert not state.unverified_accepted


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("status", [200, 201, 400, 401, 429, 502])
@pytest.mark.parametrize("code", ["0000", "00060761", "00280703", "00060710", ""])
@pytest.mark.parametrize("error_code", ["", "00060710"])
@pytest.mark.parametrize("place", ["meta", "header", "none"])
async def test_a_signed_success_is_what_every_rule_calls_one(
    verifying, call, gateway, effect, status, code, error_code, place
):
    """It skips the rules of refusals, so that none of them may be of another opinion."""
    meta = {"ret_code": code, "ret_msg": "x", "error_code": error_code}
    body, signature = sign_envelope({"meta": meta}, signer=gateway.signer, place=place)
    headers = {} if signature is None else {"signature": signature}
    state = call(effect, handed_over=True)

    with suppress(UnsignedResponseError):
        await verifying(given(status, body, **headers))(state)

    expected = (200, "0000", "") == (status, code, error_code) and place != "none"

    assert expected is state.signed_success

    if expected:
        assert GOOD_VERDICT == classify(state)
        assert not is_token_refused(state)
        assert not is_busy(state)


async def test_what_a_setting_lets_through_is_no_signed_success(
    verifying, call, gateway
):
    """Neither a forged answer nor one without a signature."""
    forged = given(200, FORGED % b"0000")
    unsigned = gateway.answer(place="none")

    for answer, option in (
        (forged, {"response_signatures": "report"}),
        (unsigned, {"unsigned_responses": "accept"}),
    ):
        state = call()
        await verifying(answer, **option)(state)

        assert (True, False) == (state.unverified_accepted, state.signed_success)


@pytest.mark.parametrize("status", [200, 401, 502])
@pytest.mark.parametrize("code", [b"0000", b"00280703"])
async def test_a_forged_answer_is_refused_at_once(verifying, call, status, code):
    """No forged answer passes, not even as a refusal."""
    take = verifying(given(status, FORGED % code))

    with pytest.raises(SignatureError, match="response_signatures"):
        await take(call())


@pytest.mark.parametrize("code", ["00280703", "00060710", "00060999"])
async def test_an_unsigned_refusal_passes(verifying, call, gateway, code):
    """What is not signed may refuse."""
    state = call()
    take = verifying(gateway.answer(code, place="none"))
    await take(state)

    assert (code, False) == (state.envelope.ret_code, state.unverified_accepted)
    assert Verdict.UNSIGNED is state.envelope.verdict


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"meta":{"ret_code":"0000"}}'])
async def test_an_error_status_passes_whatever_the_body(verifying, call, status, body):
    """Authorizing and Retrying see refusals of proxies; they give nothing."""
    state = call()
    take = verifying(given(status, body))
    await take(state)

    assert (status, False) == (state.status, state.unverified_accepted)


@pytest.mark.parametrize("code", ["0000", "00060761", "00060861"])
async def test_an_unsigned_answer_that_gives_is_refused(verifying, call, gateway, code):
    """Success, pending and accepted need a signature."""
    take = verifying(gateway.answer(code, place="none"))

    with pytest.raises(UnsignedResponseError, match="unsigned_responses"):
        await take(call())


async def test_an_unsigned_answer_without_code_gives(verifying, call):
    """An answer that names no code at all must not pass for a refusal."""
    take = verifying(given(200, b'{"payment":{}}'))

    with pytest.raises(UnsignedResponseError):
        await take(call())


async def test_endpoints_documented_unsigned_are_exempt_from_absence(verifying, call):
    """The token answer has no meta at all."""
    state = call(Effect.TOKEN, unsigned_allowed=True)
    take = verifying(given(200, b'{"expires_in":3600,"access_token":"a"}'))
    await take(state)

    assert state.unverified_accepted


async def test_no_endpoint_is_exempt_from_forgery(verifying, call):
    """A signature that is there must verify, on the token endpoint, too."""
    take = verifying(given(200, FORGED % b"0000"))

    with pytest.raises(SignatureError):
        await take(call(Effect.TOKEN, unsigned_allowed=True))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b'{"a":1', b"null"])
async def test_an_unreadable_answer_is_refused(verifying, call, body):
    """A good status with anything but a JSON object is an error."""
    take = verifying(given(200, body))

    with pytest.raises(EnvelopeError, match="No setting"):
        await take(call(unsigned_allowed=True))


async def test_a_compressed_answer_is_named(verifying, call):
    """Content-Encoding in spite of identity is said to be the reason."""
    take = verifying(given(200, b"\x1f\x8b", content_encoding="br"))

    with pytest.raises(EnvelopeError, match="Content-Encoding br"):
        await take(call())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused(verifying, call, status):
    """No token follows a redirect, and neither do we."""
    take = verifying(given(status, b"{}", location="https://evil/"))

    with pytest.raises(EnvelopeError, match="redirect"):
        await take(call(unsigned_allowed=True))


async def test_accept_lets_unsigned_through_with_one_warning(
    verifying, call, gateway, caplog
):
    """One warning for each endpoint, however often it is called."""
    steps = [gateway.answer(place="none") for _ in range(3)]
    take = verifying(*steps, unsigned_responses="accept")

    with caplog.at_level(logging.WARNING, "umfpay"):
        for path in ("/a", "/a", "/b"):
            state = call(path=path)
            await take(state)

            assert state.unverified_accepted

    assert len(caplog.records) == 2
    assert "GET /a" in caplog.text
    assert "GET /b" in caplog.text


async def test_accept_does_not_cover_a_signature_taken_off(verifying, call, gateway):
    """An endpoint that once answered signed must stay signed; others need not."""
    take = verifying(
        gateway.answer(),
        gateway.answer(place="none"),
        gateway.answer(place="none"),
        unsigned_responses="accept",
    )
    await take(call(path="/a"))

    with pytest.raises(UnsignedResponseError, match="earlier ones did"):
        await take(call(path="/a"))

    await take(call(path="/b"))


async def test_an_endpoint_that_signs_does_so_for_every_object(
    verifying, call, gateway, caplog
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
            take = verifying(
                gateway.answer(),
                gateway.answer(place="none"),
                gateway.answer(place="none"),
                unsigned_responses="accept",
            )
            await take(call(path=signed))

            with pytest.raises(UnsignedResponseError, match="earlier ones did"):
                await take(call(path=stripped))

            await take(call(path=f"{stripped.rstrip('/')}/refund"))


async def test_a_warning_is_given_once_for_all_objects(
    verifying, call, gateway, caplog
):
    """
    Ten thousand payments are no ten thousand lines.
    """
    steps = [gateway.answer(place="none") for _ in range(3)]
    take = verifying(*steps, unsigned_responses="accept")

    with caplog.at_level(logging.WARNING, "umfpay"):
        for key in ("PAY_AAAAAAAA", "PAY_BBBBBBBB", "{payment_id}"):
            await take(call(path=f"/payments/payment/{key}"))

    assert 1 == len(caplog.records)


async def test_report_logs_forged_answers_and_lets_them_through(
    verifying, call, caplog
):
    """The verdict is logged, the start is warned about."""
    with caplog.at_level(logging.WARNING, "umfpay"):
        take = verifying(
            given(200, FORGED % b"0000"),
            response_signatures="report",
        )
        state = call()
        await take(state)

    assert Verdict.FORGED is state.envelope.verdict
    assert (state.envelope.ret_code, state.envelope.members["payment"]) == ("0000", {})
    assert state.unverified_accepted
    assert CallEnd.GOOD is classify(state).ending
    assert [
        next(words for words in ("not refused", "forged answer") if words in line)
        for line in caplog.messages
    ] == ["not refused", "forged answer"]


@pytest.mark.parametrize("status", [200, 502])
async def test_report_lets_nothing_through_that_cannot_be_read(verifying, call, status):
    """A signature over something that is no object is refused or passes as a refusal."""
    state = call()
    take = verifying(
        given(status, b"<html>", signature="AAAA"),
        response_signatures="report",
    )

    if status == 200:
        with pytest.raises(EnvelopeError):
            await take(state)
    else:
        await take(state)

    assert Verdict.UNREADABLE is state.envelope.verdict
    assert not state.unverified_accepted


async def test_a_forged_refusal_under_report_stays_a_refusal(verifying, call):
    """Its code is seen by the layers outside; it is not verified."""
    state = call(Effect.MONEY, handed_over=True)
    take = verifying(given(200, FORGED % b"00060710"), response_signatures="report")
    await take(state)

    assert state.envelope.ret_code == "00060710"
    assert CallEnd.UNCLEAR is classify(state).ending


async def test_report_does_not_let_unsigned_through(verifying, call, gateway):
    """Absence of a signature is the other setting's matter."""
    take = verifying(gateway.answer(place="none"), response_signatures="report")

    with pytest.raises(UnsignedResponseError):
        await take(call())


async def test_a_custom_verifier_decides_about_the_header(verifying, call, gateway):
    """It gets the whole body, the header and the keys; its word counts."""
    asked = []
    body, _ = gateway.body(place="none")

    def decide(data, signature, keys):
        asked.append((data, signature, tuple(keys)))

        return signature == "yes"

    take = verifying(
        given(200, body, signature="yes"),
        given(200, body, signature="no"),
        gateway.answer(place="meta"),
        response_verifier=decide,
    )
    state = call()
    await take(state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert [(body, "yes", tuple(gateway.verifier.keys))] == asked

    with pytest.raises(SignatureError):
        await take(call())

    await take(state)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert len(asked) == 2


async def test_two_signature_headers_are_forged(verifying, call, gateway):
    """Nobody may add a signature to the good one."""
    body, signature = gateway.body(place="header")
    headers = [(b"signature", signature.encode()), (b"signature", b"b")]
    take = verifying(Answer(status=200, headers=headers, body=body))

    with pytest.raises(SignatureError):
        await take(call())


async def test_a_slow_verifier_works_in_the_executor(call, gateway):
    """Verifying that takes long does not stop the loop."""
    threads = []

    class Slow:
        off_loop = True
        keys = gateway.verifier.keys

        def verify(self, data, signature):
            threads.append(threading.current_thread().name)

            return gateway.verifier.verify(data, signature)

    with ThreadPoolExecutor(1, thread_name_prefix="rsa") as executor:
        verifier = AnswerVerifier(Slow(), executor=executor)
        state = call()
        await verifier.verify(state, gateway.answer(place="meta"))

    assert Verdict.VERIFIED is state.envelope.verdict
    assert {"rsa_0"} == set(threads)


async def test_a_compressed_answer_is_not_blamed_on_the_certificate(
    verifying, call, gateway
):
    """Signed is what was compressed: its signature can be neither good nor bad."""
    body, signature = gateway.body(place="header")
    packed = gzip.compress(body)
    take = verifying(given(200, packed, content_encoding="gzip", signature=signature))

    with pytest.raises(EnvelopeError, match="Content-Encoding gzip") as caught:
        await take(call())

    assert "certificate" not in caught.value.advice.en
    assert "compression" in caught.value.advice.en
    assert "压缩" in caught.value.advice.zh
