"""
What the request log keeps: the request as received, without what nobody may keep.

Sealed members stay as they are. A client that forgot to seal them is the very case one
looks up here, so what stands in their place in clear is starred out.
"""

from __future__ import annotations

import re
from typing import Any, Final

from umfpay.emulator._messages import Request
from umfpay.emulator._store import Document
from umfpay.protocol import JSONRefusedError, dump_json, parse_json


KEPT: Final = 65_536

_STARS: Final = "***"
_HIDDEN: Final = frozenset(
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
_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
# A block of a 1024-bit key or larger.
_SEALED: Final = re.compile(r"[A-Za-z0-9+/\s]{160,}={0,2}\s*")
_IN_TEXT: Final = re.compile(
    rf'("\s*(?:{"|".join(sorted(_HIDDEN))}|name)\s*"\s*:\s*)'
    r'("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)',
    re.S,
)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9])[0-9]{12,19}(?![0-9])")


def logged(request: Request) -> Document:
    """
    Return what is kept of *request*.
    """
    # A token call holds the secret, wherever a client may have put it.
    is_token = "oauth" in request.path

    return {
        "method": request.method,
        "query": _STARS if is_token and request.query else request.query[:KEPT],
        "body": _STARS if is_token else _body(request.body),
        "headers": {
            name: _STARS if name in _HEADERS else value
            for name, value in request.headers.items()
        },
    }


def _body(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")

    try:
        value = parse_json(raw)
    except JSONRefusedError:
        starred = _IN_TEXT.sub(_star, text)

        return _LONG_NUMBER.sub(_STARS, starred)[:KEPT]

    clean = _clean(value, inside="")

    # White space and order stay where there is nothing to hide.
    return (text if clean == value else dump_json(clean).decode())[:KEPT]


def _star(match: re.Match[str]) -> str:
    value = match.group(2).strip('"')

    return match.group() if _is_sealed(value) else f'{match.group(1)}"{_STARS}"'


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and _SEALED.fullmatch(value) is not None


def _clean(value: Any, *, inside: str) -> Any:
    if isinstance(value, list):
        return [_clean(one, inside=inside) for one in value]

    if not isinstance(value, dict):
        return value

    names = {name.strip().lower() for name in value}
    # Goods have names, too; a person's stands next to an id number or in payer_info.
    person = inside == "payer_info" or "citizen_id_number" in names
    result: dict[str, Any] = {}

    for name, one in value.items():
        key = name.strip().lower()
        hidden = key in _HIDDEN or (person and key == "name")
        blank = one is None or one == "" or isinstance(one, dict | list)
        result[name] = (
            _STARS
            if hidden and not blank and not _is_sealed(one)
            else _clean(one, inside=key)
        )

    return result
