"""
Errors of notifications: one constructor for each way in which one is refused.
"""

from __future__ import annotations

from typing import Final

from umfpay.errors._base import Text
from umfpay.errors._files import NotificationBodyError, NotificationSignatureError


_RAW_BODY_ADVICE: Final = Text(
    "Give the body as received: FastAPI `await request.body()`, aiohttp `await"
    " request.read()`, Flask `request.get_data()`, Django `request.body`.",
    "请传入收到的原始内容：FastAPI `await request.body()`、aiohttp `await"
    " request.read()`、Flask `request.get_data()`、Django `request.body`。",
)


def unverified_error(*, unsigned: bool) -> NotificationSignatureError:
    """
    It has no signature, or one that does not verify.
    """
    if unsigned:
        return NotificationSignatureError(
            "The notification is unsigned.", "通知没有签名。"
        )

    return NotificationSignatureError("The notification is forged.", "通知签名无效。")


def two_signatures_error() -> NotificationSignatureError:
    """
    Nobody knows which one counts.
    """
    return NotificationSignatureError(
        "There are two Signature headers.", "存在多个 Signature 请求头。"
    )


def headers_error() -> NotificationSignatureError:
    """
    What was given as headers is none.
    """
    return NotificationSignatureError(
        "headers is neither a mapping nor pairs of names and values.",
        "headers 既不是映射，也不是名称与值的键值对。",
        advice=Text(
            "Give the headers of the request, as the framework has them.",
            "请传入框架提供的请求头。",
        ),
    )


def raw_body_error(given: type) -> NotificationBodyError:
    """
    The body was parsed or decoded.
    """
    return NotificationBodyError(
        f"body is {given.__name__}, not the bytes as received.",
        f"body 是 {given.__name__}，不是收到的原始字节。",
        advice=_RAW_BODY_ADVICE,
    )


def too_long_error() -> NotificationBodyError:
    """
    No notification is that long.
    """
    return NotificationBodyError("The notification is too long.", "通知内容过长。")


def nameless_error() -> NotificationBodyError:
    """
    Nothing in it has an id and a state.
    """
    return NotificationBodyError(
        "The notification names no object or no state.", "通知中缺少对象编号或状态。"
    )


def unreadable_error(reason: str) -> NotificationBodyError:
    """
    It was signed, and is no JSON of the gateway.
    """
    return NotificationBodyError(
        f"The notification cannot be read: {reason}.", f"通知无法读取：{reason}。"
    )
