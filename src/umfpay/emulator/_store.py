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
    UNIQUE (kind, id)
);
"""

KEPT_REQUESTS: Final = 1000

Document = dict[str, Any]


class Store:
    """
    Documents by kind and id, in the order they came.

    Raises:
        ConfigError: The file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as exc:
            raise ConfigError(
                Text(
                    f"{path}: the emulator's data cannot be used ({exc}).",
                    f"{path}：无法使用模拟器数据（{exc}）。",
                )
            ) from exc

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
        """
        self._connection.execute(
            "INSERT INTO documents (kind, id, data) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data",
            (kind, key, json.dumps(document, ensure_ascii=False, default=str)),
        )

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

    def log(self, kind: str, key: str, document: Document) -> None:
        """
        Keep *document*, and only the newest `KEPT_REQUESTS` of its kind.
        """
        self.put(kind, key, document)
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND position <="
            " (SELECT MAX(position) FROM documents) - ?",
            (kind, 10 * KEPT_REQUESTS),
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
