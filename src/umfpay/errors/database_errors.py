"""
Errors of databases: what went wrong with an address, the tables or a transaction.

*shown* is the address without user and password; *name* is the class and the code of the
driver's error, never its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from umfpay.errors._base import Text
from umfpay.errors._calls import ConfigError
from umfpay.errors._database import (
    CommitUnknownError,
    DatabaseError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
)


_DATABASE: Final = Text("Database", "数据库")
_MAX_DIFFERENCES_SHOWN: Final = 5
_AWAY: Final = (DatabaseUnavailableError, Text("it cannot be used", "无法使用"))
# By the value of `umfpay.sql`'s Failure, or by how far the transaction had come.
_ENDS: Final[Mapping[str, tuple[type[DatabaseError], Text]]] = {
    "lost": _AWAY,
    "unusable": _AWAY,
    "contention": (
        DatabaseTimeoutError,
        Text("others hold what this transaction needs", "其他事务占用了所需数据"),
    ),
    "tables": (
        DatabaseTablesError,
        Text(
            "a table of umfpay is missing or of another version",
            "umfpay 的表缺失或版本不同",
        ),
    ),
    "unclear": (
        CommitUnknownError,
        Text("the answer to a commit was lost", "提交的应答丢失"),
    ),
    "not begun": (
        DatabaseUnavailableError,
        Text("no transaction could begin in time", "未能及时开始事务"),
    ),
    "not ended": (
        DatabaseTimeoutError,
        Text("a transaction did not end in time", "事务未及时结束"),
    ),
    "option": (
        DatabaseError,
        Text(
            "the driver does not take an option of the URL; for PostgreSQL write ssl="
            " in place of sslmode=, and give others with an AsyncEngine of your own",
            "驱动不接受 URL 中的选项；PostgreSQL 请用 ssl= 代替 sslmode=，"
            "其他选项请通过自建的 AsyncEngine 传入",
        ),
    ),
    "refused": (DatabaseError, Text("the database refuses", "数据库拒绝操作")),
}


def transaction_error(end: str, shown: str, name: str) -> DatabaseError:
    """
    Return the error of a transaction that ended as *end* says.
    """
    kind, (en, zh) = _ENDS[end]

    return kind(f"{shown}: {en} ({name}).", f"{shown}：{zh}（{name}）。")


def ended_error() -> DatabaseError:
    """
    Return the error of a transaction that was ended from inside.
    """
    return DatabaseError(
        "The transaction was ended from inside: commit, rollback and close are not for"
        " what runs in it, nor what MySQL commits by itself (CREATE, ALTER, DROP).",
        "事务在内部被结束：其中的代码不得提交、回滚或关闭连接，"
        "也不得执行 MySQL 会自动提交的语句（CREATE、ALTER、DROP）。",
        advice=Text(
            "Nothing was kept. Leave the end of the transaction to umfpay; use a"
            " savepoint (begin_nested) where a part may fail.",
            "未保存任何内容。请由 umfpay 结束事务；若部分操作可能失败，"
            "请使用保存点（begin_nested）。",
        ),
    )


def replaced_file_error(shown: str) -> DatabaseUnavailableError:
    """
    Return the error of a file that others have removed or put another one in its place.
    """
    return DatabaseUnavailableError(
        f"{shown}: the file was removed or replaced while it was open.",
        f"{shown}：文件在打开期间被删除或替换。",
        advice=Text(
            "Nothing was kept. Put the file back, and start the process again.",
            "未保存任何内容。请恢复该文件并重新启动进程。",
        ),
    )


def tables_error(shown: str, found: Iterable[str]) -> DatabaseTablesError:
    """
    Return the error of tables that differ; *found* names them and their columns.
    """
    names = [*found]
    shown_names = ", ".join(names[:_MAX_DIFFERENCES_SHOWN])

    if len(names) > _MAX_DIFFERENCES_SHOWN:
        shown_names += ", ..."

    return DatabaseTablesError(
        f"{shown}: tables of umfpay are missing or of another version: {shown_names}.",
        f"{shown}：umfpay 的表缺失或版本不同：{shown_names}。",
    )


def too_long_error(found: int, limit: int) -> DatabaseError:
    """
    Return the error of a text that its column cannot hold; both in characters.
    """
    return DatabaseError(
        f"A value of {found} characters does not fit into a column of {limit}, or holds a"
        " null character.",
        f"长度为 {found} 的值超出列长度 {limit}，或包含空字符。",
    )


def place_type_error(kind: type) -> ConfigError:
    """
    Return the error of a place that is none.
    """
    return ConfigError.of(
        _DATABASE,
        f"a URL, a path or an AsyncEngine is wanted, not {kind.__name__}",
        f"应为 URL、路径或 AsyncEngine，而不是 {kind.__name__}",
    )


def empty_path_error() -> ConfigError:
    """
    Return the error of a path without a character.
    """
    return ConfigError.of(_DATABASE, "the path is empty", "路径为空")


def memory_error() -> ConfigError:
    """
    Return the error of a SQLite database without a file.
    """
    return ConfigError.of(
        _DATABASE,
        "a SQLite database in memory is lost with its process; give a file",
        "内存中的 SQLite 数据库会随进程丢失；请指定文件",
    )


def url_error() -> ConfigError:
    """
    Return the error of a URL that cannot be read.
    """
    return ConfigError.of(
        _DATABASE,
        "it is no URL of a database: dialect+driver://user:password@host/name;"
        " in user and password @ : / are written %40 %3A %2F",
        "不是有效的数据库 URL：方言+驱动://用户:密码@主机/库；"
        "用户和密码中的 @ : / 应写作 %40 %3A %2F",
    )


def unknown_dialect_error(known: Iterable[str]) -> ConfigError:
    """
    Return the error of a kind of database that is not supported; *known* are.
    """
    urls = ", ".join(known)

    return ConfigError.of(
        _DATABASE,
        "this kind of database is not supported",
        "不支持此类数据库",
        advice=Text(
            f"Give one of {urls}, or the path of a SQLite file.",
            f"请使用 {urls} 之一，或 SQLite 文件的路径。",
        ),
    )


def wrong_driver_error(dialect: str, driver: str, extra: str) -> ConfigError:
    """
    Return the error of a URL without the *driver* that *dialect* is used by.
    """
    return ConfigError.of(
        _DATABASE,
        f"{dialect} is used by the driver {driver}",
        f"{dialect} 需使用驱动 {driver}",
        advice=Text(
            f'Write {dialect}+{driver}://, and install it: pip install "umfpay[{extra}]".',
            f'请写作 {dialect}+{driver}://，并安装：pip install "umfpay[{extra}]"。',
        ),
    )
