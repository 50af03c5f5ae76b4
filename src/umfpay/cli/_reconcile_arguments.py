"""
Arguments of ``umfpay reconcile``: what their words mean, and which go together.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import click
from click.core import ParameterSource

from umfpay.cli._ledger import chosen_format, open_ledger
from umfpay.cli._options import once_each
from umfpay.reconciliation import Encoding


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation import FeeRule, Ledger, Tolerance


_FEE_NAMES: Final = {
    "fixed": Decimal,
    "minimum": Decimal,
    "currency": str,
    "kind": str,
}

# Names of options that mean something in one of the three forms alone.
_MONTH_NAMES: Final = frozenset(
    {"books", "month", "fees", "decisions", "reports", "language", "as_json"}
)
_BOOKS_NAMES: Final = frozenset(
    {"files", "refresh", "decisions", "file", "fetch_token"}
)
_INPUT_NAMES: Final = frozenset({"transactions", "statements"})
_FILES_NAMES: Final = frozenset(
    {
        "first",
        "last",
        "open_items",
        "work_dir",
        "rounding",
        "total_rules",
        "total_rule",
    }
)
_FILES_HINT: Final = (
    " Put transactions-YYYYMMDD.txt and reconciliation-YYYYMMDD.txt into a folder and"
    " give that: --files FOLDER."
)


@attrs.frozen(kw_only=True)
class ReconcileArguments:
    """
    What the command is asked for, by the names of its options.

    It compares files; with *books* and *night* what is open is kept from night to night;
    with *books* and *month* the nights of a month are added up.
    """

    transactions: Sequence[str]
    statements: Sequence[str]
    books: str | None
    night: date | None
    files: str | None
    refresh: bool
    decisions: str | None
    file: Path | None
    fetch_token: bool
    month: str | None
    fees: Sequence[FeeRule]
    ledger: str | None
    query: str | None
    columns: dict[str, str]
    ledger_format: Mapping[str, Any]
    tolerance: Tolerance | None
    first: date | None
    last: date | None
    without_file: Sequence[date]
    merchant: str | None
    settle_after: int | None
    holidays: Sequence[date]
    opening: Decimal | pl.DataFrame | None
    open_items: str | None
    engine: str
    total_rule: str
    total_rules: str | None
    rounding: str | None
    gateway_encoding: Encoding | None
    lenient: bool
    quarantine: str | None
    work_dir: str | None
    reports: Sequence[str]
    table_url: str | None
    language: Any  # Any: click knows the three words
    as_json: bool

    @classmethod
    def of(cls, context: click.Context) -> Self:
        """
        Return what a command line says.

        Raises:
            click.UsageError: Some of its options do not go together.
        """
        own = {field.name for field in attrs.fields(cls)}
        given = {name: one for name, one in context.params.items() if name in own}
        ledger_format = {
            name: one for name, one in context.params.items() if name not in own
        }
        asked = cls(ledger_format=ledger_format, **given)
        _check_words(context.args)
        asked._check_form(context)

        return asked

    @property
    def compared(self) -> dict[str, Any]:
        """
        What means the same to `reconcile` and to `Books.night`.
        """
        return {
            "engine": self.engine,
            "tolerance": self.tolerance,
            "holidays": self.holidays,
            "encoding": self.gateway_encoding,
            "on_bad_row": "quarantine" if self.lenient else "raise",
        }

    def open_ledger(self) -> Ledger:
        """
        Return the ledger.

        Raises:
            click.UsageError: *query* does not go with it.
            ConfigError: It cannot be read as it is said to be written.
        """
        # Looked at already.
        assert self.ledger is not None

        return open_ledger(
            self.ledger, self.query, self.columns, chosen_format(self.ledger_format)
        )

    def check_places(self, endings: Sequence[str]) -> None:
        """
        Look for the folders of what is written: not after minutes of work.

        Raises:
            click.BadParameter: One is not there, or a report's ending is none of
                *endings*.
        """
        for option, place in (
            *(("--report", one) for one in self.reports),
            ("--quarantine", self.quarantine),
            ("--open-items", self.open_items),
        ):
            if place is not None and not (place and Path(place).parent.is_dir()):
                raise click.BadParameter(
                    f"{place!r}: its folder is not there.", param_hint=option
                )

        for place in self.reports:
            if Path(place).suffix not in endings:
                raise click.BadParameter(
                    f"{place!r}: its ending is none of {', '.join(endings)}.",
                    param_hint="--report",
                )

    def _check_form(self, context: click.Context) -> None:
        given = {
            option.name: option.opts[0]
            for option in context.command.params
            if context.get_parameter_source(option.name or "")
            is ParameterSource.COMMANDLINE
        }

        if self.month is not None:
            _check_together({"--books": self.books or None, "--month": self.month})
            _refuse(
                given, set(given) - _MONTH_NAMES, "{} cannot be given with --month."
            )

            return

        if self.fees:
            raise click.UsageError("--fee is for --month.")

        if self.ledger is None:
            raise click.UsageError("Missing option '--ledger'.")

        _check_together({"--from": self.first, "--to": self.last})
        _check_together(
            {"--lenient": self.lenient or None, "--quarantine": self.quarantine}
        )
        _check_together({"--books": self.books, "--night": self.night})

        if self.total_rules is not None and self.total_rule != "auto":
            raise click.UsageError(
                "--total-rules remembers what --total-rule says alone."
            )

        if self.books:
            # Books find out the rule themselves, too.
            names = _FILES_NAMES - {"total_rule" if self.total_rule == "auto" else ""}
            words = "{} cannot be given with --books."
            _refuse(given, _INPUT_NAMES, words + _FILES_HINT)
            _refuse(given, names, words)
        else:
            _refuse(given, _BOOKS_NAMES, "{} is for --books.")

            if not self.transactions:
                raise click.UsageError(
                    "--transactions, or --books with --night, is needed."
                )


def _check_words(words: Sequence[str]) -> None:
    # A shell makes several words of one pattern.
    if words:
        raise click.UsageError(
            f"{words[0]!r} stands alone: each file needs its option, such as"
            " --transactions A --transactions B."
        )


def _check_together(given: Mapping[str, object]) -> None:
    if len({value is None for value in given.values()}) > 1:
        raise click.UsageError(f"{' and '.join(given)} belong together.")


def _refuse(given: Mapping[str, str], names: Container[str], words: str) -> None:
    """
    Refuse the first option *given* that is one of *names*.
    """
    for name, option in given.items():
        if name in names:
            raise click.UsageError(words.format(option))


def read_opening(given: str) -> Decimal | pl.DataFrame:
    """
    Return what was open before the first day: a sum in CNY, or rows of a Parquet file.

    Raises:
        click.BadParameter: It is neither.
    """
    try:
        return Decimal(given)
    except InvalidOperation:
        pass

    if not Path(given).is_file():
        raise click.BadParameter(f"{given!r}: an amount in CNY or a file is needed.")

    import polars as pl

    try:
        return pl.read_parquet(given)
    except pl.exceptions.PolarsError:
        raise click.BadParameter(f"{given!r}: no Parquet file.") from None


def read_fee(given: str) -> FeeRule:
    """
    Return the rule that is written as ``0.6%,minimum=0.50``.

    Raises:
        click.BadParameter: It is written otherwise.
    """
    from umfpay.reconciliation import FeeRule

    rate, *more = given.split(",")
    values: dict[str, Any] = {}

    try:
        if not rate.endswith("%"):
            raise ValueError

        for one in more:
            name, _, value = one.partition("=")
            values[name] = _FEE_NAMES[name](value)

        values["rate"] = Decimal(rate[:-1]) / 100
    except (KeyError, ValueError, InvalidOperation):
        raise click.BadParameter(
            f"{given!r}: as 1% or 0.6%,fixed=0.10,minimum=0.50,currency=USD,kind=P."
        ) from None

    return FeeRule(**values)


def tolerance_of(
    context: click.Context, option: click.Parameter, given: Sequence[tuple[str, str]]
) -> Tolerance | None:
    """
    Return what ``--tolerance NAME=AMOUNT``, given several times, accepts.

    Raises:
        click.BadParameter: It is no amount, or of nothing that can differ.
    """
    from umfpay.reconciliation import Tolerance

    if not given:
        return None

    amounts: dict[str, Decimal] = {}

    for name, text in once_each(context, option, given).items():
        try:
            amounts[name] = Decimal(text)
        except InvalidOperation:
            raise click.BadParameter(
                f"{name}: an amount is needed.", context, option
            ) from None

    try:
        return Tolerance(**amounts)
    except TypeError:
        raise click.BadParameter(
            "total, total_cny, service_fee and exchange can be tolerated.",
            context,
            option,
        ) from None
