"""
Books over nights: ``umfpay reconcile --books DIR --night DAY``, and ``umfpay books``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import click

from umfpay.cli._exit_codes import Exit
from umfpay.cli._progress import ShownProgress
from umfpay.cli._sessions import config_option, fetch_token_option
from umfpay.cli._statements import PullArguments, pull_files
from umfpay.cli._streams import print_line
from umfpay.errors import Text


if TYPE_CHECKING:
    from umfpay.reconciliation import Books, Ledger, Night
    from umfpay.resources import Pulled


_Command = TypeVar("_Command", bound=Callable[..., Any])

_Day = click.DateTime(formats=["%Y-%m-%d", "%Y%m%d"])
_PULLING: Final = Text("Pulling files", "下载文件")
_decisions_option: Final = click.option(
    "--decisions",
    metavar="ADDRESS",
    help="The database that keeps what was accepted, if the books were begun with one.",
)
_NIGHT_OPTIONS: Final = (
    click.option(
        "--books",
        metavar="DIR",
        help="Keep what is open from night to night here; with --night, instead of"
        " --transactions.",
    ),
    click.option("--night", type=_Day, help="The day to compare, with --books."),
    click.option(
        "--files",
        metavar="DIR",
        help="A folder of `statements pull`; otherwise the files are pulled into DIR of"
        " --books.",
    ),
    click.option(
        "--refresh",
        is_flag=True,
        help="Make a night that is there again, of the files as they are now.",
    ),
    _decisions_option,
    config_option,
    fetch_token_option,
)


def night_options(command: _Command) -> _Command:
    """
    Add the options of books over nights.
    """
    for option in reversed(_NIGHT_OPTIONS):
        command = option(command)

    return command


@attrs.frozen(kw_only=True)
class NightArguments:
    """
    What such a command is asked for.
    """

    books: str
    night: date
    files: str | None
    refresh: bool
    decisions: str | None
    file: Path | None
    fetch_token: bool

    @classmethod
    def of(cls, given: dict[str, Any]) -> NightArguments | None:
        """
        Take its options from those that were *given*; None without books.
        """
        options = {name.name: given.pop(name.name) for name in attrs.fields(cls)}
        night = options["night"]

        if (options["books"] is None) != (night is None):
            raise click.UsageError("--books and --night belong together.")

        if not options["books"]:
            for name in ("files", "refresh", "decisions", "file", "fetch_token"):
                if options[name]:
                    word = {"file": "config"}.get(name, name).replace("_", "-")

                    raise click.UsageError(f"--{word} is for --books.")

            return None

        return cls(**{**options, "night": night.date()})


def compare_night(
    asked: NightArguments,
    ledger: Ledger,
    bar: ShownProgress,
    *,
    settle_after: int | None,
    opening: object,
    merchant: str | None,
    without_file: list[date],
    **options: Any,
) -> Night:
    """
    Pull what a night needs, and compare it.
    """
    from umfpay.reconciliation import Books

    if opening is not None and not isinstance(opening, Decimal):
        raise click.UsageError(
            "--opening of --books is a sum in CNY: what was open before the first night."
        )

    books = Books(
        asked.books,
        settle_after=settle_after,
        opening=opening,
        merchant=merchant,
        decisions=asked.decisions,
    )

    if asked.files is None and (asked.refresh or asked.night not in books.days()):
        without_file = [*without_file, *_pull(asked, books, bar, merchant, options)]

    return books.night(
        asked.night,
        files=asked.files,
        ledger=ledger,
        without_file=without_file,
        refresh=asked.refresh,
        on_progress=bar.show,
        **options,
    )


def _pull(
    asked: NightArguments,
    books: Books,
    bar: ShownProgress,
    merchant: str | None,
    options: dict[str, Any],
) -> list[date]:
    """
    Pull the files of both kinds; return the days of which there is none of transactions.
    """
    nothing: list[date] = []
    first = books.first_day(asked.night)
    total = 2 * ((asked.night - first).days + 1)
    done = itertools.count(1)
    bar.show_step(_PULLING, 0, total)

    for kind in ("transactions", "reconciliation"):

        def note(one: Pulled, kind: str = kind) -> None:
            bar.show_step(_PULLING, next(done), total)

            if one.path is None and kind == "transactions":
                nothing.append(one.day)

        wanted = PullArguments(
            days=(first, asked.night),
            out=str(books.pulled),
            kind=kind,
            merchant=merchant,
            zone=None,
            total_rule="auto",
            encoding=options["encoding"],
            on_bad_row=options["on_bad_row"],
        )
        asyncio.run(pull_files(wanted, asked.file, note, fetch_token=asked.fetch_token))

    return nothing


def night_lines(night: Night) -> list[str]:
    """
    Return what has changed since the night before, for people.
    """
    ages = night.open_items.get_column("age").drop_nulls().to_list()
    oldest = max(ages, default=0)
    settled, still = night.settled.height, night.open_items.height
    unchanged = night.differences.get_column("id").n_unique() - len(night.opened)
    lines = [
        (
            f"night {night.day}, version {night.version}, compared since {night.first} |"
            f" {night.day} 第 {night.version} 版，自 {night.first} 起核对"
        ),
        (
            f"{settled:,} rows settled, {still:,} not paid out yet, the oldest for {oldest}"
            f" working days | 已结算 {settled:,} 行，尚未结算 {still:,} 行，最久 {oldest}"
            " 个工作日"
        ),
        (
            f"{len(night.opened):,} differences are new, {unchanged:,} still open,"
            f" {len(night.closed):,} closed | 新增差异 {len(night.opened):,} 项，仍未解决"
            f" {unchanged:,} 项，已解决 {len(night.closed):,} 项"
        ),
    ]

    if night.left_behind.height:
        count = night.left_behind.get_column("id").n_unique()
        lines.append(
            f"{count:,} of them are too old to be compared again |"
            f" 其中 {count:,} 项过旧，不再重新核对"
        )

    return [*lines, *(f"{note.en} | {note.zh}" for note in night.notes)]


@click.group()
def books() -> None:
    """
    Books that are kept over nights by `reconcile --books`.
    """


@books.command()
@click.argument("folder")
@_decisions_option
@click.pass_context
def show(context: click.Context, /, *, folder: str, decisions: str | None) -> None:
    """
    List the differences of the last night that nobody has accepted.

    Exits with 1 if there are any.
    """
    from umfpay.reconciliation import Books

    rows = Books(folder, decisions=decisions).open_differences()
    count = 0 if rows is None else rows.height

    if rows is not None:
        names = ("id", "day", "class", "order_id", "refund_id")

        for row in rows.select(names).unique(maintain_order=True).iter_rows():
            print_line("  ".join("" if one is None else str(one) for one in row))

    context.exit(Exit.NO if count else Exit.GOOD)


@books.command()
@click.argument("folder")
@click.argument("difference")
@click.option("--who", required=True, metavar="NAME", help="Who accepts it.")
@click.option("--why", required=True, metavar="TEXT", help="Why.")
@_decisions_option
def accept(
    *, folder: str, difference: str, who: str, why: str, decisions: str | None
) -> None:
    """
    Accept a difference, by its id: it is open no more.
    """
    from umfpay.reconciliation import Books

    Books(folder, decisions=decisions).accept(difference, who=who, why=why)
    print_line(f"{difference} is accepted | {difference} 已确认")
