"""
The table of return codes (gateway.md 8.1, 8.2), in English and Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from umfpay import errors
from umfpay.errors import APIError, Text
from umfpay.protocol._code_advice import ADVICE_OF_CAUSE, ADVICE_OF_CODE
from umfpay.protocol._code_rows import ROWS
from umfpay.protocol._codes import Actor, Cause, CodeMeaning, ReturnCode


_ERROR_OF_CAUSE: Final[Mapping[Cause, type[APIError]]] = {
    Cause.BUSY: errors.GatewayBusyError,
    Cause.CARD: errors.CardError,
    Cause.CUSTOMS: errors.CustomsRefusedError,
    Cause.EXCHANGE: errors.ExchangeError,
    Cause.IDENTITY: errors.IdentityError,
    Cause.PERMISSION: errors.PermissionDeniedError,
    Cause.RATE_LIMIT: errors.RateLimitedError,
    Cause.REFUND: errors.RefundRefusedError,
    Cause.REQUEST: errors.InvalidRequestError,
    Cause.SIGNATURE: errors.RequestSignatureError,
    Cause.SMS_CODE: errors.VerificationCodeError,
    Cause.STATE: errors.PaymentStateError,
    # The transport renews the token; this is for who asks without one.
    Cause.TOKEN: errors.PermissionDeniedError,
}


def _row(line: str) -> ReturnCode:
    code, cause, actor, outcome, again, en, zh = line.split(" | ")

    return ReturnCode(
        code=code,
        meaning=Text(en, zh),
        cause=Cause(cause),
        actor=Actor(actor),
        retryable=again == "again",
        outcome=CodeMeaning(outcome),
        advice=ADVICE_OF_CODE.get(code) or ADVICE_OF_CAUSE[Cause(cause)],
        error=None
        if outcome == CodeMeaning.ACCEPTED
        else _ERROR_OF_CAUSE[Cause(cause)],
    )


RETURN_CODES: Final[Mapping[str, ReturnCode]] = MappingProxyType(
    {row.code: row for row in map(_row, ROWS.strip().splitlines())}
)


def find_code(code: str) -> ReturnCode | None:
    """
    Return the row of *code*, None if no table explains it.
    """
    return RETURN_CODES.get(code)
