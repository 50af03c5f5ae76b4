"""
Statement files of several days in a folder: each proven, and fetched again when due.
"""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

import anyio.to_thread
import attrs
import filelock

from umfpay._private_files import FILE_MODE, make_folder
from umfpay.errors import APIError, ConfigError, StatementError, Text, escape, os_reason
from umfpay.resources._arguments import wire_date
from umfpay.resources._download import keep_unproven, must_be_asked_for, read_contents
from umfpay.resources._pulled_folder import (
    LONGEST_EXPIRY,
    PulledFolder,
    StoredFile,
    day_end,
    reason_to_fetch,
    was_over,
)


Prove = Callable[[Path], object]
# Saves the file of a day to a path, told the name that it will get; returns the
# gateway's clock.
DownloadDay = Callable[[date, Path, Path], Awaitable[datetime | None]]

# "no money was transferred on this day" (gateway.md 8.2)
_NO_FILE_CODE: Final = "00060760"
_LOCK_NAME: Final = ".umfpay-pull.lock"
_PARTIAL_SUFFIX: Final = ".pulling"
_MAX_DAYS: Final = 3_660
_MAX_EXPIRY: Final = timedelta(days=31)


@attrs.frozen(kw_only=True)
class Pulled:
    """
    A day of a pull.

    Args:
        day: The day.
        path: Its file, None where the gateway says that there is nothing.
        size: Of the file, in bytes.
        was_there: These bytes were there already, whether they were fetched again or
            not.
        is_day_over: The day was over when the file was fetched, by the local clock and
            by the gateway's: a file of a day that is not still grows.
        version: 1, and one more each time that the gateway gave other bytes for this
            day; the older ones lie in the folder ``versions``.
    """

    day: date
    path: Path | None
    size: int = 0
    was_there: bool = False
    is_day_over: bool = False
    version: int = 1


@attrs.frozen(kw_only=True)
class PullOptions:
    """
    What a pull asks for, beside days.

    Args:
        kind: The begin of the files' names.
        prove: Raises `StatementError` for a file that is not whole; a number that it
            returns is how many of its rows are open.
        merchant: Whose files they must be; None is the merchant of the first file.
        zone: The merchant's, in which days end; None is unknown.
        longest_expiry: How long an order may be paid at most.
        now: The local clock.
    """

    kind: str
    prove: Prove | None = None
    merchant: str | None = None
    zone: tzinfo | None = None
    longest_expiry: timedelta = LONGEST_EXPIRY
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


async def pull(
    first: date,
    last: date,
    folder: str | os.PathLike[str],
    *,
    asked: PullOptions,
    download: DownloadDay,
) -> AsyncIterator[Pulled]:
    """
    Have the file of each day in *folder*; give each as it is there.

    Args:
        first: First day.
        last: Last day; 3,660 days at most.
        folder: It is made if it is missing.
        asked: What is asked for beside days.
        download: Saves the file of a day.

    Raises:
        StatementError: A file that was fetched is not whole, or of another day or
            merchant.
        ConfigError: The days or the folder cannot be meant, or another process pulls
            into it.
    """
    place = Path(folder)
    days = _days(first, last)
    lock = _take_lock(place)

    try:
        _remove_leftovers(place)
        files = PulledFolder(place)
        _must_be_of(files, asked.merchant, place)

        for day in days:
            target = place / f"{asked.kind}-{wire_date(day)}.txt"

            yield await _pull_day(day, target, files, asked, download)
    finally:
        lock.release()


async def _pull_day(
    day: date,
    target: Path,
    files: PulledFolder,
    asked: PullOptions,
    download: DownloadDay,
) -> Pulled:
    end = day_end(day, zone=asked.zone, longest_expiry=asked.longest_expiry)
    stored = await anyio.to_thread.run_sync(_read_stored, target, files, asked)

    if stored is not None and not reason_to_fetch(stored, end=end, now=asked.now()):
        return _pulled(day, target, files, stored, end, was_there=True)

    partial = target.with_name(f".{target.name}{_PARTIAL_SUFFIX}")

    try:
        gateway_at = await download(day, partial, target)
        fetched, was_there = await anyio.to_thread.run_sync(
            _store, partial, target, day, files, asked, gateway_at
        )
    except StatementError:
        # What was fetched and is not whole is kept for whoever looks into it.
        if partial.exists():
            await keep_unproven(partial, target)

        raise
    except APIError as refusal:
        if refusal.ret_code == _NO_FILE_CODE and refusal.verified and stored is None:
            return Pulled(day=day, path=None)

        raise
    finally:
        partial.unlink(missing_ok=True)

    return _pulled(day, target, files, fetched, end, was_there=was_there)


