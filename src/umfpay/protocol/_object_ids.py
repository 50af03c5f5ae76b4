"""
Object ids: prefix and base32, opaque for clients (gateway.md 5.22).
"""

from __future__ import annotations

import base64
import re
from typing import Final


OBJECT_ID: Final = re.compile(r"[A-Z]+_[A-Z2-7]+")

# Hrefs of the gateway hold double slashes and blanks (gateway.md, trap 7).
_IN_PATH: Final = re.compile(r"/\s*((?:PAY|REFUND|CUST|EQ)_[A-Z2-7]+)\s*(?=/|$)")


def object_id_from_href(href: str) -> str | None:
    """
    Return the last object id that is a segment of *href*'s path, or None.
    """
    path = href.partition("#")[0].partition("?")[0]
    found = _IN_PATH.findall(path.replace("%20", " "))

    return found[-1] if found else None


def new_object_id(prefix: str, payload: bytes, *, shift: int = 0) -> str:
    """
    Return the id of *payload*: the same one each time.

    The gateway's rule for the last byte is not known; ours is the sum of the others
    and of *shift*, which tells two objects of one payload apart.
    """
    last = (sum(payload) + shift) % 256
    text = base64.b32encode(payload + bytes((last,))).decode("ascii")

    return f"{prefix}_{text.rstrip('=')}"
