"""
Refusals of the gateway: one class per cause.
"""

from __future__ import annotations

from umfpay.errors._base import Text, UMFError


class APIError(UMFError):
    """
    The gateway answered and refused. Raised as one subclass per cause.

    Attributes:
        ret_code: The gateway's code, for example ``00060760``; "" if it gave none.
        ret_msg: The gateway's own words.
        http_status: The HTTP status of the answer.
        retryable: Whether the same call can succeed later without a change.
        verified: Whether the refusal carried a valid signature.
    """

    ret_code: str
    ret_msg: str
    http_status: int
    retryable: bool
    verified: bool

    def __init__(
        self,
        what: Text,
        *,
        ret_code: str,
        ret_msg: str = "",
        http_status: int = 200,
        retryable: bool = False,
        verified: bool = False,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(what, advice=advice, money_may_have_moved=money_may_have_moved)
        self.ret_code = ret_code
        self.ret_msg = ret_msg
        self.http_status = http_status
        self.retryable = retryable
        self.verified = verified


class InvalidRequestError(APIError):
    """
    Raised when a member of the request is missing or wrong, on our side or theirs.
    """


class RequestSignatureError(APIError):
    """
    Raised when the gateway refuses the signature of our request.
    """


class PermissionDeniedError(APIError):
    """
    Raised when the merchant's contract does not allow the call.
    """


class CardError(APIError):
    """
    Raised when card, bank account or balance do not allow the payment.
    """


class IdentityError(APIError):
    """
    Raised when name, id number and person do not fit together.
    """


class VerificationCodeError(APIError):
    """
    Raised when the SMS code is wrong, missing or asked for too often.
    """


class WrongCodeError(VerificationCodeError):
    """
    Raised by a card payment when the SMS code is wrong and may be typed again.

    Attributes:
        attempts_left: How many codes may still be sent for this payment; 0 ends it.
        last: The `PendingCardPayment`, which takes the next code.
    """

    attempts_left: int
    last: object

    def __init__(
        self,
        what: Text,
        *,
        ret_code: str,
        attempts_left: int,
        last: object,
        ret_msg: str = "",
        http_status: int = 200,
        verified: bool = False,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(
            what,
            ret_code=ret_code,
            ret_msg=ret_msg,
            http_status=http_status,
            verified=verified,
            advice=advice,
            money_may_have_moved=money_may_have_moved,
        )
        self.attempts_left = attempts_left
        self.last = last


class PaymentStateError(APIError):
    """
    Raised when the payment does not exist or is not in the state the call needs.
    """


class RefundRefusedError(APIError):
    """
    Raised when a refund is refused.
    """


class CustomsRefusedError(APIError):
    """
    Raised when a customs declaration is refused.
    """


class ExchangeError(APIError):
    """
    Raised when a currency or an exchange rate does not allow the call.
    """


class RateLimitedError(APIError):
    """
    Raised when the gateway asks for fewer requests.
    """


class GatewayBusyError(APIError):
    """
    Raised when the gateway could not do its work now.
    """


class UnknownCodeError(APIError):
    """
    Raised when the gateway refuses with a code that no table explains.
    """
