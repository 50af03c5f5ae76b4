"""
``umfpay reconcile``: the gateway's books against the merchant's, from files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umfpay.cli._books import (
    NightArguments,
    compare_night,
    night_lines,
    night_options,
)
from umfpay.cli._exit_codes import Exit
from umfpay.cli._gateway_files import (
    gateway_encoding_option,
    lenient_option,
    total_rule_option,
)
from umfpay.cli._ledger import (
    chosen_format,
    format_options,
    open_ledger,
    pairs,
)
from umfpay.cli._months import MonthArguments, month_options, print_month
from umfpay.cli._progress import shown_progress
from umfpay.cli._streams import print_json, print_line
from umfpay.reconciliation import Difference, Encoding, Rounding, TotalRules


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation import Report, Tolerance


_Day = click.DateTime(formats=["%Y-%m-%d", "%Y%m%d"])


# A shell makes several words of one pattern; click would only count them.
@click.command(context_settings={"allow_extra_args": True})
@click.option(
    "--transactions",
    "transactions",
    multiple=True,
    metavar="FILE",
    help="A transaction file of the gateway; given once for each file.",
)
@click.option(
    "--statement",
    "statements",
    multiple=True,
    metavar="FILE",
    help="A reconciliation file of the gateway: what it paid out.",
)
@night_options
@month_options
@click.option(
    "--ledger",
    metavar="FILE",
    help="Your ledger: .csv, .xlsx (or .xlsm, .xls, .ods), .parquet, or an address of a"
    " database (with --query).",
)
@click.option("--query", metavar="SQL", help="What to select from the database.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="OURS=COLUMN",
    help="Which of your columns holds mer_reference_id, mer_date, kind, refund_id,"
    " currency, total, total_cny, state or service_fee; refunded where a row has the sum"
    " of the refunds of its order.",
)
@format_options
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="NAME=AMOUNT",
    help="Accept such a difference of total, total_cny, service_fee or exchange.",
)
@click.option("--from", "first", type=_Day, help="First day that the ledger is due.")
@click.option("--to", "last", type=_Day, help="Last day that the ledger is due.")
@click.option(
    "--no-file",
    "without_file",
    type=_Day,
    multiple=True,
    help="A day of which the gateway says that it has no file.",
)
@click.option("--merchant", metavar="ID", help="Whose files they must be.")
@click.option(
    "--settle-after",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Working days within which UMF pays out; needed with --statement.",
)
@click.option(
    "--holiday",
    "holidays",
    type=_Day,
    multiple=True,
    help="A day from Monday to Friday on which nobody works.",
)
@click.option(
    "--opening",
    metavar="CNY|FILE",
    help="What was open before the first day: the sum in CNY, or a file of"
    " --open-items.",
)
@click.option(
    "--open-items",
    metavar="FILE",
    help="Write what was not paid out yet as Parquet, for the next --opening.",
)
@click.option(
    "--engine",
    type=click.Choice(["polars", "duckdb"]),
    default="polars",
    show_default=True,
    help="What compares; both find the same.",
)
@total_rule_option
@click.option(
    "--total-rules",
    metavar="FILE",
    help="Where it is remembered which one it was, as in the folder of a pull.",
)
@click.option(
    "--rounding",
    type=click.Choice([*map(str, Rounding)]),
    help="How payouts were rounded before; otherwise half up, unless the rows show"
    " another rule.",
)
@gateway_encoding_option("--gateway-encoding")
@lenient_option
@click.option(
    "--quarantine",
    metavar="FILE",
    help="Write the rows that --lenient sets aside as CSV, each with its reason.",
)
@click.option(
    "--work-dir",
    metavar="DIR",
    help="Where a run that was stopped goes on when it is started again.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FILE",
    help="Write the report; what it becomes is said by its ending: .html, .xlsx, .txt,"
    " .csv, .parquet, or .json (for umfpay query --from). Given once for each file.",
)
@click.option(
    "--table",
    "table_url",
    metavar="ADDRESS",
    help="Write the differences into the table umf_differences of a database, and what is"
    " open into umf_open_items, in place of the rows of the same night.",
)
@click.option(
    "--language",
    type=click.Choice(["zh", "en", "both"]),
    default="both",
    show_default=True,
    help="Of the reports.",
)
@click.option("--json", "as_json", is_flag=True, help="Print counts and totals.")
@click.pass_context
def reconcile(
    context: click.Context,
    /,
    *,
    transactions: Sequence[str],
    statements: Sequence[str],
    ledger: str | None,
    query: str | None,
    columns: Sequence[str],
    tolerances: Sequence[str],
    first: datetime | None,
    last: datetime | None,
    without_file: Sequence[datetime],
    merchant: str | None,
    settle_after: int | None,
    holidays: Sequence[datetime],
    opening: str | None,
    open_items: str | None,
    engine: str,
    total_rule: str,
    total_rules: str | None,
    rounding: str | None,
    gateway_encoding: Encoding | None,
    lenient: bool,
    quarantine: str | None,
    work_dir: str | None,
    reports: Sequence[str],
    table_url: str | None,
    language: str,
    as_json: bool,
    **written: Any,
) -> None:
    """
    Compare the gateway's transaction files with your ledger.

    With --books and --night what is open is kept from night to night, and with --books
    and --month the nights of a month are added up.

    Exits with 0 when all is matched, 1 when there are differences, 2 on an error.
    """
    from umfpay import reconciliation

    _check_words(context.args)
    month = MonthArguments.of(context, written, reports)

    if month is not None:
        _check_places(reports, {}, reconciliation.Month.endings)
        is_proven = print_month(month, language, as_json=as_json)
        context.exit(Exit.GOOD if is_proven else Exit.NO)

    if ledger is None:
        raise click.UsageError("Missing option '--ledger'.")

    _check_pairs(
        {"--from": first, "--to": last},
        {"--lenient": lenient or None, "--quarantine": quarantine},
    )

    if total_rules is not None and total_rule != "auto":
        raise click.UsageError("--total-rules remembers what --total-rule says alone.")

    asked = NightArguments.of(written)
    _check_places(
        reports,
        {"--quarantine": quarantine, "--open-items": open_items},
        reconciliation.Report.endings,
    )
    book = open_ledger(ledger, query, pairs("--map", columns), chosen_format(written))
    options: dict[str, Any] = {
        "engine": engine,
        "tolerance": _tolerance(pairs("--tolerance", tolerances)),
        "without_file": [day.date() for day in without_file],
        "merchant": merchant,
        "settle_after": settle_after,
        "holidays": [day.date() for day in holidays],
        "opening": _opening(opening),
        "encoding": gateway_encoding,
        "on_bad_row": "quarantine" if lenient else "raise",
    }

    if asked is None:
        if not transactions:
            raise click.UsageError(
                "--transactions, or --books with --night, is needed."
            )

        with shown_progress() as bar:
            result = reconciliation.reconcile(
                list(transactions),
                list(statements) or None,
                ledger=book,
                days=None
                if first is None or last is None
                else (first.date(), last.date()),
                work_dir=work_dir,
                rounding=rounding or Rounding.HALF_UP,
                total_rule=total_rule  # type: ignore[arg-type]  # click knows the words
                if total_rules is None
                else TotalRules(total_rules),
                on_progress=bar.show,
                **options,
            )

        is_clean, lines = result.is_clean, []
    else:
        _check_alone(
            {
                "--transactions": transactions,
                "--statement": statements,
                "--from": first,
                "--open-items": open_items,
                "--work-dir": work_dir,
                "--rounding": rounding,
                "--total-rules": total_rules,
                "--total-rule": total_rule != "auto",
            }
        )

        with shown_progress() as bar:
            night = compare_night(asked, book, bar, **options)

        result, is_clean, lines = night.report, night.is_clean, night_lines(night)

    for place in reports:
        result.write(
            place,
            language=language,  # type: ignore[arg-type]  # click knows the three words
            rest=_rest_of(place, reports),
        )

    if table_url is not None:
        result.write_table(table_url)

    if quarantine is not None:
        result.write_quarantine(quarantine)

    if open_items is not None and result.open_items is not None:
        result.open_items.write_parquet(open_items)

    if as_json:
        print_json(result.to_json())
    else:
        for line in [*lines, *_table(result).splitlines()]:
            print_line(line)

    context.exit(Exit.GOOD if is_clean else Exit.NO)


def _check_alone(given: Mapping[str, object]) -> None:
    """
    Refuse options that books over nights decide themselves.
    """
    for option, value in given.items():
        if value:
            files = (
                " Put transactions-YYYYMMDD.txt and reconciliation-YYYYMMDD.txt into a"
                " folder and give that: --files FOLDER."
                if option in ("--transactions", "--statement")
                else ""
            )
            raise click.UsageError(f"{option} cannot be given with --books.{files}")


def _check_words(words: Sequence[str]) -> None:
    if words:
        raise click.UsageError(
            f"{words[0]!r} stands alone: each file needs its option, such as"
            " --transactions A --transactions B."
        )


def _check_pairs(*pairs_of_options: Mapping[str, object]) -> None:
    """
    Refuse options that mean something only together.
    """
    for given in pairs_of_options:
        if len({value is None for value in given.values()}) > 1:
            raise click.UsageError(f"{' and '.join(given)} belong together.")


def _check_places(
    reports: Sequence[str], places: Mapping[str, str | None], endings: Sequence[str]
) -> None:
    """
    Refuse a file whose folder is not there, or a report whose ending is none of
    *endings*; not after minutes of work.
    """
    for option, place in (*(("--report", one) for one in reports), *places.items()):
        if place is not None and not (place and Path(place).parent.is_dir()):
            raise click.BadParameter(
                f"{place!r}: its folder is not there.", param_hint=option
            )

    for place in reports:
        if Path(place).suffix not in endings:
            raise click.BadParameter(
                f"{place!r}: its ending is none of {', '.join(endings)}.",
                param_hint="--report",
            )


def _rest_of(place: str, reports: Sequence[str]) -> str:
    """
    Return the file beside *place* that has all differences, "" if there is none.
    """
    folder = Path(place).resolve().parent

    for other in map(Path, reports):
        if other.suffix == ".csv" and other.resolve().parent == folder:
            return other.name

    return ""


def _opening(given: str | None) -> Decimal | pl.DataFrame | None:
    if given is None:
        return None

    try:
        return Decimal(given)
    except InvalidOperation:
        pass

    if not Path(given).is_file():
        raise click.BadParameter(
            f"{given!r}: an amount in CNY or a file is needed.",
            param_hint="--opening",
        )

    import polars as pl

    try:
        return pl.read_parquet(given)
    except pl.exceptions.PolarsError:
        raise click.BadParameter(
            f"{given!r}: no Parquet file.", param_hint="--opening"
        ) from None


def _tolerance(given: dict[str, str]) -> Tolerance | None:
    from umfpay.reconciliation import Tolerance

    if not given:
        return None

    amounts: dict[str, Decimal] = {}

    for name, text in given.items():
        try:
            amounts[name] = Decimal(text)
        except InvalidOperation:
            raise click.BadParameter(
                f"{name}: an amount is needed.", param_hint="--tolerance"
            ) from None

    try:
        return Tolerance(**amounts)
    except TypeError:
        raise click.BadParameter(
            "total, total_cny, service_fee and exchange can be tolerated.",
            param_hint="--tolerance",
        ) from None


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
    from umfpay.reconciliation._bridge import ITEM_NAMES

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
            name = ITEM_NAMES[line.item]
            lines.append(
                f"{amount:>18} {currency} {rows:>10}  {name.en} | {name.zh}"
                + (" (of these | 其中)" if line.is_part else "")
            )

    return [
        *lines,
        *(f"not proven: {one.en} | 未证明：{one.zh}" for one in report.bridge.missing),
    ]
