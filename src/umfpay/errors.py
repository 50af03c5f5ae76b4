"""
Everything that can go wrong, in one tree.

::

    UMFError
    ├── ConfigError                    settings, keys, files: before any network
    ├── TransportError                 .request_sent
    │   └── DeadlineExceededError
    ├── WrongLoopError
    ├── OutcomeUnknownError            .intent .money_may_have_moved .reason
    ├── ProtocolError                  an answer that cannot be believed
    │   ├── SignatureError
    │   ├── UnsignedResponseError
    │   ├── EnvelopeError
    │   └── MismatchedResponseError
    ├── AuthenticationError            .ret_code .http_status
    ├── TokenError
    │   ├── TokenStoreError
    │   └── TokenContentionError
    ├── APIError                       .ret_code .ret_msg .http_status .retryable .verified
    │   ├── InvalidRequestError        a member is missing or wrong
    │   ├── RequestSignatureError      the gateway refused our signature
    │   ├── PermissionDeniedError      the contract does not allow it
    │   ├── CardError                  card data, bank, balance
    │   ├── IdentityError              name, number and person do not fit
    │   ├── VerificationCodeError      the SMS code
    │   ├── PaymentStateError          the payment is not where the call needs it
    │   ├── RefundRefusedError
    │   ├── CustomsRefusedError
    │   ├── ExchangeError              currency or exchange rate
    │   ├── RateLimitedError           too many requests
    │   ├── GatewayBusyError           the gateway could not work now
    │   └── UnknownCodeError           a code that no table explains
    ├── FlowError                      .last
    ├── NotificationError
    └── StatementError
        └── IncompleteStatementError

Each says what happened, whether money may have moved and what to do, in English and
Chinese. Each pickles, and holds nothing secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import attrs


@attrs.frozen
class Text:
    """
    One sentence in both languages.
    """

    en: str
    zh: str


@attrs.frozen(kw_only=True)
class Intent:
    """
    What a call wanted, as plain data: enough to ask the gateway about it later.

    *call* is the resource and verb (``payments.execute``), *amount* is in *currency*,
    *at* is when the request was sent, *mer_date* is the wire form ``YYYYMMDD``.
    """

    call: str
    at: datetime
    payment_id: str | None = None
    mer_reference_id: str | None = None
    mer_date: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    details: Mapping[str, str] = attrs.field(factory=dict)


def _rebuild(
    cls: type[UMFError], args: tuple[Any, ...], state: dict[str, Any]
) -> UMFError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)

    return error


_MONEY_MOVED: dict[bool, Text] = {
    True: Text("Money may have moved.", "资金可能已经变动。"),
    False: Text("No money has moved.", "资金没有变动。"),
}


class UMFError(Exception):
    """
    The root of the tree. Never raised directly.

    Attributes:
        what: What happened, in English and Chinese.
        advice: What to do, in English and Chinese.
        money_may_have_moved: Whether this call can have moved money.
    """

    default_advice: ClassVar[Text] = Text(
        "See the documentation of this error.", "请查阅此错误的说明。"
    )

    what: Text
    advice: Text
    money_may_have_moved: bool

    def __init__(
        self,
        what: Text,
        *,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        self.what = what
        self.advice = advice or self.default_advice
        self.money_may_have_moved = money_may_have_moved
        super().__init__(what.en)

    def __str__(self) -> str:
        money = _MONEY_MOVED[self.money_may_have_moved]

        return (
            f"{self.what.en} {money.en} {self.advice.en}"
            f" | {self.what.zh}{money.zh}{self.advice.zh}"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.what.en}>"

    def __reduce__(
        self,
    ) -> tuple[Callable[..., UMFError], tuple[Any, ...]]:
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


class ConfigError(UMFError):
    """
    Raised when settings, keys, files or arguments are unusable; no network was used.
    """

    default_advice: ClassVar[Text] = Text(
        "Correct the setting and try again.", "请更正设置后重试。"
    )


class TransportError(UMFError):
    """
    Raised when the gateway could not be reached or the connection broke.

    Attributes:
        request_sent: Whether a byte of the request body may have left this machine.
    """

    default_advice: ClassVar[Text] = Text(
        "Check network, proxy and base_url; the call can be made again.",
        "请检查网络、代理和 base_url；可以重新调用。",
    )

    request_sent: bool

    def __init__(
        self,
        what: Text,
        *,
        request_sent: bool,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(what, advice=advice, money_may_have_moved=money_may_have_moved)
        self.request_sent = request_sent


class DeadlineExceededError(TransportError):
    """
    Raised when the deadline of the whole call passed and nothing can have happened.
    """

    default_advice: ClassVar[Text] = Text(
        "Give a longer deadline=, or make the call again later.",
        "请加大 deadline=，或稍后重新调用。",
    )


class WrongLoopError(UMFError):
    """
    Raised when a session is used from another event loop while its own still runs.
    """

    default_advice: ClassVar[Text] = Text(
        "Use one session per event loop and give both the same token_store object.",
        "每个事件循环使用一个会话，并给它们同一个 token_store 对象。",
    )


class OutcomeUnknownError(UMFError):
    """
    Raised when a write was sent and nobody can say whether the gateway carried it out.

    Attributes:
        intent: What was asked, as plain data.
        reason: What made it unclear; the error itself is the `__cause__`.
    """

    default_advice: ClassVar[Text] = Text(
        "Do not repeat the call. Ask the gateway (query the payment or the day's"
        " transaction list) or wait for the notification.",
        "请勿重复调用。请查询该笔支付或当日交易列表，或等待通知。",
    )

    intent: Intent
    reason: str

    def __init__(
        self,
        what: Text,
        *,
        intent: Intent,
        reason: str,
        money_may_have_moved: bool,
        advice: Text | None = None,
    ) -> None:
        super().__init__(what, advice=advice, money_may_have_moved=money_may_have_moved)
        self.intent = intent
        self.reason = reason


class ProtocolError(UMFError):
    """
    The answer of the gateway cannot be believed. Never raised directly.
    """

    default_advice: ClassVar[Text] = Text(
        "Do not use the answer. Check that base_url and the gateway certificate belong"
        " together; tell UMF if they do.",
        "请勿使用该应答。请核对 base_url 与平台证书是否对应；若对应请联系联动优势。",
    )


class SignatureError(ProtocolError):
    """
    Raised when a signature is present and does not verify: forged or damaged.
    """


class UnsignedResponseError(ProtocolError):
    """
    Raised when an answer that gives something carries no signature.
    """

    default_advice: ClassVar[Text] = Text(
        'Ask UMF for signed answers; unsigned_responses="accept" lets them through at'
        " the cost that anyone on the way can change them.",
        '请联系联动优势启用应答签名；unsigned_responses="accept" 可放行，'
        "但应答可能被中途篡改。",
    )


class EnvelopeError(ProtocolError):
    """
    Raised when an answer is not the JSON object that the protocol promises.
    """


class MismatchedResponseError(ProtocolError):
    """
    Raised when a verified answer speaks of another object than the one asked for.
    """


class AuthenticationError(UMFError):
    """
    Raised when the gateway refuses client_id and client_secret, or a fresh token.
    """

    default_advice: ClassVar[Text] = Text(
        "Check client_id and client_secret. After a new secret was made, tokens can"
        " need up to 15 minutes.",
        "请检查 client_id 和 client_secret。重置密钥后，令牌最长可能需要 15 分钟才生效。",
    )

    ret_code: str | None
    http_status: int | None

    def __init__(
        self,
        what: Text,
        *,
        ret_code: str | None = None,
        http_status: int | None = None,
        advice: Text | None = None,
    ) -> None:
        super().__init__(what, advice=advice)
        self.ret_code = ret_code
        self.http_status = http_status


class TokenError(UMFError):
    """
    Raised when the token could not be had for a reason that is not the credentials.
    """

    default_advice: ClassVar[Text] = Text("Try again later.", "请稍后重试。")


class TokenStoreError(TokenError):
    """
    Raised when the shared token store cannot be read or written.
    """

    default_advice: ClassVar[Text] = Text(
        "Check the token store (path, permissions, server). No other store is used"
        " instead, because two stores log each other out.",
        "请检查令牌存储（路径、权限、服务器）。不会改用其他存储，"
        "因为两个存储会互相使令牌失效。",
    )


class TokenContentionError(TokenError):
    """
    Raised when somebody outside keeps replacing our token.
    """

    default_advice: ClassVar[Text] = Text(
        "Find who else uses this client_id and give all workers one token_store.",
        "请查明还有谁在使用此 client_id，并让所有进程共用一个 token_store。",
    )


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


class FlowError(UMFError):
    """
    Raised when a flow ends without the state it was to reach.

    Attributes:
        last: The last object that the gateway gave, or None.
    """

    last: object | None

    def __init__(
        self,
        what: Text,
        *,
        last: object | None = None,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(what, advice=advice, money_may_have_moved=money_may_have_moved)
        self.last = last


class NotificationError(UMFError):
    """
    Raised when a notification cannot be believed or read.
    """


class StatementError(UMFError):
    """
    Raised when a statement file cannot be read.
    """


class IncompleteStatementError(StatementError):
    """
    Raised when a statement file is cut, mixed, or its total does not fit.
    """
