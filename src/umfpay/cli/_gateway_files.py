"""
Options of the commands that read files of the gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from umfpay.reconciliation import TotalRule


_Command = TypeVar("_Command", bound=Callable[..., Any])

total_rule_option: Final = click.option(
    "--total-rule",
    type=click.Choice(["auto", "ignore", *map(str, TotalRule)]),
    default="auto",
    show_default=True,
    help="What the last line of the gateway's files sums.",
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


lenient_option: Final = click.option(
    "--lenient",
    is_flag=True,
    help="Set rows of the gateway's files aside that cannot be read, and go on; the"
    " result is not clean then.",
)
