"""
Options that several commands have, and values that their words mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from umfpay.reconciliation import TotalRule
from umfpay.sensitive import Secret


_Command = TypeVar("_Command", bound=Callable[..., Any])

_URL_VARIABLE: Final = "UMF_DATABASE_URL"


class _Day(click.DateTime):
    """
    A day, as a date.
    """

    def __init__(self) -> None:
        super().__init__(formats=["%Y-%m-%d", "%Y%m%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # Any: as click says
        return super().convert(value, param, ctx).date()


def pair(form: str = "NAME=VALUE") -> Callable[[str], tuple[str, str]]:
    """
    Return the type of an option that takes two words with ``=`` between them.

    Args:
        form: How it is written, for people.
    """

    def read(given: str) -> tuple[str, str]:
        left, _, right = (part.strip() for part in given.partition("="))

        if not (left and right):
            raise click.BadParameter(f"{given!r}: {form} is needed.")

        return left, right

    return read


def once_each(
    context: click.Context, option: click.Parameter, given: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """
    Return the pairs of an option that may be given several times, by their left words.

    Raises:
        click.BadParameter: Two have the same.
    """
    values: dict[str, str] = {}

    for name, value in given:
        if name in values:
            raise click.BadParameter(f"{name} is given twice.", context, option)

        values[name] = value

    return values


DAY: Final = _Day()


def options(*wanted: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """
    Return one decorator that adds the options *wanted*, in this order.
    """

    def add(command: _Command) -> _Command:
        for option in reversed(wanted):
            command = option(command)

        return command

    return add


config_option: Final = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings: umf.env or TOML. Default: the environment.",
)
fetch_token_option: Final = click.option(
    "--fetch-token",
    is_flag=True,
    help="Fetch a token although that logs out all workers that run now.",
)
database_options: Final = options(
    click.option(
        "--url",
        required=True,
        envvar=_URL_VARIABLE,
        metavar="URL",
        # An argument is a local of the frame that a traceback shows.
        callback=lambda _context, _option, given: Secret(given),
        help="postgresql+asyncpg://..., mysql+asyncmy://..., or the path of a SQLite"
        f" file. Others on this machine see it: {_URL_VARIABLE} is not seen.",
    ),
    click.option("--schema", metavar="NAME", help="Of the tables (not SQLite)."),
)
merchant_options: Final = options(config_option, database_options)
decisions_option: Final = click.option(
    "--decisions",
    metavar="ADDRESS",
    help="The database that keeps what was accepted, if the books were begun with one.",
)
total_rule_option: Final = click.option(
    "--total-rule",
    type=click.Choice(["auto", "ignore", *map(str, TotalRule)]),
    default="auto",
    show_default=True,
    help="What the last line of the gateway's files sums.",
)
lenient_option: Final = click.option(
    "--lenient",
    is_flag=True,
    help="Set rows of the gateway's files aside that cannot be read, and go on; the"
    " result is not clean then.",
)


def gateway_encoding_option(name: str) -> Callable[[_Command], _Command]:
    """
    Return the option *name*, for the encoding of the gateway's files.
    """
    return click.option(
        name,
        "gateway_encoding",
        type=click.Choice(["utf-8", "gb18030"]),
        help="Of the gateway's files; otherwise it is found out.",
    )
