"""
Books over nights and months: ``umfpay reconcile --books DIR``, and ``umfpay books``.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from umfpay.cli._exit import ExitCode
from umfpay.cli._options import decisions_option
from umfpay.cli._reconcile_arguments import ReconcileArguments
from umfpay.cli._statements import PULLING, PullArguments, pull_files
from umfpay.cli._streams import ProgressBar, print_json, print_line, progress_bar


if TYPE_CHECKING:
    from umfpay.reconciliation import Books, Ledger, Night
    from umfpay.resources import Pulled


def compare_night(asked: ReconcileArguments, ledger: Ledger) -> Night:
    """
    Pull what a night needs, and compare it.

    Raises:
        click.UsageError: What was open before is not a sum.
        ConfigError: The books were begun with other options, or files are missing.
        StatementError: A file is not whole.
    """
    from umfpay.reconciliation import Books

    # Both are asked for together.
    assert asked.books is not None
    assert asked.night is not None

    if asked.opening is not None and not isinstance(asked.opening, Decimal):
        raise click.UsageError(
            "--opening of --books is a sum in CNY: what was open before the first night."
        )

    books = Books(
        asked.books,
        settle_after=asked.settle_after,
        opening=asked.opening,
        merchant=asked.merchant,
        decisions=asked.decisions,
    )
    without_file = list(asked.without_file)

    with progress_bar() as bar:
        if asked.files is None and (asked.refresh or asked.night not in books.days()):
            without_file += _pull(asked, asked.night, books, bar)

        return books.night(
            asked.night,
            files=asked.files,
            ledger=ledger,
            without_file=without_file,
            refresh=asked.refresh,
            on_progress=bar.show,
            **asked.compared,
        )


def _pull(
    asked: ReconcileArguments, night: date, books: Books, bar: ProgressBar
) -> list[date]:
    """
    Pull the files of both kinds; return the days of which there is none of transactions.
    """
    nothing: list[date] = []
    first = books.first_day(night)
    total = 2 * ((night - first).days + 1)
    done = itertools.count(1)
    bar.show_step(PULLING, 0, total)

    for kind in ("transactions", "reconciliation"):

        def note(one: Pulled, kind: str = kind) -> None:
            bar.show_step(PULLING, next(done), total)

            if one.path is None and kind == "transactions":
                nothing.append(one.day)

        wanted = PullArguments(
            days=(first, night),
            out=str(books.pulled),
            kind=kind,
            merchant=asked.merchant,
            zone=None,
            total_rule="auto",
            encoding=asked.compared["encoding"],
            on_bad_row=asked.compared["on_bad_row"],
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


def print_month(asked: ReconcileArguments) -> bool:
    """
    Print a month, and write its reports; return whether it is proven.

    Raises:
        ConfigError: It is no month, or the books are not there.
    """
    from umfpay.reconciliation import Books

    # Both are asked for together.
    assert asked.books is not None
    assert asked.month is not None

    books = Books(asked.books, decisions=asked.decisions)
    month = books.month(asked.month, fees=asked.fees)

    for place in asked.reports:
        month.write(place, language=asked.language)

    if asked.as_json:
        print_json(month.to_json())
    else:
        for line in month.to_text(language=asked.language).splitlines():
            print_line(line)

    return month.is_proven


@click.group()
def books() -> None:
    """
    Books that are kept over nights by `reconcile --books`.
    """


@books.command()
@click.argument("folder")
@decisions_option
def show(*, folder: str, decisions: str | None) -> ExitCode:
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

    return ExitCode.NO if count else ExitCode.OK


@books.command()
@click.argument("folder")
@click.argument("difference")
@click.option("--who", required=True, metavar="NAME", help="Who accepts it.")
@click.option("--why", required=True, metavar="TEXT", help="Why.")
@decisions_option
def accept(
    *, folder: str, difference: str, who: str, why: str, decisions: str | None
) -> None:
    """
    Accept a difference, by its id: it is open no more.
    """
    from umfpay.reconciliation import Books

    Books(folder, decisions=decisions).accept(difference, who=who, why=why)
    print_line(f"{difference} is accepted | {difference} 已确认")
