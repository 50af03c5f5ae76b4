"""
The answer to a token request: the token, or why there is none (gateway.md 2.2).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay.errors import (
    AuthenticationError,
    EnvelopeError,
    Text,
    TokenError,
    escape,
)
from umfpay.sensitive import Secret, shows_itself_half_made
from umfpay.tokens._record import RENEWAL_SECONDS, is_number, is_token


DEFAULT_LIFETIME_SECONDS: Final = 300.0
"""Seconds that a token counts as living when the gateway gives no usable lifetime."""

_MAX_LIFETIME_SECONDS: Final = 366 * 86_400
_NUMBER_PATTERN: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_NO_SUCH_CLIENT: Final = "00060711"  # merchant not registered (gateway.md 8.2)


def _usable_token(value: object) -> Secret:
    if isinstance(value, Secret) and is_token(value):
        return value

    # The value is never named: it may be a token after all.
    raise TokenError(
        "The answer to the token request holds no usable access_token.",
        "令牌应答中没有可用的 access_token。",
    )


def _lifetime(value: Any) -> float | None:  # Any: straight from the wire
    # The gateway writes numbers as text in one place and as numbers in another.
    if isinstance(value, str) and _NUMBER_PATTERN.fullmatch(value.strip()):
        value = Decimal(value.strip())

    if is_number(value) and 1 <= value <= _MAX_LIFETIME_SECONDS:
        return min(float(value), RENEWAL_SECONDS)

    return None


@shows_itself_half_made
@attrs.frozen(kw_only=True, init=False)
class FetchedToken:
    """
    A token as the gateway gave it (gateway.md 2.2).

    It is used whatever stands beside it, because it has ended the token before it.

    Args:
        token: What is missing or cannot stand in a header is refused.
        expires_in: As the wire holds it: seconds as a number or text of digits, at most
            366 days. What lives longer than 24 hours counts as 24 hours. Anything else
            (missing, null, negative, zero, NaN, true, words) counts as 300 seconds.

    Attributes:
        lifetime_known: Whether *expires_in* was usable.

    Raises:
        TokenError: The token is unusable.
    """

    token: Secret = attrs.field(converter=_usable_token)
    expires_in: float
    lifetime_known: bool

    def __init__(self, *, token: Any, expires_in: Any) -> None:  # from the wire
        seconds = _lifetime(expires_in)

        self.__attrs_init__(
            token=token,
            expires_in=DEFAULT_LIFETIME_SECONDS if seconds is None else seconds,
            lifetime_known=seconds is not None,
        )


def fetched_token(members: dict[str, Any]) -> FetchedToken:
    """
    Take the token out of the *members* of an answer, which stay in frames that may fail.

    Raises:
        EnvelopeError: There is none.
        TokenError: It cannot stand in a header.
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
    Return the error for an answer that gives no token (gateway.md 8.2).

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
