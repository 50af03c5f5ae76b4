"""
What an answer to a token request says: the token, or why there is none.
"""

from __future__ import annotations

from typing import Any, Final

from umfpay.errors import (
    AuthenticationError,
    EnvelopeError,
    Text,
    TokenError,
    escape,
)
from umfpay.sensitive import Secret
from umfpay.tokens._record import FetchedToken


_NO_SUCH_CLIENT: Final = "00060711"  # merchant not registered (gateway.md 8.2)


def fetched_token(members: dict[str, Any]) -> FetchedToken:
    """
    Take the token out of the *members* of an answer, which stay in frames that may fail.

    Raises:
        EnvelopeError: There is none.
    """
    given = members.pop("access_token", None)
    token = Secret(given.strip()) if isinstance(given, str) else None
    del given

    if not token:
        raise EnvelopeError(
            "The token answer holds no access_token.", "令牌应答缺少 access_token。"
        )

    return FetchedToken(token=token, expires_in=members.get("expires_in"))


def refusal_error(status: int, code: str) -> TokenError | AuthenticationError:
    """
    Return the error for an answer that gives no token.

    Args:
        status: Its HTTP status.
        code: Its return code, "" if it has none.
    """
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
