"""
The token request: POST /oauth/authorize (gateway.md 2.2).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from umfpay.errors import (
    AuthenticationError,
    EnvelopeError,
    Text,
    TokenError,
    escape,
    without_traceback,
)
from umfpay.protocol import dump_json
from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken
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

_NO_SUCH_CLIENT = "00060711"  # merchant not registered (gateway.md 8.2)


class TokenRequest:
    """
    Asks for a token (gateway.md 2.2): no Authorization, no Signature, no retry.

    Args:
        pipeline: Every call's; a token request passes its other steps by.
        root: The base URL.
        timeout: Seconds for the whole request.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        root: str,
        client_id: str,
        client_secret: Secret,
        timeout: float,
    ) -> None:
        self._pipeline = pipeline
        self._url = root + _CALL.target()
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout = timeout

    async def fetch(self) -> FetchedToken:
        """
        Ask for a token, which kills the one before.

        Raises:
            AuthenticationError: The gateway refuses client_id and client_secret.
            TransportError: It was not reached; the token cache makes a TokenError of
                it, so that nobody takes it for the end of the call that waits.
            TokenError: It answered without a token, or is no gateway.
        """
        state = CallState(
            call=_CALL,
            url=self._url,
            body=self._body(),
            deadline=asyncio.get_running_loop().time() + self._timeout,
            timeout=self._timeout,
        )

        try:
            await self._pipeline.send(state)
        except BaseException as error:  # noqa: BLE001 (it is raised again)
            # The frames on its way may hold the answer, and so the token.
            raise without_traceback(error)  # noqa: B904 (it is the same error)

        call_verdict = classify(state)

        if call_verdict.ending is not CallEnd.GOOD:
            raise _refusal_error(state) from call_verdict.error

        assert state.envelope is not None

        return _read(state.envelope.members)

    def _body(self) -> bytes:
        return dump_json(
            {
                "client_id": self._client_id,
                "client_secret": self._client_secret.reveal(),
                "grant_type": "client_credentials",
            }
        )


def _refusal_error(state: CallState) -> TokenError | AuthenticationError:
    status = state.status or 0
    code = state.envelope.ret_code if state.envelope is not None else ""
    given = f"HTTP {status}{f', {escape(code, limit=40)}' if code else ''}"

    if status == 429 or status >= 500:
        return TokenError(
            f"The gateway gives no token now ({given}).",
            f"网关暂时无法发放令牌（{given}）。",
        )

    if status == 401 or code == _NO_SUCH_CLIENT:
        return AuthenticationError(
            f"The gateway refuses client_id and client_secret ({given}).",
            f"网关拒绝 client_id 和 client_secret（{given}）。",
            ret_code=code or None,
            http_status=status,
        )

    return TokenError(
        f"No token is given at this address ({given}).",
        f"该地址不发放令牌（{given}）。",
        advice=Text(
            "Check base_url or environment, the path too; then client_id and"
            " client_secret.",
            "请检查 base_url 或 environment（包括路径），再检查 client_id 和 client_secret。",
        ),
    )


def _read(members: dict[str, object]) -> FetchedToken:
    # Taken out at once: the members stay in frames that may fail.
    token = _as_secret(members.pop("access_token", None))

    if not token:
        raise EnvelopeError(
            "The token answer holds no access_token.", "令牌应答缺少 access_token。"
        )

    return FetchedToken(
        token=token,
        expires_in=members.get("expires_in"),
    )


def _as_secret(value: object) -> Secret | None:
    return Secret(value.strip()) if isinstance(value, str) else None
