"""
Files that stream through the verifying layer.
"""

from __future__ import annotations

import logging

import httpx
import pytest

from umfpay.errors import (
    EnvelopeError,
    SignatureError,
    TransportError,
    UnsignedResponseError,
)
from umfpay.protocol import Verdict
from umfpay.transport import Effect, VerifyingTransport, build_request


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
    response, state = await fetch(stream)

    assert (stream.read, stream.closed, state.envelope) == (2, False, None)
    assert await read(response) == [b"  \r\na,b\n", b"c,d\n", b"e"]
    assert not state.download_verified

    await response.aclose()

    assert stream.closed


async def test_an_empty_file_is_a_file(fetch):
    """A day without transactions may be an empty file."""
    response, _ = await fetch(Stream())

    assert await read(response) == []
    assert await read(response) == []


async def test_four_kilobytes_of_white_space_are_a_file(fetch):
    """The decision does not wait for ever."""
    stream = Stream(b" " * 4095, b" ", b'{"meta":{}}')
    response, _ = await fetch(stream)

    assert stream.read == 2
    assert len(b"".join(await read(response))) == 4096 + 11


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
            Stream(b"x"), headers={"Signature": "AAAA"}, response_signatures="report"
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
