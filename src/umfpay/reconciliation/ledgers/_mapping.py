"""
Which columns of a ledger are ours, by its format and by what its user says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from umfpay.errors import Text
from umfpay.reconciliation.ledgers._names import choose_columns


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._format import LedgerFormat
    from umfpay.reconciliation.ledgers._place import Place


_AMOUNTS = ("total", "total_cny")


@attrs.frozen
class ColumnMapping:
    """
    Attributes:
        columns: Ours to theirs.
        refund_columns: Ours to theirs, where those of refunds are others.
        joined: What is made of several columns, and of which.
        expected: Columns that may hold one value only, and it.
        item_rows: Whether rows of items stand below those of orders.
    """

    columns: Mapping[str, str]
    refund_columns: Mapping[str, str]
    joined: Mapping[str, Sequence[str]]
    expected: Mapping[str, str]
    item_rows: bool

    def wanted(self) -> list[str]:
        """
        Return the columns of the ledger that are read.
        """
        named = (*self.columns.values(), *self.refund_columns.values(), *self.expected)

        return [
            *dict.fromkeys(
                one for name in named for one in self.joined.get(name, (name,))
            )
        ]

    def with_joined(self, rows: pl.DataFrame) -> pl.DataFrame:
        """
        Return *rows* with the columns that are made of several.
        """
        import polars as pl

        return rows.with_columns(
            pl.concat_str(
                [pl.col(part).str.strip_chars() for part in parts], separator=" "
            ).alias(name)
            for name, parts in self.joined.items()
        )

    def orders_only(self, place: Place, last: str | None) -> pl.Series:
        """
        Tell which rows are of orders, and not of items below them.

        Args:
            last: The order number of the row before.
        """
        import polars as pl

        number = pl.col(self.columns["mer_reference_id"])
        is_blank = pl.all_horizontal(
            pl.col(self.columns[name]).fill_null("").str.strip_chars() == ""
            for name in (*_AMOUNTS, "state")
            if name in self.columns
        )
        is_same = number == number.shift(1, fill_value=last)

        return place.rows.select(
            ~(is_blank & is_same).fill_null(value=False)
        ).to_series()

    def check_expected(self, place: Place) -> None:
        """
        Raise for another value than the one that a column may hold.
        """
        import polars as pl

        for column, value in self.expected.items():
            found = place.rows.select(pl.col(column).str.strip_chars()).to_series()
            place.refuse(
                found.is_in([value, ""]),
                column,
                Text(f"{value}, as this format has it", f"{value}（该格式应为此值）"),
                advice=Text(
                    "Read the ledger without the preset, and map its columns with --map.",
                    "请不使用预设，改用 --map 指定各列。",
                ),
            )


def header_names(
    columns: Mapping[str, str] | None, written: LedgerFormat
) -> list[Collection[str]]:
    """
    Return for each column that is needed the names of which one is there.
    """
    known = _candidates(columns, written)
    amounts = [name for one in _AMOUNTS for name in known.get(one, ())]
    needed: list[Collection[str]] = [
        _first_parts(known.get("mer_reference_id", ("mer_reference_id",)))
    ]

    return [*needed, _first_parts(amounts)] if amounts else needed


def _first_parts(names: Sequence[str]) -> list[str]:
    return [part for name in names for part in (name, name.partition("+")[0])]


def map_columns(
    columns: Mapping[str, str] | None, written: LedgerFormat, there: Sequence[str]
) -> ColumnMapping:
    """
    Return which of the columns that are *there* is which of ours.

    Raises:
        ConfigError: One that is needed, or that the user names, is not there.
    """
    joined: dict[str, tuple[str, ...]] = {}

    def resolved(known: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
        for ours, names in known.items():
            for name in names:
                parts = tuple(name.split("+"))

                if name not in there and len(parts) > 1 and {*parts} <= {*there}:
                    joined[name] = parts

                if name in there or name in joined:
                    yield ours, name

                    break

    named = dict(columns or {})
    by_format = dict(resolved(written.columns))
    by_user = dict(resolved({ours: (theirs,) for ours, theirs in named.items()}))
    # What the user names and is not there is refused.
    chosen = choose_columns(
        {**by_format, **named, **by_user},
        [*there, *joined],
        only_named=bool(written.columns),
    )

    return ColumnMapping(
        columns=chosen,
        refund_columns={
            ours: theirs
            for ours, theirs in resolved(written.refund_columns)
            if ours in chosen and ours not in named
        },
        joined=joined,
        expected={
            column: value
            for column, value in written.expected.items()
            if column in there
        },
        item_rows=written.item_rows,
    )


def _candidates(
    columns: Mapping[str, str] | None, written: LedgerFormat
) -> dict[str, tuple[str, ...]]:
    return {
        **written.columns,
        **{ours: (theirs,) for ours, theirs in (columns or {}).items()},
    }
