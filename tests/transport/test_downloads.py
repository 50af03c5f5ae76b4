"""
Files that stream, and what proves them.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from umfpay.errors import (
    EnvelopeError,
    IncompleteStatementError,
    SignatureError,
    TransportError,
    UnsignedResponseError,
)
from umfpay.protocol import Verdict
from umfpay.transport import Answer, AnswerVerifier, Effect, Failure, HTTPExchangeError
from umfpay.transport._downloads import first_byte


class Stream:
    """
    A body in pieces, as an edge gives it; it counts what is read.
    """

    def __init__(self, *pieces, ended_clean=False):
        self.pieces = list(pieces)
        self.ended_clean = ended_clean
        self.read = 0
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.read == len(self.pieces):
            raise StopAsyncIteration

        piece = self.pieces[self.read]
        self.read += 1

        if isinstance(piece, Exception):
            raise piece

        return piece

    async def aclose(self):
        self.closed = True


@pytest.fixture(name="fetch")
def _fetch(gateway, call):
    async def fetch(
        stream, *, headers=None, state=None, status=200, is_framed=False, **options
    ):
        """
        Return the file, if it is one, and the state.
        """
        verifier = AnswerVerifier(gateway.verifier, **options)
        state = state or call(Effect.READ, download=True, unsigned_allowed=True)
        state.handed_over = True
        pairs = [
            (name.lower().encode(), value.encode())
            for name, value in (headers or {}).items()
        ]
        answer = Answer(
            status=status, headers=pairs, stream=stream, is_framed=is_framed
        )

        return await verifier.verify(state, answer), state

    return fetch


async def read(file):
    return [chunk async for chunk in file]


async def test_a_file_streams(fetch):
    """Only what decides is read at first; the rest comes as it is asked for."""
    stream = Stream(b"  \r\n", b"a,b\n", b"c,d\n", b"e")
    file, state = await fetch(stream, is_framed=True)

    assert (stream.read, stream.closed, state.envelope) == (2, False, None)
    assert await read(file) == [b"  \r\na,b\n", b"c,d\n", b"e"]
    assert not state.download_verified

    await file.aclose()

    assert stream.closed


async def test_an_empty_file_is_a_file(fetch):
    """A day without transactions may be an empty file."""
    file, _ = await fetch(Stream(), is_framed=True)

    assert await read(file) == []
    assert await read(file) == []


async def test_four_kilobytes_of_white_space_are_no_file(fetch):
    """The decision does not wait for ever, and what may follow is not trusted."""
    stream = Stream(b" " * 4095, b" ", b'{"meta":{}}')

    with pytest.raises(EnvelopeError, match="no file: it begins with blanks"):
        await fetch(stream, is_framed=True)

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
        await fetch(Stream(*pieces), is_framed=True)

    assert "proxy" in caught.value.advice.en
    assert "代理" in caught.value.advice.zh


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b"\n\xef\xbb\xbf ", b"\xff\xfe"])
async def test_an_error_object_behind_a_mark_is_no_file(fetch, gateway, lead):
    """Our own rules refuse to read it, and nothing of it streams."""
    body, _ = gateway.body("00060710", place="none")

    with pytest.raises(EnvelopeError, match="cannot be read"):
        await fetch(Stream(lead + body), is_framed=True)


async def test_a_part_is_no_file(fetch):
    """Nobody asked for a range."""
    with pytest.raises(EnvelopeError, match="HTTP 206"):
        await fetch(Stream(b"a,b\n"), status=206, is_framed=True)


async def test_a_compressed_file_is_no_file(fetch):
    """Its bytes are not those of the file; asked was identity."""
    with pytest.raises(EnvelopeError, match="Content-Encoding gzip") as caught:
        await fetch(
            Stream(b"\x1f\x8b"), headers={"Content-Encoding": "gzip"}, is_framed=True
        )

    assert "compression" in caught.value.advice.en


FRAMED = b"TRANSDETAIL-START,8017,20170206\nrow\nTRANSDETAIL-End,8017,20170206,0.00\n"


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("cut", [1, 7, 4096])
async def test_a_statement_proves_itself(fetch, lead, cut):
    """Its own last line says that it is whole, whatever the transport knows."""
    whole = lead + FRAMED
    pieces = [whole[at : at + cut] for at in range(0, len(whole), cut)]
    file, _ = await fetch(Stream(*pieces))

    assert whole == b"".join(await read(file))


@pytest.mark.parametrize("is_framed", [False, True])
async def test_a_statement_without_its_last_line_is_not_whole(fetch, is_framed):
    """Whatever the transport says: the gateway itself may have broken off."""
    file, _ = await fetch(Stream(FRAMED[:40]), is_framed=is_framed)
    got = []

    with pytest.raises(IncompleteStatementError, match="closing line") as caught:
        async for chunk in file:
            got.append(chunk)

    assert [FRAMED[:40]] == got
    assert "Fetch the file again" in caught.value.advice.en


async def test_a_signed_file_without_length_is_whole(fetch, gateway):
    """The signature covers all bytes."""
    signature = gateway.signer.sign(b"a,b\n")
    file, _ = await fetch(Stream(b"a,b\n"), headers={"Signature": signature})

    assert [b"a,b\n"] == await read(file)


@pytest.mark.parametrize("is_framed", [False, True])
@pytest.mark.parametrize("ended_clean", [False, True])
async def test_another_file_needs_the_end_of_the_transport(
    fetch, is_framed, ended_clean
):
    """Its format is documented nowhere; without a length it may have been cut."""
    stream = Stream(b"a,b\n", ended_clean=ended_clean)
    file, _ = await fetch(stream, is_framed=is_framed)
    whole = is_framed or ended_clean

    if whole:
        assert [b"a,b\n"] == await read(file)
    else:
        with pytest.raises(IncompleteStatementError, match="no length"):
            await read(file)


@pytest.mark.parametrize("lead", [b"", b" \n", b" " * 4095])
async def test_an_error_object_is_handled_as_usual(fetch, gateway, lead):
    """A download may be answered with a refusal, signed or not."""
    body, _ = gateway.body("00060710")
    stream = Stream(lead, body[:9], body[9:])
    nothing, state = await fetch(stream)

    assert nothing is None
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
async def test_an_error_page_is_no_file(gateway, call, status):
    """With an error status nothing streams."""
    answer = Answer(status=status, headers=[], body=b"<html></html>")
    state = call(Effect.READ, download=True, unsigned_allowed=True)

    assert await AnswerVerifier(gateway.verifier).verify(state, answer) is None
    assert (Verdict.UNREADABLE, status) == (state.envelope.verdict, state.status)


async def test_a_redirect_is_no_file(gateway, call):
    """A file is not fetched from elsewhere."""
    state = call(Effect.READ, download=True, unsigned_allowed=True)

    with pytest.raises(EnvelopeError, match="redirects"):
        await AnswerVerifier(gateway.verifier).verify(
            state, Answer(status=302, headers=[])
        )


@pytest.mark.parametrize("pieces", [1, 4])
async def test_a_large_error_object_is_refused_while_it_comes(play, call, pieces):
    """The limit holds before the whole answer is in memory."""
    body = b"{" + b"x" * 399
    step = len(body) // pieces
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    stream = Stream(*parts, AssertionError("read on"))
    state = call(Effect.READ, download=True, body_limit=399)
    _, pipeline = play(Answer(status=200, headers=[], stream=stream))

    with pytest.raises(EnvelopeError, match="larger than 399"):
        await pipeline.send(state)

    assert stream.closed


async def test_an_error_object_of_exactly_the_limit_is_read(fetch, gateway, call):
    """The limit itself is allowed."""
    body, _ = gateway.body("00060710")
    state = call(Effect.READ, download=True, body_limit=len(body))
    await fetch(Stream(body[:50], body[50:]), state=state)

    assert Verdict.VERIFIED is state.envelope.verdict


async def test_what_breaks_before_it_is_known_to_be_a_file_is_closed(fetch):
    """It is a failure of the exchange, so that a read may be made again."""
    stream = Stream(b"  ", HTTPExchangeError(Failure.BROKEN))

    with pytest.raises(HTTPExchangeError):
        await fetch(stream)

    assert stream.closed


async def test_a_download_survives_a_break_before_it_is_known_to_be_a_file(play, call):
    """A read is made again; a file that was begun is not."""
    broken = Stream(HTTPExchangeError(Failure.BROKEN))
    whole = Stream(b"a,b\n")
    script, pipeline = play(
        *[Answer(status=200, headers=[], stream=stream) for stream in (broken, whole)]
    )
    file = await pipeline.send(call(Effect.READ, download=True, unsigned_allowed=True))

    assert [b"a,b\n"] == await read(file)
    assert (2, True, False) == (len(script.requests), broken.closed, whole.closed)


async def test_a_signed_file_is_proven_at_its_end(fetch, gateway):
    """The signature covers all bytes, however they were cut."""
    signature = gateway.signer.sign(b"line 1\nline 2\n")
    file, state = await fetch(
        Stream(b"line 1", b"\nline 2\n"), headers={"Signature": signature}
    )

    assert not state.download_verified
    assert b"".join(await read(file)) == b"line 1\nline 2\n"
    assert state.download_verified


async def test_a_forged_file_fails_at_its_end(fetch, gateway):
    """A reader sees the end of a forged file only as an error."""
    signature = gateway.signer.sign(b"line 1\n")
    file, state = await fetch(
        Stream(b"line 1\n", b"line 2\n"), headers={"Signature": signature}
    )

    with pytest.raises(SignatureError):
        await read(file)

    assert not state.download_verified


async def test_a_forged_file_has_no_end(fetch, gateway):
    """Whoever reads on after the error does not hear that all has come."""
    file, _ = await fetch(
        Stream(b"a,b\n"), headers={"Signature": gateway.signer.sign(b"another")}
    )

    for _ in range(3):
        with pytest.raises(SignatureError):
            await read(file)


async def test_report_logs_a_forged_file(fetch, caplog):
    """The file comes through, the verdict is in the log."""
    with caplog.at_level(logging.WARNING, "umfpay"):
        file, state = await fetch(
            Stream(b"x"),
            headers={"Signature": "AAAA"},
            is_framed=True,
            response_signatures="report",
        )
        await read(file)

    assert not state.download_verified
    assert "forged answer (header Signature over the file)" in caplog.text


async def test_a_custom_verifier_gets_the_whole_file(fetch, gateway):
    """The bytes are collected for it, within the limit."""
    asked = []

    def decide(data, signature, keys):
        asked.append((data, signature))

        return True

    file, state = await fetch(
        Stream(b"a", b"b"), headers={"Signature": "s"}, response_verifier=decide
    )
    await read(file)

    assert (asked, state.download_verified) == ([(b"ab", "s")], True)


async def test_a_file_too_large_for_a_custom_verifier_is_refused(fetch, call):
    """What cannot be collected cannot be checked by it."""
    file, _ = await fetch(
        Stream(b"a" * 6, b"b" * 6),
        headers={"Signature": "s"},
        response_verifier=lambda data, signature, keys: True,
        state=call(Effect.READ, download=True, unsigned_allowed=True, body_limit=10),
    )

    with pytest.raises(EnvelopeError, match="larger than 10"):
        await read(file)


async def test_a_file_that_breaks_off_is_an_error(fetch):
    """A lost connection inside the file is our error."""
    file, _ = await fetch(Stream(b"a", HTTPExchangeError(Failure.BROKEN, "gone")))

    with pytest.raises(TransportError) as caught:
        await read(file)

    assert caught.value.request_sent


async def test_a_reader_may_stop_early(fetch):
    """A closed download gives no more and holds no connection."""
    stream = Stream(b"a", b"b", b"c")
    file, _ = await fetch(stream)

    async for _ in file:
        break

    await file.aclose()

    assert (await read(file), stream.closed) == ([], True)


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
    file, _ = await fetch(Stream(b"a file"), headers=headers)

    assert moment == file.date


@pytest.mark.parametrize(
    ("head", "first"),
    [
        (b"", b""),
        (b" \t\r\n", b""),
        (b"{}", b"{"),
        (b"\n <html>", b"<"),
        (b"\xef\xbb\xbf{}", b"{"),
        (b" \xef\xbb\xbf \n{}", b"{"),
        ("{}".encode("utf-16"), b"{"),
        ("<a>".encode("utf-16-be"), b"<"),
        (b"TRANSDETAIL-START", b"T"),
    ],
)
def test_the_first_byte_that_means_something(head, first):
    """Blanks and marks of the encoding mean nothing."""
    assert first == first_byte(head)
