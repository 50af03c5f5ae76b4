"""
The engine of a database that a URL, a path or the shop's own engine names.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import URL, NullPool, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from umfpay.errors import DatabaseUnavailableError, database_errors, needs_extra
from umfpay.sensitive import Secret, looks_like_address
from umfpay.sql._dialects import MYSQL_NAMES


# Seconds. A waiter that was cancelled keeps its other locks on the server until then.
LOCK_WAIT_SECONDS: Final = 2
# SQLite itself waits that long, in the thread of the connection.
_BUSY_SECONDS: Final = 0.1


@attrs.frozen
class _Driver:
    """
    How a kind of database is used.

    Args:
        extra: Installs it.
        statements: What each new connection is given.
    """

    name: str
    extra: str
    statements: tuple[str, ...]
    isolation: str = "READ COMMITTED"
    arguments: Mapping[str, Any] = attrs.field(factory=dict)


_MYSQL: Final = _Driver(
    "asyncmy", "mysql", (f"SET innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}",)
)
_DRIVERS: Final = {
    "sqlite": _Driver(
        "aiosqlite",
        "sql",
        # What was acknowledged outlives a power cut.
        ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"),
        isolation="AUTOCOMMIT",
        arguments={"timeout": _BUSY_SECONDS},
    ),
    "postgresql": _Driver(
        "asyncpg", "postgres", (f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'",)
    ),
    **dict.fromkeys(MYSQL_NAMES, _MYSQL),
}
_PGBOUNCER_ARGUMENTS: Final = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"umf_{uuid.uuid4().hex}",
}


class Place:
    """
    Where the tables are, as it was given; it shows no password.

    Args:
        where: ``postgresql+asyncpg://user:password@host/name``, ``mysql+asyncmy://``,
            ``mariadb+asyncmy://``, ``sqlite+aiosqlite:///path``, the path of a SQLite
            file, or an `AsyncEngine`. ``?pgbouncer=true`` after a PostgreSQL URL makes
            statements fit for a pgbouncer in transaction mode, which pools then.

    Attributes:
        engine: That of the shop, if one was given.
        file: The SQLite file, where we open it ourselves.
        settings_are_local: Of PostgreSQL: each transaction has another connection, or one
            of the shop's.
        lends_mysql: The shop's connections of MySQL get back what they had.

    Raises:
        ConfigError: It is none of these, or its driver is not installed.
    """

    def __init__(self, where: Any) -> None:  # Any: whatever the user gave
        self.engine = where if isinstance(where, AsyncEngine) else None
        self._secret: Secret | None = None

        if self.engine is not None:
            dialect = self.engine.dialect
            url = self.engine.url.set(drivername=f"{dialect.name}+{dialect.driver}")
        elif isinstance(where, str | os.PathLike | Secret):
            # The colon of a path is none of an address.
            if isinstance(where, os.PathLike):
                where = str(Path(where).absolute())

            # A traceback may show what stands in this frame.
            self._secret = where = where if isinstance(where, Secret) else Secret(where)
            url = _parse(where)
        else:
            raise database_errors.place_type_error(type(where))

        is_plain, in_memory = not url.query, url.query.get("mode") == "memory"
        pools_elsewhere = url.query.get("pgbouncer") == "true"
        # Options may hold a password; that of the URL is not shown.
        url = url.set(query={})
        _check_driver(*url.drivername.partition("+")[::2])
        self.dialect = url.get_backend_name()
        is_sqlite, path = self.dialect == "sqlite", url.database or ":memory:"

        if is_sqlite and (in_memory or ":memory:" in path):
            raise database_errors.memory_error()

        is_file = is_sqlite and is_plain and self.engine is None
        self.file = Path(path).absolute() if is_file else None
        self.settings_are_local = pools_elsewhere or (
            self.dialect == "postgresql" and self.engine is not None
        )
        self.lends_mysql = self.dialect in MYSQL_NAMES and self.engine is not None
        host, port = url.host, url.port
        shown = URL.create(url.drivername, host=host, port=port, database=url.database)
        self.shown = str(self.file or shown)
        # The file or server of which it is known that its tables are right.
        self._checked: tuple[object, ...] = ()

    def open(self, pool_size: int) -> AsyncEngine:
        """
        Return an engine with a pool of its own; of the shop's engine one that shares it.
        """
        if self.engine is not None:
            # Of PostgreSQL it costs no round trip; to others it is said as they begin.
            postgresql = self.dialect == "postgresql"
            level = {"isolation_level": "READ COMMITTED"} if postgresql else {}

            return self.engine.execution_options(**level)

        assert self._secret is not None
        url, driver = _parse(self._secret), _DRIVERS[self.dialect]
        options: dict[str, Any] = {
            "isolation_level": driver.isolation,
            "hide_parameters": True,
            # A connection that is given back has no transaction.
            "pool_reset_on_return": None,
        }

        if self.file is not None:
            url = url.set(database=str(self.file))

            # Only its owner reads it: customers stand in it.
            with contextlib.suppress(OSError):
                self.file.touch(mode=0o600, exist_ok=True)

        if self.settings_are_local:
            options |= {"poolclass": NullPool, "connect_args": _PGBOUNCER_ARGUMENTS}
        else:
            options |= {"pool_size": pool_size, "max_overflow": 0}
            options |= {"pool_use_lifo": True, "connect_args": driver.arguments}

        engine = create_async_engine(
            url.difference_update_query(["pgbouncer"]), **options
        )

        if not self.settings_are_local:
            make_ready = functools.partial(_execute, driver.statements)
            event.listen(engine.sync_engine, "connect", make_ready)

        return engine

    def try_file(self) -> None:
        """
        Open the SQLite file before the driver does, for the first time: where that fails
        the driver's thread would outlive its loop, and complain.
        """
        if self.file is not None and not self._checked:
            sqlite3.connect(self.file).close()

    def identity(self) -> tuple[int, int] | None:
        """
        Return what tells the SQLite file from another one at its path.

        Raises:
            DatabaseUnavailableError: There is none any more.
        """
        if self.file is None:
            return None

        with contextlib.suppress(OSError):
            found = self.file.stat()

            return found.st_dev, found.st_ino

        raise database_errors.replaced_file_error(self.shown)

    def note_tables(self) -> None:
        """
        Remember that the tables of what is there now are those of this version.
        """
        self._checked = (self.identity(),)

    def has_tables(self) -> bool:
        """
        Tell whether that is known; another file at the same path has none.
        """
        with contextlib.suppress(DatabaseUnavailableError, OSError):
            # A new file may have the number of the one that was removed.
            is_made = self.file is None or self.file.stat().st_size > 0

            return is_made and self._checked == (self.identity(),)

        return False


def _parse(secret: Secret) -> URL:
    """
    Return the URL of an address or a path; its `repr` hides the password.
    """
    if not secret.reveal().strip():
        raise database_errors.empty_path_error()

    if not looks_like_address(secret.reveal()):
        return URL.create("sqlite+aiosqlite", database=secret.reveal())

    with contextlib.suppress(ArgumentError, ValueError):
        # With an @ in the password the rest of it would count as the host, and be shown.
        if "@" not in (make_url(secret.reveal()).host or ""):
            return make_url(secret.reveal())

    raise database_errors.url_error()


def _check_driver(dialect: str, driver: str) -> None:
    dialect = "postgresql" if dialect == "postgres" else dialect
    wanted = _DRIVERS.get(dialect)

    if wanted is None:
        raise database_errors.unknown_dialect_error(
            f"{one}+{known.name}://" for one, known in _DRIVERS.items()
        )

    if driver != wanted.name:
        raise database_errors.wrong_driver_error(dialect, wanted.name, wanted.extra)

    with needs_extra(wanted.extra, by=f"{dialect}+{driver}://"):
        __import__(driver)


def _execute(statements: tuple[str, ...], connection: Any, _record: Any) -> None:
    # By a cursor: what the driver itself raises says nothing to SQLAlchemy.
    cursor = connection.cursor()

    for one in statements:
        cursor.execute(one)

    cursor.close()
    connection.commit()
