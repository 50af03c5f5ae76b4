"""
``umfpay ledger show``: what is understood of a ledger, before anything is compared.

The options of all commands that read a ledger are here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from umfpay.cli._options import once_each, options, pair
from umfpay.cli._streams import print_line


if TYPE_CHECKING:
    from umfpay.reconciliation import Ledger, LedgerFormat


_PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_SPREADSHEET_SUFFIXES: Final = (".xlsx", ".xlsm", ".xls", ".ods")
_SHOWN_ROWS: Final = 5


def _by_their_word(
    context: click.Context, option: click.Parameter, given: Iterable[tuple[str, str]]
) -> dict[str, str]:
    pairs = ((theirs.upper(), ours) for ours, theirs in given)

    return once_each(context, option, pairs)


columns_option: Final = click.option(
    "--map",
    "columns",
    multiple=True,
    type=pair(),
    callback=once_each,
    metavar="OURS=COLUMN",
    help="Which of your columns holds mer_reference_id, mer_date, kind, refund_id,"
    " currency, total, total_cny, state or service_fee; refunded where a row has the sum"
    " of the refunds of its order.",
)
format_options: Final = options(
    click.option(
        "--preset",
        metavar="NAME|FILE",
        help="How the ledger is written: wechat, alipay, alipay-web, stripe, paypal,"
        " shopify, excel, or a .toml file of yours.",
    ),
    click.option("--encoding", help="Of a CSV ledger; otherwise it is found out."),
    click.option(
        "--delimiter",
        metavar="CHARACTER",
        help="Between the fields of a CSV ledger; otherwise it is found out.",
    ),
    click.option(
        "--skip-rows",
        type=click.IntRange(min=0),
        help="Lines above the line of names; otherwise it is found by the names.",
    ),
    click.option(
        "--date-format", metavar="FORMAT", help="Of the ledger's days: %d/%m/%Y."
    ),
    click.option(
        "--decimal", type=click.Choice([".", ","]), help="Of the ledger's amounts."
    ),
    click.option(
        "--unit", type=click.Choice(["cents"]), help="Of the ledger's amounts."
    ),
    click.option(
        "--refunds-negative/--refunds-positive",
        default=None,
        help="Whether refunds have a minus; otherwise it is found out.",
    ),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=pair("OURS=THEIRS"),
        callback=_by_their_word,
        metavar="OURS=THEIRS",
        help="What a state of the ledger means, such as done=PAID.",
    ),
    click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=pair("OURS=THEIRS"),
        callback=_by_their_word,
        metavar="OURS=THEIRS",
        help="What a kind of the ledger means: P=sale, T=refund, -=payout (no row).",
    ),
    click.option("--zone", help="Of the ledger's times without an offset: UTC."),
    click.option(
        "--key",
        type=click.Choice(["order", "order+day"]),
        help="order+day where numbers of orders repeat over days.",
    ),
)


def chosen_format(given: Mapping[str, Any]) -> LedgerFormat:
    """
    Return the format that the options *given* mean: those of `format_options`.

    Raises:
        ConfigError: There is no such preset, or two options do not go together.
    """
    from umfpay.reconciliation import LedgerFormat

    changes = dict(given)
    base = LedgerFormat.preset(changes.pop("preset") or "excel")

    for name in ("states", "kinds"):
        words = changes[name]
        changes[name] = {**getattr(base, name), **words} if words else None

    return base.changed(**changes)


def open_ledger(
    place: str, query: str | None, columns: dict[str, str], written: LedgerFormat
) -> Ledger:
    """
    Return the ledger at *place*: a file, or an address of a database.

    Args:
        query: What is selected, of a database.
        columns: Which column is which, by our names.
        written: How it is written.

    Raises:
        click.UsageError: A database without *query*, or a file with one.
        ConfigError: There is no such file or database.
    """
    from umfpay.reconciliation import Ledger

    if "://" in place:
        if query is None:
            raise click.UsageError("A database needs --query.")

        return Ledger.sql(place, query, columns=columns, written=written)

    if query is not None:
        raise click.UsageError("--query is for a database.")

    if Path(place).suffix.lower() in _PARQUET_SUFFIXES:
        return Ledger.parquet(place, columns=columns, written=written)

    if Path(place).suffix.lower() in _SPREADSHEET_SUFFIXES:
        return Ledger.spreadsheet(place, columns=columns, written=written)

    return Ledger.csv(place, columns=columns, written=written)


@click.group()
def ledger() -> None:
    """
    Look at your ledger as a comparison reads it.
    """


@ledger.command()
@click.argument("file")
@columns_option
@format_options
def show(file: str, columns: dict[str, str], **written: Any) -> None:
    """
    Read the whole of FILE, and print what is understood of it.

    Encoding, delimiter, lines that are no rows and why, which column is which, the sign
    of refunds, and the first rows in the form that is compared.
    """
    book = open_ledger(file, None, columns, chosen_format(written))
    count, first = 0, None

    for rows in book.batches():
        count += rows.height
        first = rows.head(_SHOWN_ROWS) if first is None else first

    for note in book.notes():
        print_line(f"{note.en} | {note.zh}")

    for ours, theirs in book.mapping.columns.items():
        of_refunds = book.mapping.refund_columns.get(ours)
        more = f" (refunds | 退款: {of_refunds})" if of_refunds else ""
        print_line(f"{ours:<18} = {theirs}{more}")

    print_line(f"rows | 行数: {count:,}")

    if first is not None:
        print_line("  ".join(first.columns))

        for row in first.iter_rows(named=True):
            print_line("  ".join(_shown(name, value) for name, value in row.items()))


def _shown(name: str, value: Any) -> str:
    from umfpay.reconciliation.ledgers._mapping import MONEY_COLUMNS

    if value is None or value == "":
        return "-"

    if name in MONEY_COLUMNS:
        return f"{'-' * (value < 0)}{abs(value) // 100:,}.{abs(value) % 100:02}"

    return str(value)
