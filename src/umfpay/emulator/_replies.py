"""
What a merchant's server replies to a notification (gateway.md 3.3).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

from umfpay.emulator._member_aliases import member
from umfpay.protocol import JSONRefusedError, parse_json


ACKNOWLEDGED_OUTCOME: Final = "acknowledged"


def with_scheme(url: str) -> str:
    """
    Return a notify_url as it can be called.
    """
    # It is sometimes given without (gateway.md, trap 28).
    return f"http://{url}" if url and "://" not in url else url


def outcome_of_reply(status: int, reply: bytes) -> str:
    """
    Tell whether a reply stops the gateway: HTTP 200 with ret_code 0000, in JSON (flat
    or in meta) or as the text ``ret_code=0000`` (gateway.md 3.3, variants 1-4).
    """
    if status != 200:
        return f"failed: HTTP {status}"

    try:
        value: Any = parse_json(reply)
    except JSONRefusedError:
        value = None

    codes = [member(value, "ret_code"), member(value, "meta", "ret_code")]

    if value is None:
        codes = parse_qs(reply.decode("utf-8", "replace").strip()).get("ret_code", [])

    return ACKNOWLEDGED_OUTCOME if "0000" in codes else "failed: no ret_code 0000"
