"""
`ReturnCode`: who must act, whether to retry, what the code means for the call.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from umfpay.errors import APIError, Text


class Cause(StrEnum):
    """
    Why the gateway says it.
    """

    BUSY = "busy"
    CARD = "card"
    CUSTOMS = "customs"
    EXCHANGE = "exchange"
    IDENTITY = "identity"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    REFUND = "refund"
    REQUEST = "request"
    SIGNATURE = "signature"
    SMS_CODE = "sms_code"
    STATE = "state"
    SUCCESS = "success"
    TOKEN = "token"  # noqa: S105 (a cause)


class Actor(StrEnum):
    """
    Who must act.
    """

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    NOBODY = "nobody"
    UMF = "umf"


class CodeMeaning(StrEnum):
    """
    What became of a call that was answered with the code.
    """

    ACCEPTED = "accepted"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class ReturnCode:
    """
    One row of the table (gateway.md 8.1, 8.2).

    Attributes:
        meaning: As the two editions print it; they differ in a few rows.
        cause: Why the gateway says it.
        actor: Who must act.
        retryable: Whether the same call can succeed later without a change.
        outcome: What became of a call that was answered with it.
        advice: What to do.
        error: What is raised; None where the gateway accepted the call.
    """

    code: str
    meaning: Text
    cause: Cause
    actor: Actor
    retryable: bool
    outcome: CodeMeaning
    advice: Text
    error: type[APIError] | None
