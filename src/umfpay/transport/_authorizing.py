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

from umfpay.protocol import Verdict
from umfpay.transport._call import CallState, Effect


# "Bad/expired token: JSON with meta.ret_code 00280703" (gateway.md 2.2)
TOKEN_REFUSED_CODE: Final = "00280703"  # noqa: S105 (a return code)


def is_token_refused(state: CallState) -> bool:
    """
    Tell whether the gateway refused the token, signed or not.

    The status line is signed by nobody: it never outweighs a verified answer.
    """
    code, status = ret_code_of(state), state.status or 0

    if is_verified(state):
        return code == TOKEN_REFUSED_CODE

    # A server that failed may have worked before.
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        and state.call.effect is not Effect.READ
    ):
        return False

    return code == TOKEN_REFUSED_CODE or (
        status == HTTPStatus.UNAUTHORIZED and not code
    )


def may_replay(state: CallState) -> bool:
    """
    Tell whether the call may be sent again after its token was refused.
    """
    return state.call.effect is Effect.READ or ret_code_of(state) == TOKEN_REFUSED_CODE


def is_verified(state: CallState) -> bool:
    """
    Tell whether the last answer is signed by the gateway.
    """
    return state.envelope is not None and state.envelope.verdict is Verdict.VERIFIED


def ret_code_of(state: CallState) -> str:
    """
    Return the code of the last answer, "" if it has none.
    """
    return "" if state.envelope is None else state.envelope.ret_code
