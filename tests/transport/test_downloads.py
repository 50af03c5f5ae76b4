"""
Files that stream through the verifying layer.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import httpx
import pytest

from umfpay.errors import (
    EnvelopeError,
    IncompleteStatementError,
    SignatureError,
    TransportError,
    UnsignedResponseError,
)
from umfpay.protocol import Verdict
from umfpay.transport import Effect, VerifyingTransport, build_request


# It is no transport's business here whether the number is right.
LENGTH = {"Content-Length": "1"}


class Stream(httpx.AsyncByteStream):
    """
    A body in pieces, counted as they are read.
    """

    def __init__(self, *pieces):
        self.pieces = pieces
        self.read = 0
        self.closed = False

    async def __aiter__(self):
        for piece in self.pieces:
            self.read += 1

            if isinstance(piece, Exception):
                raise piece

            yield piece

    async def aclose(self):
        self.closed = True


@pytest.fixture(name="fetch")
def _fetch(play, gateway, call):
    async def fetch(stream, *, status=200, headers=None, state=None, **options):
        _, network = play(httpx.Response(status, headers=headers, stream=stream))
        layer = VerifyingTransport(network, verifier=gateway.verifier, **options)
        state = state or call(Effect.READ, download=True, unsigned_allowed=True)

        return await layer.handle_async_request(build_request(state)), state

    return fetch


async def read(response):
    return [chunk async for chunk in response.stream]


async def test_a_file_streams(fetch):
    """Only what decides is read at first; the rest comes as it is asked for."""
    stream = Stream(b"  \r\n", b"a,b\n", b"c,d\n", b"e")
    response, state = await fetch(stream, headers=LENGTH)

    assert (stream.read, stream.closed, state.envelope) == (2, False, None)
    assert await read(response) == [b"  \r\na,b\n", b"c,d\n", b"e"]
    assert not state.download_verified

    await response.aclose()

    assert stream.closed


async def test_an_empty_file_is_a_file(fetch):
    """A day without transactions may be an empty file."""
    response, _ = await fetch(Stream(), headers=LENGTH)

    assert await read(response) == []
    assert await read(response) == []


async def test_four_kilobytes_of_white_space_are_no_file(fetch):
    """The decision does not wait for ever, and what may follow is not trusted."""
    stream = Stream(b" " * 4095, b" ", b'{"meta":{}}')

    with pytest.raises(EnvelopeError, match="no file: it begins with blanks"):
        await fetch(stream, headers=LENGTH)

    assert (2, True) == (stream.read, stream.closed)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html>\n<html></html>",
        b"  \r\n<html></html>",
        b"\xef\xbb\xbf<html></html>",
        b"\xef\xbb\xbf \n<?xml version='1.0'?>",
        "<html></html>".encode("utf-16"),
    ],
    ids=lambda body: ascii(body)[:12],
)
@pytest.mark.parametrize("cut", [1, 3, 50])
async def test_a_page_is_no_file(fetch, body, cut):
    """A proxy's login page comes with HTTP 200, too."""
    pieces = [body[at : at + cut] for at in range(0, len(body), cut)]

    with pytest.raises(EnvelopeError, match="a page came instead of a file") as caught:
        await fetch(Stream(*pieces), headers=LENGTH)

    assert "proxy" in caught.value.advice.en
    assert "代理" in caught.value.advice.zh


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b"\n\xef\xbb\xbf ", b"\xff\xfe"])
async def test_an_error_object_behind_a_mark_is_no_file(fetch, gateway, lead):
    """Our own rules refuse to read it, and nothing of it streams."""
    body, _ = gateway.body("00060710", place="none")

    with pytest.raises(EnvelopeError, match="cannot be read"):
        await fetch(Stream(lead + body), headers=LENGTH)


async def test_a_part_is_no_file(fetch):
    """Nobody asked for a range."""
    with pytest.raises(EnvelopeError, match="HTTP 206"):
        await fetch(Stream(b"a,b\n"), status=206, headers=LENGTH)


async def test_a_compressed_file_is_no_file(fetch):
    """Its bytes are not those of the file; asked was identity."""
    with pytest.raises(EnvelopeError, match="Content-Encoding gzip") as caught:
        await fetch(Stream(b"\x1f\x8b"), headers={**LENGTH, "Content-Encoding": "gzip"})

    assert "compression" in caught.value.advice.en


FRAMED = b"TRANSDETAIL-START,8017,20170206\nrow\nTRANSDETAIL-End,8017,20170206,0.00\n"


@pytest.mark.parametrize("cut", [1, 7, 4096])
async def test_a_statement_proves_itself(fetch, cut):
    """Its own last line says that it is whole, whatever the transport knows."""
    pieces = [FRAMED[at : at + cut] for at in range(0, len(FRAMED), cut)]
    response, _ = await fetch(Stream(*pieces))

    assert FRAMED == b"".join(await read(response))


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1"}])
async def test_a_statement_without_its_last_line_is_not_whole(fetch, headers):
    """Whatever the transport says: the gateway itself may have broken off."""
    response, _ = await fetch(Stream(FRAMED[:40]), headers=headers)
    got = []

    with pytest.raises(IncompleteStatementError, match="closing line") as caught:
        async for chunk in response.stream:
            got.append(chunk)

    assert [FRAMED[:40]] == got
    assert "Fetch the file again" in caught.value.advice.en


