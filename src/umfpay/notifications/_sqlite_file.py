"""
The connection to a SQLite inbox: one writer at a time, busy and broken files.

Writers of this process wait for each other without blocking a thread, so that reading
goes on; other processes are asked for the file again and again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from umfpay.errors import ConfigError, NotificationError, Text
from umfpay.notifications._sqlite_statements import SCHEMA, SELECT_COLUMNS, TABLE_NAMES


# Seconds: SQLite itself waits that long in its thread, and reading waits behind it.
_BUSY_TIMEOUT_SECONDS: Final = 0.1
_RETRY_PAUSE_SECONDS: Final = 0.02
# After a transaction that took longer, others come first.
_LONG_TRANSACTION_SECONDS: Final = 0.1

_DAMAGE_CODES: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGE_ADVICE: Final = Text(
    "If it is the path of another file, correct it. If it is the inbox, keep the file:"
    " what it holds was acknowledged, and the gateway does not send it again. Restore it"
    " from a copy, or with sqlite3's .recover; if neither can be done, begin a new file,"
    " and query the payments and refunds that were open.",
    "若路径指向其他文件，请更正。若确为收件箱，请保留该文件：其中的通知已应答，"
    "网关不会再次发送。请从备份恢复，或使用 sqlite3 的 .recover；若都不可行，"
    "请新建文件，并查询所有未完结的支付和退款。",
)
_PATH_ADVICE: Final = Text(
    "Look at the path, its folder and the permissions, and at the disk.",
    "请检查路径、所在文件夹、权限以及磁盘。",
)
_LOCKED_ADVICE: Final = Text(
    "Another program keeps the file locked: find and end it, or correct the path.",
    "另一个程序一直锁定该文件：请找到并结束它，或更正路径。",
)

_T = TypeVar("_T")
_log = logging.getLogger("umfpay")


class SQLiteFile:
    """
    Two connections: one keeps and reads, the other applies.

    Args:
        path: Of the file; it is made with mode 0600.
        patience: Seconds that a writer waits for the others.
    """

    def __init__(self, path: str | os.PathLike[str], *, patience: float) -> None:
        self._path = Path(path)
        self._patience = patience
        self._keeping: aiosqlite.Connection | None = None
        self._applying: aiosqlite.Connection | None = None
        self._place = self._path
        self._identity = (0, 0)
        self._turn = asyncio.Lock()
        self._writer: asyncio.Task[Any] | None = None
        self._others_first = False

    async def open(self) -> None:
        """
        Open the file; make its tables.

        Raises:
            ConfigError: The file cannot be used.
        """
        try:
            # SQLite itself does not wait when several switch a new file to WAL.
            await self._retry_while_busy(self._connect)
        # A ValueError: of a path with a null character.
        except (OSError, ValueError, sqlite3.Error) as error:
            raise _unusable_error(self._path, error) from None

    async def _connect(self) -> None:
        try:
            self._make()
            self._keeping = await _connect(self._path)
            self._applying = await _connect(self._path)
            await self._keeping.executescript(SCHEMA)
            await self._check_tables(self._keeping)
            # The process may change its folder later.
            self._place = self._path.absolute()
            self._identity = _identity(self._place)
        except BaseException:
            await self.aclose()

            raise

    @staticmethod
    async def _check_tables(connection: aiosqlite.Connection) -> None:
        # Those of another version of this package, or of the shop, are refused here, not
        # when money is waiting.
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(SCHEMA)
            wanted = {
                one: model.execute(SELECT_COLUMNS, (one,)).fetchall()
                for one in TABLE_NAMES
            }

        for table, columns in wanted.items():
            found = await connection.execute_fetchall(SELECT_COLUMNS, (table,))

            if list(found) != columns:
                raise sqlite3.DatabaseError(f"its table {table} has other columns")

    def _make(self) -> None:
        # aiosqlite would leave a thread behind for a moment.
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

        self._path.touch(mode=0o600, exist_ok=True)

    async def aclose(self) -> None:
        """
        Close the file.
        """
        connections = (self._keeping, self._applying)
        self._keeping = self._applying = None

        for connection in connections:
            if connection is not None:
                await connection.close()

    async def rows(
        self, statement: str, values: tuple[Any, ...]
    ) -> Iterable[sqlite3.Row]:
        """
        Return what *statement* finds; nobody is waited for.

        Raises:
            NotificationError: The file is down.
        """
        async with translate_errors():
            connection = _open(self._keeping)
            self._must_be_there()

            return await connection.execute_fetchall(statement, values)

    async def change(self, statement: str, values: tuple[Any, ...]) -> int:
        """
        Execute *statement*, and return how many rows it has changed: on the disk then.

        Raises:
            NotificationError: The file is down, or others kept it too long.
        """
        async with self._writing(), translate_errors():
            connection = _open(self._keeping)
            self._must_be_there()
            cursor = await self._retry_while_busy(
                lambda: connection.execute(statement, values)
            )

            return int(cursor.rowcount)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """
        Be the only writer; commit at the end, or roll back what raises.

        Raises:
            NotificationError: The file is down, or others kept it too long.
        """
        if self._others_first:
            # Another process that waits looks more often than that.
            await asyncio.sleep(_RETRY_PAUSE_SECONDS + _BUSY_TIMEOUT_SECONDS)

        async with self._writing():
            begun = asyncio.get_running_loop().time()

            try:
                async with self._transaction() as connection:
                    yield connection
            finally:
                took = asyncio.get_running_loop().time() - begun
                self._others_first = took > _LONG_TRANSACTION_SECONDS

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        connection = _open(self._applying)
        self._must_be_there()

        try:
            # Inside the try: a BEGIN that is cancelled while it waits begins all the
            # same, in its thread, and would lock the file for everybody.
            async with translate_errors():
                # From the start: what a handler reads stays true until it commits.
                await self._retry_while_busy(
                    lambda: connection.execute("BEGIN IMMEDIATE")
                )

            try:
                yield connection
            finally:
                if not connection.in_transaction:
                    _log.error("a handler ended the inbox's transaction: it must not")

            async with translate_errors():
                await connection.commit()
        except BaseException:
            await connection.rollback()

            raise

    def _must_be_there(self) -> None:
        """
        Refuse to write into a file that has lost its name: it is gone with the process.
        """
        try:
            found = _identity(self._place)
        except FileNotFoundError:
            found = None
        except OSError:
            # A process that gave up its rights may not look, and may write all the same.
            return

        if found != self._identity:
            raise unusable_file_error(
                "its file was removed or replaced while it was open",
                "文件在打开期间被删除或替换",
            )

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        if self._writer is not None and self._writer is asyncio.current_task():
            raise unusable_file_error(
                "a handler writes through its transaction only",
                "处理函数只能通过其事务写入",
            )

        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise unusable_file_error(
                "a handler does not end", "处理函数未结束"
            ) from None

        self._writer = asyncio.current_task()

        try:
            yield
        finally:
            self._writer = None
            self._turn.release()

    async def _retry_while_busy(self, act: Callable[[], Awaitable[_T]]) -> _T:
        end = asyncio.get_running_loop().time() + self._patience

        while True:
            try:
                return await act()
            except sqlite3.Error as error:
                if not _is_busy(error) or asyncio.get_running_loop().time() >= end:
                    raise

            await asyncio.sleep(_RETRY_PAUSE_SECONDS)


async def _connect(path: Path) -> aiosqlite.Connection:
    # A thread in older versions of aiosqlite, in newer ones it has one.
    connecting: Any = aiosqlite.connect(
        path, isolation_level=None, timeout=_BUSY_TIMEOUT_SECONDS
    )
    # A start that fails elsewhere ends the process, though nobody closes the file.
    getattr(connecting, "_thread", connecting).daemon = True
    connection: aiosqlite.Connection = await connecting

    try:
        await connection.execute("PRAGMA journal_mode = WAL")
        # An acknowledged event outlives a power cut.
        await connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        await connection.close()

        raise

    return connection


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()

    return found.st_dev, found.st_ino


def _open(connection: aiosqlite.Connection | None) -> aiosqlite.Connection:
    if connection is None:
        raise unusable_file_error("it is closed", "已关闭")

    return connection


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)

    # The lower byte: the other one tells details.
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _unusable_error(path: Path, error: Exception) -> ConfigError:
    # The text of an OSError shows the path once more.
    reason = getattr(error, "strerror", None) or str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    advice = _DAMAGE_ADVICE if code in _DAMAGE_CODES else _PATH_ADVICE

    return ConfigError(
        f"{path}: the inbox cannot be opened ({reason}).",
        f"{path}：无法打开收件箱（{reason}）。",
        advice=_LOCKED_ADVICE if _is_busy(error) else advice,
    )


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """
    Tell what SQLite cannot do as a `NotificationError`.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        # What a handler wrote is refused at the commit: the file is well.
        raise
    except sqlite3.Error as error:
        raise unusable_file_error(str(error), str(error)) from None


def unusable_file_error(en: str, zh: str) -> NotificationError:
    """
    Return the error of a file that cannot be used, and why.
    """
    return NotificationError(
        f"The inbox cannot be used: {en}.",
        f"收件箱不可用：{zh}。",
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Check the disk and"
            " who else writes to the file.",
            "未确认任何通知，网关会重发。请检查磁盘以及是否有其他进程在写该文件。",
        ),
    )
