"""
Check statement files: one merchant's, none twice, for the days asked for, unchanged.

They are unchanged if they are as they were when they were pulled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from umfpay._private_files import read_file
from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import Book
from umfpay.reconciliation._options import Days
from umfpay.reconciliation._stored_files import StoredSource, sha256_of, size_of


# What a pull notes of its folder, and how its files are named.
_RECORD_NAME: Final = ".umfpay-pull.json"
_KINDS: Final = {Book.TRANSACTIONS: "transactions", Book.STATEMENT: "reconciliation"}
_TRANSACTIONS_MARK: Final = "TRANSDETAIL"
_ONE_DAY: Final = timedelta(days=1)
_MAX_NAMED_DAYS: Final = 10


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
        by_size.setdefault(size_of(one), []).append(one)

    for size, alike in by_size.items():
        if len(alike) == 1 or not size:
            continue

        seen: dict[str, StoredSource] = {}

        for one in alike:
            digest = sha256_of(one)

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


def changed_files(books: Mapping[Book, Sequence[StoredSource]]) -> list[Text]:
    """
    Name the files that are not as they were pulled.

    Raises:
        ConfigError: One was pulled as a file of the other book.
    """
    found = []

    for book, sources in books.items():
        for source in sources:
            if isinstance(source, bytes):
                continue

            path = Path(source)
            known = _pulled_hash(path)

            if known is None:
                continue

            _must_be_of(book, path)

            if known != _hash(path):
                found.append(
                    Text(
                        f"{path.name} has changed since it was pulled.",
                        f"{path.name} 在下载之后被改动。",
                    )
                )

    return found


def _pulled_hash(path: Path) -> str | None:
    """
    Return what a pull noted of *path*; None if nothing.
    """
    record = path.parent / _RECORD_NAME

    try:
        noted = json.loads(read_file(record))
        known = noted["files"].get(path.name)

        return None if known is None else str(known["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{record} cannot be read: whether its files are as they were pulled is not"
            " known.",
            f"无法读取 {record}：不能确认其中的文件与下载时一致。",
            advice=Text(
                "Remove it, and pull again: all days are fetched anew.",
                "请删除该文件并重新下载：所有日期会重新获取。",
            ),
        ) from error


def _must_be_of(book: Book, path: Path) -> None:
    for other, kind in _KINDS.items():
        if other is not book and path.name.startswith(f"{kind}-"):
            raise ConfigError(
                f"{path.name} was pulled as a file of the kind {kind}, and is given as"
                f" one of the kind {_KINDS[book]}.",
                f"{path.name} 下载时的类型为 {kind}，却作为 {_KINDS[book]} 提供。",
            )


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        # Its reader says why.
        return ""


def must_be_asked_for(facts: Mapping[str, Any], merchant: str | None) -> None:
    """
    Refuse files of another merchant, or of another kind than transactions.

    Raises:
        ConfigError: There are some.
    """
    for file in facts["files"]:
        if merchant is not None and file["merchant"] != merchant:
            raise ConfigError(
                f"A file of {file['day']} is of merchant {file['merchant']}, not of"
                f" {merchant}.",
                f"{file['day']} 的文件属于商户 {file['merchant']}，而不是 {merchant}。",
            )

        # The format of the other files is documented nowhere.
        if (
            file["book"] == str(Book.TRANSACTIONS)
            and file["kind"] != _TRANSACTIONS_MARK
        ):
            raise ConfigError(
                f"A file of {file['day']} begins with {file['kind']}-START, and is no"
                f" file of transactions: that is {_TRANSACTIONS_MARK}-START.",
                f"{file['day']} 的文件以 {file['kind']}-START 开头，不是交易明细"
                f"（应为 {_TRANSACTIONS_MARK}-START）。",
            )


def missing_days(
    facts: Mapping[str, Any], asked: Days, without_file: Collection[date]
) -> list[Text]:
    """
    Name the days that were asked for and have no file of transactions.

    Args:
        without_file: Those of which the gateway has none.
    """
    there = {*days_of(facts, Book.TRANSACTIONS), *without_file}
    missing = [day.isoformat() for day in _each(asked) if day not in there]
    shown = missing[:_MAX_NAMED_DAYS]

    if not missing:
        return []

    more = len(missing) - len(shown)

    return [
        Text(
            f"There is no file of transactions of {', '.join(shown)}"
            + (f" and {more} more days." if more else "."),
            f"缺少以下日期的交易明细：{'、'.join(shown)}"
            + (f" 等 {len(missing)} 天。" if more else "。"),
        )
    ]


def _each(days: Days) -> Iterator[date]:
    day, last = days

    while day <= last:
        yield day
        day += _ONE_DAY
