"""
Errors of the merchant's own database.
"""

from __future__ import annotations

from typing import ClassVar

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


class CommitUnknownError(DatabaseError):
    """
    Raised when a commit was sent and its answer was lost: kept entirely, or not at all.
    """

    default_advice: ClassVar[Text] = Text(
        "Look into the database before you do it again.",
        "请先查看数据库，再决定是否重做。",
    )