def _read_stored(
    target: Path, files: PulledFolder, asked: PullOptions
) -> StoredFile | None:
    """
    Return the file that is there, proven; the same bytes are proven once.
    """
    stored = files.stored(target)

    if (
        stored is None
        or not stored.is_unchanged
        or stored.is_proven
        or asked.prove is None
    ):
        return stored

    try:
        asked.prove(target)
    except StatementError:
        # Nobody had proven it when it was fetched.
        return attrs.evolve(stored, is_unchanged=False)

    files.mark_proven(target)

    return stored


def _store(
    partial: Path,
    target: Path,
    day: date,
    files: PulledFolder,
    asked: PullOptions,
    gateway_at: datetime | None,
) -> tuple[StoredFile, bool]:
    """
    Prove what was fetched, and give it its name.
    """
    contents = read_contents(partial)
    merchant = asked.merchant or files.merchant
    must_be_asked_for(contents, kind=asked.kind, day=day, merchant=merchant)
    proof = None if asked.prove is None else asked.prove(partial)
    fetched = StoredFile(
        sha256=contents.sha256,
        fetched_at=asked.now(),
        gateway_at=gateway_at,
        is_empty=contents.is_empty,
        open_items=proof if type(proof) is int else 0,
        is_proven=asked.prove is not None,
    )
    was_there = files.store(partial, target, fetched, merchant=contents.merchant)

    return fetched, was_there


def _pulled(
    day: date,
    target: Path,
    files: PulledFolder,
    stored: StoredFile,
    end: datetime,
    *,
    was_there: bool,
) -> Pulled:
    return Pulled(
        day=day,
        path=target,
        size=target.stat().st_size,
        was_there=was_there,
        is_day_over=was_over(stored, end),
        version=len(files.versions(target)) + 1,
    )


def _must_be_of(files: PulledFolder, merchant: str | None, place: Path) -> None:
    if None not in (files.merchant, merchant) and files.merchant != merchant:
        theirs = escape(files.merchant or "")

        raise ConfigError(
            f"{place} holds files of merchant {theirs}; use one folder for each.",
            f"{place} 中是商户 {theirs} 的文件；请为每个商户使用单独的文件夹。",
        )


def known_zone(zone: tzinfo | str | None) -> tzinfo | None:
    """
    Return *zone*, which may be a name such as ``Europe/London``.

    Raises:
        ConfigError: There is none of this name.
    """
    if zone is None or isinstance(zone, tzinfo):
        return zone

    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        shown = escape(str(zone))

        raise ConfigError.of(
            "zone",
            f"there is no time zone {shown}; one is named Europe/London",
            f"没有时区 {shown}；名称形如 Europe/London",
        ) from None


def checked_expiry(longest: timedelta) -> timedelta:
    """
    Return *longest*.

    Raises:
        ConfigError: No order can be paid for so long, or so short.
    """
    if not isinstance(longest, timedelta) or not timedelta() <= longest <= _MAX_EXPIRY:
        raise ConfigError.of(
            "longest_expiry",
            f"a timedelta from 0 to {_MAX_EXPIRY.days} days",
            f"必须是 0 至 {_MAX_EXPIRY.days} 天的 timedelta",
        )

    return longest


def _remove_leftovers(place: Path) -> None:
    """
    Remove what a process left that was killed.
    """
    for left in place.glob(f".*{_PARTIAL_SUFFIX}*"):
        left.unlink(missing_ok=True)


def _days(first: date, last: date) -> list[date]:
    for day in (first, last):
        wire_date(day)

    count = (last - first).days + 1

    if not 1 <= count <= _MAX_DAYS:
        raise ConfigError(
            f"first and last: from 1 to {_MAX_DAYS} days, not {count}.",
            f"first 和 last：应为 1 至 {_MAX_DAYS} 天，而不是 {count} 天。",
        )

    return [first + timedelta(days=number) for number in range(count)]


def _take_lock(place: Path) -> filelock.BaseFileLock:
    try:
        make_folder(place)
        lock = filelock.FileLock(place / _LOCK_NAME, mode=FILE_MODE)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ConfigError.of(
            place,
            "another process pulls into this folder",
            "另一个进程正在向该文件夹下载",
            advice=Text(
                "Wait for it, or give another folder.", "请等待其结束或更换文件夹。"
            ),
        ) from None
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError.of(
            place,
            f"the folder cannot be used: {reason}",
            f"无法使用该文件夹：{reason}",
        ) from error

    return lock
