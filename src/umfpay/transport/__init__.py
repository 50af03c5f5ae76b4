"""
The pipeline of a call (middleware) and its edges: our connections, or httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from umfpay.transport._call import (
    BODY_LIMIT,
    LIST_LIMIT,
    RESERVED_HEADERS,
    Call,
    CallState,
    Effect,
    RawBody,
    needed_id,
)
from umfpay.transport._custom import ResponseVerifier
from umfpay.transport._downloads import Download
from umfpay.transport._errors import (
    closed_error,
    transport_error,
    without_traceback,
)
from umfpay.transport._exchange import (
    Answer,
    BodyStream,
    Edge,
    Failure,
    HTTPExchangeError,
)
from umfpay.transport._httpx_adapter import (
    HTTPXAdapter,
    HTTPXTransport,
    family_of,
    no_transport,
)
from umfpay.transport._origin import DEFAULT_PORTS, Origin, origin_of
from umfpay.transport._outcome import (
    GOOD_VERDICT,
    CallEnd,
    CallVerdict,
    classify,
    unconfirmed,
)
from umfpay.transport._pipeline import Pipeline
from umfpay.transport._retrying import RetryPolicy, full_jitter
from umfpay.transport._signing import BodySigner, RequestSigner
from umfpay.transport._tls import tls_context
from umfpay.transport._token_source import Bearer, BearerToken, TokenSource
from umfpay.transport._user_hooks import wrap_signer, wrap_verifier
from umfpay.transport._verifying import (
    AnswerVerifier,
    ResponseSignatures,
    UnsignedResponses,
)


if TYPE_CHECKING:
    from umfpay._session import UMFTransport

__all__ = [
    "BODY_LIMIT",
    "DEFAULT_PORTS",
    "GOOD_VERDICT",
    "LIST_LIMIT",
    "RESERVED_HEADERS",
    "Answer",
    "AnswerVerifier",
    "Bearer",
    "BearerToken",
    "BodySigner",
    "BodyStream",
    "Call",
    "CallEnd",
    "CallState",
    "CallVerdict",
    "Download",
    "Edge",
    "Effect",
    "Failure",
    "HTTPExchangeError",
    "HTTPXAdapter",
    "HTTPXTransport",
    "Origin",
    "Pipeline",
    "RawBody",
    "RequestSigner",
    "ResponseSignatures",
    "ResponseVerifier",
    "RetryPolicy",
    "TokenSource",
    "UMFTransport",
    "UnsignedResponses",
    "classify",
    "closed_error",
    "family_of",
    "full_jitter",
    "needed_id",
    "no_transport",
    "origin_of",
    "tls_context",
    "transport_error",
    "unconfirmed",
    "without_traceback",
    "wrap_signer",
    "wrap_verifier",
]


def __getattr__(name: str) -> Any:
    """
    Import the transport for clients of httpx, which is above this room, when it is used.
    """
    if name != "UMFTransport":
        raise AttributeError(f"module 'umfpay.transport' has no attribute {name!r}")

    return import_module("umfpay._session").UMFTransport


def __dir__() -> list[str]:
    return list(__all__)
