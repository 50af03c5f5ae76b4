"""
The end of a month: ``umfpay reconcile --books DIR --month 2026-11``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import click
from click.core import ParameterSource

from umfpay.cli._streams import print_json, print_line


if TYPE_CHECKING:
    from umfpay.reconciliation import FeeRule


_Command = TypeVar("_Command", bound=Callable[..., Any])

# Options that mean something with --month.
_ITS_OPTIONS: Final = frozenset(
    {"books", "month", "fees", "decisions", "reports", "language", "as_json"}
)
_FEE_NAMES: Final = {
    "fixed": Decimal,
    "minimum": Decimal,
    "currency": str,
    "kind": str,
}


def month_options(command: _Command) -> _Command:
    """
    Add the options of the end of a month.
    """
    for option in (
        click.option(
            "--fee",
            "fees",
            multiple=True,
            metavar="RATE%[,NAME=VALUE]",
            help="What UMF should take for each row, with --month: 1% or"
            " 0.6%,fixed=0.10,minimum=0.50,currency=USD,kind=P. The first that is for a"
            " row counts.",
        ),
        click.option(
            "--month",
            metavar="YYYY-MM",
            help="Add up the nights of a month, with --books; compares nothing. With"
            " --report it is written as a page (.html), .txt or .json, too.",
        ),
    ):
        command = option(command)

    return command


@attrs.frozen(kw_only=True)
class MonthArguments:
    """
    What such a command is asked for.
    """

    books: str
    month: str
    fees: Sequence[FeeRule]
    decisions: str | None
    reports: Sequence[str]

    @classmethod
    def of(
        cls, context: click.Context, given: dict[str, Any], reports: Sequence[str]
    ) -> MonthArguments | None:
        """
        Take its options from those that were *given*; None without a month.
        """
        month, fees = given.pop("month"), given.pop("fees")

        if month is None:
            if fees:
                raise click.UsageError("--fee is for --month.")

            return None

        if not given["books"]:
            raise click.UsageError("--books and --month belong together.")

        for option in context.command.params:
            name = option.name or ""

            if (
                name not in _ITS_OPTIONS
                and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
            ):
                raise click.UsageError(
                    f"{option.opts[0]} cannot be given with --month."
                )

        return cls(
            books=given["books"],
            month=month,
            fees=[*map(_fee, fees)],
            decisions=given["decisions"],
            reports=reports,
        )


def _fee(given: str) -> FeeRule:
    """
    Return the rule that is written as ``0.6%,minimum=0.50``.
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
            f"{given!r}: as 1% or 0.6%,fixed=0.10,minimum=0.50,currency=USD,kind=P.",
            param_hint="--fee",
        ) from None

    return FeeRule(**values)


def print_month(asked: MonthArguments, language: Any, *, as_json: bool) -> bool:
    """
    Print a month, and write its reports; return whether it is proven.
    """
    from umfpay.reconciliation import Books

    books = Books(asked.books, decisions=asked.decisions)
    month = books.month(asked.month, fees=asked.fees)

    for place in asked.reports:
        month.write(place, language=language)

    if as_json:
        print_json(month.to_json())
    else:
        for line in month.to_text(language=language).splitlines():
            print_line(line)

    return month.is_proven
