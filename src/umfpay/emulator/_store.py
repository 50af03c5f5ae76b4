"""
What the emulator remembers: documents in SQLite, in a file or in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from umfpay.errors import ConfigError, Text


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    due REAL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS by_kind ON documents (kind, position);
CREATE INDEX IF NOT EXISTS by_due ON documents (kind, due) WHERE due IS NOT NULL;
"""

KEPT: Final = 1000
DUE: Final = ("expires_at", "settles_at", "papers_due")

Document = dict[str, Any]


class Store:
    """
    Documents by kind and id, in the order they came.

    Raises:
        ConfigError: The file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        connection: sqlite3.Connection | None = None

        try:
            if path is not None:
                # SQLite gives the files next to it the same mode.
                path.touch(mode=0o600)

            connection = sqlite3.connect(
                ":memory:" if path is None else path,
                isolation_level=None,
                # One loop uses it, which may run in another thread than the maker's.
                check_same_thread=False,
                timeout=0.5,
            )
            # Two emulators in one folder would give tokens behind each other's back.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as exc:
            if connection is not None:
                connection.close()

            raise ConfigError(
                Text(
                    f"{path}: the emulator's data cannot be used ({exc}).",
                    f"{path}：无法使用模拟器数据（{exc}）。",
                )
            ) from exc

        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Keep all that is put inside, or nothing when it fails.
        """
        self._connection.execute("BEGIN")

        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

        self._connection.execute("COMMIT")

    def put(self, kind: str, key: str, document: Document) -> None:
        """
        Keep *document*, in the place it had.

        The earliest of its `DUE` members is when something happens to it by itself.
        """
        data = json.dumps(document, ensure_ascii=False, default=str)
        due = min((document[name] for name in DUE if name in document), default=None)
        self._connection.execute(
            "INSERT INTO documents (kind, id, data, due) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE"
            " SET data = excluded.data, due = excluded.due",
            (kind, key, data, due),
        )

    def remove(self, kind: str, key: str) -> None:
        """
        Forget a document, if there is one.
        """
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND id = ?", (kind, key)
        )

    def due(self, kind: str, now: float) -> list[Document]:
        """
        Return the documents of *kind* to which something happens by *now*.
        """
        rows = self._connection.execute(
            "SELECT data FROM documents WHERE kind = ? AND due <= ? ORDER BY due",
            (kind, now),
        )

        return [json.loads(row[0]) for row in rows]

    def next_due(self) -> float | None:
        """
        Return when something happens by itself next, whatever the kind.
        """
        row = self._connection.execute(
            "SELECT min(due) FROM documents WHERE due IS NOT NULL"
        ).fetchone()

        return None if row[0] is None else float(row[0])

    def get(self, kind: str, key: str) -> Document | None:
        """
        Return a document, or None.
        """
        row = self._connection.execute(
            "SELECT data FROM documents WHERE kind = ? AND id = ?", (kind, key)
        ).fetchone()

        return None if row is None else json.loads(row[0])

    def all(self, kind: str) -> list[Document]:
        """
        Return all documents of *kind*, oldest first.
        """
        rows = self._connection.execute(
            "SELECT data FROM documents WHERE kind = ? ORDER BY position", (kind,)
        )

        return [json.loads(row[0]) for row in rows]

    def newest(self, kind: str, count: int) -> list[Document]:
        """
        Return the newest documents of *kind*, newest first.
        """
        rows = self._connection.execute(
            "SELECT data FROM documents WHERE kind = ? ORDER BY position DESC LIMIT ?",
            (kind, count),
        )

        return [json.loads(row[0]) for row in rows]

    def log(self, kind: str, key: str, document: Document) -> None:
        """
        Keep *document*, and only the newest `KEPT` of its kind.
        """
        self.put(kind, key, document)
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND position <="
            " (SELECT position FROM documents WHERE kind = ?"
            " ORDER BY position DESC LIMIT 1 OFFSET ?)",
            (kind, kind, KEPT),
        )

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._connection.execute("DELETE FROM documents")

    def close(self) -> None:
        """
        Close the file.
        """
        self._connection.close()
