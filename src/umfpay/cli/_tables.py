"""
``umfpay tables``: make and check the tables in the merchant's own database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from umfpay.cli._exit_codes import Exit
from umfpay.cli._streams import print_line
from umfpay.errors import DatabaseTablesError


_URL_VARIABLE: Final = "UMF_DATABASE_URL"


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Give *command* the options that name a database.
    """
    for option in (
        click.option("--schema", metavar="NAME", help="Of the tables (not SQLite)."),
        click.option(
            "--url",
            required=True,
            envvar=_URL_VARIABLE,
            metavar="URL",
            help="postgresql+asyncpg://..., mysql+asyncmy://..., or the path of a SQLite"
            f" file. Others on this machine see it: {_URL_VARIABLE} is not seen.",
        ),
    ):
        command = option(command)

    return command


@click.group()
def tables() -> None:
    """
    Make and check the tables of inbox, journal and tokens.
    """


@tables.command()
@database_options
def create(*, url: str, schema: str | None) -> None:
    """
    Make the tables that are missing.
    """
    database = _database(url, schema)
    asyncio.run(_close_after(database, database.create_tables))
    _print_done(database, schema)


@tables.command()
@database_options
@click.pass_context
def check(context: click.Context, *, url: str, schema: str | None) -> None:
    """
    Look whether the tables are those of this version.

    Exits with 0 when they are, with 1 when some are missing or of another version.
    """
    database = _database(url, schema)

    # To look into it would make it.
    if "://" not in database.shown and not Path(database.shown).exists():
        print_line(
            f"{database.shown}: there is no such file; umfpay tables create makes it"
            " | 没有该文件；可用 umfpay tables create 创建",
            err=True,
        )
        context.exit(Exit.NO)

    try:
        asyncio.run(_close_after(database, database.check_tables))
    except DatabaseTablesError as error:
        print_line(str(error), err=True)
        context.exit(Exit.NO)

    _print_done(database, schema)


def _print_done(database: Any, schema: str | None) -> None:
    # Any: of an optional package. A name with a slip in it is seen here.
    place = database.shown if schema is None else f"{database.shown}, schema {schema}"
    print_line(f"{place}: the tables are there | 表已就绪")


def _database(url: str, schema: str | None) -> Any:  # Any: of an optional package
    from umfpay.sensitive import Secret
    from umfpay.sql import Database

    # An argument is a local of the frame that a traceback shows.
    address = Secret(url)
    del url

    return Database(address, schema=schema)


async def _close_after(database: Any, act: Callable[[], Any]) -> None:
    async with database:
        await act()
