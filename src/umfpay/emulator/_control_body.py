"""
What is sent to the control API: JSON objects.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from umfpay.emulator._manual_transitions import NotHereError
from umfpay.emulator._messages import Request
from umfpay.protocol import JSONRefusedError, parse_json


def check_type(request: Request) -> None:
    """
    Refuse what a foreign page in a browser could send.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()

    if kind != "application/json":
        raise NotHereError(415, "send Content-Type: application/json")


def read_value(request: Request) -> dict[str, Any]:
    """
    Return the object that was sent, {} if there was no body.
    """
    if request.oversized:
        raise NotHereError(400, "the body is too long")

    if not request.body.strip():
        return {}

    try:
        value = parse_json(request.body)
    except JSONRefusedError as refusal:
        raise NotHereError(400, f"the body: {refusal}") from None

    if not isinstance(value, dict):
        raise NotHereError(400, "the body is not an object")

    plain: dict[str, Any] = _with_floats(value)

    return plain


def _with_floats(value: Any) -> Any:
    """
    Return *value* with floats: seconds and probabilities are no money.
    """
    if isinstance(value, dict):
        return {name: _with_floats(one) for name, one in value.items()}

    if isinstance(value, list):
        return [_with_floats(one) for one in value]

    return float(value) if isinstance(value, Decimal) else value
