"""
Odd HTTP/1.x answers to a POST, and what was decided about each before any was tried.

The rules behind the verdicts:

1. An answer that two readers could read differently, in what it says or where it ends,
   is refused. A refused write is unclear, and is asked about: that costs a query.
2. What is merely ugly and has one reading is an answer: nobody has seen the HTTP of the
   real gateway, and a refused answer to a payment worries a shop.
3. Whatever leaves a doubt about the connection ends it.
4. Everything has a limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import attrs

from umfpay.transport import Failure


BODY_LIMIT = 4096
"""`CallState.body_limit` of the calls that get these answers."""

HUGE = 70_000


@attrs.frozen
class Given:
    """
    It is an answer.

    Args:
        keep: Whether the connection serves the next call; None: it may.
        framed: Whether the end of the body was told.
        headers: Headers that must be among the answer's, and names that must not.
    """

    body: bytes = b"hello"
    status: int = 200
    keep: bool | None = True
    framed: bool = True
    headers: Sequence[tuple[bytes, bytes]] = ()
    absent: Sequence[bytes] = ()


@attrs.frozen
class Refused:
    """
    It is none, and the connection is not used again.
    """

    failure: Failure


@attrs.frozen
class Odd:
    """
    One answer.

    Args:
        sent: The bytes of the answer.
        verdict: What was decided, also where *behind* comes in the same segment.
        why: The reason in a few words.
        behind: More bytes, which are no part of the answer.
        apart: What was decided where they come in a later segment.
    """

    name: str
    sent: bytes = attrs.field(repr=False)
    verdict: Given | Refused
    why: str
    behind: bytes = attrs.field(default=b"", repr=False)
    apart: Given | None = None


OK = Given()
CLOSE = Given(keep=False)
TO_THE_END = Given(keep=False, framed=False)
EMPTY = Given(b"")
NO = Refused(Failure.PROTOCOL)
CUT = Refused(Failure.BROKEN)
LARGE = Refused(Failure.TOO_LARGE)

GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"


def answer(
    *lines: bytes, first: bytes = b"HTTP/1.1 200 OK", body: bytes = b"hello"
) -> bytes:
    """
    Return an answer whose head has these *lines*, and no others.
    """
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body


def sized(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """
    Return an answer with *lines* before a proper length.
    """
    return answer(*lines, b"Content-Length: 5", first=first)


def chunked(body: bytes, *lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """
    Return a chunked answer with this *body*.
    """
    return answer(*lines, b"Transfer-Encoding: chunked", first=first, body=body)


def first_line(line: bytes) -> bytes:
    """
    Return a usual answer with another first *line*.
    """
    return answer(b"Content-Length: 5", first=line)


def status(code: bytes) -> bytes:
    """
    Return a usual answer with another status.
    """
    return first_line(b"HTTP/1.1 " + code + b" Words")


def length(value: bytes) -> bytes:
    """
    Return an answer whose Content-Length has this *value*.
    """
    return answer(b"Content-Length: " + value)


def coding(value: bytes, body: bytes = b"5\r\nhello\r\n0\r\n\r\n") -> bytes:
    """
    Return an answer whose Transfer-Encoding has this *value*.
    """
    return answer(b"Transfer-Encoding: " + value, body=body)


def informed(*heads: bytes) -> bytes:
    """
    Return a usual answer after these informational ones.
    """
    return b"".join(head + b"\r\n\r\n" for head in heads) + sized()


def followed(name: str, behind: bytes, why: str) -> Odd:
    """
    Return the row for a usual answer with something *behind* it.
    """
    return Odd(name, sized(), NO, why, behind, CLOSE)


STATUS_LINE = (
    Odd("as usual", sized(), OK, "the usual answer"),
    Odd("no reason", first_line(b"HTTP/1.1 200 "), OK, "RFC 9112 4 allows it"),
    Odd(
        "no reason, no space",
        first_line(b"HTTP/1.1 200"),
        OK,
        "common, and has one reading",
    ),
    Odd("tab in the reason", first_line(b"HTTP/1.1 200 O\tK"), OK, "legal"),
    Odd("reason in UTF-8", first_line(b"HTTP/1.1 200 \xe6\x88\x90"), OK, "legal"),
    Odd("blanks behind the reason", first_line(b"HTTP/1.1 200 OK  "), OK, "legal"),
    Odd("NUL in the reason", first_line(b"HTTP/1.1 200 O\0K"), NO, "a C reader ends"),
    Odd("control in the reason", first_line(b"HTTP/1.1 200 O\x01K"), NO, "not legal"),
    Odd("DEL in the reason", first_line(b"HTTP/1.1 200 O\x7fK"), NO, "not legal"),
    Odd(
        "bare CR in the reason",
        first_line(b"HTTP/1.1 200 O\rX: y"),
        NO,
        "some end the line here",
    ),
    Odd("reason of 1,000", first_line(b"HTTP/1.1 200 " + b"x" * 1000), OK, "legal"),
    Odd(
        "reason of 70,000",
        first_line(b"HTTP/1.1 200 " + b"x" * HUGE),
        LARGE,
        "a head has a limit",
    ),
    Odd("two spaces", first_line(b"HTTP/1.1  200 OK"), NO, "not legal"),
    Odd("tab for the space", first_line(b"HTTP/1.1\t200 OK"), NO, "not legal"),
    Odd("space before it", first_line(b" HTTP/1.1 200 OK"), NO, "not legal"),
    Odd("no space behind status", first_line(b"HTTP/1.1 200OK"), NO, "not legal"),
    Odd(
        "line ends in CR CR LF",
        answer(b"Content-Length: 5", first=b"HTTP/1.1 200 OK\r"),
        NO,
        "a bare CR",
    ),
    Odd(
        "line ends in LF",
        b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
        OK,
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "all lines end in LF",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        OK,
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "lines end in CR",
        b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello",
        NO,
        "a bare CR is no line end",
    ),
    Odd("one line of words", b"hello\r\n", NO, "no HTTP"),
    Odd("one empty line, closed", b"\r\n", CUT, "nothing came"),
    Odd("nothing, closed", b"", CUT, "nothing came"),
    Odd("half a status line", b"HTTP/1.1 20", CUT, "cut"),
    Odd("a status line, closed", b"HTTP/1.1 200 OK\r\n", CUT, "cut"),
    Odd("half a head", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", CUT, "cut"),
)

STATUS = (
    *(
        Odd(
            f"status {code}",
            status(b"%d" % code),
            Given(status=code),
            "the pipeline decides what it means",
        )
        for code in (201, 202, 203, 206, 226, 299, 300, 301, 302, 307, 308, 399)
    ),
    *(
        Odd(
            f"status {code}",
            status(b"%d" % code),
            Given(status=code),
            "the pipeline decides what it means",
        )
        for code in (400, 401, 404, 407, 408, 426, 429, 451, 499, 500, 502, 503, 599)
    ),
    *(
        Odd(f"status {code}", status(code.encode()), NO, "there is no such class")
        for code in ("000", "001", "099", "600", "999")
    ),
    *(
        Odd(f"status {code}", status(code.encode()), NO, "three digits, no more")
        for code in ("2", "20", "2000", "0200", "00200", "+200", "-200", "2e2", "20x")
    ),
    Odd("status 2 0 0", status(b"2 0 0"), NO, "three digits, no more"),
    Odd("status 0xC8", status(b"0xC8"), NO, "three digits, no more"),
    Odd("status 200.0", status(b"200.0"), NO, "three digits, no more"),
    Odd("fullwidth digits", status("２００".encode()), NO, "three digits, no more"),
    Odd("no status", first_line(b"HTTP/1.1 OK"), NO, "three digits, no more"),
    Odd("no status at all", first_line(b"HTTP/1.1"), NO, "three digits, no more"),
    Odd("status in quotes", status(b'"200"'), NO, "three digits, no more"),
)

VERSION = (
    Odd("HTTP/1.0", sized(first=b"HTTP/1.0 200 OK"), CLOSE, "it closes by default"),
    Odd(
        "HTTP/1.0 keep-alive",
        sized(b"Connection: keep-alive", first=b"HTTP/1.0 200 OK"),
        OK,
        "it says that it stays",
    ),
    Odd(
        "HTTP/1.0 Keep-Alive",
        sized(b"Connection: Keep-Alive", first=b"HTTP/1.0 200 OK"),
        OK,
        "case does not matter",
    ),
    Odd(
        "HTTP/1.0 close",
        sized(b"Connection: close", first=b"HTTP/1.0 200 OK"),
        CLOSE,
        "it says that it closes",
    ),
    Odd(
        "HTTP/1.0 keep-alive, close",
        sized(b"Connection: keep-alive, close", first=b"HTTP/1.0 200 OK"),
        CLOSE,
        "close wins",
    ),
    Odd(
        "HTTP/1.0 with header Keep-Alive only",
        sized(b"Keep-Alive: timeout=5", first=b"HTTP/1.0 200 OK"),
        CLOSE,
        "that says nothing by itself",
    ),
    Odd(
        "HTTP/1.0 without length, closed",
        answer(first=b"HTTP/1.0 200 OK"),
        TO_THE_END,
        "its end is the connection's",
    ),
    Odd(
        "HTTP/1.0 keep-alive without length, closed",
        answer(b"Connection: keep-alive", first=b"HTTP/1.0 200 OK"),
        TO_THE_END,
        "its end is the connection's",
    ),
    Odd(
        "HTTP/1.0 shorter than its length",
        answer(b"Content-Length: 9", first=b"HTTP/1.0 200 OK"),
        CUT,
        "cut",
    ),
    *(
        Odd(version, first_line(f"{version} 200 OK".encode()), NO, "not ours")
        for version in (
            "HTTP/0.9",
            "HTTP/1.2",
            "HTTP/1.9",
            "HTTP/2.0",
            "HTTP/2",
            "HTTP/3.0",
            "HTTP/9.9",
        )
    ),
    *(
        Odd(version, first_line(f"{version} 200 OK".encode()), NO, "not legal")
        for version in (
            "HTTP/1",
            "HTTP/1.",
            "HTTP/.1",
            "HTTP/1,1",
            "HTTP/1.1.1",
            "HTTP/1.10",
            "HTTP/1.01",
            "HTTP/01.1",
            "HTTP/11.1",
            "HTTP/-1.1",
            "HTTP/x.y",
            "HTTP/",
            "HTTP",
            "HTTP1.1",
            "HTTP /1.1",
            "HTTP/ 1.1",
            "HTTP\\1.1",
            "http/1.1",
            "Http/1.1",
            "XHTTP/1.1",
            "HTTPS/1.1",
            "HTTP/1.1,",
        )
    ),
    *(
        Odd(version, first_line(f"{version} 200 OK".encode()), NO, "another protocol")
        for version in ("ICY", "RTSP/1.0", "SIP/2.0")
    ),
    Odd(
        "an HTTP/2 server's settings",
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0\0\x06\0\x01\0\0",
        NO,
        "another protocol",
    ),
    Odd("a TLS alert", b"\x15\x03\x03\0\x02\x02\x28", NO, "another protocol"),
    Odd("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", NO, "another protocol"),
    Odd("PROXY", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + sized(), NO, "not for us"),
    Odd("a page without head", b"<html>hello</html>\r\n\r\n", NO, "HTTP/0.9"),
    Odd("JSON without head", b'{"meta":{"ret_code":"0000"}}', NO, "HTTP/0.9"),
    Odd("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", NO, "no answer"),
    Odd("the request back", b"POST /v1 HTTP/1.1\r\nHost: x\r\n\r\n", NO, "an echo"),
    Odd("a byte order mark", b"\xef\xbb\xbf" + sized(), NO, "not legal"),
)

BEFORE = (
    Odd("CR LF before", b"\r\n" + sized(), OK, "says nothing"),
    Odd("CR LF five times before", b"\r\n" * 5 + sized(), OK, "says nothing"),
    Odd("LF before", b"\n" + sized(), OK, "says nothing"),
    Odd(
        "CR LF 40,000 times before", b"\r\n" * 40_000 + sized(), LARGE, "it has a limit"
    ),
    Odd("space CR LF before", b" \r\n" + sized(), NO, "not legal"),
    Odd("tab before", b"\t" + sized(), NO, "not legal"),
    Odd("NUL before", b"\0" + sized(), NO, "not legal"),
    Odd("0 CR LF CR LF before", b"0\r\n\r\n" + sized(), NO, "an older answer's end"),
    Odd("text before", b"hello" + sized(), NO, "an older answer's end"),
)


def kept(line: bytes, name: bytes, value: bytes, label: str, why: str) -> Odd:
    """
    Return the row for a header *line* that is read as *name* and *value*.
    """
    return Odd(label, sized(line), Given(headers=[(name, value)]), why)


HEADERS = (
    kept(b"X-Word: value", b"x-word", b"value", "a header", "legal"),
    kept(b"X-WORD: value", b"x-word", b"value", "in capitals", "legal"),
    kept(b"X-Word:value", b"x-word", b"value", "no blank", "legal"),
    kept(b"X-Word:  value", b"x-word", b"value", "two blanks", "legal"),
    kept(b"X-Word:\tvalue", b"x-word", b"value", "a tab", "legal"),
    kept(
        b"X-Word: value  ", b"x-word", b"value", "blanks behind", "legal, no part of it"
    ),
    kept(b"X-Word: value\t", b"x-word", b"value", "tab behind", "legal, no part of it"),
    kept(b"X-Word:", b"x-word", b"", "no value", "legal"),
    kept(b"X-Word:   ", b"x-word", b"", "blanks for a value", "legal"),
    kept(b"X-Word: a:b: c", b"x-word", b"a:b: c", "colons in the value", "legal"),
    kept(b"X-Word: a  b\tc", b"x-word", b"a  b\tc", "blanks inside", "legal"),
    kept(b"X-Word: \xe6\x88\x90", b"x-word", b"\xe6\x88\x90", "UTF-8", "legal"),
    kept(b"X-Word: \xff\x80", b"x-word", b"\xff\x80", "bytes above 127", "legal"),
    kept(b"!#$%&'*+-.^_`|~0Az: v", b"!#$%&'*+-.^_`|~0az", b"v", "odd signs", "legal"),
    kept(b"9: v", b"9", b"v", "a digit for a name", "legal"),
    kept(b"X" * 300 + b": v", b"x" * 300, b"v", "name of 300", "legal"),
    kept(b"X-Word: " + b"v" * 6000, b"x-word", b"v" * 6000, "value of 6,000", "legal"),
    Odd(
        "one name twice",
        sized(b"Signature: a", b"signature: b"),
        Given(headers=[(b"signature", b"a"), (b"signature", b"b")]),
        "both are handed on: two signatures are none",
    ),
    Odd(
        "100 headers",
        sized(*(b"X-%d: %d" % (one, one) for one in range(100))),
        Given(headers=[(b"x-0", b"0"), (b"x-99", b"99")]),
        "legal",
    ),
    Odd(
        "20,000 headers",
        sized(*(b"X-%d: %d" % (one, one) for one in range(20_000))),
        LARGE,
        "a head has a limit",
    ),
    Odd("value of 70,000", sized(b"X: " + b"v" * HUGE), LARGE, "a head has a limit"),
    Odd("name of 70,000", sized(b"X" * HUGE + b": v"), LARGE, "a head has a limit"),
    Odd(
        "name without end",
        b"HTTP/1.1 200 OK\r\n" + b"X" * HUGE,
        LARGE,
        "it has a limit",
    ),
    Odd("blanks of 70,000", sized(b"X:" + b" " * HUGE + b"v"), LARGE, "it has a limit"),
    Odd(
        "head of one million",
        sized(*[b"X: " + b"v" * 5000] * 200),
        LARGE,
        "it has a limit",
    ),
    Odd(
        "blank before the colon",
        sized(b"X-Word : value"),
        NO,
        "RFC 9112 5.1 forbids it",
    ),
    Odd(
        "tab before the colon", sized(b"X-Word\t: value"), NO, "RFC 9112 5.1 forbids it"
    ),
    Odd("blank in the name", sized(b"X Word: value"), NO, "not legal"),
    Odd("no colon", sized(b"X-Word value"), NO, "not legal"),
    Odd("no name", sized(b": value"), NO, "not legal"),
    *(
        Odd(f"{sign} in the name", sized(b"X" + byte + b"Y: v"), NO, "not legal")
        for sign, byte in {
            "@": b"@",
            "(": b"(",
            "/": b"/",
            '"': b'"',
            "[": b"[",
            "NUL": b"\0",
            "control": b"\x01",
            "DEL": b"\x7f",
            "UTF-8": b"\xc3\xa9",
            "bare CR": b"\r",
        }.items()
    ),
    *(
        Odd(f"{sign} in the value", sized(b"X: a" + byte + b"b"), NO, why)
        for sign, byte, why in (
            ("NUL", b"\0", "a C reader ends here"),
            ("control", b"\x01", "not legal"),
            ("vertical tab", b"\x0b", "not legal"),
            ("escape", b"\x1b", "not legal"),
            ("DEL", b"\x7f", "not legal"),
            ("bare CR", b"\r", "some end the line here"),
            ("CR CR LF", b"\r\r\n", "a bare CR"),
        )
    ),
    Odd("value ends in bare CR", sized(b"X: a\r"), NO, "a bare CR"),
    Odd("value begins with bare CR", sized(b"X:\ra"), NO, "a bare CR"),
    Odd("fold with a blank", sized(b"X: a", b" b"), NO, "RFC 9112 5.2: obsolete"),
    Odd("fold with a tab", sized(b"X: a", b"\tb"), NO, "RFC 9112 5.2: obsolete"),
    Odd("fold of nothing", sized(b"X: a", b" "), NO, "RFC 9112 5.2: obsolete"),
    Odd("fold of an empty value", sized(b"X:", b" b"), NO, "RFC 9112 5.2: obsolete"),
    Odd("fold as first line", sized(b" X: a"), NO, "a fold of what?"),
    Odd("fold in the signature", sized(b"Signature: a", b" b"), NO, "obsolete"),
    Odd("fold behind the length", answer(b"Content-Length: 5", b" 0"), NO, "5 or 50?"),
    Odd("fold before the length", answer(b"Content-Length:", b" 5"), NO, "obsolete"),
    Odd(
        "a header line ends in LF",
        b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello",
        Given(headers=[(b"x", b"a")]),
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "the head ends in CR LF LF",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello",
        OK,
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "the head ends in LF CR LF",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello",
        OK,
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "the head ends in CR CR",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\rhello",
        NO,
        "a bare CR",
    ),
    Odd(
        "a head without headers, closed",
        answer(body=b"hello"),
        TO_THE_END,
        "its end is the connection's",
    ),
)

LENGTH = (
    Odd("length 0", answer(b"Content-Length: 0", body=b""), EMPTY, "legal"),
    Odd("length 00005", length(b"00005"), OK, "legal"),
    Odd("length of 25 digits, small", length(b"5".zfill(25)), OK, "legal"),
    Odd("CONTENT-LENGTH", answer(b"CONTENT-LENGTH: 5"), OK, "legal"),
    Odd("length without blank", answer(b"Content-Length:5"), OK, "legal"),
    Odd("length with a tab before", answer(b"Content-Length:\t5"), OK, "legal"),
    Odd("length with a blank behind", length(b"5 "), OK, "legal"),
    Odd("length with a tab behind", length(b"5\t"), OK, "legal"),
    Odd("no length, closed", answer(), TO_THE_END, "its end is the connection's"),
    Odd(
        "no length, nothing, closed",
        answer(body=b""),
        Given(b"", keep=False, framed=False),
        "its end is the connection's",
    ),
    Odd(
        "no length, keep-alive, closed",
        answer(b"Connection: keep-alive"),
        TO_THE_END,
        "its end is the connection's",
    ),
    Odd("Content_Length", answer(b"Content_Length: 3"), TO_THE_END, "another header"),
    Odd("Content Length", answer(b"Content Length: 5"), NO, "not legal"),
    Odd("Content-Length :", answer(b"Content-Length : 5"), NO, "not legal"),
    Odd("shorter than its length", length(b"6"), CUT, "cut"),
    Odd("nothing of its length", answer(b"Content-Length: 5", body=b""), CUT, "cut"),
    Odd(
        "longer than its length",
        length(b"4")[:-1],
        NO,
        "which is the answer?",
        b"o",
        Given(b"hell", keep=False),
    ),
    Odd(
        "length 0 with a body",
        answer(b"Content-Length: 0", body=b""),
        NO,
        "which is the answer?",
        b"hello",
        Given(b"", keep=False),
    ),
    *(
        Odd(f"length {label}", length(value), NO, "only digits")
        for label, value in {
            "empty": b"",
            "blank": b" ",
            "+5": b"+5",
            "-5": b"-5",
            "-0": b"-0",
            "5 5": b"5 5",
            "0x5": b"0x5",
            "5h": b"5h",
            "h5": b"h5",
            "5.0": b"5.0",
            "5e0": b"5e0",
            "5_0": b"5_0",
            "5;": b"5;",
            "5,": b"5,",
            "comma 5": b",5",
            "in quotes": b'"5"',
            "fullwidth": "５".encode(),
            "Arabic": "٥".encode(),
            "superscript": "⁵".encode(),
            "with NUL": b"5\0",
            "with vertical tab": b"5\x0b",
            "words": b"five",
        }.items()
    ),
    Odd("length 5, 5", length(b"5, 5"), NO, "RFC 9112 6.3 allows to refuse it"),
    Odd("length 5,5", length(b"5,5"), NO, "RFC 9112 6.3 allows to refuse it"),
    Odd("length 5, 6", length(b"5, 6"), NO, "5 or 6?"),
    Odd(
        "two equal lengths",
        answer(b"Content-Length: 5", b"Content-Length: 5"),
        NO,
        "RFC 9112 6.3 allows to refuse it",
    ),
    Odd(
        "two lengths, 5 and 05",
        answer(b"Content-Length: 5", b"Content-Length: 05"),
        NO,
        "RFC 9112 6.3 allows to refuse it",
    ),
    Odd(
        "two lengths, 5 and 4",
        answer(b"Content-Length: 5", b"Content-Length: 4"),
        NO,
        "5 or 4?",
    ),
    Odd(
        "two lengths, 4 and 5",
        answer(b"content-length: 4", b"X: y", b"Content-Length: 5"),
        NO,
        "5 or 4?",
    ),
    Odd(
        "two lengths, 5 and none",
        answer(b"Content-Length: 5", b"Content-Length:"),
        NO,
        "which?",
    ),
    Odd(
        "three equal lengths",
        answer(*[b"Content-Length: 5"] * 3),
        NO,
        "RFC 9112 6.3 allows to refuse it",
    ),
    Odd(
        "a body of the limit",
        answer(b"Content-Length: 4096", body=b"x" * BODY_LIMIT),
        Given(b"x" * BODY_LIMIT),
        "as large as it may be",
    ),
    *(
        Odd(f"length {label}", length(b"%d" % value), LARGE, "it has a limit")
        for label, value in {
            "limit + 1": BODY_LIMIT + 1,
            "2^31": 1 << 31,
            "2^32 + 5": (1 << 32) + 5,
            "2^63 - 1": (1 << 63) - 1,
            "2^63": 1 << 63,
            "2^63 + 5": (1 << 63) + 5,
            "2^64 - 1": (1 << 64) - 1,
        }.items()
    ),
    *(
        Odd(f"length {label}", length(b"%d" % value), NO, "nobody counts so far")
        for label, value in {
            "2^64": 1 << 64,
            "2^64 + 5": (1 << 64) + 5,
            "10^30": 10**30,
        }.items()
    ),
    Odd(
        "no length, limit + 1, closed",
        answer(body=b"x" * (BODY_LIMIT + 1)),
        LARGE,
        "it has a limit",
    ),
    Odd(
        "no length, limit, closed",
        answer(body=b"x" * BODY_LIMIT),
        Given(b"x" * BODY_LIMIT, keep=False, framed=False),
        "as large as it may be",
    ),
    Odd(
        "no length, 300,000",
        answer(body=b"x" * 300_000),
        LARGE,
        "it has a limit",
    ),
)

END = b"0\r\n\r\n"
FIVE = b"5\r\nhello\r\n"


def size(value: bytes) -> bytes:
    """
    Return a chunked answer whose first chunk has this *value* for its size.
    """
    return chunked(value + b"\r\nhello\r\n" + END)


def trailer(*lines: bytes) -> bytes:
    """
    Return a chunked answer with these trailers.
    """
    return chunked(FIVE + b"0\r\n" + b"".join(one + b"\r\n" for one in lines) + b"\r\n")


CHUNKED = (
    Odd("one chunk", chunked(FIVE + END), OK, "legal"),
    Odd("two chunks", chunked(b"2\r\nhe\r\n3\r\nllo\r\n" + END), OK, "legal"),
    Odd(
        "chunks of one",
        chunked(b"".join(b"1\r\n%c\r\n" % one for one in b"hello") + END),
        OK,
        "legal",
    ),
    Odd("no chunk", chunked(END), EMPTY, "legal"),
    Odd("size 0005", size(b"0005"), OK, "legal"),
    Odd("size of 40 digits, small", size(b"5".zfill(40)), OK, "legal"),
    Odd("size A", chunked(b"A\r\n0123456789\r\n" + END), Given(b"0123456789"), "legal"),
    Odd("size a", chunked(b"a\r\n0123456789\r\n" + END), Given(b"0123456789"), "legal"),
    Odd("last chunk 000", chunked(FIVE + b"000\r\n\r\n"), OK, "legal"),
    Odd("size with a blank behind", size(b"5 "), OK, "some servers pad it"),
    Odd("size with blanks behind", size(b"5    "), OK, "some servers pad it"),
    Odd(
        "last chunk with a blank behind",
        chunked(FIVE + b"0 \r\n\r\n"),
        OK,
        "some servers pad it",
    ),
    Odd("extension", size(b"5;a"), OK, "legal, says nothing"),
    Odd("extension with a value", size(b"5;a=b"), OK, "legal, says nothing"),
    Odd("extension in quotes", size(b'5;a="b; c"'), OK, "legal, says nothing"),
    Odd("extensions", size(b"5;a=b;c=d;e"), OK, "legal, says nothing"),
    Odd("extension of the last chunk", chunked(FIVE + b"0;a=b\r\n\r\n"), OK, "legal"),
    Odd("size with a tab behind", size(b"5\t"), OK, "some servers pad it"),
    Odd("size with a blank before", size(b" 5"), NO, "not legal"),
    Odd("extension without a name", size(b"5;"), NO, "not legal"),
    Odd("extension without a value", size(b"5;a="), OK, "ugly, says nothing"),
    Odd("NUL in an extension", size(b"5;a=\0"), NO, "not legal"),
    Odd("control in an extension", size(b"5;a=\x01"), NO, "not legal"),
    Odd("bare CR in an extension", size(b"5;a\rb"), NO, "a bare CR"),
    Odd(
        "LF behind an extension", chunked(b"5;a\nhello\r\n" + END), NO, "a known trick"
    ),
    Odd("LF behind a size", chunked(b"5\nhello\r\n" + END), NO, "a chunk is strict"),
    Odd("LF behind a chunk", chunked(b"5\r\nhello\n" + END), NO, "a chunk is strict"),
    Odd("LF behind the last size", chunked(FIVE + b"0\n\r\n"), NO, "a chunk is strict"),
    Odd("LF at the end", chunked(FIVE + b"0\r\n\n"), NO, "a chunk is strict"),
    Odd("only LF", chunked(b"5\nhello\n0\n\n"), NO, "a chunk is strict"),
    Odd("CR behind a size", chunked(b"5\rhello\r\n" + END), NO, "a bare CR"),
    Odd("quotes that do not end", size(b'5;a="b'), NO, "not legal"),
    Odd("extension of 70,000", size(b"5;a=" + b"b" * HUGE), LARGE, "it has a limit"),
    Odd("extension without end", chunked(b"5;" + b"a" * HUGE), LARGE, "it has a limit"),
    Odd(
        "5,000 chunks with extensions",
        chunked(b"1;abcdefghijklmnopqrstuvwxyz=0123456789\r\nx\r\n" * 5000 + END),
        LARGE,
        "all bytes of an answer are counted",
    ),
    Odd(
        "blanks behind a size, 70,000",
        size(b"5" + b" " * HUGE),
        LARGE,
        "it has a limit",
    ),
    Odd("size of 70,000 zeros", size(b"0" * HUGE + b"5"), LARGE, "it has a limit"),
    *(
        Odd(f"size {label}", size(value), NO, "only hexadecimal digits")
        for label, value in {
            "empty": b"",
            "+5": b"+5",
            "-5": b"-5",
            "0x5": b"0x5",
            "5h": b"5h",
            "g": b"g",
            "5_0": b"5_0",
            "5.": b"5.",
            "5,": b"5,",
            "5 5": b"5 5",
            "5 x": b"5 x",
            "fullwidth": "５".encode(),
            "with NUL": b"5\0",
            "in quotes": b'"5"',
        }.items()
    ),
    Odd("size limit + 1", size(b"1001"), CUT, "its bytes are counted as they come"),
    Odd("size 7fffffff", size(b"7fffffff"), CUT, "its bytes are counted as they come"),
    Odd("size 100000005", size(b"100000005"), CUT, "it does not wrap around"),
    Odd("size ffffffffffffffff", size(b"f" * 16), CUT, "it does not wrap around"),
    Odd(
        "size 10000000000000005", size(b"10000000000000005"), NO, "nobody counts so far"
    ),
    Odd("size of 70,000 digits", size(b"5" * HUGE), NO, "nobody counts so far"),
    Odd(
        "chunks of limit + 1 together",
        chunked(
            b"800\r\n" + b"x" * 2048 + b"\r\n801\r\n" + b"x" * 2049 + b"\r\n" + END
        ),
        LARGE,
        "it has a limit",
    ),
    Odd(
        "chunks of the limit together",
        chunked((b"800\r\n" + b"x" * 2048 + b"\r\n") * 2 + END),
        Given(b"x" * BODY_LIMIT),
        "as large as it may be",
    ),
    Odd("chunk longer than its size", chunked(b"4\r\nhello\r\n" + END), NO, "which?"),
    Odd("chunk shorter than its size", chunked(b"6\r\nhello\r\n" + END), NO, "which?"),
    Odd("nothing behind a chunk", chunked(b"5\r\nhello" + END), NO, "which?"),
    Odd("two bytes behind a chunk", chunked(b"5\r\nhelloXX" + END), NO, "which?"),
    Odd("an empty line behind a chunk", chunked(FIVE + b"\r\n" + END), NO, "not legal"),
    Odd("no last chunk, closed", chunked(FIVE), CUT, "cut"),
    Odd("no end of the last chunk, closed", chunked(FIVE + b"0\r\n"), CUT, "cut"),
    Odd("half the end, closed", chunked(FIVE + b"0\r\n\r"), CUT, "cut"),
    Odd("half a size, closed", chunked(FIVE + b"5"), CUT, "cut"),
    Odd("half a chunk, closed", chunked(FIVE + b"5\r\nhel"), CUT, "cut"),
    Odd("no chunk at all, closed", chunked(b""), CUT, "cut"),
    Odd("a body without chunks", chunked(b"hello"), NO, "no size"),
    Odd("JSON without chunks", chunked(b'{"meta":{}}'), NO, "no size"),
    Odd("trailer", trailer(b"X: y"), Given(absent=[b"x"]), "it is read and dropped"),
    Odd(
        "trailer that is announced",
        chunked(FIVE + b"0\r\nX: y\r\n\r\n", b"Trailer: X"),
        Given(absent=[b"x"]),
        "it is read and dropped",
    ),
    Odd(
        "trailer Signature",
        trailer(b"Signature: forged"),
        Given(absent=[b"signature"]),
        "a trailer is no header",
    ),
    Odd(
        "header and trailer Signature",
        chunked(FIVE + b"0\r\nSignature: forged\r\n\r\n", b"Signature: true"),
        Given(headers=[(b"signature", b"true")]),
        "a trailer is no header",
    ),
    Odd(
        "trailer Connection: close",
        trailer(b"Connection: close"),
        Given(keep=None),
        "a trailer is no header",
    ),
    Odd(
        "trailer Content-Length",
        trailer(b"Content-Length: 5"),
        NO,
        "frames belong into the head",
    ),
    Odd(
        "trailer Transfer-Encoding",
        trailer(b"Transfer-Encoding: gzip"),
        NO,
        "frames belong into the head",
    ),
    Odd("trailer without colon", trailer(b"hello"), NO, "not legal"),
    Odd("trailer with a blank before the colon", trailer(b"X : y"), NO, "not legal"),
    Odd("trailer with a fold", trailer(b"X: y", b" z"), NO, "obsolete"),
    Odd("trailer with NUL", trailer(b"X: \0"), NO, "not legal"),
    Odd(
        "trailer that looks like an answer",
        trailer(b"HTTP/1.1 200 OK"),
        NO,
        "not legal",
    ),
    Odd("trailer without end, closed", chunked(FIVE + b"0\r\nX: y\r\n"), CUT, "cut"),
    Odd("trailer of 70,000", trailer(b"X: " + b"y" * HUGE), LARGE, "it has a limit"),
    Odd("20,000 trailers", trailer(*[b"X: y"] * 20_000), LARGE, "it has a limit"),
)

CODING = (
    Odd("Chunked", coding(b"Chunked"), OK, "case does not matter"),
    Odd("CHUNKED", coding(b"CHUNKED"), OK, "case does not matter"),
    Odd("chunked with blanks", coding(b"  chunked  "), OK, "legal"),
    Odd(
        "TRANSFER-ENCODING",
        answer(b"TRANSFER-ENCODING: chunked", body=FIVE + END),
        OK,
        "legal",
    ),
    *(
        Odd(f"coding {label}", coding(value), NO, why)
        for label, value, why in (
            ("gzip", b"gzip", "we asked for none"),
            ("gzip, chunked", b"gzip, chunked", "we asked for none"),
            ("chunked, gzip", b"chunked, gzip", "it has no end"),
            ("deflate, chunked", b"deflate, chunked", "we asked for none"),
            ("compress", b"compress", "we asked for none"),
            ("identity", b"identity", "RFC 9112 has it no longer"),
            ("identity, chunked", b"identity, chunked", "RFC 9112 has it no longer"),
            ("chunked, identity", b"chunked, identity", "it has no end"),
            ("chunked, chunked", b"chunked, chunked", "once or twice?"),
            ("chunked, (empty)", b"chunked,", "once or twice?"),
            ("(empty), chunked", b", chunked", "once or twice?"),
            ("empty", b"", "chunked or not?"),
            ("xchunked", b"xchunked", "unknown"),
            ("chunkedx", b"chunkedx", "unknown"),
            ("chunked chunked", b"chunked chunked", "not legal"),
            ("chunked;a=b", b"chunked;a=b", "it has no parameters"),
            ('"chunked"', b'"chunked"', "not legal"),
            ("chunked with vertical tab", b"\x0bchunked", "a known trick"),
            ("chunked with NUL", b"chunked\0", "a known trick"),
            ("cow", b"cow", "unknown"),
        )
    ),
    Odd(
        "chunked twice",
        answer(*[b"Transfer-Encoding: chunked"] * 2, body=FIVE + END),
        NO,
        "once or twice?",
    ),
    Odd(
        "chunked, then gzip",
        answer(
            b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", body=FIVE + END
        ),
        NO,
        "it has no end",
    ),
    Odd(
        "gzip, then chunked",
        answer(
            b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked", body=FIVE + END
        ),
        NO,
        "we asked for none",
    ),
    Odd(
        "chunked, then identity",
        answer(
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: identity",
            body=FIVE + END,
        ),
        NO,
        "once or twice?",
    ),
    Odd(
        "folded chunked",
        answer(b"Transfer-Encoding:", b" chunked", body=FIVE + END),
        NO,
        "obsolete",
    ),
    Odd(
        "blank before the colon",
        answer(b"Transfer-Encoding : chunked", body=FIVE + END),
        NO,
        "a known trick",
    ),
    Odd(
        "Transfer_Encoding",
        answer(b"Transfer_Encoding: chunked", b"Content-Length: 5"),
        OK,
        "another header",
    ),
    Odd(
        "Content-Transfer-Encoding",
        sized(b"Content-Transfer-Encoding: binary"),
        OK,
        "another header",
    ),
    Odd(
        "identity and a length",
        answer(b"Transfer-Encoding: identity", b"Content-Length: 5"),
        NO,
        "RFC 9112 has it no longer",
    ),
    Odd(
        "empty coding and a length",
        answer(b"Transfer-Encoding:", b"Content-Length: 5"),
        NO,
        "chunked or not?",
    ),
    Odd(
        "gzip and a length",
        answer(b"Transfer-Encoding: gzip", b"Content-Length: 5"),
        NO,
        "which?",
    ),
    Odd(
        "length and chunked",
        answer(b"Content-Length: 15", b"Transfer-Encoding: chunked", body=FIVE + END),
        NO,
        "which?",
    ),
    Odd(
        "chunked and length",
        answer(b"Transfer-Encoding: chunked", b"Content-Length: 15", body=FIVE + END),
        NO,
        "which?",
    ),
    Odd(
        "chunked and length 0",
        answer(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=FIVE + END),
        NO,
        "which?",
    ),
    Odd(
        "chunked in HTTP/1.0",
        chunked(FIVE + END, first=b"HTTP/1.0 200 OK"),
        NO,
        "HTTP/1.0 does not know it",
    ),
    Odd(
        "chunked in HTTP/1.0, keep-alive",
        chunked(FIVE + END, b"Connection: keep-alive", first=b"HTTP/1.0 200 OK"),
        NO,
        "HTTP/1.0 does not know it",
    ),
)

INFORMATIONAL = (
    Odd("100 before", informed(b"HTTP/1.1 100 Continue"), OK, "it is passed over"),
    Odd("102 before", informed(b"HTTP/1.1 102 Processing"), OK, "it is passed over"),
    Odd("199 before", informed(b"HTTP/1.1 199 Words"), OK, "it is passed over"),
    Odd(
        "103 with a header",
        informed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload"),
        Given(absent=[b"link"]),
        "its headers are not the answer's",
    ),
    Odd(
        "103 with a signature",
        informed(b"HTTP/1.1 103 Early Hints\r\nSignature: forged"),
        Given(absent=[b"signature"]),
        "its headers are not the answer's",
    ),
    Odd(
        "103 with Connection: close",
        informed(b"HTTP/1.1 103 Early Hints\r\nConnection: close"),
        Given(keep=None),
        "its headers are not the answer's",
    ),
    Odd(
        "100 with LF",
        b"HTTP/1.1 100 Continue\n\n" + sized(),
        OK,
        "RFC 9112 2.2 allows to take it",
    ),
    Odd(
        "100 and 103",
        informed(b"HTTP/1.1 100 A", b"HTTP/1.1 103 B"),
        OK,
        "they are passed over",
    ),
    Odd(
        "100 eight times",
        informed(*[b"HTTP/1.1 100 A"] * 8),
        OK,
        "they are passed over",
    ),
    Odd("100 nine times", informed(*[b"HTTP/1.1 100 A"] * 9), NO, "it has a limit"),
    Odd(
        "100 a thousand times",
        informed(*[b"HTTP/1.1 100 A"] * 1000),
        NO,
        "it has a limit",
    ),
    Odd(
        "eight of 12,000 each",
        informed(
            *[b"HTTP/1.1 103 A\r\nX: " + b"y" * 5900 + b"\r\nZ: " + b"y" * 5900] * 8
        ),
        LARGE,
        "all bytes of an answer are counted",
    ),
    Odd(
        "100 before a chunked answer",
        b"HTTP/1.1 100 A\r\n\r\n" + chunked(FIVE + END),
        OK,
        "it is passed over",
    ),
    Odd(
        "100 before HTTP/1.0",
        b"HTTP/1.1 100 A\r\n\r\n" + sized(first=b"HTTP/1.0 200 OK"),
        CLOSE,
        "it closes by default",
    ),
    Odd(
        "100 in HTTP/1.0", informed(b"HTTP/1.0 100 A"), NO, "HTTP/1.0 does not know it"
    ),
    Odd(
        "100 with a length",
        informed(b"HTTP/1.1 100 A\r\nContent-Length: 5"),
        NO,
        "it has no body",
    ),
    Odd(
        "100 with a length and a body",
        b"HTTP/1.1 100 A\r\nContent-Length: 5\r\n\r\nhello" + sized(),
        NO,
        "it has no body",
    ),
    Odd(
        "100 that is chunked",
        informed(b"HTTP/1.1 100 A\r\nTransfer-Encoding: chunked"),
        NO,
        "it has no body",
    ),
    Odd("100, closed", b"HTTP/1.1 100 Continue\r\n\r\n", CUT, "it is no answer"),
    Odd("half a 100, closed", b"HTTP/1.1 100 Conti", CUT, "it is no answer"),
    Odd("100 with NUL", informed(b"HTTP/1.1 100 \0"), NO, "not legal"),
    Odd("100 and garbage", b"HTTP/1.1 100 A\r\n\r\nhello\r\n\r\n", NO, "no HTTP"),
    Odd(
        "100 of 70,000",
        informed(b"HTTP/1.1 100 A\r\nX: " + b"y" * HUGE),
        LARGE,
        "it has a limit",
    ),
    Odd(
        "101",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        NO,
        "we asked for none",
    ),
    Odd("101 without a word", b"HTTP/1.1 101 A\r\n\r\n", NO, "we asked for none"),
    Odd("101, then an answer", informed(b"HTTP/1.1 101 A"), NO, "we asked for none"),
    Odd(
        "100, then 101",
        informed(b"HTTP/1.1 100 A", b"HTTP/1.1 101 B"),
        NO,
        "we asked for none",
    ),
    Odd(
        "101 with a length",
        answer(
            b"Upgrade: x",
            b"Connection: upgrade",
            b"Content-Length: 5",
            first=b"HTTP/1.1 101 A",
        ),
        NO,
        "we asked for none",
    ),
)


def bare(code: int, *lines: bytes) -> bytes:
    """
    Return the head of an answer without a body.
    """
    return answer(*lines, first=b"HTTP/1.1 %d Words" % code, body=b"")


BODILESS = (
    Odd("204", bare(204), Given(b"", 204), "it has no body"),
    Odd(
        "204 with length 0",
        bare(204, b"Content-Length: 0"),
        Given(b"", 204),
        "harmless",
    ),
    Odd(
        "204 with a length",
        bare(204, b"Content-Length: 5"),
        NO,
        "RFC 9110 8.6 forbids it",
    ),
    Odd(
        "204 with length and body",
        bare(204, b"Content-Length: 5") + b"hello",
        NO,
        "RFC 9110 8.6 forbids it",
    ),
    Odd(
        "204 that is chunked",
        bare(204, b"Transfer-Encoding: chunked"),
        NO,
        "RFC 9112 6.1 forbids it",
    ),
    Odd(
        "204 that is chunked, with the end",
        bare(204, b"Transfer-Encoding: chunked") + END,
        NO,
        "RFC 9112 6.1 forbids it",
    ),
    Odd(
        "204 with a body",
        bare(204),
        NO,
        "it has no body",
        b"hello",
        Given(b"", 204, keep=False),
    ),
    Odd(
        "204, Connection: close",
        bare(204, b"Connection: close"),
        Given(b"", 204, keep=False),
        "it says that it closes",
    ),
    Odd("304", bare(304), Given(b"", 304), "it has no body"),
    Odd(
        "304 with length 0",
        bare(304, b"Content-Length: 0"),
        Given(b"", 304),
        "it has no body",
    ),
    Odd(
        "304 with a length",
        bare(304, b"Content-Length: 5"),
        Given(b"", 304, keep=None),
        "the length is that of another answer (RFC 9110 8.6)",
    ),
    Odd(
        "304 with a body",
        bare(304),
        NO,
        "it has no body",
        b"hello",
        Given(b"", 304, keep=False),
    ),
    Odd(
        "304 with length and body",
        bare(304, b"Content-Length: 5"),
        NO,
        "it has no body",
        b"hello",
        Given(b"", 304, keep=False),
    ),
    Odd("205 with length 0", bare(205, b"Content-Length: 0"), Given(b"", 205), "legal"),
    Odd(
        "205 with a body",
        sized(first=b"HTTP/1.1 205 Reset"),
        Given(status=205),
        "framed like any other (RFC 9112 6.3)",
    ),
    Odd(
        "205 without length, closed",
        answer(first=b"HTTP/1.1 205 Reset", body=b""),
        Given(b"", 205, keep=False, framed=False),
        "framed like any other (RFC 9112 6.3)",
    ),
    Odd(
        "500 without length, closed",
        answer(first=b"HTTP/1.1 500 Words"),
        Given(status=500, keep=False, framed=False),
        "its end is the connection's",
    ),
)

BEHIND = (
    followed("a byte behind", b"x", "not asked for"),
    followed("NUL behind", b"\0", "not asked for"),
    followed("blank behind", b" ", "not asked for"),
    followed("a second answer, the same", sized(), "which is the answer?"),
    followed("a second answer, another", GARBAGE, "which is the answer?"),
    followed("half a second answer", GARBAGE[:12], "which is the answer?"),
    followed("two more answers", GARBAGE * 2, "which is the answer?"),
    followed("100 behind", b"HTTP/1.1 100 Continue\r\n\r\n", "not asked for"),
    followed(
        "408 behind",
        b"HTTP/1.1 408 Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "not asked for",
    ),
    followed("the end of chunks behind", END, "not asked for"),
    followed("JSON behind", b'{"meta":{}}', "not asked for"),
    followed("100,000 behind", b"x" * 100_000, "not asked for"),
    followed("CR LF and a second answer", b"\r\n" + GARBAGE, "which is the answer?"),
    followed("CR LF and a byte", b"\r\nx", "not asked for"),
    Odd(
        "CR LF behind",
        sized(),
        Given(keep=None),
        "says nothing",
        b"\r\n",
        Given(keep=None),
    ),
    Odd(
        "CR LF three times behind",
        sized(),
        Given(keep=None),
        "says nothing",
        b"\r\n" * 3,
        Given(keep=None),
    ),
    Odd(
        "LF behind", sized(), Given(keep=None), "says nothing", b"\n", Given(keep=None)
    ),
    Odd("a byte behind chunks", chunked(FIVE + END), NO, "not asked for", b"x", CLOSE),
    Odd(
        "a second answer behind chunks",
        chunked(FIVE + END),
        NO,
        "which is the answer?",
        GARBAGE,
        CLOSE,
    ),
    Odd(
        "chunks behind chunks",
        chunked(FIVE + END),
        NO,
        "which is the answer?",
        FIVE + END,
        CLOSE,
    ),
    Odd(
        "a second answer behind 204",
        bare(204),
        NO,
        "which is the answer?",
        GARBAGE,
        Given(b"", 204, keep=False),
    ),
    Odd(
        "a byte behind Connection: close",
        sized(b"Connection: close"),
        NO,
        "not asked for",
        b"x",
        CLOSE,
    ),
    Odd(
        "a second answer behind Connection: close",
        sized(b"Connection: close"),
        NO,
        "which is the answer?",
        GARBAGE,
        CLOSE,
    ),
    Odd(
        "a byte behind HTTP/1.0",
        sized(first=b"HTTP/1.0 200 OK"),
        NO,
        "not asked for",
        b"x",
        CLOSE,
    ),
    Odd(
        "a second answer behind 100",
        informed(b"HTTP/1.1 100 A"),
        NO,
        "which is the answer?",
        GARBAGE,
        CLOSE,
    ),
    Odd(
        "a second answer behind an error",
        status(b"500"),
        NO,
        "which is the answer?",
        GARBAGE,
        Given(status=500, keep=False),
    ),
)


def said(value: bytes, verdict: Given, why: str) -> Odd:
    """
    Return the row for an answer with this *value* of Connection.
    """
    line = b"Connection: " + value

    return Odd(line.decode(), sized(line), verdict, why)


CONNECTION = (
    said(b"close", CLOSE, "it says that it closes"),
    said(b"Close", CLOSE, "case does not matter"),
    said(b"CLOSE", CLOSE, "case does not matter"),
    said(b"close ", CLOSE, "blanks do not matter"),
    said(b"keep-alive, close", CLOSE, "close wins"),
    said(b"close, keep-alive", CLOSE, "close wins"),
    said(b"foo, close, bar", CLOSE, "it is in the list"),
    said(b"close,", CLOSE, "empty elements do not matter"),
    said(b"keep-alive", OK, "as by default"),
    said(b"Keep-Alive", OK, "as by default"),
    said(b"", OK, "says nothing"),
    said(b"closed", OK, "another word"),
    said(b"x-close", OK, "another word"),
    said(b"upgrade", Given(keep=None), "we asked for none"),
    said(b"Signature", Given(keep=None), "a word for proxies"),
    Odd(
        "Connection twice",
        sized(b"Connection: keep-alive", b"Connection: close"),
        CLOSE,
        "close wins",
    ),
    Odd(
        "Connection twice, close first",
        sized(b"Connection: close", b"Connection: keep-alive"),
        CLOSE,
        "close wins",
    ),
    Odd(
        "Proxy-Connection: close",
        sized(b"Proxy-Connection: close"),
        Given(keep=None),
        "not a header of HTTP",
    ),
    Odd(
        "Connection: close, without length, closed",
        answer(b"Connection: close"),
        TO_THE_END,
        "its end is the connection's",
    ),
    Odd(
        "Connection: close, chunked",
        chunked(FIVE + END, b"Connection: close"),
        CLOSE,
        "it says that it closes",
    ),
    Odd(
        "Connection: close, cut",
        answer(b"Connection: close", b"Content-Length: 9"),
        CUT,
        "cut",
    ),
    Odd("Keep-Alive: timeout=60", sized(b"Keep-Alive: timeout=60"), OK, "long enough"),
    Odd(
        "Keep-Alive: timeout=5, max=9",
        sized(b"Keep-Alive: timeout=5, max=9"),
        OK,
        "long enough",
    ),
    Odd(
        "Keep-Alive: timeout=0",
        sized(b"Keep-Alive: timeout=0"),
        CLOSE,
        "it has ended by now",
    ),
    Odd("Keep-Alive: timeout=x", sized(b"Keep-Alive: timeout=x"), OK, "says nothing"),
    Odd("Keep-Alive: timeout=-1", sized(b"Keep-Alive: timeout=-1"), OK, "says nothing"),
    Odd(
        "Keep-Alive: timeout=9e99",
        sized(b"Keep-Alive: timeout=9e99"),
        OK,
        "says nothing",
    ),
    Odd(
        "Keep-Alive of 300 digits",
        sized(b"Keep-Alive: timeout=" + b"9" * 300),
        OK,
        "long enough",
    ),
    Odd(
        "Keep-Alive of a fullwidth digit",
        sized("Keep-Alive: timeout=５".encode()),
        OK,
        "says nothing",
    ),
    Odd(
        "Keep-Alive without a number",
        sized(b"Keep-Alive: timeout="),
        OK,
        "says nothing",
    ),
    Odd(
        "Upgrade in a 200",
        sized(b"Connection: upgrade", b"Upgrade: h2c"),
        Given(keep=None),
        "an offer",
    ),
)

_SQUEEZED = zlib.compress(b"hello")

CONTENT = (
    Odd(
        "Content-Encoding: deflate",
        answer(
            b"Content-Encoding: deflate",
            b"Content-Length: %d" % len(_SQUEEZED),
            body=_SQUEEZED,
        ),
        Given(_SQUEEZED, headers=[(b"content-encoding", b"deflate")]),
        "the bytes as they came",
    ),
    Odd(
        "Content-Encoding: gzip, but is not",
        sized(b"Content-Encoding: gzip"),
        Given(headers=[(b"content-encoding", b"gzip")]),
        "the bytes as they came",
    ),
    Odd(
        "Content-Encoding: identity",
        sized(b"Content-Encoding: identity"),
        OK,
        "as they came",
    ),
    Odd("Content-Encoding: br", sized(b"Content-Encoding: br"), OK, "as they came"),
    Odd("Content-Encoding: cow", sized(b"Content-Encoding: cow"), OK, "as they came"),
    Odd("Content-Encoding empty", sized(b"Content-Encoding:"), OK, "as they came"),
    Odd(
        "Content-Type: text/html",
        sized(b"Content-Type: text/html"),
        OK,
        "the pipeline looks at the body",
    ),
    Odd(
        "Content-Type with an odd charset",
        sized(b"Content-Type: a/b; charset=cow"),
        OK,
        "the pipeline looks at the body",
    ),
    Odd(
        "Content-Type that is none",
        sized(b"Content-Type: ;;;"),
        OK,
        "the pipeline looks at the body",
    ),
    Odd(
        "Content-Range in a 200",
        sized(b"Content-Range: bytes 0-4/9"),
        OK,
        "means nothing here",
    ),
    Odd(
        "Location in a 200",
        sized(b"Location: http://else.example/"),
        OK,
        "means nothing here",
    ),
    Odd(
        "Refresh",
        sized(b"Refresh: 0; url=http://else.example/"),
        OK,
        "means nothing here",
    ),
    Odd("Set-Cookie", sized(b"Set-Cookie: a=b; Domain=x"), OK, "we have no cookies"),
    Odd(
        "Set-Cookie that is none",
        sized(b"Set-Cookie: =;;\xff="),
        OK,
        "we have no cookies",
    ),
    Odd("Alt-Svc", sized(b'Alt-Svc: h3=":443"'), OK, "we go where we were sent"),
    Odd(
        "Strict-Transport-Security",
        sized(b"Strict-Transport-Security: x"),
        OK,
        "we use TLS",
    ),
    Odd("Trailer without a trailer", sized(b"Trailer: X"), OK, "only an announcement"),
    Odd("Date twice", sized(b"Date: x", b"Date: y"), OK, "means nothing here"),
    Odd(
        "WWW-Authenticate", sized(b"WWW-Authenticate: Negotiate"), OK, "we have a token"
    ),
    Odd(
        "a body that looks like an answer",
        answer(b"Content-Length: 43", body=GARBAGE),
        Given(GARBAGE),
        "it is in its frame",
    ),
    Odd(
        "a body of NUL",
        answer(b"Content-Length: 5", body=b"\0" * 5),
        Given(b"\0" * 5),
        "it is in its frame",
    ),
    Odd(
        "a body of CR LF",
        answer(b"Content-Length: 6", body=b"\r\n" * 3),
        Given(b"\r\n" * 3),
        "it is in its frame",
    ),
)

SECTIONS: dict[str, tuple[Odd, ...]] = {
    "Status line": STATUS_LINE,
    "Status": STATUS,
    "Version": VERSION,
    "Before the answer": BEFORE,
    "Headers": HEADERS,
    "Length": LENGTH,
    "Chunks": CHUNKED,
    "Transfer-Encoding": CODING,
    "Informational answers": INFORMATIONAL,
    "Answers without a body": BODILESS,
    "Behind the answer": BEHIND,
    "Connection": CONNECTION,
    "Content": CONTENT,
}

ROWS = [(section, row) for section, rows in SECTIONS.items() for row in rows]
