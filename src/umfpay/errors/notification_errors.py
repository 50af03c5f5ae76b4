"""
Errors of notifications and of their inbox: one constructor for each refusal.
"""

from __future__ import annotations

from typing import Final

from umfpay.errors._base import Text
from umfpay.errors._calls import ConfigError
from umfpay.errors._database import DatabaseUnavailableError
from umfpay.errors._files import (
    NotificationBodyError,
    NotificationError,
    NotificationSignatureError,
)


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


def closed_error() -> NotificationError:
    """
    The inbox is not open.
    """
    return NotificationError("The inbox is closed.", "收件箱已关闭。")


def open_already_error() -> ConfigError:
    """
    It would be opened twice.
    """
    return ConfigError.of(
        "inbox",
        "it is open already; one inbox is opened once",
        "已经打开；同一收件箱只能打开一次",
    )


def full_error() -> NotificationError:
    """
    Strangers have sent too much.
    """
    return NotificationError(
        "Too many events are held, and this one names no order or id that is known.",
        "暂存的事件过多，且该事件未涉及任何已知的订单或编号。",
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Look at inbox.held(),"
            " and dismiss what is not yours.",
            "未确认任何通知，网关会重发。请查看 inbox.held()，并忽略与您无关的事件。",
        ),
    )


def no_event_error() -> NotificationError:
    """
    No event with an object has that key.
    """
    return NotificationError(
        "There is no such event, or it names no object.",
        "没有该事件，或其中没有对象编号。",
        advice=Text(
            "List what waits: `umfpay inbox list`, or inbox.held() and its like.",
            "请用 `umfpay inbox list`，或 inbox.held() 等方法查看等待中的事件。",
        ),
    )


def not_expected_error() -> NotificationError:
    """
    A payment is released whose order nobody knows.
    """
    return NotificationError(
        "Its order is not expected.",
        "该订单未登记。",
        advice=Text(
            "Tell the inbox what was ordered: inbox.expect(number, amount=...,"
            " payment_id=...).",
            "请先告知收件箱订单内容：inbox.expect(单号, amount=..., payment_id=...)。",
        ),
    )


def not_stored_error(failure: type[Exception]) -> DatabaseUnavailableError:
    """
    The shop's own connection has failed in that way.
    """
    return DatabaseUnavailableError(
        f"A notification could not be stored: {failure.__name__}.",
        f"通知无法保存：{failure.__name__}。",
    )


def too_slow_error(seconds: float) -> NotificationError:
    """
    A handler was stopped after that time.
    """
    return NotificationError(
        f"A handler did not end within {seconds:g} s and was stopped.",
        f"处理函数未在 {seconds:g} 秒内结束，已被中止。",
        advice=Text(
            "Nothing was kept, and it is tried again. Let it write through its"
            " transaction only: a second connection waits for the rows that the first"
            " has changed. Or give a longer handler_timeout.",
            "未保存任何内容，稍后重试。处理函数应只通过其事务写入："
            "另一个连接会等待本事务已修改的行。也可加大 handler_timeout。",
        ),
    )
