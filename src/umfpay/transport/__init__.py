"""
Middleware: httpx transports that wrap one another, and the network transport.

The network transport on aiohttp, `AiohttpTransport`, is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from umfpay.transport._authorizing import AuthorizingTransport
from umfpay.transport._call import (
    BODY_LIMIT,
    LIST_LIMIT,
    RESERVED_HEADERS,
    AbandonedError,
    CallState,
    Effect,
    call_state,
)
from umfpay.transport._custom import ResponseVerifier
from umfpay.transport._errors import transport_error, without_traceback
from umfpay.transport._messages import build_request
from umfpay.transport._outcome import CallEnd, CallVerdict, classify, unconfirmed
from umfpay.transport._retrying import RetryingTransport, RetryPolicy, full_jitter
from umfpay.transport._signing import BodySigner, RequestSigner, SigningTransport
from umfpay.transport._stack import build_stack, perform
from umfpay.transport._tls import tls_context
from umfpay.transport._token_source import Bearer, BearerToken, TokenSource
from umfpay.transport._verifying import (
    ResponseSignatures,
    UnsignedResponses,
    VerifyingTransport,
)


if TYPE_CHECKING:
    from umfpay.transport._aiohttp import AiohttpTransport

__all__ = [
    "BODY_LIMIT",
    "LIST_LIMIT",
    "RESERVED_HEADERS",
    "AbandonedError",
    "AiohttpTransport",
    "AuthorizingTransport",
    "Bearer",
    "BearerToken",
    "BodySigner",
    "CallEnd",
    "CallState",
    "CallVerdict",
    "Effect",
    "RequestSigner",
    "ResponseSignatures",
    "ResponseVerifier",
    "RetryPolicy",
    "RetryingTransport",
    "SigningTransport",
    "TokenSource",
    "UnsignedResponses",
    "VerifyingTransport",
    "build_request",
    "build_stack",
    "call_state",
    "classify",
    "full_jitter",
    "perform",
    "tls_context",
    "transport_error",
    "unconfirmed",
    "without_traceback",
]


def __getattr__(name: str) -> Any:
    """
    Import aiohttp only for whoever uses it.
    """
    if name != "AiohttpTransport":
        raise AttributeError(f"module 'umfpay.transport' has no attribute {name!r}")

    from umfpay.transport._aiohttp import AiohttpTransport

    return AiohttpTransport


def __dir__() -> list[str]:
    return list(__all__)
