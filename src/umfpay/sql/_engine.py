"""
The engine of a database that a URL, a path or the shop's own engine names.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import URL, NullPool, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from umfpay.errors import DatabaseUnavailableError, needs_extra
from umfpay.errors.database_errors import (
    empty_path_error,
    memory_error,
    place_type_error,
    replaced_file_error,
    unknown_dialect_error,
    url_error,
    wrong_driver_error,
)
from umfpay.sensitive import Secret, looks_like_address
from umfpay.sql._types import MYSQL_NAMES


# Seconds. A waiter that was cancelled keeps its other locks on the server until then.
LOCK_WAIT_SECONDS: Final = 2
# SQLite itself waits that long, in the thread of the connection.
_BUSY_SECONDS: Final = 0.1


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # What was acknowledged outlives a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # By a cursor: what the driver itself raises says nothing to SQLAlchemy.
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'")
    cursor.close()
    connection.commit()


@attrs.frozen
class _Settings:
    """
    What each connection of a database is given when it is made.
    """

    driver: str
    extra: str
    isolation: str = "READ COMMITTED"
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    prepare: Callable[[Any, Any], None] | None = None


_MYSQL_ARGUMENTS: Final = {
    "init_command": f"SET innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}"
}
_PGBOUNCER_ARGUMENTS: Final = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"umf_{uuid.uuid4().hex}",
}
_SETTINGS: Final = {
    "sqlite": _Settings(
        "aiosqlite", "sql", "AUTOCOMMIT", {"timeout": _BUSY_SECONDS}, _prepare_sqlite
    ),
    "postgresql": _Settings("asyncpg", "postgres", prepare=_prepare_postgresql),
    "mysql": _Settings("asyncmy", "mysql", arguments=_MYSQL_ARGUMENTS),
    "mariadb": _Settings("asyncmy", "mysql", arguments=_MYSQL_ARGUMENTS),
}
_ALIASES: Final = {"postgres": "postgresql"}


class Place:
    """
    Where the tables are, as it was given; it shows no password.

    Args:
        where: ``postgresql+asyncpg://user:password@host/name``, ``mysql+asyncmy://``,
            ``mariadb+asyncmy://``, ``sqlite+aiosqlite:///path``, the path of a SQLite
            file, or an `AsyncEngine`. ``?pgbouncer=true`` after a PostgreSQL URL makes
            statements fit for a pgbouncer in transaction mode, which pools then.

    Raises:
        ConfigError: It is none of these, or its driver is not installed.
    """

    dialect = ""
    shown = "?"
    # The file or server of which it is known that its tables are right.
    _checked: tuple[object, ...] = ()

    def __init__(self, where: Any) -> None:  # Any: whatever the user gave
        self.engine: AsyncEngine | None = None
        self.file: Path | None = None
        # Of PostgreSQL: each transaction has another connection, or one of the shop's.
        self.settings_are_local = False
        self._url: Secret | None = None

        if isinstance(where, str):
            # A traceback may show what stands in this frame.
            where = Secret(where)

        if isinstance(where, AsyncEngine):
            self._take_engine(where)
        elif isinstance(where, Secret) and looks_like_address(where.reveal()):
            self._take_url(where)
        elif isinstance(where, Secret):
            self._take_path(where.reveal())
        elif isinstance(where, os.PathLike):
            self._take_path(os.fspath(where))
        else:
            raise place_type_error(type(where))

    def __repr__(self) -> str:
        return f"<{self.shown}>"

    @property
    def lends_mysql(self) -> bool:
        """
        Whether it is a shop's own engine of MySQL: its connections get back what they had.
        """
        return self.engine is not None and self.dialect in MYSQL_NAMES

    def _take_engine(self, engine: AsyncEngine) -> None:
        dialect, driver = engine.dialect.name, engine.dialect.driver
        _check_driver(dialect, driver)

        if dialect == "sqlite":
            _check_file(engine.url.database)

        self.engine = engine
        self.settings_are_local = dialect == "postgresql"
        self.dialect = dialect
        self.shown = _display(engine.url)

    def _take_path(self, path: str) -> None:
        if not isinstance(path, str) or not path.strip():
            raise empty_path_error()

        _check_file(path)
        _check_driver("sqlite", "aiosqlite")
        self.file = Path(path).absolute()
        self.dialect = "sqlite"
        self.shown = str(self.file)

    def _take_url(self, secret: Secret) -> None:
        url = _parse(secret)

        if url is None:
            raise url_error()

        dialect, _, driver = url.drivername.partition("+")
        database, plain = url.database, not url.query
        self.settings_are_local = url.query.get("pgbouncer") == "true"

        if url.query.get("mode") == "memory":
            database = ":memory:"

        self.shown = _display(url)
        # Its options may hold a password.
        del url
        _check_driver(dialect, driver)

        if dialect == "sqlite":
            _check_file(database)

            if database is not None and plain:
                self.file = Path(database).absolute()

        self._url = secret
        self.dialect = dialect

    def open(self, pool_size: int) -> AsyncEngine:
        """
        Return an engine with a pool of its own; of the shop's engine one that shares it.
        """
        if self.engine is not None:
            # Of PostgreSQL it costs no round trip; to others it is said as they begin.
            postgresql = self.dialect == "postgresql"
            level = {"isolation_level": "READ COMMITTED"} if postgresql else {}

            return self.engine.execution_options(**level)

        if self.file is not None:
            _make(self.file)

        url, settings = self._address(), _SETTINGS[self.dialect]
        options: dict[str, Any] = {
            "isolation_level": settings.isolation,
            "connect_args": settings.arguments,
            "hide_parameters": True,
            # A connection that is given back has no transaction.
            "pool_reset_on_return": None,
        }

        if self.settings_are_local:
            options["poolclass"] = NullPool
            options["connect_args"] = _PGBOUNCER_ARGUMENTS
        else:
            options |= {
                "pool_size": pool_size,
                "max_overflow": 0,
                "pool_use_lifo": True,
            }

        engine = create_async_engine(
            url.difference_update_query(["pgbouncer"]), **options
        )

        if settings.prepare is not None and not self.settings_are_local:
            event.listen(engine.sync_engine, "connect", settings.prepare)

        return engine

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

        raise replaced_file_error(self.shown)

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
            is_new = self.file is not None and not self.file.stat().st_size

            return self._checked == (self.identity(),) and not is_new

        return False

    def _address(self) -> URL:
        if self._url is None:
            return URL.create("sqlite+aiosqlite", database=str(self.file))

        url = _parse(self._url)
        assert url is not None

        return url


def _parse(secret: Secret) -> URL | None:
    """
    Return the URL; its `repr` hides the password.
    """
    try:
        url = make_url(secret.reveal())
    except (ArgumentError, ValueError):
        return None

    # With an @ in the password the rest of it would count as the host, and be shown.
    return None if "@" in (url.host or "") else url


def _check_driver(dialect: str, driver: str) -> None:
    dialect = _ALIASES.get(dialect, dialect)

    if dialect not in _SETTINGS:
        raise unknown_dialect_error(
            f"{one}+{of.driver}://" for one, of in _SETTINGS.items()
        )

    wanted, extra = _SETTINGS[dialect].driver, _SETTINGS[dialect].extra

    if driver != wanted:
        raise wrong_driver_error(dialect, wanted, extra)

    with needs_extra(extra, by=f"{dialect}+{wanted}://"):
        __import__(wanted)


def _check_file(database: str | None) -> None:
    if not database or ":memory:" in database:
        raise memory_error()


def _make(file: Path) -> None:
    # Only its owner reads it: customers stand in it.
    with contextlib.suppress(OSError):
        file.touch(mode=0o600, exist_ok=True)


def _display(url: URL) -> str:
    """
    Return *url* without user, password and options.
    """
    place = url.host or ""

    if url.port is not None:
        place = f"{place}:{url.port}"

    return f"{url.drivername}://{place}/{url.database or ''}"
