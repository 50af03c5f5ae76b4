"""
Object ids: prefix and base32, opaque for clients (protocol notes 5.22).
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Final


OBJECT_ID: Final = re.compile(r"(?:PAY|REFUND|CUST|EQ)_[A-Z2-7]+")

_IN_HREF: Final = re.compile(r"/((?:PAY|REFUND|CUST|EQ)_[A-Z2-7]+)(?=$|[/?#])")


def object_id_from_href(href: str) -> str | None:
    """
    Return the last object id that is a segment of *href*'s path, or None.
    """
    found = _IN_HREF.findall(href.partition("?")[0])

    return found[-1] if found else None


def new_object_id(prefix: str, payload: bytes) -> str:
    """
    Return the id of *payload*, with one byte whose rule nobody knows.
    """
    text = base64.b32encode(payload + secrets.token_bytes(1)).decode("ascii")

    return f"{prefix}_{text.rstrip('=')}"
