"""
An inbox in a SQLite file: the shop's own tables may be in the same file.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiosqlite

from umfpay.errors import ConfigError, NotificationError, Text
from umfpay.notifications._deciding import Decision, Expectation, Status
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._store import StoredEvent, Transaction, Work


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS umf_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    object_id TEXT NOT NULL,
    number TEXT,
    state TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    received REAL NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    told INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS umf_events_by_status ON umf_events (status, due);
CREATE INDEX IF NOT EXISTS umf_events_by_number ON umf_events (number);
CREATE TABLE IF NOT EXISTS umf_objects (
    object_id TEXT PRIMARY KEY,
    number TEXT,
    state TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    applied REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS umf_objects_by_number ON umf_objects (number);
CREATE TABLE IF NOT EXISTS umf_expected (
    number TEXT PRIMARY KEY,
    total TEXT NOT NULL,
    currency TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS umf_told AFTER INSERT ON umf_expected BEGIN
    UPDATE umf_events SET status = 'ready', due = 0
    WHERE number = NEW.number AND status = 'held';
END;
"""
# Seconds that a writer waits for another; a gateway waits about as long.
_BUSY: Final = 5.0
_LOOK: Final = 0.25
_PAUSE: Final = 0.02

_log = logging.getLogger("umfpay")
_EVENT: Final = (
    "SELECT e.key, e.body, e.signature, e.attempts, o.state, x.number, x.total,"
    " x.currency, e.reason, e.status FROM umf_events e"
    " LEFT JOIN umf_objects o ON o.object_id = e.object_id"
    " LEFT JOIN umf_expected x ON x.number = e.number "
)
_NEWEST: Final = (
    "INSERT INTO umf_objects"
    " SELECT object_id, number, state, key, body, signature, ? FROM umf_events"
    " WHERE key = ? ON CONFLICT (object_id) DO UPDATE SET number = excluded.number,"
    " state = excluded.state, key = excluded.key, body = excluded.body,"
    " signature = excluded.signature, applied = excluded.applied"
)


