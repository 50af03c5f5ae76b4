"""
The token request: POST /oauth/authorize (gateway.md 2.2).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from umfpay.config import Config
from umfpay.errors import without_traceback
from umfpay.protocol import dump_json
from umfpay.tokens import FetchedToken, fetched_token, refusal_error
from umfpay.transport import (
    Call,
    CallEnd,
    CallState,
    Effect,
    Pipeline,
    classify,
)


_CALL: Final[Call[Any]] = Call(
    name="oauth.authorize",
    method="POST",
    path="/oauth/authorize",
    effect=Effect.TOKEN,
    read=dict,
    unsigned_allowed=True,
)


async def fetch_token(pipeline: Pipeline, config: Config, root: str) -> FetchedToken:
    """
    Ask for a token, which kills the one before: no Authorization, no Signature, no retry.

    Args:
        pipeline: Every call's; a token request passes its other steps by.
        root: The base URL.

    Raises:
        AuthenticationError: The gateway refuses client_id and client_secret.
        TransportError: It was not reached; the token cache makes a TokenError of
            it, so that nobody takes it for the end of the call that waits.
        TokenError: It answered without a token, or is no gateway.
    """
    state = CallState(
        call=_CALL,
        url=root + _CALL.target(),
        body=dump_json(
            {
                "client_id": config.client_id,
                "client_secret": config.client_secret.reveal(),
                "grant_type": "client_credentials",
            }
        ),
        deadline=asyncio.get_running_loop().time() + config.token_timeout,
        timeout=config.token_timeout,
    )

    try:
        await pipeline.send(state)
    except BaseException as error:  # noqa: BLE001 (it is raised again)
        # The frames on its way may hold the answer, and so the token.
        raise without_traceback(error)  # noqa: B904 (it is the same error)

    call_verdict = classify(state)

    envelope = state.envelope

    if call_verdict.ending is not CallEnd.GOOD:
        code = "" if envelope is None else envelope.ret_code

        raise refusal_error(state.status or 0, code) from call_verdict.error

    assert envelope is not None

    return fetched_token(envelope.members)
