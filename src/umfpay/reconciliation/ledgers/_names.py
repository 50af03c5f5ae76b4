"""
Our names for the columns of a ledger, and which of theirs hold them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from umfpay.errors import ConfigError, Text, escape


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
# As numbers of phones, cards and orders have, and days.
_LONG_NUMBER: Final = re.compile(r"[0-9](?:[ .-]?[0-9]){6,}")
_MAX_SHOWN_NAMES: Final = 30
_MAX_SHOWN_CHARACTERS: Final = 40
KIND_WORDS: Final = [word for words in WORDS_OF_KIND.values() for word in words]


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


def shown(text: str) -> str:
    """
    Return *text* of a ledger to be shown: escaped, and without long numbers.
    """
    return escape(_LONG_NUMBER.sub("***", text), limit=_MAX_SHOWN_CHARACTERS)


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
