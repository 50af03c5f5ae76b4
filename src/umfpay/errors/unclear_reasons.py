"""
Why nobody knows what became of a write: the reasons of `OutcomeUnknownError`.
"""

from __future__ import annotations

from typing import Final

from umfpay.errors._base import Text
from umfpay.errors._calls import (
    AuthenticationError,
    DeadlineExceededError,
    EnvelopeError,
    MismatchedResponseError,
    SignatureError,
    TokenError,
    TransportError,
    UnsignedResponseError,
)


REFUSED_TWICE: Final = Text(
    "the token was refused without a signature, and the call sent again was refused, too",
    "令牌被未签名的应答拒绝，重发的请求也被拒绝",
)
CONTRADICTION: Final = Text(
    "the answer holds codes that contradict each other", "应答中的返回码相互矛盾"
)
OTHER_PAYMENT: Final = Text(
    "the refusal speaks of another payment", "拒绝应答针对另一笔支付"
)
PAID_PAYMENT: Final = Text(
    "the refusal holds a payment that is paid", "拒绝应答中的支付已付款"
)
NOT_NAMED: Final = Text(
    "the answer does not name what was asked for, and the gateway could not be asked"
    " again",
    "应答未注明所请求的内容，且未能再次查询",
)

_TWO_TOKENS: Final = Text(
    "two tokens were refused; the second refusal may be the first one again",
    "两次令牌均被拒绝，第二个拒绝可能是第一个的重复",
)
_NO_OTHER_TOKEN: Final = Text(
    "the token was refused, and there was no other to send the call again with",
    "令牌被拒绝，且没有其他令牌可用于重发",
)
_ANY_ERROR: Final = Text(
    "the call ended with an error after the request left", "请求发出后发生错误"
)

# The first that fits says why.
_AFTER_ERRORS: Final[tuple[tuple[type[BaseException], Text], ...]] = (
    *(
        (late, Text("the deadline passed after the request left", "请求发出后超过期限"))
        for late in (TimeoutError, DeadlineExceededError)
    ),
    (
        TransportError,
        Text("no answer came after the request left", "请求发出后未收到应答"),
    ),
    (AuthenticationError, _NO_OTHER_TOKEN),
    (TokenError, _NO_OTHER_TOKEN),
    (SignatureError, Text("the answer is forged", "应答签名无效")),
    (UnsignedResponseError, Text("the answer is not signed", "应答没有签名")),
    (EnvelopeError, Text("the answer cannot be read", "应答无法读取")),
    (
        MismatchedResponseError,
        Text("the answer speaks of something else", "应答内容与请求不符"),
    ),
    (BaseException, _ANY_ERROR),
)


def after_error(error: BaseException, *, sent_again: bool = False) -> Text:
    """
    Return why a write that left is unclear after *error*.

    Args:
        sent_again: The call was sent with the last token, too. An AuthenticationError
            before is of the request for that token.
    """
    if sent_again and isinstance(error, AuthenticationError):
        return _TWO_TOKENS

    return next(reason for kind, reason in _AFTER_ERRORS if isinstance(error, kind))


def server_error(status: int) -> Text:
    """
    Return the reason after an HTTP *status* of a server that failed.
    """
    return Text(f"the gateway answered HTTP {status}", f"网关返回 HTTP {status}")


def bare_status(status: int, meaning: Text) -> Text:
    """
    Return the reason after a page of whatever stands between, as a rule.
    """
    return Text(
        f"the answer is HTTP {status} ({meaning.en}), without a code of the gateway"
        " and without a valid signature",
        f"应答为 HTTP {status}（{meaning.zh}），没有平台返回码，也没有有效签名",
    )


def unverified_refusal(code: str) -> Text:
    """
    Return the reason after a refusal that anybody may have written.
    """
    shown = code[:16]

    return Text(
        f"the refusal {shown!r} carries no valid signature",
        f"拒绝应答 {shown!r} 没有有效签名",
    )


def unknown_code(code: str) -> Text:
    """
    Return the reason after a *code* that is in no table.
    """
    return Text(f"nobody knows the gateway's code {code!r}", f"未知的返回码 {code!r}")


def open_code(code: str) -> Text:
    """
    Return the reason after a *code* that says nothing of what was done.
    """
    return Text(
        f"the gateway's code {code} leaves the outcome open",
        f"返回码 {code} 未说明结果",
    )


def duplicate_code(code: str) -> Text:
    """
    Return the reason after a *code* that may mean "done already".
    """
    return Text(
        f"the refusal {code} is what a second copy of a request gets, too",
        f"重复到达的同一请求也会得到返回码 {code}",
    )
