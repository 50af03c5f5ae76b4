"""
`CallState`: the facts of one call that the middleware shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs
import httpx

from umfpay.errors import ConfigError, Text
from umfpay.transport._token_source import Bearer


if TYPE_CHECKING:
    from umfpay.protocol import Envelope


EXTENSION: Final = "umfpay"

# To read one of this size takes the loop some hundredths of a second; the largest
# answer of the reference has a few thousand bytes.
BODY_LIMIT: Final = 2 * 1024 * 1024
LIST_LIMIT: Final = 16 * 1024 * 1024
"""Largest page of a list in bytes."""

RESERVED_HEADERS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"signature",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"user-agent",
    }
)

# A transport that is not ours raises these before it has a connection to write to.
_UNSENT_ERRORS: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class AbandonedError(Exception):
    """
    Raised inside of an exchange whose caller is gone, before a byte of the body leaves.
    """


class Effect(StrEnum):
    """
    What a call does at the gateway: it decides what is sent again and what is unclear.
    """

    READ = "read"
    TOKEN = "token"  # noqa: S105 (the name of a kind of call)
    SMS = "sms"
    CREATE = "create"
    MONEY = "money"


@attrs.define(kw_only=True, eq=False)
class CallState:
    """
    One call on its way through the stack: ``request.extensions["umfpay"]``.

    The first part is given by the caller, the second is filled by the layers.

    Args:
        path: Template for logs and errors, ``/payments/payment/{payment_id}``.
        url: The whole address, percent-encoded.
        body: The bytes that are signed and sent.
        headers: Headers besides ours; none of `RESERVED_HEADERS`.
        deadline: End of the whole call, in the running loop's time.
        timeout: Seconds for one attempt.
        needs_token: Whether a bearer token is sent.
        needs_signature: Whether *body* is signed: every POST but the token call
            (gateway.md 2.1).
        unsigned_allowed: The endpoint is documented without a signature.
        body_limit: Largest answer in bytes that is read, and largest file that a
            verifier of the user's gets to see.
        download: The answer is a file unless it starts with ``{``.
        file_day: That the first line of a file must name, ``YYYYMMDD``.
        file_framed: Whether the file must have the frame of a transaction file.

    Attributes:
        handed_over: The network transport has the request.
        body_tracked: The network transport keeps *body_started* truthful.
        body_started: A byte of the body may have left this machine.
        abandoned: The caller is gone: what was not sent must not be sent any more.
        attempts: How often the request was started.
        replays: How often it was sent again with a new token.
        envelope: What the answer holds; None for a download that streams.
        unverified_accepted: The settings let an answer through that is not verified.
        status: HTTP status of the last answer.
        response_headers: Raw headers of the last answer.
        signature: The request's signature.
        bearer: The token of the last attempt.
        bearer_prefix: What stands before it in the header Authorization.
        download_verified: The file was read to its end and its signature is good.
    """

    method: str
    path: str
    url: str
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(default=(), repr=False)
    deadline: float
    timeout: float
    effect: Effect
    needs_token: bool = True
    needs_signature: bool = False
    unsigned_allowed: bool = False
    body_limit: int = BODY_LIMIT
    download: bool = False
    file_day: str | None = None
    file_framed: bool = False

    handed_over: bool = False
    body_tracked: bool = False
    body_started: bool = False
    abandoned: bool = False
    sent_before_unverified_refusal: bool = False
    attempts: int = 0
    replays: int = 0
    envelope: Envelope | None = attrs.field(default=None, repr=False)
    unverified_accepted: bool = False
    status: int | None = None
    response_headers: Sequence[tuple[bytes, bytes]] = attrs.field(
        default=(), repr=False
    )
    signature: str | None = attrs.field(default=None, repr=False)
    bearer: Bearer | None = attrs.field(default=None, repr=False)
    bearer_prefix: str = "Bearer "
    download_verified: bool = False

    def may_have_been_sent(self, error: BaseException | None = None) -> bool:
        """
        Tell whether a byte of the body may have left, given that *error* ended it.

        Without word from the network transport everything but a failed connection
        counts as sent.
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

        return not isinstance(error, _UNSENT_ERRORS)

    def start_again(self) -> None:
        """
        Forget the last attempt: it was not sent, or refused before any work.
        """
        self.handed_over = False
        self.body_started = False
        self.envelope = None
        self.unverified_accepted = False
        self.status = None
        self.response_headers = ()

    def response_header(self, name: bytes) -> str | None:
        """
        Return a header of the last answer; several of one *name* are joined.

        Args:
            name: In lower case.
        """
        return find_header(self.response_headers, name)


def find_header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    """
    Return the header *name* (lower case) of raw *headers*, or None.
    """
    found = None

    for key, value in headers:
        if key.lower() == name:
            text = value.decode("latin-1")
            # Two signatures are none: the comma is not base64.
            found = text if found is None else f"{found}, {text}"

    return found


def call_state(request: httpx.Request) -> CallState:
    """
    Return the `CallState` that *request* carries.

    Raises:
        ConfigError: It carries none: `build_request` did not make it.
    """
    state = request.extensions.get(EXTENSION)

    if state is None:
        raise ConfigError(
            Text(
                "The request carries no CallState; build it with build_request().",
                "请求未携带 CallState；请使用 build_request() 构造。",
            )
        )

    # The extensions of httpx are untyped; only build_request() fills this one.
    return state  # type: ignore[no-any-return]
