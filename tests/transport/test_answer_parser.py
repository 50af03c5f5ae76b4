"""
Bytes to one answer, without a socket; `odd_answers.py` holds the table of verdicts.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.transport import Failure
from umfpay.transport._answer_parser import (
    MAX_HEAD_BYTES,
    MAX_INFORMATIONAL_ANSWERS,
    AnswerParser,
)


USUAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINT = b"HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n"


def feed(*pieces, parser=None, body_limit=1000, wants_stream=False):
    """
    Return a parser that was fed with *pieces*, or the failure.
    """
    parser = parser or AnswerParser()
    parser.begin(body_limit=body_limit, wants_stream=wants_stream)

    for piece in pieces:
        refusal = parser.feed(piece)

        if refusal is not None:
            return refusal.failure

    return parser


def verdict(*pieces, **options):
    """
    Return what a caller learns of an answer that came in *pieces*.
    """
    found = feed(*pieces, **options)

    if isinstance(found, Failure):
        return found

    return (
        found.complete,
        found.status,
        found.headers,
        b"".join(found.take_parts()),
        found.is_framed,
        found.keeps_alive,
        found.keep_alive,
    )


def one_by_one(data):
    return [data[place : place + 1] for place in range(len(data))]


def test_an_answer_in_one_piece():
    """Names in lower case, values without blanks around them, the body as it came."""
    found = feed(
        b"HTTP/1.1 201 Created\r\nX-A:  b \t\r\nEMPTY:\r\n"
        b"Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok"
    )

    assert (201, b"ok", True, True) == (
        found.status,
        b"".join(found.take_parts()),
        found.complete,
        found.keeps_alive,
    )
    assert [
        (b"x-a", b"b"),
        (b"empty", b""),
        (b"keep-alive", b"timeout=5"),
        (b"content-length", b"2"),
    ] == found.headers
    assert b"timeout=5" == found.keep_alive


def test_two_signatures_are_both_passed_on():
    """Two are none, but whoever verifies has to see that."""
    head = (
        b"HTTP/1.1 200 OK\r\nSignature: a\r\nsignature: b\r\nContent-Length: 0\r\n\r\n"
    )

    assert [(b"signature", b"a"), (b"signature", b"b")] == feed(head).headers[:2]


def test_a_signature_among_the_trailers_is_not_the_answers():
    """What comes behind the chunks is no header."""
    found = feed(CHUNKED + b"2\r\nok\r\n0\r\nSignature: x\r\n\r\n")

    assert [(b"transfer-encoding", b"chunked")] == found.headers
    assert (b"ok", True) == (b"".join(found.take_parts()), found.complete)


def test_a_parser_reads_one_answer_after_the_other():
    """Nothing of the last answer is left in the next, nor the strictness of chunks."""
    parser = AnswerParser()
    feed(
        b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nno\r\n0\r\n\r\n",
        parser=parser,
    )
    found = feed(b"HTTP/1.1 404 No\nContent-Length: 2\n\nok", parser=parser)

    assert (404, b"ok", None, True) == (
        found.status,
        b"".join(found.take_parts()),
        found.keep_alive,
        found.complete,
    )
    assert [(b"content-length", b"2")] == found.headers


def test_chunks_end_where_they_say():
    """A line of a head may end in LF alone, a chunk may not."""
    assert Failure.PROTOCOL == verdict(CHUNKED + b"2\nok\r\n0\r\n\r\n")
    assert Failure.PROTOCOL == verdict(CHUNKED + b"2\r\nok\n0\r\n\r\n")


@pytest.mark.parametrize(
    "behind", [b"H", USUAL, b"\0", b" ", b"\r\n\r\nx", b"0\r\n\r\n"]
)
@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_something_behind_an_answer_in_its_segment_refuses_it(behind, close):
    """Which of the two is the answer nobody knows."""
    head = b"HTTP/1.1 200 OK\r\n" + close + b"Content-Length: 2\r\n\r\nok"

    assert Failure.PROTOCOL == verdict(head + behind)


def test_blank_lines_behind_an_answer_are_tolerated():
    """They say nothing."""
    assert feed(USUAL + b"\r\n\r\n").complete


def test_the_end_of_the_connection_ends_a_body_without_length():
    """Only there; what has a length must have come."""
    endless = feed(b"HTTP/1.1 200 OK\r\n\r\nwhat comes")
    cut = feed(USUAL[:-1])
    half = feed(b"HTTP/1.1 200 OK\r\n")

    assert (False, False, False) == (
        endless.complete,
        endless.is_framed,
        endless.keeps_alive,
    )
    assert (True, False, False) == (endless.end(), cut.end(), half.end())
    assert b"what comes" == b"".join(endless.take_parts())


@pytest.mark.parametrize("count", [1, MAX_INFORMATIONAL_ANSWERS])
def test_informational_answers_are_passed_over(count):
    """Up to eight; nothing of them gets into the answer."""
    found = feed(HINT * count + USUAL)

    assert [(b"content-length", b"2")] == found.headers
    assert (200, b"ok", True) == (
        found.status,
        b"".join(found.take_parts()),
        found.complete,
    )


@pytest.mark.parametrize(
    "sent",
    [
        HINT * (MAX_INFORMATIONAL_ANSWERS + 1),
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 100 Continue\r\n\r\n" + USUAL,
        HINT + USUAL.replace(b"HTTP/1.1", b"RTSP/1.0"),
        USUAL.replace(b"HTTP/1.1", b"HTTP/2.0"),
        USUAL.replace(b"HTTP/1.1", b"HTTP/0.9"),
        USUAL.replace(b"HTTP/1.1", b"RTSP/1.0"),
        USUAL.replace(b"200", b"099"),
        USUAL.replace(b"200", b"600"),
        USUAL.replace(b"OK", b"O\0K"),
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"chunked", b"chunked, chunked"),
        CHUNKED.replace(b"chunked", b"identity"),
        CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
        CHUNKED[:-2] + b"Content-Length: 2\r\n\r\nok",
        CHUNKED + b"2\r\nok\r\n0\r\nContent-Length: 2\r\n\r\n",
        b"220 ready\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:60]),
)
def test_what_nobody_may_send_is_refused(sent):
    """However it is cut."""
    assert Failure.PROTOCOL == verdict(sent)
    assert Failure.PROTOCOL == verdict(*one_by_one(sent))


def long_head(size):
    """
    Return an answer whose head has *size* bytes.
    """
    start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\nContent-Length: 2\r\n\r\n"

    return start + b"x" * (size - len(start + end)) + end + b"ok"


@pytest.mark.parametrize("piece", [1, 7, 1000, MAX_HEAD_BYTES - 1, 10**6])
def test_the_limit_of_a_head_holds_however_it_is_cut(piece):
    """Exactly so many bytes may come before its blank line, and no more."""

    def cut(data):
        return [data[place : place + piece] for place in range(0, len(data), piece)]

    assert feed(*cut(long_head(MAX_HEAD_BYTES))).complete
    assert Failure.TOO_LARGE == verdict(*cut(long_head(MAX_HEAD_BYTES + 1)))
    assert Failure.TOO_LARGE == verdict(*cut(b"\r\n" * (MAX_HEAD_BYTES // 2 + 1)))
    assert Failure.TOO_LARGE == verdict(
        *cut(HINT + long_head(MAX_HEAD_BYTES - len(HINT) + 1))
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11,
        CHUNKED + b"5\r\nxxxxx\r\n6\r\nxxxxxx",
    ],
)
def test_a_body_above_the_limit_is_refused_at_once(sent):
    """A length says so before a byte of it has come."""
    assert Failure.TOO_LARGE == verdict(sent, body_limit=10)


def test_a_body_at_the_limit_is_an_answer():
    """The limit is the largest that is read."""
    assert feed(USUAL, body_limit=2).complete


@pytest.mark.parametrize("piece", [1000, 10**7])
def test_extensions_and_trailers_are_counted(piece):
    """Whoever sends frames for ever is not listened to for ever."""
    for endless in (b"2;" + b"x" * 70_000, b"0\r\n" + b"X: y\r\n" * 15_000):
        sent = CHUNKED + endless

        assert Failure.TOO_LARGE == verdict(
            *[sent[at : at + piece] for at in range(0, len(sent), piece)]
        )


def test_a_file_may_be_longer_than_any_answer():
    """What is read bit by bit has no limit, but an error that comes in its place has."""
    file = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    found = feed(file, body_limit=10, wants_stream=True)

    assert (True, True) == (found.streams, found.complete)
    assert b"x" * 5000 == b"".join(found.take_parts())
    assert [] == found.take_parts()
    assert Failure.TOO_LARGE == verdict(
        file.replace(b"200", b"500"), body_limit=10, wants_stream=True
    )


@pytest.mark.parametrize(
    ("value", "keeps"),
    [
        (b"close", False),
        (b"Close", False),
        (b"keep-alive, close", False),
        (b"x ,close\t, y", False),
        (b"closed", True),
        (b"keep-alive", True),
    ],
)
def test_close_among_the_words_of_connection_closes_it(value, keeps):
    """Wherever it stands; another word with the same beginning does not."""
    head = b"HTTP/1.1 200 OK\r\nConnection: " + value + b"\r\nContent-Length: 0\r\n\r\n"

    assert keeps is feed(head).keeps_alive


_ANSWERS = st.sampled_from(
    [
        USUAL,
        HINT + USUAL,
        b"\r\n" + USUAL,
        CHUNKED + b"2\r\nok\r\n3;a=b\r\nyes\r\n0\r\nT: u\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nSignature: x\n\nuntil the end",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 307 R\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    ]
)


@given(
    data=_ANSWERS,
    place=st.integers(0, 200),
    changed=st.none() | st.integers(0, 255),
    cuts=st.sets(st.integers(1, 200), max_size=8),
)
def test_where_an_answer_is_cut_changes_nothing(data, place, changed, cuts):
    """A good answer, or one with a wrong byte: one verdict for all ways to cut it."""
    if changed is not None:
        place %= len(data)
        data = data[:place] + bytes([changed]) + data[place + 1 :]

    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    parser, seen = AnswerParser(), 0
    parser.begin(body_limit=1000, wants_stream=False)
    parts = []

    for piece in pieces:
        seen += len(piece)
        parts.append(piece)

        if parser.feed(piece) is not None or parser.complete:
            break

    # What comes behind a complete answer in a segment of its own is not its affair.
    assert verdict(data[:seen]) == verdict(*parts)


def test_a_parser_lets_go_of_httptools():
    """Both hold one another: a lost connection leaves no work for the collector."""
    parser = feed(USUAL)
    parser.release()

    assert not hasattr(parser, "_parser")
