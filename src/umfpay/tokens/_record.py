"""
`TokenRecord`: a token as the stores keep it; alone as JSON, and several as a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay.sensitive import Secret, shows_itself_half_made


RENEWAL_SECONDS: Final = 86_400.0
"""Seconds after which a token is renewed, however long the gateway lets it live."""

_MARGIN_SECONDS: Final = 60.0
_MARGIN_SHARE: Final = 0.1
_MAX_INTEGER: Final = 2**63 - 1
_MAX_UNIX_SECONDS: Final = 1e12

_DOCUMENT_HEADER: Final = {"umfpay": "tokens", "version": 1}
_DOCUMENT_START: Final = b'{\n "umfpay": "tokens",\n "version": 1,\n "tokens":'
# What a file system may leave behind after a power cut.
_PADDING_BYTES: Final = b"\0 \t\r\n"

# What can stand in an Authorization header; the real ones are 64 hex characters.
_TOKEN_PATTERN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


def margin(lifetime: float) -> float:
    """
    Return how many seconds before its end a token that lives *lifetime* is renewed.
    """
    return min(_MARGIN_SECONDS, lifetime * _MARGIN_SHARE)


def is_token(value: object) -> bool:
    """
    Return whether *value* is a `Secret` that can stand in an Authorization header.
    """
    return isinstance(value, Secret) and bool(_TOKEN_PATTERN.fullmatch(value.reveal()))


def is_number(value: object) -> bool:
    """
    Return whether *value* is a finite number and no truth value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False

    return value.is_finite() if isinstance(value, Decimal) else abs(value) < math.inf


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
        and is_number(value)
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
    token: Secret = attrs.field(validator=_check(is_token))
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


def dump_record(record: TokenRecord) -> str:
    """
    Return *record* as JSON, with the token in clear.
    """
    return json.dumps(record.to_json())


def parse_record(text: str | bytes, *, refused: bool) -> TokenRecord | None:
    """
    Return the record that *text* holds, or None if it holds none.

    Nothing is raised, so that no traceback shows what was read.

    Args:
        refused: What the server keeps beside it, so that a refusal rewrites no token.
    """
    try:
        members = {**json.loads(text), "refused": refused}
    except (ValueError, TypeError, RecursionError):
        return None

    return TokenRecord.from_json(members)


def dump_records(records: Mapping[str, TokenRecord]) -> bytes:
    """
    Return the document that holds *records* by store key, tokens in clear.
    """
    tokens = records.items()

    return json.dumps(
        {
            **_DOCUMENT_HEADER,
            "tokens": {key: record.to_json() for key, record in tokens},
        },
        indent=1,
    ).encode()


def parse_records(data: bytes) -> dict[str, TokenRecord] | None:
    """
    Return the records of a document, or None if it is not one of ours.

    An empty document and one of ours that was cut off hold no records: a token that
    is lost is fetched again. Nothing is raised, so that no traceback shows tokens.
    """
    if not data.strip(_PADDING_BYTES):
        return {}

    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return (
            {}
            if data.startswith(_DOCUMENT_START) or _DOCUMENT_START.startswith(data)
            else None
        )

    if not isinstance(document, dict):
        return None

    tokens = document.pop("tokens", None)

    if document != _DOCUMENT_HEADER or not isinstance(tokens, dict):
        return None

    records: dict[str, TokenRecord] = {}

    for key, members in tokens.items():
        record = TokenRecord.from_json(members)

        if record is None:
            return None

        records[key] = record

    return records
