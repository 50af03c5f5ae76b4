"""
What the emulator remembers: documents in SQLite, in a file or in memory.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, get_args

from umfpay.errors import ConfigError, Text


_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    due REAL,
    about TEXT,
    merchant TEXT,
    listed_on TEXT,
    listed_on_rank INTEGER,
    paid_out_on TEXT,
    paid_out_on_rank INTEGER,
    net INTEGER,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS by_kind ON documents (kind, position);
CREATE INDEX IF NOT EXISTS by_due ON documents (kind, due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_next ON documents (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_about ON documents (kind, about, position)
    WHERE about IS NOT NULL;
CREATE TABLE IF NOT EXISTS days (
    kind TEXT NOT NULL,
    merchant TEXT NOT NULL,
    basis TEXT NOT NULL,
    day TEXT NOT NULL,
    count INTEGER NOT NULL,
    net INTEGER NOT NULL,
    PRIMARY KEY (kind, merchant, basis, day)
) WITHOUT ROWID;
"""

Basis = Literal["listed_on", "paid_out_on"]
"""
What puts a document on a day: a statement list or file of it, or the money's way.
"""

_DAY_BASES: Final[tuple[Basis, ...]] = get_args(Basis)


def _counting_triggers(basis: Basis) -> str:
    """
    Return the index of a basis, and what counts and ranks its days as documents change.

    The entries of a day have the ranks 1, 2, 3 in the order in which they came to it: a
    page is found without the pages before it.
    """

    def count(row: str, sign: str) -> str:
        return f"""
            INSERT INTO days SELECT {row}.kind, {row}.merchant, '{basis}', {row}.{basis},
                {sign}1, {sign}coalesce({row}.net, 0) WHERE {row}.{basis} IS NOT NULL
            ON CONFLICT DO UPDATE
                SET count = count + excluded.count, net = net + excluded.net;
        """  # noqa: S608 (our own words)

    def here(row: str) -> str:
        return f"kind = {row}.kind AND merchant = {row}.merchant"

    enter = f"""
        UPDATE documents SET {basis}_rank = (
            SELECT count FROM days
            WHERE {here("new")} AND basis = '{basis}' AND day = new.{basis}
        ) WHERE position = new.position;
    """  # noqa: S608 (our own words)
    leave = f"""
        UPDATE documents SET {basis}_rank = {basis}_rank - 1
        WHERE {here("old")} AND {basis} = old.{basis}
            AND {basis}_rank > old.{basis}_rank;
    """  # noqa: S608 (our own words)

    return f"""
        CREATE INDEX IF NOT EXISTS by_{basis}
            ON documents (kind, merchant, {basis}, {basis}_rank)
            WHERE {basis} IS NOT NULL;
        CREATE TRIGGER IF NOT EXISTS {basis}_added AFTER INSERT ON documents
            WHEN new.{basis} IS NOT NULL BEGIN {count("new", "")} {enter} END;
        CREATE TRIGGER IF NOT EXISTS {basis}_gone AFTER DELETE ON documents
            WHEN old.{basis} IS NOT NULL BEGIN {count("old", "-")} {leave} END;
        CREATE TRIGGER IF NOT EXISTS {basis}_moved AFTER UPDATE ON documents
            WHEN old.{basis} IS NOT new.{basis}
            BEGIN {count("old", "-")} {count("new", "")} {leave} {enter} END;
        CREATE TRIGGER IF NOT EXISTS {basis}_net AFTER UPDATE ON documents
            WHEN old.{basis} IS new.{basis} AND old.net IS NOT new.net
            BEGIN {count("old", "-")} {count("new", "")} END;
    """


_BEFORE_CONDITION: Final = (
    "AND position < (SELECT position FROM documents WHERE kind = ? AND id = ?)"
)
MAX_LOGGED_DOCUMENTS: Final = 1000
DUE_MEMBERS: Final = ("expires_at", "settles_at", "papers_due")
ABOUT_MEMBERS: Final = ("about", "payment", "object")

