"""
Middleware that sets the bearer token, and retries once with a new one on a refusal.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httpx

from umfpay.errors import AuthenticationError, ConfigError, Text, escape
from umfpay.protocol import Verdict
from umfpay.transport._call import CallState, Effect, call_state
from umfpay.transport._messages import address_of, build_request
from umfpay.transport._token_source import TokenSource


# "Bad/expired token: JSON with meta.ret_code 00280703" (gateway.md 2.2)
TOKEN_REFUSED_CODE: Final = "00280703"  # noqa: S105 (a return code)


class AuthorizingTransport(httpx.AsyncBaseTransport):
    """
    Sets the header Authorization, and replays a call once whose token was refused.

    A read is replayed after any refusal of the token. A write only after one that names
    00280703: a bare HTTP 401 may be the page of a firewall, after the gateway worked.
    Where the refusal is not signed, only a signed success of the replay is an end; any
    refusal of it may be due to the first copy, so that the end is unclear.

    Args:
        wrapped: The next layer; it must leave the envelope in the `CallState`.
        token_source: Gives tokens, and learns which generation was refused.
        origin: Scheme, host and port that may see a token; any path is ignored.
        glued_bearer: Send ``Bearer<token>``, as the official SDKs do, in place of the
            documented ``Bearer <token>`` (gateway.md 2.1).
    """

    def __init__(
        self,
        wrapped: httpx.AsyncBaseTransport,
        *,
        token_source: TokenSource,
        origin: httpx.URL,
        glued_bearer: bool = False,
    ) -> None:
        self._wrapped = wrapped
        self._source = token_source
        # With the slash: a longer host or port is another origin.
        self._root = str(origin.copy_with(raw_path=b"/", fragment=None))
        self._prefix = "Bearer" if glued_bearer else "Bearer "

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send the call with a token; on a refusal once more with the next one.

        Raises:
            ConfigError: The request would go to another origin than the configured.
            AuthenticationError: The second token was refused, too.
            TokenError: There is no token.
        """
        state = call_state(request)

        if not address_of(request).startswith(self._root):
            raise _other_origin_error(request.url)

        if not state.needs_token:
            return await self._wrapped.handle_async_request(request)

        state.bearer_prefix = self._prefix

        while True:
            bearer = self._source.current()

            if bearer is None:
                bearer = await self._source.acquire(deadline=state.deadline)

            state.bearer = bearer
            # A new request: whoever recorded an old one keeps what was sent.
            response = await self._wrapped.handle_async_request(build_request(state))

            if not _is_token_refused(state):
                return response

            await self._source.refuse(bearer.generation)

            if not _may_replay(state):
                return response

            await response.aclose()

            if not _is_verified(state):
                # Anybody can say that: the body had left, and stays so.
                state.sent_before_unverified_refusal = True

            if state.replays:
                raise _two_refusals_error(state)

            state.replays += 1
            state.start_again()

    async def aclose(self) -> None:
        """
        Close the next layer.
        """
        await self._wrapped.aclose()


def _is_token_refused(state: CallState) -> bool:
    """
    Tell whether the gateway refused the token, signed or not.

    The status line is signed by nobody: it never outweighs a verified answer.
    """
    code = "" if state.envelope is None else state.envelope.ret_code

    if _is_verified(state):
        return code == TOKEN_REFUSED_CODE

    status = state.status or 0

    # A server that failed may have worked before.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and state.effect is not Effect.READ:
        return False

    if status == HTTPStatus.UNAUTHORIZED:
        return code in ("", TOKEN_REFUSED_CODE)

    return code == TOKEN_REFUSED_CODE


def _may_replay(state: CallState) -> bool:
    """
    Tell whether the call may be sent again after its token was refused.
    """
    if state.effect is Effect.READ:
        return True

    return state.envelope is not None and state.envelope.ret_code == TOKEN_REFUSED_CODE


def _is_verified(state: CallState) -> bool:
    return state.envelope is not None and state.envelope.verdict is Verdict.VERIFIED


def _two_refusals_error(state: CallState) -> AuthenticationError:
    code = state.envelope.ret_code if state.envelope is not None else ""
    named = escape(code, limit=40) or f"HTTP {state.status}"

    return AuthenticationError(
        Text(
            f"{state.method} {state.path}: the gateway refused two tokens ({named}).",
            f"{state.method} {state.path}：网关两次拒绝令牌（{named}）。",
        ),
        ret_code=code or None,
        http_status=state.status,
    )


def _other_origin_error(url: httpx.URL) -> ConfigError:
    # Neither path nor query: they may hold ids.
    host = f"{url.scheme}://{url.host}"

    return ConfigError(
        Text(
            f"The request goes to {host}, which is not the configured base_url;"
            " no token is sent there.",
            f"请求指向 {host}，与配置的 base_url 不同；不会向其发送令牌。",
        )
    )