async def test_a_signed_file_without_length_is_whole(fetch, gateway):
    """The signature covers all bytes."""
    signature = gateway.signer.sign(b"a,b\n")
    response, _ = await fetch(Stream(b"a,b\n"), headers={"Signature": signature})

    assert [b"a,b\n"] == await read(response)


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({"Content-Length": "4"}, True),
        ({"Transfer-Encoding": "chunked"}, True),
        ({"Transfer-Encoding": "gzip, Chunked"}, True),
        ({"Transfer-Encoding": "identity"}, False),
        ({}, False),
    ],
)
async def test_another_file_needs_the_end_of_the_transport(fetch, headers, whole):
    """Its format is documented nowhere; without a length it may have been cut."""
    response, _ = await fetch(Stream(b"a,b\n"), headers=headers)

    if whole:
        assert [b"a,b\n"] == await read(response)
    else:
        with pytest.raises(IncompleteStatementError, match="no length"):
            await read(response)


@pytest.mark.parametrize("lead", [b"", b" \n", b" " * 4095])
async def test_an_error_object_is_handled_as_usual(fetch, gateway, lead):
    """A download may be answered with a refusal, signed or not."""
    body, _ = gateway.body("00060710")
    stream = Stream(lead, body[:9], body[9:])
    _, state = await fetch(stream)

    assert Verdict.VERIFIED is state.envelope.verdict
    assert (state.envelope.ret_code, stream.closed) == ("00060710", True)


async def test_a_forged_error_object_is_refused(fetch):
    """A signature in an error object must verify."""
    body = b'{"meta":{"sign":"AAAA","ret_code":"00060710"}}'

    with pytest.raises(SignatureError):
        await fetch(Stream(body))


async def test_an_unsigned_success_object_needs_the_exemption(fetch, gateway, call):
    """A download that is not exempt follows the rule for everything."""
    body, _ = gateway.body(place="none")

    with pytest.raises(UnsignedResponseError):
        await fetch(Stream(body), state=call(download=True))


@pytest.mark.parametrize("status", [401, 404, 502])
async def test_an_error_page_is_no_file(fetch, status):
    """With an error status nothing streams."""
    stream = Stream(b"<html>", b"</html>")
    response, state = await fetch(stream, status=status)

    assert Verdict.UNREADABLE is state.envelope.verdict
    assert (status, True) == (response.status_code, stream.closed)


async def test_a_redirect_is_no_file(fetch):
    """A file is not fetched from elsewhere."""
    with pytest.raises(EnvelopeError):
        await fetch(Stream(b""), status=302)


async def test_a_signed_file_is_proven_at_its_end(fetch, gateway):
    """The signature covers all bytes, however they were cut."""
    signature = gateway.signer.sign(b"line 1\nline 2\n")
    response, state = await fetch(
        Stream(b"line 1", b"\nline 2\n"), headers={"Signature": signature}
    )

    assert not state.download_verified
    assert b"".join(await read(response)) == b"line 1\nline 2\n"
    assert state.download_verified


async def test_a_forged_file_fails_at_its_end(fetch, gateway):
    """A reader sees the end of a forged file only as an error."""
    signature = gateway.signer.sign(b"line 1\n")
    response, state = await fetch(
        Stream(b"line 1\n", b"line 2\n"), headers={"Signature": signature}
    )

    with pytest.raises(SignatureError):
        await read(response)

    assert not state.download_verified


async def test_report_logs_a_forged_file(fetch, caplog):
    """The file comes through, the verdict is in the log."""
    with caplog.at_level(logging.WARNING, "umfpay"):
        response, state = await fetch(
            Stream(b"x"),
            headers={**LENGTH, "Signature": "AAAA"},
            response_signatures="report",
        )
        await read(response)

    assert not state.download_verified
    assert "forged answer (header Signature over the file)" in caplog.text


async def test_a_custom_verifier_gets_the_whole_file(fetch, gateway):
    """The bytes are collected for it, within the limit."""
    asked = []

    def decide(data, signature, keys):
        asked.append((data, signature))

        return True

    response, state = await fetch(
        Stream(b"a", b"b"), headers={"Signature": "s"}, response_verifier=decide
    )
    await read(response)

    assert (asked, state.download_verified) == ([(b"ab", "s")], True)


async def test_a_file_too_large_for_a_custom_verifier_is_refused(fetch, call):
    """What cannot be collected cannot be checked by it."""
    response, _ = await fetch(
        Stream(b"a" * 6, b"b" * 6),
        headers={"Signature": "s"},
        response_verifier=lambda data, signature, keys: True,
        state=call(Effect.READ, download=True, unsigned_allowed=True, body_limit=10),
    )

    with pytest.raises(EnvelopeError, match="larger than 10"):
        await read(response)


async def test_a_file_that_breaks_off_is_an_error(fetch):
    """A lost connection inside the file is our error, not httpx's."""
    response, _ = await fetch(Stream(b"a", httpx.ReadError("gone")))

    with pytest.raises(TransportError) as caught:
        await read(response)

    assert caught.value.request_sent


async def test_a_reader_may_stop_early(fetch):
    """A closed download gives no more and holds no connection."""
    stream = Stream(b"a", b"b", b"c")
    response, _ = await fetch(stream)

    async for _ in response.stream:
        break

    await response.aclose()

    assert (await read(response), stream.closed) == ([], True)


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Tue, 07 Feb 2017 18:00:00 GMT", datetime(2017, 2, 7, 18, tzinfo=UTC)),
        ("Tue, 07 Feb 2017 18:00:00 -0000", datetime(2017, 2, 7, 18, tzinfo=UTC)),
        ("yesterday", None),
        ("Tue, 07 Feb 99999 18:00:00 GMT", None),
        (None, None),
    ],
)
async def test_the_clock_of_the_gateway_is_shown(fetch, header, moment):
    """
    As its header Date says it; one that cannot be read tells nothing.
    """
    headers = {} if header is None else {"Date": header}
    response, _ = await fetch(Stream(b"a file"), headers=headers)

    assert moment == response.stream.date
