"""
Errors of a call: settings, transport, answers, token.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from umfpay.errors._base import Intent, Text, UMFError


class ConfigError(UMFError):
    """
    Raised when settings, keys, files or arguments are unusable; no money has moved.

    Also when a signer or verifier of the user's failed: that error is the cause.
    """

    default_advice: ClassVar[Text] = Text(
        "Correct the setting and try again.", "请更正设置后重试。"
    )

    @classmethod
    def of(cls, name: object, en: str, zh: str, *, advice: Text | None = None) -> Self:
        """
        Return the error that says what is wrong with *name*.

            raise ConfigError.of("deadline", "it is missing", "缺失")

        Args:
            name: A setting, argument, member or path; a `Text` if it has a Chinese name.
            en: What is wrong, without a full stop.
            zh: The same in Chinese.
            advice: What to do, if it is not the advice of the class.
        """
        en_name, zh_name = name if isinstance(name, Text) else (name, name)

        return cls(f"{en_name}: {en}.", f"{zh_name}：{zh}。", advice=advice)


class InvalidValueError(ConfigError):
    """
    Raised when a value cannot be sent: an amount, a name, a member of an order.

    It is the order's or the customer's, and no setting. Nothing was sent.
    """

    default_advice: ClassVar[Text] = Text(
        "Correct this value and try again; nothing was sent.",
        "请更正该值后重试；未发送任何内容。",
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
        en: str,
        zh: str,
        *,
        request_sent: bool,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(
            en, zh, advice=advice, money_may_have_moved=money_may_have_moved
        )
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

    It names the payment and the merchant's number that the intent names.

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
        en: str,
        zh: str,
        *,
        intent: Intent,
        reason: str,
        money_may_have_moved: bool,
        advice: Text | None = None,
    ) -> None:
        named = _named(intent, en)
        super().__init__(
            f"{en}{named.en}",
            f"{zh}{named.zh}",
            advice=advice,
            money_may_have_moved=money_may_have_moved,
        )
        self.intent = intent
        self.reason = reason


def _named(intent: Intent, en: str) -> Text:
    """
    Return what *intent* is about, as far as the sentence *en* does not say it.
    """
    payment, number = (
        one if one and one not in en else None
        for one in (intent.payment_id, intent.mer_reference_id)
    )
    named = (
        Text(f"payment {payment}", f"支付 {payment}") if payment else None,
        Text(f"number {number}", f"单号 {number}") if number else None,
    )
    known = [one for one in named if one is not None]

    if not known:
        return Text("", "")

    return Text(
        f" It is about {', '.join(one.en for one in known)}.",
        f"涉及{'、'.join(one.zh for one in known)}。",
    )


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
    Raised when a verified answer speaks of something else than what was asked for.

    The gateway signs for all its merchants with one key, and old answers stay signed.
    Nothing of the answer was used.
    """

    default_advice: ClassVar[Text] = Text(
        "Do not use the answer: it belongs to another call, or is an old one. Ask by a"
        " query; if that differs, too, tell UMF.",
        "请勿使用该应答：它属于其他请求或是旧应答。请通过查询确认；若仍不一致请联系联动优势。",
    )


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
        en: str,
        zh: str,
        *,
        ret_code: str | None = None,
        http_status: int | None = None,
        advice: Text | None = None,
    ) -> None:
        super().__init__(en, zh, advice=advice)
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

    Attributes:
        times: How many tokens in a row were refused right after they were fetched.
        since: When the first of them was.
        fetched_by: Host and process of ours that had fetched the last one.
    """

    times: int
    since: datetime | None
    fetched_by: str

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        times: int = 0,
        since: datetime | None = None,
        fetched_by: str = "",
        advice: Text | None = None,
    ) -> None:
        super().__init__(en, zh, advice=advice)
        self.times = times
        self.since = since
        self.fetched_by = fetched_by

    default_advice: ClassVar[Text] = Text(
        "Find who else uses this client_id and give all workers one token_store. If the"
        " secret was renewed within the last 15 minutes, wait.",
        "请查明还有谁在使用此 client_id，并让所有进程共用一个 token_store。"
        "若密钥在 15 分钟内刚重置，请等待。",
    )
