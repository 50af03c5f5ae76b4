"""
`AnswerParser`: bytes of a connection to one HTTP answer; the only door to httptools.

It knows no socket. What llhttp lets pass and no gateway may send is refused here, each
check under the sentence that it obeys.
"""

from __future__ import annotations

import re
from math import inf
from typing import Final

import httptools

from umfpay.transport._exchange import Failure, HTTPExchangeError


MAX_HEAD_BYTES: Final = 64 * 1024
"""Largest head of an answer: informational answers, names and blanks counted."""

MAX_INFORMATIONAL_ANSWERS: Final = 8

# No file has a petabyte; above 2**63 the length is an attack on whoever counts.
_MAX_LENGTH: Final = 10**15

_USUAL: Final = re.compile(rb"HTTP/1\.1 [2-9]")
_VERSION_BYTES: Final = len(b"HTTP/1.1 ")

_FRAMING: Final = (b"content-length", b"transfer-encoding")
_CLOSE: Final = re.compile(rb"(?i)(?:^|,)[ \t]*close[ \t]*(?:,|$)")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class AnswerParser:
    """
    Reads one answer after the other from one connection.

    Attributes:
        status: HTTP status.
        headers: Pairs of name (in lower case) and value; trailers are not among them.
        head_done: The head is complete, and it is none of an informational answer.
        complete: The whole answer has come.
        streams: The body is to be taken bit by bit with `take_parts`.
        is_framed: The body's end is told by its length or its chunks.
        keeps_alive: The connection may serve another request.
        keep_alive: The value of the header Keep-Alive.
    """

    __slots__ = (
        "_by_lines",
        "_bytes",
        "_encodings",
        "_fed",
        "_informational",
        "_is_10",
        "_is_informational",
        "_is_strict",
        "_length",
        "_limit",
        "_line",
        "_overhead_limit",
        "_parser",
        "_parts",
        "_refusal",
        "_wants_stream",
        "complete",
        "head_done",
        "headers",
        "is_framed",
        "keep_alive",
        "keeps_alive",
        "status",
        "streams",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        # Nobody has seen the gateway's HTTP: what is harmless may be sloppy. Never
        # lenient_headers, which lets NUL in. An informational answer may say "close"
        # without being the last (keep_alive).
        self._parser.set_dangerous_leniencies(
            lenient_keep_alive=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._is_strict = False
        self.begin(body_limit=0, wants_stream=False)
        self.complete = True

    def begin(self, *, body_limit: int, wants_stream: bool) -> None:
        """
        Prepare for the answer to a request that is about to be sent.

        Args:
            body_limit: Largest body in bytes.
            wants_stream: The body of a good answer is taken bit by bit, without limit.
        """
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_done = False
        self.complete = False
        self.streams = False
        self.is_framed = True
        self.keeps_alive = False
        self.keep_alive: bytes | None = None
        self._wants_stream = wants_stream
        self._limit: float = body_limit
        self._overhead_limit = MAX_HEAD_BYTES + body_limit
        self._parts: list[bytes] = []
        self._bytes = 0
        self._fed = 0
        self._length: bytes | None = None
        self._encodings: list[bytes] = []
        self._informational = 0
        self._is_informational = False
        self._by_lines = False
        self._line: bytes | None = None
        self._is_10 = False
        self._refusal: HTTPExchangeError | None = None

        if self._is_strict:
            self._set_strict(strict=False)

    def feed(self, data: bytes) -> HTTPExchangeError | None:
        """
        Take *data*; return why the answer is refused, None if it is not.

        The error is returned, not raised: no frame that holds a body is reached from it.
        """
        if not self.head_done:
            if not self._fed and not _USUAL.match(data):
                self._by_lines = True
                self._line = b""

            if self._by_lines or self._fed + len(data) > MAX_HEAD_BYTES:
                refusal, data = self._feed_head(data)

                if refusal is not None or not data:
                    return refusal

        refusal = self._parse(data)

        if refusal is None and (
            self._fed - self._bytes
            > self._overhead_limit + (self._bytes if self.streams else 0)
        ):
            return _too_large("more framing than body")

        return refusal

    def _feed_head(self, data: bytes) -> tuple[HTTPExchangeError | None, bytes]:
        """
        Take the head in *data* line by line; return a refusal, and what follows the head.

        So every first line is seen, for llhttp knows other protocols, too, and the limit
        holds however the bytes were cut.
        """
        while data and not self.head_done:
            line, end, data = data.partition(b"\n")
            line += end
            room = MAX_HEAD_BYTES - self._fed
            refusal = self._parse(line[:room])

            if refusal is None and len(line) > room:
                refusal = _too_large("the head is too long")

            if refusal is None and self._line is not None:
                refusal = self._see_first_line(self._line + line[:_VERSION_BYTES])

            if refusal is not None:
                return refusal, b""

        return None, data

    def _see_first_line(self, line: bytes) -> HTTPExchangeError | None:
        """
        Check the version once enough of the first *line* of an answer is there.
        """
        # "a client SHOULD ignore at least one empty line" before it (RFC 9112 2.2 says
        # it of servers; it is harmless here, too).
        self._line = line = line.lstrip(b"\r\n")[:_VERSION_BYTES]

        if len(line) < _VERSION_BYTES:
            return None

        self._line = None
        self._is_10 = line == b"HTTP/1.0 "

        if self._is_10 or line == b"HTTP/1.1 ":
            return None

        return _refusal("neither HTTP/1.1 nor HTTP/1.0")

    def _parse(self, data: bytes) -> HTTPExchangeError | None:
        self._fed += len(data)

        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What a callback refuses arrives as an HttpParserCallbackError.
            refusal, self._refusal = self._refusal, None

            if refusal is not None:
                return refusal.with_traceback(None)

            return _refusal(str(error))

        return None

    def end(self) -> bool:
        """
        Take the connection's end; tell whether the answer is complete by it.

        "the message body length is determined by the number of octets received prior
        to the server closing the connection" (RFC 9112 6.3)
        """
        if self.head_done and not self.is_framed:
            self.complete = True

        return self.complete

    def take_parts(self) -> list[bytes]:
        """
        Return what has come of the body since the last time.
        """
        parts, self._parts = self._parts, []

        return parts

    def release(self) -> None:
        """
        Let go of the parser of httptools, which holds this one.
        """
        del self._parser

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        if self.complete:
            self._refuse("something follows the answer")

    def on_status(self, reason: bytes) -> None:
        # "reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )" (RFC 9112 4)
        if reason != b"OK" and _CONTROL.search(reason):
            self._refuse("a control character in the reason phrase")

    def on_header(self, name: bytes, value: bytes) -> None:
        # "Trailer fields ... MUST NOT be merged into the header section" unless their
        # meaning allows it (RFC 9110 6.5.1): a Signature there is not the answer's.
        if not self.head_done:
            self.headers.append((name.lower(), value.strip(b" \t")))
        elif name.lower() in _FRAMING:
            # "A sender MUST NOT generate a trailer field" that frames (RFC 9110 6.5.1).
            self._refuse("a trailer about the frame")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self.keeps_alive = True
        self.keep_alive = None

        for name, value in self.headers:
            if name == b"content-length":
                self._length = value
            elif name == b"transfer-encoding":
                self._encodings.append(value)
            elif name == b"keep-alive":
                self.keep_alive = value
            elif name == b"connection" and _CLOSE.search(value):
                # llhttp lets "keep-alive, close" keep it.
                self.keeps_alive = False

        if 100 <= status < 200:
            self._begin_informational(status)

            return

        if not 200 <= status < 600:
            self._refuse("a status that none may have")

        self.status = status
        # Without "close" that is False for an answer without length, too.
        self.keeps_alive = self._parser.should_keep_alive() and self.keeps_alive
        self.streams = self._wants_stream and status < 300

        if self.streams:
            self._limit = inf

        self._check_framing()
        self.head_done = True

    def on_body(self, part: bytes) -> None:
        self._bytes += len(part)

        if self._bytes > self._limit:
            self._refuse("the body is too large", Failure.TOO_LARGE)

        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._is_informational:
            self._is_informational = False
            self._line = b""
        else:
            self.complete = True

    def _begin_informational(self, status: int) -> None:
        self._informational += 1

        # "A client that receives a 101 response ... without having sent an Upgrade"
        if status == 101:
            self._refuse("HTTP 101: nobody asked for another protocol")

        if self._informational > MAX_INFORMATIONAL_ANSWERS:
            self._refuse("too many informational answers")

        if self._is_10:
            self._refuse("an informational answer in HTTP/1.0")

        if self._encodings or self._length is not None:
            self._refuse("an informational answer with a body")

        self._is_informational = True
        self.headers = []

    def _check_framing(self) -> None:
        encodings, length = self._encodings, self._length

        # "A server MUST NOT send" either in a 204 (RFC 9110 8.6 and RFC 9112 6.1).
        if self.status == 204 and (encodings or length not in (None, b"0")):
            self._refuse("HTTP 204 with a body")

        if encodings:
            # "A sender MUST NOT apply the chunked transfer coding more than once";
            # "... in HTTP/1.0 ... treat the message as if the framing is faulty"
            # (RFC 9112 7.1 and 6.1). Nobody asked for another coding (TE).
            if len(encodings) != 1 or encodings[0].lower() != b"chunked":
                self._refuse("a transfer coding other than chunked")

            if self._is_10:
                self._refuse("chunks in HTTP/1.0")

            # Where a chunk ends is no matter of taste.
            self._set_strict(strict=True)
        elif length is not None:
            # llhttp has seen to it that these are digits, and only once.
            if int(length) > min(self._limit, _MAX_LENGTH):
                self._refuse("the body is too large", Failure.TOO_LARGE)
        else:
            self.is_framed = self.status in (204, 304)

    def _set_strict(self, *, strict: bool) -> None:
        self._is_strict = strict
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=not strict)

    def _refuse(self, detail: str, failure: Failure = Failure.PROTOCOL) -> None:
        self._refusal = HTTPExchangeError(failure, detail)

        # httptools stops at any exception; feed() returns the refusal.
        raise self._refusal


def _refusal(detail: str) -> HTTPExchangeError:
    return HTTPExchangeError(Failure.PROTOCOL, detail)


def _too_large(detail: str) -> HTTPExchangeError:
    return HTTPExchangeError(Failure.TOO_LARGE, detail)