# A damaged document is found at the start.
_MEMBER_TYPES: Final[Mapping[str, Mapping[str, type | tuple[type, ...]]]] = {
    "clock": {"offset": (int, float)},
    "customs": {
        "id": str, "merchant": str, "payment": str, "sub_id": str, "state": str,
        "body": dict, "notify_url": str,
    },
    "declaration_only": {"merchant": str, "reference": str, "trace": str, "again": int},
    "enterprise": {
        "id": str, "merchant": str, "external_enterprise_id": str, "busi_type": str,
        "enterprise_status": str, "rank": str,
    },
    "notification": {
        "number": int, "kind": str, "object": str, "state": str, "url": str,
        "body": str, "signature": str, "attempts": list, "status": str,
    },
    "paid": {"payment": str},
    "papers": {"id": str, "name": str, "payment": str, "status": str},
    "payment": {
        "id": str, "merchant": str, "trace": str, "state": str, "method": str,
        "interface": str, "business": str, "bank_code": str, "phone": str,
        "order": dict, "total": str, "currency": str, "rate": str, "total_cny": str,
        "notify_url": str, "ret_url": str, "created_at": (int, float),
        "sms_count": int, "refunded": str, "refunded_cny": str, "timeline": list,
    },
    "refund": {
        "id": str, "merchant": str, "payment": str, "reference": str, "mer_date": str,
        "order_date": str, "total": str, "currency": str, "total_cny": str,
        "notify_url": str, "state": str,
    },
    "refund_number": {"refund": str},
    "request": {"number": int, "method": str, "path": str, "headers": dict},
    "salt": {"hex": str},
    "series": {"last": int},
    "token": {
        "digest": str, "until": (int, float), "number": int, "merchant": str, "by": str,
    },
    "trace": {"payment": str},
}  # fmt: skip

Document = dict[str, Any]


