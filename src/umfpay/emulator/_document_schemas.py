"""
Schemas of stored documents: a damaged one is found at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


_MEMBER_TYPES: Final[Mapping[str, Mapping[str, type | tuple[type, ...]]]] = {
    "clock": {"offset": (int, float)},
    "customs": {
        "id": str, "merchant": str, "payment": str, "sub_id": str, "state": str,
        "body": dict, "notify_url": str,
    },
    "declaration_only": {"merchant": str, "reference": str, "trace": str, "again": int},
    "enterprise": {
        "id": str, "merchant": str, "external_enterprise_id": str, "busi_type": str,
        "enterprise_status": str, "rank": str,
    },
    "notification": {
        "number": int, "kind": str, "object": str, "state": str, "url": str,
        "body": str, "signature": str, "attempts": list, "status": str,
    },
    "paid": {"payment": str},
    "papers": {"id": str, "name": str, "payment": str, "status": str},
    "payment": {
        "id": str, "merchant": str, "trace": str, "state": str, "method": str,
        "interface": str, "business": str, "bank_code": str, "phone": str,
        "order": dict, "total": str, "currency": str, "rate": str, "total_cny": str,
        "notify_url": str, "ret_url": str, "created_at": (int, float),
        "sms_count": int, "refunded": str, "refunded_cny": str, "timeline": list,
    },
    "refund": {
        "id": str, "merchant": str, "payment": str, "reference": str, "mer_date": str,
        "order_date": str, "total": str, "currency": str, "total_cny": str,
        "notify_url": str, "state": str,
    },
    "refund_number": {"refund": str},
    "request": {"number": int, "method": str, "path": str, "headers": dict},
    "salt": {"hex": str},
    "series": {"last": int},
    "token": {
        "digest": str, "until": (int, float), "number": int, "merchant": str, "by": str,
    },
    "trace": {"payment": str},
}  # fmt: skip


def check(kind: str, document: Any) -> None:
    """
    Raise unless *document* is one of *kind*.

    Raises:
        TypeError: A member is missing, or of another type.
    """
    if not isinstance(document, dict):
        raise TypeError(f"a {kind} is no object")

    for name, expected in _MEMBER_TYPES.get(kind, {}).items():
        value = document.get(name)

        if isinstance(value, bool) or not isinstance(value, expected):
            raise TypeError(f"{name} of a {kind} is damaged")
