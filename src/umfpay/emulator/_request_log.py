"""
What the request log keeps: the request as received, without what nobody may keep.

Sealed members are named so and not kept: the key that opens them lies in the same
folder. A client that forgot to seal them is the very case one looks up here, so what
stands in their place in clear is starred out.

All of this is linear in the bytes of a stranger, and kept are so many at most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from umfpay.emulator._messages import Request
from umfpay.emulator._store import Document
from umfpay.protocol import JSONRefusedError, dump_json, parse_json


MAX_KEPT_CHARACTERS: Final = 32_768

_MAX_PLACE_CHARACTERS: Final = 2_048
_MAX_HEADER_CHARACTERS: Final = 8_192
_MASK: Final = "***"
_HIDDEN_MEMBERS: Final = frozenset(
    {
        "access_token",
        "card_holder",
        "citizen_id_number",
        "client_secret",
        "cvv2",
        "identify_card_number",
        "number",
        "payer_name",
        "registration_identify_code",
        "valid_date",
    }
)
_HIDDEN_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
# A block of a 1024-bit key or larger, once its white space is gone.
_MIN_SEALED_CHARACTERS: Final = 160
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# A line of one, as text holds it: escaped, or quoted for a form.
_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/=\\%]{60,}")
_HIDDEN_MEMBER_TEXT: Final = re.compile(
    rf'("\s*(?:{"|".join(sorted(_HIDDEN_MEMBERS))}|name)\s*"\s*:\s*)'
    r'("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)',
    re.S,
)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9])[0-9]{12,19}(?![0-9])")


def entry_of(request: Request) -> Document:
    """
    Return what is kept of *request*.
    """
    # A token call holds the secret, wherever a client may have put it.
    is_token = "oauth" in request.path

    return {
        "method": request.method,
        "query": _MASK if is_token and request.query else _query(request.query),
        "body": _MASK if is_token else _body(request.body),
        "headers": _headers(request.headers),
    }


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    left = _MAX_HEADER_CHARACTERS

    for name, value in given.items():
        if name in _HIDDEN_HEADERS:
            kept[name] = _MASK
        elif len(name) + len(value) <= left:
            kept[name] = value
            left -= len(name) + len(value)

    return kept


def _query(query: str) -> str:
    return _BASE64_RUN.sub(_sealed_run, query[:_MAX_PLACE_CHARACTERS])


def _body(raw: bytes) -> str:
    try:
        # What is too long to keep is too long to read.
        value = None if len(raw) > MAX_KEPT_CHARACTERS else parse_json(raw)
    except JSONRefusedError:
        value = None

    text = raw[:MAX_KEPT_CHARACTERS].decode("utf-8", "replace")

    if value is None:
        return _LONG_NUMBER.sub(
            _MASK, _BASE64_RUN.sub(_sealed_run, _HIDDEN_MEMBER_TEXT.sub(_star, text))
        )

    clean = _clean(value, inside="")

    # White space and order stay where there is nothing to hide.
    return text if clean == value else dump_json(clean).decode()[:MAX_KEPT_CHARACTERS]


def _star(match: re.Match[str]) -> str:
    value = match.group(2).strip('"')
    shown = _sealed_summary(value) if _is_sealed(value) else _MASK

    return f'{match.group(1)}"{shown}"'


def _sealed_run(match: re.Match[str]) -> str:
    return _sealed_summary(match.group())


def _sealed_summary(sealed: str) -> str:
    return f"(sealed, {len(sealed)} characters)"


def _is_sealed(value: Any) -> bool:
    if not isinstance(value, str) or len(value) < _MIN_SEALED_CHARACTERS:
        return False

    joined = "".join(value.split())

    return (
        len(joined) >= _MIN_SEALED_CHARACTERS and _BASE64.fullmatch(joined) is not None
    )


def _clean(value: Any, *, inside: str) -> Any:
    if isinstance(value, list):
        return [_clean(one, inside=inside) for one in value]

    if isinstance(value, str):
        # Whatever it is called: JSON within a text, too.
        return (
            _sealed_summary(value)
            if _is_sealed(value)
            else _BASE64_RUN.sub(_sealed_run, value)
        )

    if not isinstance(value, dict):
        return value

    names = {name.strip().lower() for name in value}
    # Goods have names, too; a person's stands next to an id number or in payer_info.
    person = inside == "payer_info" or "citizen_id_number" in names
    result: dict[str, Any] = {}

    for name, one in value.items():
        key = name.strip().lower()
        hidden = key in _HIDDEN_MEMBERS or (person and key == "name")
        blank = one is None or one == "" or isinstance(one, dict | list)
        result[name] = (
            _MASK
            if hidden and not blank and not _is_sealed(one)
            else _clean(one, inside=key)
        )

    return result
