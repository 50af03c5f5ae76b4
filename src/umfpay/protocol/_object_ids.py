"""
Object ids: prefix and base32, opaque for clients (gateway.md 5.22).
"""

from __future__ import annotations

import base64
import re
from typing import Final


_NUMBER_BYTES: Final = 8
_DATE_BYTES: Final = 4
_DAY_CHARACTERS: Final = 8
_DAY_TEXT: Final = re.compile(r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")

# Hrefs of the gateway hold double slashes and blanks (gateway.md, trap 7).
_ID_IN_PATH: Final = re.compile(r"/\s*((?:PAY|REFUND|CUST|EQ)_[A-Z2-7]+)\s*(?=/|$)")


def object_id_from_href(href: str) -> str | None:
    """
    Return the last object id that is a segment of *href*'s path, or None.

    Args:
        href: A URL or a path, as the gateway writes them (gateway.md, trap 7).
    """
    path = href.partition("#")[0].partition("?")[0]
    found = _ID_IN_PATH.findall(path.replace("%20", " "))

    return found[-1] if found else None


def number_in_id(object_id: str) -> int | None:
    """
    Return the merchant's number that an id of digits holds, None if it holds none.

    The payload of REFUND_ and CUST_ is the number in 8 bytes and a date in 4 (gateway.md 5.22).
    """
    payload = _payload(object_id)

    if len(payload) != _NUMBER_BYTES + _DATE_BYTES:
        return None

    day = int.from_bytes(payload[_NUMBER_BYTES:])

    if _DAY_TEXT.fullmatch(str(day)) is None:
        return None

    return int.from_bytes(payload[:_NUMBER_BYTES])


def text_in_id(object_id: str) -> str | None:
    """
    Return the text before the date in an id whose payload is ASCII, None if it is not.

    Newer PAY_ and EQ_ are written so (gateway.md 5.22); nobody has seen how a refund number is
    that holds letters.
    """
    try:
        text = _payload(object_id).decode("ascii")
    except UnicodeDecodeError:
        return None

    return (
        text[:-_DAY_CHARACTERS]
        if _DAY_TEXT.fullmatch(text[-_DAY_CHARACTERS:])
        else None
    )


def _payload(object_id: str) -> bytes:
    """
    Return what an id holds, without its last byte, whose rule nobody knows.
    """
    coded = object_id.partition("_")[2]

    try:
        return base64.b32decode(coded + "=" * (-len(coded) % 8))[:-1]
    except ValueError:
        return b""


def new_object_id(prefix: str, payload: bytes, *, shift: int = 0) -> str:
    """
    Return the id of *payload*: the same one each time.

    The gateway's rule for the last byte is not known (gateway.md 5.22); ours is the sum of
    the others and of *shift*.

    Args:
        prefix: ``PAY``, ``REFUND``, ``CUST`` or ``EQ``.
        payload: What the id holds.
        shift: Tells two objects of one payload apart.
    """
    last = (sum(payload) + shift) % 256
    text = base64.b32encode(payload + bytes((last,))).decode("ascii")

    return f"{prefix}_{text.rstrip('=')}"
