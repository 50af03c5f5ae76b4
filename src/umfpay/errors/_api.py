"""
Refusals of the gateway: one class per cause.
"""

from __future__ import annotations

from typing import ClassVar

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

    default_advice: ClassVar[Text] = Text(
        "Query the object before anything else; ask UMF about the code if it is not clear.",
        "请先查询该对象；返回码不明时请咨询联动优势。",
    )

    ret_code: str
    ret_msg: str
    http_status: int
    retryable: bool
    verified: bool

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        ret_code: str,
        ret_msg: str = "",
        http_status: int = 200,
        retryable: bool = False,
        verified: bool = False,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(
            en, zh, advice=advice, money_may_have_moved=money_may_have_moved
        )
        self.ret_code = ret_code
        self.ret_msg = ret_msg
        self.http_status = http_status
        self.retryable = retryable
        self.verified = verified


class InvalidRequestError(APIError):
    """
    Raised when a member of the request is missing or wrong, on our side or theirs.
    """

    default_advice: ClassVar[Text] = Text(
        "Correct what the gateway names, then make a new call.",
        "请更正平台指出的内容后重新调用。",
    )


class RequestSignatureError(APIError):
    """
    Raised when the gateway refuses the signature of our request.
    """

    default_advice: ClassVar[Text] = Text(
        "Check that the merchant key belongs to this client_id and gateway.",
        "请确认商户私钥与 client_id 及平台环境对应。",
    )


class PermissionDeniedError(APIError):
    """
    Raised when the merchant's contract does not allow the call.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask UMF to open it in your contract.",
        "请联系联动优势开通权限。",
    )


class CardError(APIError):
    """
    Raised when card, bank account or balance do not allow the payment.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask the customer to check the card data or to take another card.",
        "请客户核对卡信息或更换银行卡。",
    )


class IdentityError(APIError):
    """
    Raised when name, id number and person do not fit together.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask the customer to check name and id number.",
        "请客户核对姓名和证件号码。",
    )


class VerificationCodeError(APIError):
    """
    Raised when the SMS code is wrong, missing or asked for too often.
    """

    default_advice: ClassVar[Text] = Text(
        "Let the customer enter the code again, or ask for a new one after a minute.",
        "请客户重新输入验证码，或一分钟后重新获取。",
    )


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
        en: str,
        zh: str,
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
            en,
            zh,
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

    default_advice: ClassVar[Text] = Text(
        "Query the payment and act on its state.",
        "请查询该笔支付并按其状态处理。",
    )


class RefundRefusedError(APIError):
    """
    Raised when a refund is refused.
    """

    default_advice: ClassVar[Text] = Text(
        "Check number and amount against the payment's other refunds, and query those.",
        "请核对退款单号和金额，并查询该笔支付的其他退款。",
    )


class CustomsRefusedError(APIError):
    """
    Raised when a customs declaration is refused.
    """

    default_advice: ClassVar[Text] = Text(
        "Check the declaration against the order; ask UMF about the channel.",
        "请核对报关信息与订单；通道问题请咨询联动优势。",
    )


class ExchangeError(APIError):
    """
    Raised when a currency or an exchange rate does not allow the call.
    """

    default_advice: ClassVar[Text] = Text(
        "Check currency and amount; ask UMF which currencies your contract has.",
        "请检查币种和金额；合同支持的币种请咨询联动优势。",
    )


class RateLimitedError(APIError):
    """
    Raised when the gateway asks for fewer requests.
    """

    default_advice: ClassVar[Text] = Text(
        "Wait, each time longer, then try again.",
        "请逐次延长等待后重试。",
    )


class GatewayBusyError(APIError):
    """
    Raised when the gateway could not do its work now.
    """

    default_advice: ClassVar[Text] = Text(
        "Query before you repeat a write; the gateway may have worked.",
        "重复写操作前请先查询；平台可能已经处理。",
    )


class UnknownCodeError(APIError):
    """
    Raised when the gateway refuses with a code that no table explains.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask UMF what it means; query before you repeat a write.",
        "请向联动优势咨询；重复写操作前请先查询。",
    )
