"""
`AnswerParser`: bytes of a connection to one HTTP answer; the only door to httptools.

It knows no socket. What llhttp lets pass and no gateway may send is refused here, each
check under the sentence that it obeys.
"""

from __future__ import annotations

import io
import re
from typing import Final

import httptools

from umfpay.transport._exchange import Failure, HTTPExchangeError


MAX_HEAD_BYTES: Final = 64 * 1024
"""Largest head of an answer: informational answers, names and blanks counted."""

MAX_INFORMATIONAL_ANSWERS: Final = 8

# No file has a petabyte; above 2**63 the length is an attack on whoever counts.
_MAX_LENGTH: Final = 10**15

_USUAL: Final = re.compile(rb"HTTP/1\.1 [2-9]")

# llhttp knows them, too. No header begins so: a slash is no part of a name.
_OTHER_PROTOCOLS: Final = (b"RTSP/", b"ICE/")

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
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
        self._is_chunked = False

    def begin(self, body_limit: int, *, wants_stream: bool) -> None:
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
        self._limit = body_limit
        self._overhead_limit = MAX_HEAD_BYTES + body_limit
        self._parts: list[bytes] = []
        self._bytes = 0
        self._fed = 0
        self._informational = 0
        self._by_lines = False
        self._line = b""
        self._is_10 = False

        if self._is_chunked:
            self._is_chunked = False
            self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)

    def feed(self, data: bytes) -> HTTPExchangeError | None:
        """
        Take *data*; return why the answer is refused, None if it is not.

        The error is returned, not raised: no frame that holds a body is reached from it.
        """
        if not self._fed and not _USUAL.match(data):
            self._by_lines = True

        is_unusual = self._by_lines or self._fed + len(data) > MAX_HEAD_BYTES
        parse = self._parse_lines if is_unusual and not self.head_done else self._parse
        refusal = parse(data)
        overhead = self._fed - self._bytes - (self._bytes if self.streams else 0)

        if refusal is None and overhead > self._overhead_limit:
            return HTTPExchangeError(Failure.TOO_LARGE, "more framing than body")

        return refusal

    def _parse_lines(self, data: bytes) -> HTTPExchangeError | None:
        """
        Take *data*, the head in it line by line.

        So every first line is seen, and the limit holds however the bytes were cut.
        """
        lines = io.BytesIO(data)

        while not self.head_done and (line := lines.readline()):
            room = MAX_HEAD_BYTES - self._fed
            refusal = self._parse(line[:room])

            if refusal is not None:
                return refusal

            if len(line) > room:
                return HTTPExchangeError(Failure.TOO_LARGE, "the head is too long")

            self._line = (self._line + line)[:5]

            if self._line.startswith(_OTHER_PROTOCOLS):
                return HTTPExchangeError(Failure.PROTOCOL, "another protocol than HTTP")

            if line.endswith(b"\n"):
                self._line = b""

        return self._parse(lines.read())

    def _parse(self, data: bytes) -> HTTPExchangeError | None:
        self._fed += len(data)

        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What a callback refuses arrives behind an HttpParserCallbackError.
            if isinstance(error.__context__, HTTPExchangeError):
                return error.__context__.with_traceback(None)

            return HTTPExchangeError(Failure.PROTOCOL, str(error))

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
        """
        Begin an answer.

        Raises:
            HTTPExchangeError: One is complete already.
        """
        if self.complete:
            raise HTTPExchangeError(Failure.PROTOCOL, "something follows the answer")

    def on_status(self, reason: bytes) -> None:
        """
        Take the reason phrase.

        Raises:
            HTTPExchangeError: It holds a control character.
        """
        # "reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )" (RFC 9112 4)
        if reason != b"OK" and _CONTROL.search(reason):
            raise HTTPExchangeError(
                Failure.PROTOCOL, "a control character in the reason phrase"
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        """
        Take a field of the head, or pass by a trailer.

        Raises:
            HTTPExchangeError: A trailer would frame the body.
        """
        # "Trailer fields ... MUST NOT be merged into the header section" unless their
        # meaning allows it (RFC 9110 6.5.1): a Signature there is not the answer's.
        if not self.head_done:
            self.headers.append((name.lower(), value.strip(b" \t")))
        elif name.lower() in _FRAMING:
            # "A sender MUST NOT generate a trailer field" that frames (RFC 9110 6.5.1).
            raise HTTPExchangeError(Failure.PROTOCOL, "a trailer about the frame")

    def on_headers_complete(self) -> None:
        """
        Take the head; that of an informational answer is forgotten.

        Raises:
            HTTPExchangeError: Its version, status or framing is one that none may send
                (RFC 9110 15, RFC 9112 2.3 and 6), or its body is announced as too large.
        """
        if self._by_lines:
            version = self._parser.get_http_version()
            self._is_10 = version == "1.0"

            if version not in ("1.1", "1.0"):
                raise HTTPExchangeError(
                    Failure.PROTOCOL, "neither HTTP/1.1 nor HTTP/1.0"
                )

        status = self._parser.get_status_code()

        if 100 <= status < 200:
            self._informational += 1

            if self._informational > MAX_INFORMATIONAL_ANSWERS:
                raise HTTPExchangeError(
                    Failure.PROTOCOL, "too many informational answers"
                )

            # Nobody asked for another protocol (101), HTTP/1.0 knows none, and they have
            # no body (RFC 9110 15.2).
            if status == 101 or self._is_10 or _FRAMING & dict(self.headers).keys():
                raise HTTPExchangeError(
                    Failure.PROTOCOL, f"HTTP {status} that none may send"
                )

            self.headers = []
        elif 200 <= status < 600:
            self.status = status
            self._take_head()
            self.head_done = True
        else:
            raise HTTPExchangeError(Failure.PROTOCOL, "a status that none may have")

    def on_body(self, part: bytes) -> None:
        """
        Take a part of the body.

        Raises:
            HTTPExchangeError: The body is larger than its limit in bytes.
        """
        self._bytes += len(part)

        if self._bytes > self._limit:
            raise HTTPExchangeError(Failure.TOO_LARGE, "the body is too large")

        self._parts.append(part)

    def on_message_complete(self) -> None:
        """
        Take the end of an answer.
        """
        # That of an informational answer has no head of ours.
        self.complete = self.head_done

    def _take_head(self) -> None:
        """
        See how the body is framed, and whether the connection stays.
        """
        fields = dict(self.headers)
        length = fields.get(b"content-length")
        self.keep_alive = fields.get(b"keep-alive")
        # Without "close" that is False for an answer without length, too; llhttp lets
        # "keep-alive, close" keep it.
        self.keeps_alive = self._parser.should_keep_alive() and not (
            b"connection" in fields and _CLOSE.search(self._joined(b"connection"))
        )
        self.streams = self._wants_stream and self.status < 300

        if self.streams:
            self._limit = _MAX_LENGTH

        if b"transfer-encoding" in fields:
            # "A server MUST NOT send" one in a 204; "A sender MUST NOT apply the chunked
            # transfer coding more than once"; "... in HTTP/1.0 ... treat the message as
            # if the framing is faulty" (RFC 9112 6.1 and 7.1). Nobody asked for another.
            if (
                self._joined(b"transfer-encoding").lower() != b"chunked"
                or self._is_10
                or self.status == 204
            ):
                raise HTTPExchangeError(
                    Failure.PROTOCOL, "a transfer coding that none may send"
                )

            # Where a chunk ends is no matter of taste.
            self._is_chunked = True
            self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=False)
        elif length is None:
            self.is_framed = self.status in (204, 304)
        elif self.status == 204 and length != b"0":
            # "A server MUST NOT send" one (RFC 9110 8.6).
            raise HTTPExchangeError(Failure.PROTOCOL, "HTTP 204 with a body")
        elif int(length) > self._limit:
            # llhttp has seen to it that these are digits, and only once.
            raise HTTPExchangeError(Failure.TOO_LARGE, "the body is too large")

    def _joined(self, name: bytes) -> bytes:
        return b",".join(value for key, value in self.headers if key == name)
