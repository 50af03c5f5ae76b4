"""
Errors of the journal: one constructor for each thing that it refuses.
"""

from __future__ import annotations

from umfpay.errors._base import Text
from umfpay.errors._calls import ConfigError
from umfpay.errors._database import JournalError


def no_session_error() -> ConfigError:
    """
    Whose rows they are is not known yet.
    """
    return ConfigError(
        "Journal: it belongs to no session yet: UMFSession(config, journal=...).",
        "日志尚未关联会话：请使用 UMFSession(config, journal=...)。",
    )


def other_merchant_error() -> ConfigError:
    """
    It has a merchant already.
    """
    return ConfigError(
        "Journal: it belongs to another merchant's session; make one for each"
        " merchant, on the same database if you like.",
        "日志已关联其他商户的会话；请为每个商户各建一个（可使用同一数据库）。",
    )


def no_reason_error() -> ConfigError:
    """
    A person decides and does not say why.
    """
    return ConfigError("A reason is needed.", "必须填写原因。")


def undecidable_error(position: int) -> ConfigError:
    """
    A person decides about a row that is not there, not open, or its sender's.
    """
    return ConfigError(
        f"row {position}: there is none of this merchant, it has ended, or is being sent"
        " just now.",
        f"第 {position} 行：该商户没有此记录，或已结束，或正在发送。",
        advice=Text(
            f"Look at it: umfpay journal show {position}. What is being sent may be decided"
            " when its deadline and 15 seconds are over.",
            f"请用 umfpay journal show {position} 查看。正在发送的记录，"
            "须等其截止时间再过 15 秒后才能处理。",
        ),
    )


def executed_error(position: int) -> ConfigError:
    """
    The intent of what was carried out would be given back by mistake.
    """
    return ConfigError(
        f"row {position} was carried out: with its intent free it could be carried out"
        " a second time.",
        f"第 {position} 行已执行：释放其意图后，可能会被再次执行。",
        advice=Text(
            "Give --executed if it is to be free all the same.",
            "如仍要释放，请加上 --executed。",
        ),
    )


def not_sent_error(name: str, why: Text) -> JournalError:
    """
    The call *name* cannot be written down.
    """
    return JournalError(
        f"{name} is not sent, for it cannot be written down: {why.en}",
        f"{name} 未发送，因无法写入日志：{why.zh}",
    )


def no_row(intent_id: str) -> Text:
    """
    Say that the row that `Journal.begin()` wrote is not there.
    """
    return Text(
        f"no recorded row of {intent_id!r} is to be seen: its transaction is not"
        " committed, or it was sent or given up",
        f"找不到 {intent_id!r} 的已登记记录：其事务尚未提交，或已被发送或放弃",
    )


def disputed_error(name: str, intent_id: str) -> JournalError:
    """
    Several calls take the same intent and give it back.
    """
    return JournalError(
        f"{name}: the intent {intent_id!r} is disputed; try again.",
        f"{name}：意图 {intent_id!r} 存在争用，请重试。",
    )
