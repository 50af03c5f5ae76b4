"""
Errors of the merchant's own database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from umfpay.errors._base import Text, UMFError


class DatabaseError(UMFError):
    """
    Raised when the merchant's database does not do what it is asked for.

    It names the error of the driver, never its text: that may hold a password.
    """

    default_advice: ClassVar[Text] = Text(
        "Nothing was kept. Look into the log of the database.",
        "未保存任何内容。请查看数据库日志。",
    )


class DatabaseUnavailableError(DatabaseError):
    """
    Raised when the database cannot be reached or used; nothing was kept.
    """

    default_advice: ClassVar[Text] = Text(
        "Nothing was kept. Look whether it runs, and at its address, user, rights and"
        " disk.",
        "未保存任何内容。请检查数据库是否运行，以及地址、用户、权限和磁盘。",
    )


class DatabaseTimeoutError(DatabaseError):
    """
    Raised when a transaction did not end in time; nothing was kept.
    """

    default_advice: ClassVar[Text] = Text(
        "Nothing was kept. Look for what holds locks or waits inside a transaction, or"
        " give a longer timeout.",
        "未保存任何内容。请检查是否有事务持有锁或在事务中等待，或加大超时时间。",
    )


class DatabaseTablesError(DatabaseError):
    """
    Raised when tables of umfpay are missing, or are of another version.
    """

    default_advice: ClassVar[Text] = Text(
        "Make them: umfpay tables create --url ..., or by your own migrations (Alembic).",
        "请创建：umfpay tables create --url ...，或使用您自己的迁移工具（Alembic）。",
    )


class JournalError(UMFError):
    """
    Raised when a call cannot be written down, and so was not sent.
    """

    default_advice: ClassVar[Text] = Text(
        "Nothing was sent. Look at the database of the journal, and make the call again.",
        "未发送任何请求。请检查日志所在数据库后重新调用。",
    )


class DuplicateIntentError(JournalError):
    """
    Raised when the same intent is under way, or was carried out; nothing was sent now.

    Attributes:
        intent_id: What is taken.
        row: Number of the first one's row: ``umfpay journal show``.
        state: Of the first one: ``recorded``, ``sending``, ``unknown`` or ``ended``.
        outcome: ``executed`` if it was carried out, None if it is open.
        at: When it was written down.
        payment_id: Of the first one, if it is known.
        mer_reference_id: Of the first one, if it has one.
        object_id: What its answer named: a payment, a refund.
    """

    default_advice: ClassVar[Text] = Text(
        "Wait for the end of the first one, or ask for it; do not start it under another"
        " name. If nobody knows its end, take_over=True repeats it.",
        "请等待或查询首次请求的结果，请勿换名重新发起。"
        "若其结果无法确定，可用 take_over=True 重复。",
    )

    intent_id: str
    row: int
    state: str
    outcome: str | None
    at: datetime | None
    payment_id: str | None
    mer_reference_id: str | None
    object_id: str | None

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        first: Any,  # a `JournalEntry`
        money_may_have_moved: bool = False,
        advice: Text | None = None,
    ) -> None:
        super().__init__(
            en, zh, advice=advice, money_may_have_moved=money_may_have_moved
        )
        self.intent_id = first.intent_id
        self.row = first.position
        self.state = str(first.state)
        self.outcome = None if first.outcome is None else str(first.outcome)
        self.at = first.created_at
        self.payment_id = first.payment_id
        self.mer_reference_id = first.mer_reference_id
        self.object_id = first.object_id


class CommitUnknownError(DatabaseError):
    """
    Raised when a commit was sent and its answer was lost: kept entirely, or not at all.
    """

    default_advice: ClassVar[Text] = Text(
        "Look into the database before you do it again.",
        "请先查看数据库，再决定是否重做。",
    )
