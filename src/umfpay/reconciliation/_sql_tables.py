"""
Tables of ours in a database of the user's, by whatever driver is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from umfpay._private_files import open_to_append
from umfpay.errors import ConfigError, Text, escape
from umfpay.sensitive import Secret, shows_itself_half_made


_T = TypeVar("_T")

_MYSQL_NAMES: Final = ("mysql", "mariadb")
# Characters of SQLite's words.
_MAX_SHOWN_CHARACTERS: Final = 200
_DRIVER_ADVICE: Final = Text(
    "Install one and name it: postgresql+psycopg://, mysql+pymysql:// or sqlite:///.",
    "请安装并指定驱动：postgresql+psycopg://、mysql+pymysql:// 或 sqlite:///。",
)

# MySQL compares without regard to case elsewhere.
IDENTIFIER: Final = sa.String(64).with_variant(
    mysql.VARCHAR(64, collation="utf8mb4_bin"), *_MYSQL_NAMES
)
TABLE_OPTIONS: Final[dict[str, Any]] = {
    f"{dialect}_{option}": value
    for dialect in _MYSQL_NAMES
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
}


@shows_itself_half_made
class SqlTables:
    """
    Such tables; they are made where they are not there.

    Args:
        address: Of the database, or a file of SQLite.
        tables: What they are.
        option: Whose value the address is, for errors.

    Raises:
        ConfigError: The address leads to no database.
    """

    def __init__(self, address: Secret | Path, *tables: sa.Table, option: str) -> None:
        self._tables = tables
        self._engine = _engine(address, option)
        self._option = option
        self._is_made = False

    def __repr__(self) -> str:
        return f"SqlTables({', '.join(one.name for one in self._tables)})"

    @property
    def is_missing_file(self) -> bool:
        """
        Whether they would be in a file of SQLite that is not there.
        """
        file = Path(self._engine.url.database or "")

        return (
            self._engine.dialect.name == "sqlite"
            and bool(file.name)
            and not file.exists()
        )

    def run(self, work: Callable[[sa.Connection], _T]) -> _T:
        """
        Return what *work* returns, after its transaction was committed.

        Raises:
            ConfigError: The database cannot be used, or has another table of this name.
        """
        try:
            if not self._is_made:
                self._make()

            with self._engine.connect() as connection:
                value = work(connection)
                connection.commit()

                return value
        except (sa.exc.SQLAlchemyError, OSError) as error:
            reason = _reason(error)

        # Outside of except: the frames of SQLAlchemy hold the address.
        raise self._unusable_error(reason)

    def _make(self) -> None:
        if self.is_missing_file:
            # SQLite would make it for everybody to read.
            open_to_append(Path(self._engine.url.database or "")).close()

        for table in self._tables:
            # Of its own: MySQL ends a transaction with it.
            with self._engine.begin() as connection:
                table.create(connection, checkfirst=True)
                there = sa.inspect(connection).get_columns(
                    table.name, schema=table.schema
                )

            names = {one["name"] for one in there}
            lacking = sorted(one.name for one in table.columns if one.name not in names)

            if lacking:
                raise self._other_table_error(table.name, lacking)

        self._is_made = True

    def _other_table_error(self, name: str, lacking: list[str]) -> ConfigError:
        return ConfigError.of(
            self._option,
            f"the table {name} is there and lacks {', '.join(lacking)}",
            f"表 {name} 已存在，但缺少 {'、'.join(lacking)}",
            advice=Text(
                "Give another database or name, or remove it.",
                "请指定其他数据库或表名，或删除该表。",
            ),
        )

    def _unusable_error(self, reason: str) -> ConfigError:
        url = self._engine.url
        shown = sa.URL.create(
            url.drivername, host=url.host, port=url.port, database=url.database
        )

        return ConfigError.of(
            self._option,
            f"{shown} cannot be used: {reason}",
            f"无法使用 {shown}：{reason}",
            advice=Text("Look at the address and the rights.", "请检查地址和权限。"),
        )


def _engine(address: Secret | Path, option: str) -> sa.Engine:
    try:
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(address))
            if isinstance(address, Path)
            else address.reveal(),
            poolclass=sa.pool.NullPool,
            hide_parameters=True,
        )
    except ImportError as error:
        driver = error.name or type(error).__name__
        refusal = ConfigError.of(
            option,
            f"the driver {driver} of this database is not installed",
            f"未安装该数据库的驱动 {driver}",
            advice=_DRIVER_ADVICE,
        )
    except (sa.exc.ArgumentError, ValueError) as error:
        reason = type(error).__name__
        refusal = ConfigError.of(
            option,
            f"no database is reached by this address ({reason})",
            f"无法通过该地址访问数据库（{reason}）",
        )
    else:
        if not engine.dialect.is_async:
            return engine

        refusal = ConfigError.of(
            option,
            f"{engine.dialect.driver} is a driver of asyncio only",
            f"{engine.dialect.driver} 仅用于 asyncio",
            advice=_DRIVER_ADVICE,
        )

    # Outside of except: the frames of SQLAlchemy hold the address.
    raise refusal


def _reason(error: Exception) -> str:
    """
    Return what may be shown of *error*: SQLite names the table, and knows no address.
    """
    cause = getattr(error, "orig", None)

    if isinstance(cause, sqlite3.Error):
        return escape(str(cause), limit=_MAX_SHOWN_CHARACTERS)

    return type(cause or error).__name__
