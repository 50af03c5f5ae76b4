"""
The pipeline of a call (middleware) and its edges: our connections, or httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from umfpay.transport._addresses import (
    DEFAULT_PORTS,
    MAX_URL_CHARACTERS,
    Origin,
    base_address,
    encoded_address,
    origin_of,
)
from umfpay.transport._call import (
    LIST_LIMIT,
    RESERVED_HEADERS,
    WRITE_EFFECTS,
    Call,
    CallState,
    Effect,
    RawBody,
    needed_id,
)
from umfpay.transport._call_journal import CallJournal, CallRecord
from umfpay.transport._downloads import Download
from umfpay.transport._exchange import (
    Answer,
    BodyStream,
    Edge,
    Failure,
    HTTPExchangeError,
)
from umfpay.transport._httpx_adapter import (
    CALL_EXTENSION,
    HTTPXAdapter,
    HTTPXTransport,
    family_of,
)
from umfpay.transport._outcome import (
    GOOD_VERDICT,
    CallEnd,
    CallVerdict,
    classify,
    unconfirmed,
)
from umfpay.transport._pipeline import Pipeline
from umfpay.transport._retrying import RETRIED_STATUSES
from umfpay.transport._signing import RequestSigner
from umfpay.transport._tls import tls_context
from umfpay.transport._verifying import AnswerVerifier


if TYPE_CHECKING:
    from umfpay._session._umf_transport import UMFTransport
    from umfpay.transport._connection_pool import ConnectionPool

__all__ = [
    "CALL_EXTENSION",
    "DEFAULT_PORTS",
    "GOOD_VERDICT",
    "LIST_LIMIT",
    "MAX_URL_CHARACTERS",
    "RESERVED_HEADERS",
    "RETRIED_STATUSES",
    "WRITE_EFFECTS",
    "Answer",
    "AnswerVerifier",
    "BodyStream",
    "Call",
    "CallEnd",
    "CallJournal",
    "CallRecord",
    "CallState",
    "CallVerdict",
    "ConnectionPool",
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
    "UMFTransport",
    "base_address",
    "classify",
    "encoded_address",
    "family_of",
    "needed_id",
    "origin_of",
    "tls_context",
    "unconfirmed",
]


_HOME = {
    "ConnectionPool": "umfpay.transport._connection_pool",
    "UMFTransport": "umfpay._session._umf_transport",
}


def __getattr__(name: str) -> Any:
    """
    Import our own connections, and the transport for clients of httpx, which is above
    this room, when they are used.
    """
    if name not in _HOME:
        raise AttributeError(f"module 'umfpay.transport' has no attribute {name!r}")

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
