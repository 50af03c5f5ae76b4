"""
``umfpay tables``: make and check the tables in the merchant's own database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umfpay.cli._exit import ExitCode
from umfpay.cli._options import database_options
from umfpay.cli._streams import print_line
from umfpay.errors import DatabaseTablesError
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    from umfpay.sql import Database


@click.group()
def tables() -> None:
    """
    Make and check the tables of inbox, journal and tokens.
    """


@tables.command()
@database_options
def create(*, url: Secret, schema: str | None) -> None:
    """
    Make the tables that are missing.
    """
    from umfpay.sql import Database

    database = Database(url, schema=schema)
    asyncio.run(_close_after(database, database.create_tables))
    _print_done(database, schema)


@tables.command()
@database_options
def check(*, url: Secret, schema: str | None) -> ExitCode:
    """
    Look whether the tables are those of this version.

    Exits with 0 when they are, with 1 when some are missing or of another version.
    """
    from umfpay.sql import Database

    database = Database(url, schema=schema)

    # To look into it would make it.
    if "://" not in database.shown and not Path(database.shown).exists():
        print_line(
            f"{database.shown}: there is no such file; umfpay tables create makes it"
            " | 没有该文件；可用 umfpay tables create 创建",
            err=True,
        )

        return ExitCode.NO

    try:
        asyncio.run(_close_after(database, database.check_tables))
    except DatabaseTablesError as error:
        print_line(str(error), err=True)

        return ExitCode.NO

    _print_done(database, schema)

    return ExitCode.OK


def _print_done(database: Database, schema: str | None) -> None:
    # A name with a slip in it is seen here.
    place = database.shown if schema is None else f"{database.shown}, schema {schema}"
    print_line(f"{place}: the tables are there | 表已就绪")


async def _close_after(
    database: Database, act: Callable[[], Awaitable[object]]
) -> None:
    async with database:
        await act()
