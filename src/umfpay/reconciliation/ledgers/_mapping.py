"""
Map the columns of a ledger to ours: by what its user says, and by its format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation.ledgers._place import shown


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._format import LedgerFormat
    from umfpay.reconciliation.ledgers._place import Place


COLUMN_NAMES: Final = (
    "mer_reference_id",
    "mer_date",
    "kind",
    "refund_id",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
    "refunded",
)
REFUNDED: Final = "refunded"
"""What was refunded of a payment, in its row; never found by this name alone."""

MONEY_COLUMNS: Final = ("total", "total_cny", "service_fee", REFUNDED)
OPTIONAL_COLUMNS: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
)

# At most 15 digits before the dot: more overflow hundredths in Int64.
AMOUNT_PATTERN: Final = r"^\s*[+-]?[0-9]{1,15}(\.[0-9]{1,38})?\s*$"
# A time without an offset is the gateway's own; one with an offset must be whole.
OFFSET_PATTERN: Final = (
    r"[T ]([01][0-9]|2[0-3]):?[0-5][0-9](:?[0-5][0-9]([.][0-9]*)?)?"
    r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
)
DAY_PATTERN: Final = (
    r"^\s*[0-9]{4}[-/]?[0-9]{2}[-/]?[0-9]{2}"
    rf"([T ][0-9:.]*\s*$|{OFFSET_PATTERN.removesuffix('$')}\s*$|\s*$)"
)
WORDS_OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "P": (
        *("P", "PAY", "PAYMENT", "SALE", "ORDER", "CHARGE"),
        *("支付", "付款", "收款", "交易", "消费"),
    ),
    "T": ("T", "REFUND", "RETURN", "退款", "退货", "交易退款"),
}
_MAX_SHOWN_NAMES: Final = 30
KIND_WORDS: Final = [word for words in WORDS_OF_KIND.values() for word in words]

_AMOUNTS = ("total", "total_cny")


def choose_columns(
    columns: Mapping[str, str] | None,
    there: Sequence[str],
    *,
    only_named: bool = False,
) -> dict[str, str]:
    """
    Return which of the columns that are *there* holds which of ours.

    Args:
        columns: Ours to theirs; those that are not named have our names.
        only_named: Those that are not named are not there.

    Raises:
        ConfigError: A name of ours does not exist, a column is not there or there
            twice, or the order number or both amounts are missing.
    """
    named = dict(columns or {})

    for name in named:
        if name not in COLUMN_NAMES:
            raise columns_error(
                f"{shown(name)}: ours are {', '.join(COLUMN_NAMES)}",
                f"{shown(name)}：可用的名称为 {'、'.join(COLUMN_NAMES)}",
            )

    for name, column in named.items():
        if column not in there:
            raise columns_error(
                f"{name}={shown(column)}: the ledger has {_column_list(there)}",
                f"{name}={shown(column)}：账本的列为 {_column_list(there)}",
            )

    found = {
        name: named.get(name, name)
        for name in COLUMN_NAMES
        if name in named or not (only_named or name == REFUNDED)
    }
    found = {name: column for name, column in found.items() if column in there}

    for name, column in found.items():
        if there.count(column) > 1:
            raise columns_error(
                f"{name}={shown(column)}: several columns of the ledger have this name",
                f"{name}={shown(column)}：账本中有多列使用该名称",
            )

    if "mer_reference_id" not in found:
        raise columns_error(
            f"mer_reference_id is needed; the ledger has {_column_list(there)}",
            f"缺少 mer_reference_id；账本的列为 {_column_list(there)}",
        )

    if not {"total", "total_cny"} & {*found}:
        raise columns_error(
            f"total or total_cny is needed; the ledger has {_column_list(there)}",
            f"缺少 total 或 total_cny；账本的列为 {_column_list(there)}",
        )

    return found


def _column_list(names: Sequence[str]) -> str:
    """
    Return names of columns to be shown: escaped, and without long numbers, for without
    a line of names they are somebody's values.
    """
    first = [shown(name) for name in names[:_MAX_SHOWN_NAMES]]

    return ", ".join([*first, *(["..."] if len(names) > _MAX_SHOWN_NAMES else [])])


def columns_error(en: str, zh: str) -> ConfigError:
    """
    Return what to raise for columns that cannot be meant.
    """
    return ConfigError.of(
        "columns",
        en,
        zh,
        advice=Text(
            "Map your columns: columns={ours: theirs}, or --map OURS=COLUMN.",
            "请用 columns={我方名称: 账本列名} 或 --map 名称=列名 指定。",
        ),
    )


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
