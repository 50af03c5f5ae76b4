"""
``umfpay statements pull``: the files of several days, whole or not at all.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import attrs
import click

from umfpay.cli._exit import ExitCode
from umfpay.cli._options import (
    DAY,
    config_option,
    fetch_token_option,
    gateway_encoding_option,
    lenient_option,
    total_rule_option,
)
from umfpay.cli._sessions import open_session, settings
from umfpay.cli._streams import print_json, print_line, progress_bar
from umfpay.errors import StatementError, Text
from umfpay.reconciliation import (
    Encoding,
    OnBadRow,
    TotalRules,
    read_statement,
    read_transactions,
)
from umfpay.resources import Pulled


PULLING: Final = Text("Pulling files", "下载文件")

# What the totals of the files in the folder sum.
_TOTAL_RULES_FILE: Final = "total-rules.json"


@click.group()
def statements() -> None:
    """
    The gateway's statement files.
    """


@statements.command()
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--to", "last", type=DAY, required=True, help="Last day.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the files.")
@click.option(
    "--kind",
    type=click.Choice(["transactions", "reconciliation"]),
    default="transactions",
    show_default=True,
    help="What was traded, or what UMF paid out.",
)
@click.option(
    "--merchant",
    metavar="ID",
    help="Whose files they must be; otherwise those of the merchant of the first file.",
)
@click.option(
    "--zone",
    metavar="NAME",
    help="Your time zone, such as Europe/London: when your days end. Otherwise UTC-12.",
)
@total_rule_option
@gateway_encoding_option("--encoding")
@lenient_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for a day.")
@config_option
@fetch_token_option
def pull(
    *,
    first: date,
    last: date,
    out: str,
    kind: str,
    merchant: str | None,
    zone: str | None,
    total_rule: str,
    gateway_encoding: Encoding | None,
    lenient: bool,
    as_json: bool,
    file: Path | None,
    fetch_token: bool,
) -> ExitCode:
    """
    Fetch the file of each day; a pull that broke off goes on when it is called again.

    Exit 1: a file is not proven whole; what came of it is kept as NAME.unproven.
    """
    wanted = PullArguments(
        days=(first, last),
        out=out,
        kind=kind,
        merchant=merchant,
        zone=zone,
        total_rule=total_rule,
        encoding=gateway_encoding,
        on_bad_row="quarantine" if lenient else "raise",
    )
    done = itertools.count(1)

    with progress_bar() as bar:
        bar.show_step(PULLING, 0, wanted.count)

        def show_pulled(one: Pulled) -> None:
            bar.show_step(PULLING, next(done), wanted.count)

            if as_json:
                print_json(_json(one))
            else:
                print_line(_line(one))

        try:
            asyncio.run(pull_files(wanted, file, show_pulled, fetch_token=fetch_token))
        except StatementError as error:
            print_line(f"umfpay: {error}", err=True)

            return ExitCode.NO

    return ExitCode.OK


@attrs.frozen(kw_only=True)
class PullArguments:
    """
    What is pulled: the files of one kind, of the first to the last of some days.
    """

    days: tuple[date, date]
    out: str
    kind: str
    merchant: str | None
    zone: str | None
    total_rule: str
    encoding: Encoding | None
    on_bad_row: OnBadRow

    @property
    def count(self) -> int:
        """
        How many days.
        """
        first, last = self.days

        return max(0, (last - first).days + 1)


async def pull_files(
    wanted: PullArguments,
    file: Path | None,
    show_pulled: Callable[[Pulled], None],
    *,
    fetch_token: bool,
) -> None:
    """
    Fetch what is *wanted*, with the settings of *file*; show each day.

    Raises:
        StatementError: A file is not proven whole.
        ConfigError: Settings or folder; or a token would have to be fetched.
    """
    prove = _prove(wanted)

    async with open_session(settings(file), fetch_token=fetch_token) as session:
        async for one in session.statements.pull(
            *wanted.days,
            wanted.out,
            kind=wanted.kind,  # type: ignore[arg-type]  # click knows the two words
            prove=prove,
            merchant=wanted.merchant,
            zone=wanted.zone,
        ):
            show_pulled(one)


def _prove(wanted: PullArguments) -> Callable[[Path], int]:
    """
    Return what reads a file to its end; all files of a folder have one rule.
    """
    read = read_transactions if wanted.kind == "transactions" else read_statement

    def prove(path: Path) -> int:
        # The folder is there by now.
        rule = (
            TotalRules(Path(wanted.out) / _TOTAL_RULES_FILE)
            if wanted.total_rule == "auto"
            else wanted.total_rule
        )

        return read(
            path,
            total_rule=rule,  # type: ignore[arg-type]  # click knows the words
            encoding=wanted.encoding,
            on_bad_row=wanted.on_bad_row,
        ).prove()

    return prove


def _line(one: Pulled) -> str:
    if one.path is None:
        return f"{one.day}  nothing | 无数据"

    words = "was there | 已存在" if one.was_there else "fetched | 已下载"

    notes = [words]

    if one.version > 1:
        notes.append(f"version {one.version} | 第 {one.version} 版")

    if not one.is_day_over:
        notes.append("the day was not over | 当日尚未结束")

    return f"{one.day}  {one.path}  {one.size:,} bytes  {'  '.join(notes)}"


def _json(one: Pulled) -> str:
    return json.dumps(
        {
            "day": one.day.isoformat(),
            "path": None if one.path is None else str(one.path),
            "size": one.size,
            "was_there": one.was_there,
            "is_day_over": one.is_day_over,
            "version": one.version,
        },
        ensure_ascii=False,
    )
