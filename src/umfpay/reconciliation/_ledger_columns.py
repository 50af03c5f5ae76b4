"""
The merchant's own columns in the form that is compared, on any engine.

Money becomes Int64 hundredths by its digits: no engine's rounding, no float.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import narwhals as nw

from umfpay.errors import ConfigError, Text


OURS: Final = (
    "mer_reference_id",
    "mer_date",
    "kind",
    "refund_id",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
)
MONEY: Final = ("total", "total_cny", "service_fee")
OPTIONAL: Final = (
    "mer_date",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
)

# At most 15 digits before the dot: more overflow hundredths in Int64.
AMOUNT: Final = r"^\s*[+-]?[0-9]{1,15}(\.[0-9]{1,18})?\s*$"
DAY: Final = r"^\s*[0-9]{4}([-/]?)[0-9]{2}([-/]?)[0-9]{2}([T ][0-9:.+Z-]*)?\s*$"
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "P": ("P", "PAY", "PAYMENT", "SALE", "ORDER", "支付", "付款", "收款"),
    "T": ("T", "REFUND", "RETURN", "退款", "退货"),
}

Frame = Any  # narwhals' frame, or the native one of any engine
Expr = Any


def chosen(columns: Mapping[str, str] | None, there: Sequence[str]) -> dict[str, str]:
    """
    Return which of the columns that are *there* holds which of ours.

    Args:
        columns: Ours to theirs; those that are not named have our names.

    Raises:
        ConfigError: A name of ours does not exist, a column is not there, or the order
            number or both amounts are missing.
    """
    named = dict(columns or {})

    for name in named:
        if name not in OURS:
            raise _wrong(
                f"{name}: ours are {', '.join(OURS)}",
                f"{name}：可用的名称为 {'、'.join(OURS)}",
            )

    for name, column in named.items():
        if column not in there:
            raise _wrong(
                f"{name}={column}: the ledger has {', '.join(there)}",
                f"{name}={column}：账本的列为 {'、'.join(there)}",
            )

    found = {name: named.get(name, name) for name in OURS}
    found = {name: column for name, column in found.items() if column in there}

    if "mer_reference_id" not in found:
        raise _wrong(
            f"mer_reference_id is needed; the ledger has {', '.join(there)}",
            f"缺少 mer_reference_id；账本的列为 {'、'.join(there)}",
        )

    if not {"total", "total_cny"} & {*found}:
        raise _wrong(
            f"total or total_cny is needed; the ledger has {', '.join(there)}",
            f"缺少 total 或 total_cny；账本的列为 {'、'.join(there)}",
        )

    return found


def canonical(frame: Frame, columns: Mapping[str, str] | None = None) -> Frame:
    """
    Return the merchant's table in the columns that `compare()` takes.

    Written with narwhals: what is given lazily is returned lazily. A value that cannot
    be read fails when the engine computes it.

    Args:
        frame: Of Polars, DuckDB, PySpark or whatever else narwhals takes.
        columns: Ours to theirs.

    Raises:
        ConfigError: A column is missing, or money is a float.
    """
    table = nw.from_native(frame)

    return with_our_columns(table, chosen(columns, table.collect_schema().names()))


def with_our_columns(
    table: Frame, found: Mapping[str, str], *, hundredths: Collection[str] = ()
) -> Frame:
    """
    Return narwhals' *table* in our columns.

    Args:
        found: Ours to theirs, all of them there.
        hundredths: Columns of theirs that hold hundredths already.
    """
    schema = table.collect_schema()

    for name in MONEY:
        if name in found and schema[found[name]].is_float():
            raise _wrong(
                f"{name}={found[name]} holds floats, which are no money; cast them to"
                " text or decimal",
                f"{name}={found[name]} 为浮点数，不能表示金额；请转换为文本或 decimal",
            )

    refund = _words(found["refund_id"]) if "refund_id" in found else nw.lit("")
    table = table.with_columns(_refund=nw.coalesce(refund, nw.lit("")))
    table = table.with_columns(_kind=_kind(found.get("kind")))
    values: dict[str, Expr] = {
        "order_id": _words(found["mer_reference_id"]),
        "kind": nw.col("_kind"),
        "refund_id": nw.when(nw.col("_kind") == "T")
        .then(nw.col("_refund"))
        .otherwise(nw.lit("")),
    }

    for name in OPTIONAL:
        if name not in found:
            continue

        column, kind = found[name], schema[found[name]]

        if column in hundredths:
            values[name] = nw.col(column)
        elif name in MONEY:
            values[name] = _hundredths(column, kind)
        elif name == "mer_date":
            values[name] = _day(column, kind)
        else:
            values[name] = _words(column)

    return table.select(**values).to_native()


def _words(column: str) -> Expr:
    text = nw.col(column).cast(nw.String).str.strip_chars()

    # Empty text and null are the same.
    return nw.when(text != "").then(text)


def _kind(column: str | None) -> Expr:
    by_number = (
        nw.when(nw.col("_refund") != "").then(nw.lit("T")).otherwise(nw.lit("P"))
    )

    if column is None:
        return by_number

    word = nw.col(column).cast(nw.String).str.strip_chars().str.to_uppercase()
    # What is none of them stays: it matches nothing, and is seen.
    found = nw.coalesce(word, nw.lit(""))

    for kind, words in KINDS.items():
        found = nw.when(word.is_in(words)).then(nw.lit(kind)).otherwise(found)

    return nw.when(found == "").then(by_number).otherwise(found)


def _hundredths(column: str, kind: Any) -> Expr:
    if kind.is_integer():
        return nw.col(column).cast(nw.Int64) * 100

    given = nw.col(column).cast(nw.String).str.strip_chars()
    is_empty = given.is_null() | (given == "")
    # Engines compute all branches: what is empty is 0 until the end, and what is no
    # amount fails in a cast, also where an engine would read 1e5.
    text = (
        nw.when(is_empty)
        .then(nw.lit("0"))
        .otherwise(
            nw.when(given.str.contains(AMOUNT))
            .then(given)
            .otherwise(nw.lit("no amount"))
        )
    )
    size = text.str.replace_all(r"^[+-]", "")
    whole = size.str.replace_all(r"\..*$", "").cast(nw.Int64)
    digits = nw.concat_str([size.str.replace_all(r"^[^.]*\.?", ""), nw.lit("000")])
    up = nw.when(digits.str.slice(2, 1) >= "5").then(nw.lit(1)).otherwise(nw.lit(0))
    value = whole * 100 + digits.str.slice(0, 2).cast(nw.Int64) + up
    signed = nw.when(text.str.starts_with("-")).then(-value).otherwise(value)

    return nw.when(~is_empty).then(signed)


def _day(column: str, kind: Any) -> Expr:
    if kind == nw.Date:
        return nw.col(column)

    if kind == nw.Datetime:
        return nw.col(column).dt.date()

    digits = _words(column).str.replace_all(r"[-/]", "").str.slice(0, 8)

    return digits.str.to_date(format="%Y%m%d")


def _wrong(en: str, zh: str) -> ConfigError:
    return ConfigError(
        Text(f"columns: {en}.", f"columns：{zh}。"),
        advice=Text(
            "Map your columns: columns={ours: theirs}, or --map OURS=COLUMN.",
            "请用 columns={我方名称: 账本列名} 或 --map 名称=列名 指定。",
        ),
    )
