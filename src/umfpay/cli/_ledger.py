"""
``umfpay ledger show``: what is understood of a ledger, before anything is compared; and
the options of all commands that read one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from umfpay.cli._streams import print_line


if TYPE_CHECKING:
    from umfpay.reconciliation import Ledger, LedgerFormat


_Command = TypeVar("_Command", bound=Callable[..., Any])

_PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_SHOWN_ROWS: Final = 5
_OPTIONS: Final = (
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
        metavar="OURS=THEIRS",
        help="What a state of the ledger means, such as done=PAID.",
    ),
    click.option(
        "--kind",
        "kinds",
        multiple=True,
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


def format_options(command: _Command) -> _Command:
    """
    Add the options that say how a ledger is written.
    """
    for option in reversed(_OPTIONS):
        command = option(command)

    return command


def chosen_format(given: Mapping[str, Any]) -> LedgerFormat:
    """
    Return the format that the options *given* mean.
    """
    from umfpay.reconciliation._ledger_presets import preset

    options = dict(given)
    base = preset(options.pop("preset") or "excel")

    for name in ("states", "kinds"):
        words = _words(f"--{name[:-1]}", options.pop(name))
        options[name] = {**getattr(base, name), **words} if words else None

    return base.changed(**options)


def _words(option: str, given: Sequence[str]) -> dict[str, str]:
    words: dict[str, str] = {}

    for one in given:
        ours, equals, theirs = (part.strip() for part in one.partition("="))

        if not (ours and equals and theirs):
            raise click.BadParameter(
                f"{one!r}: OURS=THEIRS is needed.", param_hint=option
            )

        if theirs.upper() in words:
            raise click.BadParameter(f"{theirs} is given twice.", param_hint=option)

        words[theirs.upper()] = ours

    return words


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """
    Return what pairs of the form NAME=VALUE say.
    """
    found: dict[str, str] = {}

    for one in given:
        name, equals, text = one.partition("=")

        if not equals or not name.strip() or not text.strip():
            raise click.BadParameter(
                f"{one!r}: NAME=VALUE is needed.", param_hint=option
            )

        if name.strip() in found:
            raise click.BadParameter(f"{name} is given twice.", param_hint=option)

        found[name.strip()] = text.strip()

    return found


def open_ledger(
    place: str, query: str | None, columns: dict[str, str], written: LedgerFormat
) -> Ledger:
    """
    Return the ledger at *place*: a file, or an address of a database.
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

    if Path(place).suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods"):
        return Ledger.spreadsheet(place, columns=columns, written=written)

    return Ledger.csv(place, columns=columns, written=written)


@click.group()
def ledger() -> None:
    """
    Look at your ledger as a comparison reads it.
    """


@ledger.command()
@click.argument("file")
@click.option("--map", "columns", multiple=True, metavar="OURS=COLUMN")
@format_options
def show(file: str, columns: Sequence[str], **written: Any) -> None:
    """
    Read the whole of FILE, and print what is understood of it.

    Encoding, delimiter, lines that are no rows and why, which column is which, the sign
    of refunds, and the first rows in the form that is compared.
    """
    book = open_ledger(file, None, pairs("--map", columns), chosen_format(written))
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
    from umfpay.reconciliation._ledger_names import MONEY_COLUMNS

    if value is None or value == "":
        return "-"

    if name in MONEY_COLUMNS:
        return f"{'-' * (value < 0)}{abs(value) // 100:,}.{abs(value) % 100:02}"

    return str(value)
