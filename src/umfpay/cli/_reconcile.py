"""
``umfpay reconcile``: the gateway's books against the merchant's, from files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from umfpay.cli._books import compare_night, night_lines, print_month
from umfpay.cli._exit import ExitCode
from umfpay.cli._ledger import columns_option, format_options
from umfpay.cli._options import (
    DAY,
    config_option,
    decisions_option,
    fetch_token_option,
    gateway_encoding_option,
    lenient_option,
    options,
    pair,
    total_rule_option,
)
from umfpay.cli._reconcile_arguments import (
    ReconcileArguments,
    read_fee,
    read_opening,
    tolerance_of,
)
from umfpay.cli._streams import print_json, print_line, progress_bar
from umfpay.reconciliation import Difference, Rounding, TotalRules


if TYPE_CHECKING:
    from umfpay.reconciliation import Ledger, Report


_OPTIONS: Final = options(
    click.option(
        "--transactions",
        "transactions",
        multiple=True,
        metavar="FILE",
        help="A transaction file of the gateway; given once for each file.",
    ),
    click.option(
        "--statement",
        "statements",
        multiple=True,
        metavar="FILE",
        help="A reconciliation file of the gateway: what it paid out.",
    ),
    # Books over nights.
    click.option(
        "--books",
        metavar="DIR",
        help="Keep what is open from night to night here; with --night, instead of"
        " --transactions.",
    ),
    click.option("--night", type=DAY, help="The day to compare, with --books."),
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
    decisions_option,
    config_option,
    fetch_token_option,
    # The end of a month.
    click.option(
        "--month",
        metavar="YYYY-MM",
        help="Add up the nights of a month, with --books; compares nothing. With"
        " --report it is written as a page (.html), .txt or .json, too.",
    ),
    click.option(
        "--fee",
        "fees",
        multiple=True,
        type=read_fee,
        metavar="RATE%[,NAME=VALUE]",
        help="What UMF should take for each row, with --month: 1% or"
        " 0.6%,fixed=0.10,minimum=0.50,currency=USD,kind=P. The first that is for a"
        " row counts.",
    ),
    # The ledger.
    click.option(
        "--ledger",
        metavar="FILE",
        help="Your ledger: .csv, .xlsx (or .xlsm, .xls, .ods), .parquet, or an address"
        " of a database (with --query).",
    ),
    click.option("--query", metavar="SQL", help="What to select from the database."),
    columns_option,
    format_options,
    # How it is compared.
    click.option(
        "--tolerance",
        multiple=True,
        type=pair(),
        callback=tolerance_of,
        metavar="NAME=AMOUNT",
        help="Accept such a difference of total, total_cny, service_fee or exchange.",
    ),
    click.option("--from", "first", type=DAY, help="First day that the ledger is due."),
    click.option("--to", "last", type=DAY, help="Last day that the ledger is due."),
    click.option(
        "--no-file",
        "without_file",
        type=DAY,
        multiple=True,
        help="A day of which the gateway says that it has no file.",
    ),
    click.option("--merchant", metavar="ID", help="Whose files they must be."),
    click.option(
        "--settle-after",
        type=click.IntRange(min=0),
        metavar="DAYS",
        help="Working days within which UMF pays out; needed with --statement.",
    ),
    click.option(
        "--holiday",
        "holidays",
        type=DAY,
        multiple=True,
        help="A day from Monday to Friday on which nobody works.",
    ),
    click.option(
        "--opening",
        type=read_opening,
        metavar="CNY|FILE",
        help="What was open before the first day: the sum in CNY, or a file of"
        " --open-items.",
    ),
    click.option(
        "--open-items",
        metavar="FILE",
        help="Write what was not paid out yet as Parquet, for the next --opening.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["polars", "duckdb"]),
        default="polars",
        show_default=True,
        help="What compares; both find the same.",
    ),
    total_rule_option,
    click.option(
        "--total-rules",
        metavar="FILE",
        help="Where it is remembered which one it was, as in the folder of a pull.",
    ),
    click.option(
        "--rounding",
        type=click.Choice([*map(str, Rounding)]),
        help="How payouts were rounded before; otherwise half up, unless the rows show"
        " another rule.",
    ),
    gateway_encoding_option("--gateway-encoding"),
    lenient_option,
    click.option(
        "--quarantine",
        metavar="FILE",
        help="Write the rows that --lenient sets aside as CSV, each with its reason.",
    ),
    click.option(
        "--work-dir",
        metavar="DIR",
        help="Where a run that was stopped goes on when it is started again.",
    ),
    # What is written.
    click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="FILE",
        help="Write the report; what it becomes is said by its ending: .html, .xlsx,"
        " .txt, .csv, .parquet, or .json (for umfpay query --from). Given once for each"
        " file.",
    ),
    click.option(
        "--table",
        "table_url",
        metavar="ADDRESS",
        help="Write the differences into the table umf_differences of a database, and"
        " what is open into umf_open_items, in place of the rows of the same night.",
    ),
    click.option(
        "--language",
        type=click.Choice(["zh", "en", "both"]),
        default="both",
        show_default=True,
        help="Of the reports.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print counts and totals."),
)


# A shell makes several words of one pattern; click would only count them.
@click.command(context_settings={"allow_extra_args": True})
@_OPTIONS
@click.pass_context
def reconcile(context: click.Context, /, **_given: object) -> ExitCode:
    """
    Compare the gateway's transaction files with your ledger.

    With --books and --night what is open is kept from night to night, and with --books
    and --month the nights of a month are added up.

    Exits with 0 when all is matched, 1 when there are differences, 2 on an error.
    """
    from umfpay import reconciliation

    asked = ReconcileArguments.of(context)

    if asked.month is not None:
        asked.check_places(reconciliation.Month.endings)

        return ExitCode.OK if print_month(asked) else ExitCode.NO

    asked.check_places(reconciliation.Report.endings)
    book = asked.open_ledger()

    if asked.books:
        night = compare_night(asked, book)
        report, is_clean, lines = night.report, night.is_clean, night_lines(night)
    else:
        report = _compare_files(asked, book)
        is_clean, lines = report.is_clean, []

    _write(asked, report)

    if asked.as_json:
        print_json(report.to_json())
    else:
        for line in [*lines, *_table(report).splitlines()]:
            print_line(line)

    return ExitCode.OK if is_clean else ExitCode.NO


def _compare_files(asked: ReconcileArguments, ledger: Ledger) -> Report:
    from umfpay.reconciliation import reconcile

    days = (
        None if asked.first is None or asked.last is None else (asked.first, asked.last)
    )

    with progress_bar() as bar:
        return reconcile(
            list(asked.transactions),
            list(asked.statements) or None,
            ledger=ledger,
            days=days,
            without_file=asked.without_file,
            merchant=asked.merchant,
            settle_after=asked.settle_after,
            opening=asked.opening,
            work_dir=asked.work_dir,
            rounding=asked.rounding or Rounding.HALF_UP,
            total_rule=asked.total_rule  # type: ignore[arg-type]  # click knows the words
            if asked.total_rules is None
            else TotalRules(asked.total_rules),
            on_progress=bar.show,
            **asked.compared,
        )


def _write(asked: ReconcileArguments, report: Report) -> None:
    for place in asked.reports:
        report.write(
            place, language=asked.language, rest=_rest_of(place, asked.reports)
        )

    if asked.table_url is not None:
        report.write_table(asked.table_url)

    if asked.quarantine is not None:
        report.write_quarantine(asked.quarantine)

    if asked.open_items is not None and report.open_items is not None:
        report.open_items.write_parquet(asked.open_items)


def _rest_of(place: str, reports: Sequence[str]) -> str:
    """
    Return the file beside *place* that has all differences, "" if there is none.
    """
    folder = Path(place).resolve().parent

    for other in map(Path, reports):
        if other.suffix == ".csv" and other.resolve().parent == folder:
            return other.name

    return ""


def _table(report: Report) -> str:
    width = max(map(len, report.counts))
    lines = []

    for name, count in report.counts.items():
        off = report.switched_off.get(Difference(name))
        figure = f"{count:>12,}" if off is None else f"{'-':>12}  {off.en} | {off.zh}"
        lines.append(f"{name:<{width}}  {figure}")

    lines += [f"{note.en} | {note.zh}" for note in report.notes]

    return "\n".join([*lines, *_bridge_lines(report)])


def _bridge_lines(report: Report) -> list[str]:
    """
    Return the bridge for people: each line, its rows, and what the proof lacks.
    """

    if report.bridge is None:
        return []

    lines = []

    for currency, found in (
        ("CNY", report.bridge.lines),
        *report.bridge.currencies.items(),
    ):
        for line in found:
            amount = "?" if line.amount is None else f"{line.amount:,.2f}"
            rows = "" if line.rows is None else f"{line.rows:,}"
            name = line.item.label
            lines.append(
                f"{amount:>18} {currency} {rows:>10}  {name.en} | {name.zh}"
                + (" (of these | 其中)" if line.is_part else "")
            )

    return [
        *lines,
        *(f"not proven: {one.en} | 未证明：{one.zh}" for one in report.bridge.missing),
    ]
