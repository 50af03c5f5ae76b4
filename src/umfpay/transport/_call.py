"""
`Call`, what is asked of the gateway, and `CallState`, how far it has come.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar
from urllib.parse import quote, urlencode

import attrs

from umfpay.errors import Intent, InvalidValueError, Text, UMFError, call_errors
from umfpay.sensitive import Secret
from umfpay.transport._call_journal import CallRecord
from umfpay.transport._exchange import Failure, HTTPExchangeError


if TYPE_CHECKING:
    from umfpay.protocol import Envelope


T = TypeVar("T")

# To read one of this size takes the loop some hundredths of a second; the largest
# answer of the reference has a few thousand bytes.
BODY_LIMIT: Final = 2 * 1024 * 1024
LIST_LIMIT: Final = 16 * 1024 * 1024
"""Largest page of a list in bytes."""

RESERVED_HEADERS: Final = frozenset(
    b"accept accept-encoding authorization connection content-encoding content-length"
    b" content-type expect host signature te trailer transfer-encoding upgrade"
    b" user-agent".split()
)
"""Names of headers, in lower case, that are ours or that would change the framing."""

# An edge fails like this before it has a connection to write to.
_NOT_SENT: Final = frozenset(
    {Failure.CONNECT, Failure.CONNECT_TIMEOUT, Failure.POOL_TIMEOUT}
)

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_]+")


class Effect(StrEnum):
    """
    What a call does at the gateway: it decides what is sent again and what is unclear.
    """

    READ = "read"
    TOKEN = "token"  # noqa: S105 (the name of a kind of call)
    SMS = "sms"
    CREATE = "create"
    MONEY = "money"


WRITE_EFFECTS: Final = frozenset({Effect.CREATE, Effect.MONEY})
"""A call of which something may exist afterwards; its unclear end is told."""


@attrs.frozen
class RawBody:
    """
    A body that is sent as it is.
    """

    data: bytes = attrs.field(repr=False)


class Bearer(Protocol):
    """
    A token and the generation it belongs to.
    """

    @property
    def generation(self) -> int:
        """
        The number of the token; a later token has a larger one.
        """

    @property
    def token(self) -> Secret:
        """
        The token itself.
        """


class FileProof(Protocol):
    """
    Looks at the bytes of a file as they pass, and says at its end whether it is whole.
    """

    def feed(self, chunk: bytes) -> None:
        """
        Take the next bytes; the file's first is neither blank nor byte order mark.
        """

    def doubt(self, *, end_is_proven: bool) -> Text | None:
        """
        Return why the file may not be whole, None if it is.

        Args:
            end_is_proven: Nothing was cut off: the transport or a signature says so.
        """


# Not frozen: that would double the time to make one, and each call makes one.
@attrs.define(kw_only=True, eq=False)
class Call(Generic[T]):
    """
    One request and how its answer is read.

    Args:
        name: Resource and verb, ``payments.execute``.
        path: Template below the base URL for logs and errors,
            ``/payments/payment/{payment_id}``.
        read: Turns the verified members of the answer into an object.
        parameters: Fill the template; quoted here.
        query: Query parameters; None is left out.
        body: The object to send, or a `RawBody`; None sends no body.
        intent: What a write wants, for the end that nobody knows; made as it begins.
        lookup: Returns the query that names what the answer leaves out, to be made
            within the same deadline; its `read` compares. None if nothing is missing.
        on_earlier_calls: Given what a journal knows of the same payment before this is sent:
            the ids that calls of this name made, with their numbers.
        may_fail: Made as a *lookup*, it only adds: an answer that is bound without it
            stands if it cannot be made.
        query_after_refusal: The query that decides after a refusal that may mean "done
            already".
        unsigned_allowed: The endpoint is documented without a signature.
        body_limit: Largest answer in bytes that is read, and largest file that a
            verifier of the user's gets to see.
        download: Makes what proves that a file is whole; with it the answer is a file
            unless it starts with ``{``.
    """

    name: str
    method: str
    path: str
    effect: Effect
    read: Callable[[Mapping[str, Any]], T]
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    query: Mapping[str, str | None] = attrs.field(factory=dict)
    body: object | None = attrs.field(default=None, repr=False)
    intent: Intent | None = None
    lookup: Callable[[T], Call[Any] | None] | None = None
    on_earlier_calls: Callable[[Sequence[tuple[str, str]]], None] | None = None
    may_fail: bool = False
    query_after_refusal: Call[T] | None = None
    unsigned_allowed: bool = False
    body_limit: int = BODY_LIMIT
    download: Callable[[], FileProof] | None = None

    @property
    def label(self) -> str:
        """
        How messages name the call.
        """
        return f"{self.method} {self.path}"

    def target(self) -> str:
        """
        Return the path and query, relative to the base URL, percent-encoded (RFC 3986
        2.1).

        Raises:
            InvalidValueError: A parameter holds half a surrogate pair.
        """
        path = self.path[1:]

        for name, text in self.parameters.items():
            # The gateway's ids are letters and digits; merchants' numbers may be more.
            quoted = text if _UNRESERVED.fullmatch(text) else quote(text, safe="")
            path = path.replace(f"{{{name}}}", quoted, 1)

        query = [pair for pair in self.query.items() if pair[1] is not None]

        if not query:
            return path

        try:
            return f"{path}?{urlencode(query)}"
        except UnicodeEncodeError:
            # Half a surrogate pair; the error would show the text around it.
            pass

        raise InvalidValueError.of(
            self.name,
            "a parameter is not Unicode text",
            "参数不是有效的 Unicode 文本",
        )


def needed_id(name: str, value: str) -> str:
    """
    Return *value*, an id for a path.

    Raises:
        ConfigError: It is empty or not text; the call would reach another endpoint.
    """
    if (
        isinstance(value, str)
        and value.strip() not in ("", ".", "..")
        and value.isprintable()
    ):
        return value

    raise InvalidValueError.of(name, "an id is needed", "需要编号")


@attrs.define(kw_only=True, eq=False)
class CallState:
    """
    One call on its way; the pipeline's functions and the edge share it.

    Attributes:
        body_started: A byte of the body may have left this machine: from then on only
            the gateway knows what it did. Set before the write, never taken back
            within an attempt.
        sent_before_unverified_refusal: An earlier attempt left, and its token was
            refused by an answer that nobody signed; both copies may be worked on.
        handed_over: The edge has the request.
        body_tracked: The edge keeps *body_started* truthful.
        abandoned: The caller is gone: what was not sent must not be sent any more.
        attempts: How often the request was started.
        replays: How often it was sent again with a new token.
        call: What is asked.
        url: The whole address, percent-encoded.
        body: The bytes that are signed and sent.
        headers: Headers besides ours; none of `RESERVED_HEADERS`.
        deadline: End of the whole call, in the running loop's time.
        timeout: Seconds for one attempt.
        record: Of a write: without it written down, nothing leaves.
        signature: The request's signature.
        bearer: The token of the last attempt.
        bearer_prefix: What stands before it in the header Authorization.
        status: HTTP status of the last answer.
        response_headers: Raw headers of the last answer.
        response_body: The last answer as it came, unless it is a file.
        envelope: What the answer holds; None for a download that streams.
        signed_success: The answer is signed and says 0000, and nothing else.
        unverified_accepted: The settings let an answer through that is not verified.
        download_verified: The file was read to its end and its signature is good.
    """

    body_started: bool = False
    sent_before_unverified_refusal: bool = False
    handed_over: bool = False
    body_tracked: bool = False
    abandoned: bool = False
    attempts: int = 0
    replays: int = 0

    call: Call[Any]
    url: str
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(default=(), repr=False)
    deadline: float
    timeout: float
    record: CallRecord | None = None
    signature: str | None = attrs.field(default=None, repr=False)
    bearer: Bearer | None = attrs.field(default=None, repr=False)
    bearer_prefix: str = "Bearer "

    status: int | None = None
    response_headers: Sequence[tuple[bytes, bytes]] = attrs.field(
        default=(), repr=False
    )
    response_body: bytes = attrs.field(default=b"", repr=False)
    envelope: Envelope | None = attrs.field(default=None, repr=False)
    signed_success: bool = False
    unverified_accepted: bool = False
    download_verified: bool = False

    @property
    def must_not_leave(self) -> bool:
        """
        Whether what was not sent must not be sent any more.
        """
        return self.abandoned or (
            self.record is not None and not self.record.is_valid()
        )

    def may_have_been_sent(self, failure: Failure | None = None) -> bool:
        """
        Tell whether a byte of the body may have left, given that *failure* ended it.

        Without word from the edge everything but a failed connection counts as sent.
        """
        if self.sent_before_unverified_refusal:
            return True

        if not self.handed_over:
            return False

        if self.body_started:
            return True

        # A request without a body begins with its headers, which nobody watches.
        if self.body_tracked and self.body:
            return False

        return failure not in _NOT_SENT

    def start_again(self) -> None:
        """
        Forget the last attempt: it was not sent, or refused before any work.
        """
        self.handed_over = False
        self.body_started = False
        self.envelope = None
        self.signed_success = False
        self.unverified_accepted = False
        self.status = None
        self.response_headers = ()
        self.response_body = b""

    def response_header(self, name: bytes) -> str | None:
        """
        Return a header of the last answer; several of one *name* are joined.

        Args:
            name: In lower case.
        """
        return find_header(self.response_headers, name)

    def response_date(self, name: bytes) -> datetime | None:
        """
        Return the moment in a header of the last answer, None if it has none.

        It may be the gateway's clock when it answered: the header Date (RFC 9110 6.6.1).
        """
        try:
            moment = email.utils.parsedate_to_datetime(self.response_header(name) or "")
        except (ValueError, OverflowError):
            return None

        # "-0000" tells no zone (RFC 5322 3.3); HTTP means UTC.
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    def exchange_error(self, error: HTTPExchangeError) -> UMFError:
        """
        Return what *error*, which ended an exchange, is for whoever made the call.
        """
        label = self.call.label

        if error.failure is Failure.TOO_LARGE:
            return call_errors.too_large(label, limit=self.call.body_limit)

        sent = self.may_have_been_sent(error.failure)

        return call_errors.no_answer(label, error.failure, error.detail, sent=sent)


def find_header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    """
    Return the header *name* (lower case) of raw *headers*, or None.
    """
    found = None

    for key, value in headers:
        if key == name:
            text = value.decode("latin-1")
            # Two signatures are none: the comma is not base64.
            found = text if found is None else f"{found}, {text}"

    return found
