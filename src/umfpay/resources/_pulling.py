"""
Statement files of several days in a folder: what is there and whole is not fetched.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import anyio.to_thread
import attrs
import filelock

from umfpay.errors import APIError, ConfigError, StatementError, Text
from umfpay.resources._call import wire_date
from umfpay.resources._download import keep_unproven


Prove = Callable[[Path], object]

# "no money was transferred on this day" (gateway.md 8.1)
_NOTHING: Final = "00060760"
_LOCK: Final = ".umfpay-pull.lock"
_PULLING: Final = ".pulling"
_LONGEST: Final = 3_660  # days


@attrs.frozen(kw_only=True)
class Pulled:
    """
    A day of a pull.

    Args:
        day: The day.
        path: Its file, None where the gateway says that there is nothing.
        size: Of the file, in bytes.
        was_there: It was there already, and whole.
    """

    day: date
    path: Path | None
    size: int = 0
    was_there: bool = False


async def pull(
    first: date,
    last: date,
    folder: str | os.PathLike[str],
    *,
    kind: str,
    prove: Prove | None,
    download: Callable[[date, Path, Path], Awaitable[Path]],
) -> AsyncIterator[Pulled]:
    """
    Have the file of each day in *folder*; give each as it is there.

    Args:
        kind: The begin of the files' names.
        prove: Raises `StatementError` for a file that is not whole.
        download: Saves the file of a day to a path; told the name that it will get.

    Raises:
        ConfigError: The days or the folder cannot be meant, or another process pulls
            into it.
    """
    place = Path(folder)
    days = _days(first, last)
    lock = _locked(place)

    try:
        _clear(place)

        for day in days:
            yield await _pull_day(
                day, place / f"{kind}-{wire_date(day)}.txt", prove, download
            )
    finally:
        lock.release()


async def _pull_day(
    day: date,
    target: Path,
    prove: Prove | None,
    download: Callable[[date, Path, Path], Awaitable[Path]],
) -> Pulled:
    if await anyio.to_thread.run_sync(_is_whole, target, prove):
        return _there(day, target, was_there=True)

    partial = target.with_name(f".{target.name}{_PULLING}")

    try:
        await download(day, partial, target)

        if prove is not None:
            await anyio.to_thread.run_sync(prove, partial)

        partial.replace(target)
    except StatementError:
        # What was fetched and is not whole is kept for whoever looks into it.
        if partial.exists():
            await keep_unproven(partial, target)

        raise
    except APIError as refusal:
        if refusal.ret_code == _NOTHING and refusal.verified:
            return Pulled(day=day, path=None)

        raise
    finally:
        partial.unlink(missing_ok=True)

    return _there(day, target, was_there=False)


def _clear(place: Path) -> None:
    """
    Remove what a process left that was killed.
    """
    for left in place.glob(f".*{_PULLING}*"):
        left.unlink(missing_ok=True)


def _there(day: date, path: Path, *, was_there: bool) -> Pulled:
    return Pulled(day=day, path=path, size=path.stat().st_size, was_there=was_there)


def _is_whole(target: Path, prove: Prove | None) -> bool:
    if not target.exists():
        return False

    if prove is None:
        # Only what was whole has this name.
        return True

    try:
        prove(target)
    except StatementError:
        # Somebody has changed it since.
        return False

    return True


def _days(first: date, last: date) -> list[date]:
    for day in (first, last):
        wire_date(day)

    count = (last - first).days + 1

    if not 1 <= count <= _LONGEST:
        raise ConfigError(
            Text(
                f"first and last: from 1 to {_LONGEST} days, not {count}.",
                f"first 和 last：应为 1 至 {_LONGEST} 天，而不是 {count} 天。",
            )
        )

    return [first + timedelta(days=number) for number in range(count)]


def _locked(place: Path) -> filelock.BaseFileLock:
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(place / _LOCK)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ConfigError(
            Text(
                f"{place}: another process pulls into this folder.",
                f"{place}：另一个进程正在向该文件夹下载。",
            ),
            advice=Text(
                "Wait for it, or give another folder.", "请等待其结束或更换文件夹。"
            ),
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__

        raise ConfigError(
            Text(
                f"{place}: the folder cannot be used: {reason}.",
                f"{place}：无法使用该文件夹：{reason}。",
            )
        ) from error

    return lock
