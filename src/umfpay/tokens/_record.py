"""
`TokenRecord`: a token as the gateway gave it and as the stores keep it.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay.errors import TokenError
from umfpay.sensitive import Secret, shows_itself_half_made


RENEWAL_SECONDS: Final = 86_400.0
"""Seconds after which a token is renewed, however long the gateway lets it live."""

DEFAULT_LIFETIME_SECONDS: Final = 300.0
"""Seconds that a token counts as living when the gateway gives no usable lifetime."""

_MAX_LIFETIME_SECONDS: Final = 366 * 86_400
_NUMBER_PATTERN: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_MARGIN_SECONDS: Final = 60.0
_MARGIN_SHARE: Final = 0.1
_MAX_INTEGER: Final = 2**63 - 1
_MAX_UNIX_SECONDS: Final = 1e12

# What can stand in an Authorization header; the real ones are 64 hex characters.
_TOKEN_PATTERN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


def margin(lifetime: float) -> float:
    """
    Return how many seconds before its end a token that lives *lifetime* is renewed.
    """
    return min(_MARGIN_SECONDS, lifetime * _MARGIN_SHARE)


def _is_token(value: object) -> bool:
    return isinstance(value, Secret) and bool(_TOKEN_PATTERN.fullmatch(value.reveal()))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False

    return value.is_finite() if isinstance(value, Decimal) else abs(value) < math.inf


def _fetched_token(value: object) -> Secret:
    if isinstance(value, Secret) and _is_token(value):
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

    if _is_number(value) and 1 <= value <= _MAX_LIFETIME_SECONDS:
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

    token: Secret = attrs.field(converter=_fetched_token)
    expires_in: float
    lifetime_known: bool

    def __init__(self, *, token: Any, expires_in: Any) -> None:  # from the wire
        seconds = _lifetime(expires_in)

        self.__attrs_init__(
            token=token,
            expires_in=DEFAULT_LIFETIME_SECONDS if seconds is None else seconds,
            lifetime_known=seconds is not None,
        )


def _check(condition: Any) -> Any:  # Any: the signature of attrs validators
    def validate(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not condition(value):
            # The name alone: the value may be the token.
            raise ValueError(f"{attribute.name} is not usable")

    return validate


def _is_generation(value: object) -> bool:
    return type(value) is int and 1 <= value <= _MAX_INTEGER


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_INTEGER


def _is_time(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and _is_number(value)
        and abs(value) < _MAX_UNIX_SECONDS
    )


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class TokenRecord:
    """
    A token as the stores keep it.

    Args:
        generation: Grows with every token of this client; a later token is larger.
        requested_at: Wall clock (seconds since 1970) before the token was asked for.
        not_after: Wall clock at which the gateway ends it.
        fetched_by: Host and process, for people who look for the one that fetches.
        refused: The gateway refused it, so nobody may use it again.
        lifetime_known: Whether *not_after* is what the gateway said, or a guess.
        times_displaced: How many tokens in a row before it were refused soon after they came.
        displaced_since: Wall clock at which that began.
    """

    generation: int = attrs.field(validator=_check(_is_generation))
    token: Secret = attrs.field(validator=_check(_is_token))
    requested_at: float = attrs.field(validator=_check(_is_time))
    not_after: float = attrs.field(validator=_check(_is_time))
    fetched_by: str = attrs.field(
        default="", validator=_check(lambda value: isinstance(value, str))
    )
    refused: bool = attrs.field(
        default=False, validator=_check(lambda value: isinstance(value, bool))
    )
    lifetime_known: bool = attrs.field(
        default=True, validator=_check(lambda value: isinstance(value, bool))
    )
    times_displaced: int = attrs.field(default=0, validator=_check(_is_count))
    displaced_since: float | None = attrs.field(
        default=None, validator=_check(lambda value: value is None or _is_time(value))
    )

    @property
    def fresh_for(self) -> float:
        """
        Seconds from *requested_at* until it is renewed; never more than 24 hours.
        """
        lifetime = min(max(self.not_after - self.requested_at, 0.0), RENEWAL_SECONDS)

        return lifetime - margin(lifetime)

    @property
    def due_at(self) -> float:
        """
        Wall clock at which it is renewed: `min(60 s, 10 %)` before its end.
        """
        return self.requested_at + self.fresh_for

    def to_json(self) -> dict[str, Any]:
        """
        Return the members for JSON. They hold the token in clear: for stores only.
        """
        return {
            "generation": self.generation,
            "token": self.token.reveal(),
            "requested_at": self.requested_at,
            "not_after": self.not_after,
            "fetched_by": self.fetched_by,
            "refused": self.refused,
            "lifetime_known": self.lifetime_known,
            "times_displaced": self.times_displaced,
            "displaced_since": self.displaced_since,
        }

    @classmethod
    def from_json(cls, members: Any) -> TokenRecord | None:
        """
        Return the record that *members* hold, or None if they hold none.

        Nothing is raised, so that no traceback shows what was read.
        """
        try:
            return cls(**{**members, "token": Secret(members["token"])})
        except (TypeError, KeyError, ValueError):
            return None
