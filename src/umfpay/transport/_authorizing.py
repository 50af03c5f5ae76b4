"""
Token rules: which answers refuse a token, and which calls are then sent again.

A read is replayed once after any refusal of its token. A write only after one that names
00280703: a bare HTTP 401 may be the page of a firewall, after the gateway worked. Where
the refusal is not signed, only a signed success of the replay is an end; any refusal of
it may be due to the first copy, so that the end is unclear.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from umfpay.errors import AuthenticationError, ConfigError, escape
from umfpay.protocol import Verdict
from umfpay.transport._call import CallState, Effect
from umfpay.transport._refusals import call_name


# "Bad/expired token: JSON with meta.ret_code 00280703" (gateway.md 2.2)
TOKEN_REFUSED_CODE: Final = "00280703"  # noqa: S105 (a return code)


def is_token_refused(state: CallState) -> bool:
    """
    Tell whether the gateway refused the token, signed or not.

    The status line is signed by nobody: it never outweighs a verified answer.
    """
    code = "" if state.envelope is None else state.envelope.ret_code

    if is_verified(state):
        return code == TOKEN_REFUSED_CODE

    status = state.status or 0

    # A server that failed may have worked before.
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        and state.call.effect is not Effect.READ
    ):
        return False

    if status == HTTPStatus.UNAUTHORIZED:
        return code in ("", TOKEN_REFUSED_CODE)

    return code == TOKEN_REFUSED_CODE


def may_replay(state: CallState) -> bool:
    """
    Tell whether the call may be sent again after its token was refused.
    """
    if state.call.effect is Effect.READ:
        return True

    return state.envelope is not None and state.envelope.ret_code == TOKEN_REFUSED_CODE


def is_verified(state: CallState) -> bool:
    """
    Tell whether the last answer is signed by the gateway.
    """
    return state.envelope is not None and state.envelope.verdict is Verdict.VERIFIED


def two_refusals_error(state: CallState) -> AuthenticationError:
    """
    Return the error for a second token that was refused.
    """
    code = state.envelope.ret_code if state.envelope is not None else ""
    answer = escape(code, limit=40) or f"HTTP {state.status}"

    return AuthenticationError(
        f"{call_name(state)}: the gateway refused two tokens ({answer}).",
        f"{call_name(state)}：网关两次拒绝令牌（{answer}）。",
        ret_code=code or None,
        http_status=state.status,
    )


def other_origin_error(url: str) -> ConfigError:
    """
    Return the error for an address that must not see a token.
    """
    # Neither path nor query: they may hold ids.
    host = "/".join(url.split("/", 3)[:3])

    return ConfigError(
        f"The request goes to {host}, which is not the configured base_url;"
        " no token is sent there.",
        f"请求指向 {host}，与配置的 base_url 不同；不会向其发送令牌。",
    )