class Store:
    """
    Documents by kind and id, in the order they came.

    Raises:
        ConfigError: The file cannot be used, is damaged, or another emulator uses it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
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
            connection.executescript(
                _SCHEMA + "".join(map(_counting_triggers, _DAY_BASES))
            )

            if path is not None:
                _must_be_whole(connection)
        except (OSError, sqlite3.Error, ValueError, TypeError, RecursionError) as exc:
            if connection is not None:
                connection.close()

            raise self.unusable(exc) from exc

        self._connection = connection
        # Who needs only the keys of an emulator closes nothing, and would be warned.
        weakref.finalize(self, connection.close)

    def unusable(self, exc: Exception) -> ConfigError:
        """
        Return what to say when *exc* keeps the emulator from its books.

        What comes neither from the system nor from SQLite is taken for damage.
        """
        code = getattr(exc, "sqlite_errorcode", None)
        kind = None if code is None else code & 0xFF  # the rest is detail

        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ConfigError.of(
                self._path,
                "another emulator uses this folder",
                "另一个模拟器正在使用此目录",
                advice=Text(
                    "End it, or take another --data.", "请结束它，或更换 --data。"
                ),
            )

        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or not isinstance(
            exc, OSError | sqlite3.Error
        ):
            return ConfigError.of(
                self._path,
                "the emulator's data cannot be used, it is damaged",
                "无法使用模拟器数据，文件已损坏",
                advice=Text(
                    "Take another --data, or delete this file and the payments in it.",
                    "请更换 --data，或删除此文件（其中的支付也将丢失）。",
                ),
            )

        return ConfigError.of(
            self._path,
            f"the emulator's data cannot be used ({exc})",
            f"无法使用模拟器数据（{exc}）",
            advice=Text(
                "Look at the disk and the permissions, or take another --data.",
                "请检查磁盘和权限，或更换 --data。",
            ),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Keep all that is put inside, or nothing when it fails.
        """
        self._connection.execute("BEGIN")

        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite may have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

            raise

    def put(self, kind: str, key: str, document: Document) -> None:
        """
        Keep *document*, in the place it had.

        The earliest of its `DUE_MEMBERS` members is when something happens to it by itself; by
        the first of its `ABOUT_MEMBERS` members it is found with `about`; ``merchant``,
        ``listed_on``, ``paid_out_on`` and ``net_cents`` make it an entry of a day.
        """
        data = json.dumps(document, ensure_ascii=False, default=str)
        due = min(
            (document[name] for name in DUE_MEMBERS if name in document), default=None
        )
        about = next(
            (document[name] for name in ABOUT_MEMBERS if name in document), None
        )
        self._connection.execute(
            "INSERT INTO documents"
            " (kind, id, data, due, about, merchant, listed_on, paid_out_on, net)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE"
            " SET data = excluded.data, due = excluded.due, about = excluded.about,"
            " merchant = excluded.merchant, listed_on = excluded.listed_on,"
            " paid_out_on = excluded.paid_out_on, net = excluded.net",
            (
                kind,
                key,
                data,
                due,
                about,
                document.get("merchant"),
                document.get("listed_on"),
                document.get("paid_out_on"),
                document.get("net_cents"),
            ),
        )

    def remove(self, kind: str, key: str) -> None:
        """
        Forget a document, if there is one.
        """
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND id = ?", (kind, key)
        )

    def _find(self, condition: str, *values: object) -> list[Document]:
        rows = self._connection.execute(
            f"SELECT data FROM documents WHERE {condition}",  # noqa: S608 (ours)
            values,
        )

        return [json.loads(row[0]) for row in rows]

    def due(self, kind: str, now: float) -> list[Document]:
        """
        Return the documents of *kind* to which something happens by *now*.
        """
        return self._find("kind = ? AND due <= ? ORDER BY due", kind, now)

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
        return next(iter(self._find("kind = ? AND id = ?", kind, key)), None)

    def all(self, kind: str) -> list[Document]:
        """
        Return all documents of *kind*, oldest first.
        """
        return self._find("kind = ? ORDER BY position", kind)

    def newest(
        self, kind: str, count: int, *, before: str | None = None
    ) -> list[Document]:
        """
        Return the newest documents of *kind*, newest first.

        Args:
            before: Only those that came before the one of this id.
        """
        place, values = (
            ("", ()) if before is None else (_BEFORE_CONDITION, (kind, before))
        )

        return self._find(
            f"kind = ? {place} ORDER BY position DESC LIMIT ?", kind, *values, count
        )

    def about(self, kind: str, what: str) -> list[Document]:
        """
        Return the documents of *kind* that are about *what*, oldest first.
        """
        return self._find("kind = ? AND about = ? ORDER BY position", kind, what)

    def total(
        self, kind: str, basis: Basis, merchant: str, day: str
    ) -> tuple[int, int]:
        """
        Return how many entries a day has, and their net sum in CNY cents.
        """
        row = self._connection.execute(
            "SELECT count, net FROM days"
            " WHERE kind = ? AND merchant = ? AND basis = ? AND day = ?",
            (kind, merchant, basis, day),
        ).fetchone()

        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def entries(
        self,
        kind: str,
        basis: Basis,
        merchant: str,
        day: str,
        *,
        after: int = 0,
        most: int,
    ) -> list[tuple[int, Document]]:
        """
        Return entries of a day with their ranks, in the order in which they came to it.

        Args:
            after: The rank that came before; 0 begins the day.
        """
        rows = self._connection.execute(
            f"SELECT {basis}_rank, data FROM documents"  # noqa: S608 (our own words)
            f" WHERE kind = ? AND merchant = ? AND {basis} = ? AND {basis}_rank > ?"
            f" ORDER BY {basis}_rank LIMIT ?",
            (kind, merchant, day, after, most),
        )

        return [(int(row[0]), json.loads(row[1])) for row in rows]

    def log(self, kind: str, key: str, document: Document) -> None:
        """
        Keep *document*, and only the newest `MAX_LOGGED_DOCUMENTS` of its kind.
        """
        self.put(kind, key, document)
        self._connection.execute(
            "DELETE FROM documents WHERE kind = ? AND position <="
            " (SELECT position FROM documents WHERE kind = ?"
            " ORDER BY position DESC LIMIT 1 OFFSET ?)",
            (kind, kind, MAX_LOGGED_DOCUMENTS),
        )

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._connection.execute("DELETE FROM documents")
        self._connection.execute("DELETE FROM days")

    def close(self) -> None:
        """
        Close the file.
        """
        self._connection.close()


def _must_be_whole(connection: sqlite3.Connection) -> None:
    """
    Raise unless every page and every document can be read.
    """
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise ValueError

    for kind, data in connection.execute("SELECT kind, data FROM documents"):
        _check(kind, json.loads(data))


def _check(kind: str, document: Any) -> None:
    """
    Raise unless *document* is one of *kind*.

    Raises:
        TypeError: A member is missing, or of another type.
    """
    if not isinstance(document, dict):
        raise TypeError(f"a {kind} is no object")

    for name, expected in _MEMBER_TYPES.get(kind, {}).items():
        value = document.get(name)

        if isinstance(value, bool) or not isinstance(value, expected):
            raise TypeError(f"{name} of a {kind} is damaged")