class SQLiteStore:
    """
    Two connections: one keeps and reads, the other applies.

    Args:
        path: Of the file; it is made with mode 0600.

    Raises:
        ConfigError: The file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._keeping: aiosqlite.Connection | None = None
        self._applying: aiosqlite.Connection | None = None
        self._lock = asyncio.Lock()
        self._version = -1

    async def open(self) -> None:
        """
        Open the file; make its tables.
        """
        end = asyncio.get_running_loop().time() + _BUSY

        while True:
            try:
                self._make_file()
                self._keeping = await _connect(self._path)
                self._applying = await _connect(self._path)
                await self._keeping.executescript(_SCHEMA)

                return
            # A ValueError: of a path with a null character.
            except (OSError, ValueError, sqlite3.Error) as error:
                await self.aclose()

                # SQLite itself does not wait when several switch a new file to WAL.
                if not _is_busy(error) or asyncio.get_running_loop().time() >= end:
                    raise _unusable(self._path, error) from None
            except BaseException:
                await self.aclose()

                raise

            await asyncio.sleep(_PAUSE)

    def _make_file(self) -> None:
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

    async def add(self, event: NotificationEvent) -> bool:
        """
        Keep *event*; it is on the disk when this returns.
        """
        added = await self._change(
            "INSERT INTO umf_events"
            " (key, object_id, number, state, body, signature, received, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (
                event.key,
                event.object_id,
                event.mer_reference_id,
                event.state,
                event.body,
                event.signature,
                time.time(),
                Status.READY,
            ),
        )

        return added == 1

    async def expect(self, expected: Expectation) -> None:
        """
        Keep an expectation, and make held events ready.
        """
        # One statement: the trigger releases what was held in the same moment.
        await self._change(
            "INSERT OR REPLACE INTO umf_expected VALUES (?, ?, ?)",
            (expected.mer_reference_id, str(expected.total), expected.currency),
        )

    async def due(self, now: float) -> list[str]:
        """
        Return the keys of events that are due.
        """
        rows = await self._rows(
            "SELECT key FROM umf_events WHERE status = ? AND due <= ? ORDER BY position",
            (Status.READY, now),
        )

        return [row[0] for row in rows]

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* inside the transaction that marks the event.
        """
        connection = _open(self._applying)

        # One transaction at a time on one connection.
        async with self._lock, _transaction(connection):
            async with _telling():
                rows = await connection.execute_fetchall(
                    _EVENT + "WHERE e.key = ?", (key,)
                )

            row = next(iter(rows), None)

            if row is None or row[9] != Status.READY:
                return None

            stored = _stored(row)
            decision = await work(stored, Transaction(connection=connection))

            async with _telling():
                await connection.execute(
                    "UPDATE umf_events SET status = ?, reason = ? WHERE key = ?",
                    (decision.status, decision.reason, key),
                )

                if decision.status is Status.APPLIED:
                    await connection.execute(_NEWEST, (time.time(), key))

            return decision

    async def postpone(self, key: str, until: float) -> None:
        """
        Count a failed attempt.
        """
        await self._change(
            "UPDATE umf_events SET attempts = attempts + 1, due = ? WHERE key = ?",
            (until, key),
        )

    async def hasten(self) -> None:
        """
        Make all ready events due.
        """
        await self._change(
            "UPDATE umf_events SET due = 0 WHERE status = ?", (Status.READY,)
        )

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last.
        """
        column = "object_id" if object_id is not None else "number"
        rows = await self._rows(
            f"SELECT key, body, signature, state FROM umf_objects WHERE {column} = ?"  # noqa: S608 (one of two words)
            " ORDER BY applied DESC LIMIT 1",
            (object_id if object_id is not None else mer_reference_id,),
        )

        for key, body, signature, state in rows:
            return StoredEvent(
                key=key, body=body, signature=signature, attempts=0, before=state
            )

        return None

    async def troubles(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return conflicts and wrong amounts.
        """
        return await self._troubles("")

    async def untold(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return those that nobody was told of.
        """
        return await self._troubles(" AND e.told = 0")

    async def _troubles(self, condition: str) -> list[tuple[StoredEvent, Decision]]:
        rows = await self._rows(
            _EVENT + f"WHERE e.status IN (?, ?){condition} ORDER BY e.position",
            (Status.CONFLICT, Status.WRONG_AMOUNT),
        )

        return [(_stored(row), Decision(Status(row[9]), row[8])) for row in rows]

    async def told(self, key: str) -> None:
        """
        Mark a trouble as told.
        """
        await self._change("UPDATE umf_events SET told = 1 WHERE key = ?", (key,))

    async def prune(self, before: float) -> None:
        """
        Remove what was settled long ago.
        """
        await self._change(
            "DELETE FROM umf_events WHERE received < ? AND status IN (?, ?)",
            (before, Status.APPLIED, Status.SAME),
        )

    async def changed(self, seconds: float) -> None:
        """
        Return when another connection has written.
        """
        end = asyncio.get_running_loop().time() + seconds

        while (left := end - asyncio.get_running_loop().time()) > 0:
            rows = await self._rows("PRAGMA data_version", ())
            version = next(iter(rows))[0]
            known, self._version = self._version, version

            if version != known:
                return

            await asyncio.sleep(min(_LOOK, left))

    async def _change(self, statement: str, values: tuple[Any, ...]) -> int:
        async with _telling():
            cursor = await _open(self._keeping).execute(statement, values)

            return int(cursor.rowcount)

    async def _rows(
        self, statement: str, values: tuple[Any, ...]
    ) -> Iterable[sqlite3.Row]:
        async with _telling():
            return await _open(self._keeping).execute_fetchall(statement, values)


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=_BUSY)

    try:
        await connection.execute("PRAGMA journal_mode = WAL")
        # An acknowledged event outlives a power cut.
        await connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        await connection.close()

        raise

    return connection


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)

    # The lower byte: the other one tells details.
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _unusable(path: Path, error: Exception) -> ConfigError:
    # The text of an OSError shows the path once more.
    reason = getattr(error, "strerror", None) or str(error)

    return ConfigError(
        Text(
            f"{path}: the inbox cannot be opened ({reason}).",
            f"{path}：无法打开收件箱（{reason}）。",
        )
    )


def _open(connection: aiosqlite.Connection | None) -> aiosqlite.Connection:
    if connection is None:
        raise _down("it is closed", "已关闭")

    return connection


@asynccontextmanager
async def _transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    try:
        # Inside the try: a BEGIN that is cancelled while it waits begins all the same,
        # in its thread, and would lock the file for everybody.
        async with _telling():
            # Other processes wait, and see either all or nothing.
            await connection.execute("BEGIN IMMEDIATE")

        try:
            yield
        finally:
            if not connection.in_transaction:
                _log.error("a handler ended the inbox's transaction: it must not")

        async with _telling():
            await connection.commit()
    except BaseException:
        await connection.rollback()

        raise


@asynccontextmanager
async def _telling() -> AsyncIterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        # What a handler wrote is refused at the commit: the file is well.
        raise
    except sqlite3.Error as error:
        raise _down(str(error), str(error)) from None


def _down(en: str, zh: str) -> NotificationError:
    return NotificationError(
        Text(f"The inbox cannot be used: {en}.", f"收件箱不可用：{zh}。"),
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Check the disk and"
            " who else writes to the file.",
            "未确认任何通知，网关会重发。请检查磁盘以及是否有其他进程在写该文件。",
        ),
    )


def _stored(row: Any) -> StoredEvent:
    key, body, signature, attempts, before, number, total, currency = tuple(row)[:8]

    return StoredEvent(
        key=key,
        body=body,
        signature=signature,
        attempts=attempts,
        before=before,
        expected=None
        if number is None
        else Expectation(
            mer_reference_id=number, total=Decimal(total), currency=currency
        ),
    )
