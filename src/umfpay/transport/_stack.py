"""
The order of the middleware, and the one way through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import httpx

from umfpay.protocol import Verifier
from umfpay.transport._authorizing import AuthorizingTransport
from umfpay.transport._call import CallState
from umfpay.transport._custom import ResponseVerifier
from umfpay.transport._errors import transport_error, without_traceback
from umfpay.transport._messages import build_request
from umfpay.transport._retrying import RetryingTransport, RetryPolicy
from umfpay.transport._signing import RequestSigner, SigningTransport
from umfpay.transport._token_source import TokenSource
from umfpay.transport._verifying import (
    ResponseSignatures,
    UnsignedResponses,
    VerifyingTransport,
)


def build_stack(
    network: httpx.AsyncBaseTransport,
    *,
    origin: httpx.URL,
    signer: RequestSigner,
    verifier: Verifier,
    token_source: TokenSource,
    executor: Executor | None = None,
    retry_policy: RetryPolicy | None = None,
    unsigned_responses: UnsignedResponses = "refuse",
    response_signatures: ResponseSignatures = "enforce",
    response_verifier: ResponseVerifier | None = None,
    glued_bearer: bool = False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> httpx.AsyncBaseTransport:
    """
    Return *network* inside our layers, outermost signing, innermost verifying.

    Retrying goes around authorizing, so that a replay with a new token counts as the
    same attempt; both see refusals that verifying let pass.

    Args:
        origin: Scheme, host and port that may see the token; any path is ignored.
        signer: `umfpay.protocol.Signer`, or an async callable from body to signature.
        executor: Where RSA work goes that is too slow for the loop.
    """
    verifying = VerifyingTransport(
        network,
        verifier=verifier,
        executor=executor,
        unsigned_responses=unsigned_responses,
        response_signatures=response_signatures,
        response_verifier=response_verifier,
    )
    authorizing = AuthorizingTransport(
        verifying, token_source=token_source, origin=origin, glued_bearer=glued_bearer
    )
    retrying = RetryingTransport(authorizing, policy=retry_policy, sleep=sleep)

    return SigningTransport(retrying, signer=signer, executor=executor)


async def perform(stack: httpx.AsyncBaseTransport, state: CallState) -> httpx.Response:
    """
    Send the call through *stack*; the facts of the answer are in *state* afterwards.

    The caller owns the deadline: one `asyncio.timeout_at` around this. Close the
    response of a download; any other is read and closed already.

    Raises:
        TransportError: The connection failed; `request_sent` tells the truth.
        ProtocolError: The answer cannot be believed.
        AuthenticationError: Two tokens were refused.
        TokenError: There is no token.
    """
    try:
        return await stack.handle_async_request(build_request(state))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        # A TimeoutError is an OSError, and the owner of the deadline waits for it.
        if isinstance(error, TimeoutError):
            raise

        # Frames of a transport that is not ours hold the token and the body.
        raise transport_error(state, error) from without_traceback(error)
