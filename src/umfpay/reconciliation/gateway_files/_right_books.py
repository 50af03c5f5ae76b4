"""
Whether the books given are the right ones: one merchant, each file once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import Book, schema_of


if TYPE_CHECKING:
    import polars as pl


StoredSource = str | os.PathLike[str] | bytes


@attrs.frozen(kw_only=True)
class Opening:
    """
    What was open before the first day.

    Args:
        balance: In CNY, of what has no rows.
        rows: In the columns of the transactions.
        identity: What tells it from another, as JSON.
        is_elsewhere: There are rows, on the cluster.
    """

    balance: Decimal | None = None
    rows: pl.DataFrame | None = None
    identity: Any = None
    is_elsewhere: bool = False

    @property
    def has_rows(self) -> bool:
        """
        Whether it is given by its rows.
        """
        return self.rows is not None or self.is_elsewhere


def checked_opening(given: object) -> Opening:
    """
    Return what ``opening=`` means.

    Raises:
        ConfigError: Nothing.
    """
    if given is None:
        return Opening()

    if isinstance(given, tuple) and len(given) == 2:
        rest, listed = map(checked_opening, given)

        if rest.balance is not None and listed.rows is not None:
            return Opening(
                balance=rest.balance,
                rows=listed.rows,
                identity=[rest.identity, listed.identity],
            )
    elif isinstance(given, Decimal):
        if given.is_finite() and given * 100 == (given * 100).to_integral_value():
            return Opening(balance=given, identity=str(given))
    elif _is_frame(given):
        rows = _opening_rows(given)
        digest = hashlib.sha256(str(rows.hash_rows().sum()).encode()).hexdigest()

        return Opening(rows=rows, identity=[rows.height, digest])

    raise ConfigError(
        "opening: a Decimal in CNY of at most two decimals, the rows that were open"
        " (Report.open_items of the night before), or a pair of both.",
        "opening：必须是最多两位小数的人民币 Decimal，或未结算的行"
        "（前一晚报告的 open_items），或二者组成的元组。",
    )


def _is_frame(given: object) -> bool:
    import polars as pl

    return isinstance(given, pl.DataFrame)


def _opening_rows(given: Any) -> pl.DataFrame:
    import polars as pl

    schema = schema_of(Book.TRANSACTIONS)
    missing = [name for name in schema if name not in (*given.columns, "opening")]

    if missing:
        raise ConfigError(
            f"opening: the frame lacks {', '.join(missing)}.",
            f"opening：数据表缺少 {'、'.join(missing)}。",
        )

    rows: pl.DataFrame = given.with_columns(opening=pl.lit(value=True))

    return rows.select(pl.col(name).cast(kind) for name, kind in schema.items())


def refuse_same_files(
    transactions: Sequence[StoredSource], statements: Sequence[StoredSource]
) -> None:
    """
    Refuse a file that is given twice, under one name or, in one book, under two.

    Raises:
        ConfigError: There is one.
    """
    paths = [
        Path(one).resolve()
        for one in (*transactions, *statements)
        if not isinstance(one, bytes)
    ]

    for path in paths:
        if paths.count(path) > 1:
            raise _same_error(path, path)

    # Empty files of both books may be the same.
    for book in (transactions, statements):
        _refuse_same_bytes(book)


def _refuse_same_bytes(files: Sequence[StoredSource]) -> None:
    by_size: dict[int, list[StoredSource]] = {}

    for one in files:
        by_size.setdefault(_size(one), []).append(one)

    for size, alike in by_size.items():
        if len(alike) == 1 or not size:
            continue

        seen: dict[str, StoredSource] = {}

        for one in alike:
            digest = _digest(one)

            if digest in seen:
                raise _same_error(seen[digest], one)

            seen[digest] = one


def _same_error(one: StoredSource, other: StoredSource) -> ConfigError:
    names = ["bytes" if isinstance(file, bytes) else str(file) for file in (one, other)]

    return ConfigError(
        f"{names[0]} and {names[1]} are the same file; give it once.",
        f"{names[0]} 与 {names[1]} 是同一个文件；请只提供一次。",
    )


def refuse_mixed_merchants(facts: Mapping[str, Any]) -> None:
    """
    Refuse files of several merchants.

    Raises:
        ConfigError: There are some.
    """
    merchants = sorted({file["merchant"] for file in facts["files"]})

    if len(merchants) > 1:
        raise ConfigError(
            f"The files are of several merchants: {', '.join(merchants)}; compare each"
            " by itself.",
            f"文件属于多个商户：{'、'.join(merchants)}；请分别核对。",
        )


def days_of(facts: Mapping[str, Any], book: Book) -> list[date]:
    """
    Return the days of the files of a *book*.
    """
    return [*_days(facts, book)]


def days_of_files(facts: Mapping[str, Any]) -> tuple[date, date]:
    """
    Return the first and the last day of the files of transactions.
    """
    days = days_of(facts, Book.TRANSACTIONS)

    return min(days), max(days)


def _days(facts: Mapping[str, Any], book: Book) -> Iterator[date]:
    for file in facts["files"]:
        if file["book"] == str(book):
            yield date.fromisoformat(file["day"])


def _size(source: StoredSource) -> int:
    if isinstance(source, bytes):
        return len(source)

    path = Path(source)

    # One that is missing is named by its reader.
    return path.stat().st_size if path.is_file() else 0


def _digest(source: StoredSource) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()

    with Path(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
