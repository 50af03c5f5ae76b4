"""
The folder of a pull: what was fetched when, older versions, and what is fetched again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs

from umfpay._private_files import make_folder, read_file, replacing
from umfpay.errors import ConfigError, Text, os_reason
from umfpay.resources._download import read_contents


_RECORD_NAME: Final = ".umfpay-pull.json"
_VERSIONS_FOLDER: Final = "versions"
_RECORD_FORMAT: Final = 1
CHINA_ZONE: Final = timezone(timedelta(hours=8))
# Where the merchant's zone is unknown: the last one in which a day ends.
LAST_ZONE: Final = timezone(timedelta(hours=-12))
# The longest expire_time that anybody was seen to send (gateway.md 5.3).
LONGEST_EXPIRY: Final = timedelta(minutes=360)
# Days after the end of a day at which its file is fetched again.
REFETCH_AGES: Final = tuple(
    timedelta(days=days) for days in (0, 1, 2, 3, 7, 14, 30, 60, 90)
)


class Reason(StrEnum):
    """
    Why a file is fetched.
    """

    MISSING = "missing"
    CHANGED = "changed"
    EMPTY = "empty"
    DAY_NOT_OVER = "day_not_over"
    ITEMS_OPEN = "items_open"
    AGE_REACHED = "age_reached"


@attrs.frozen(kw_only=True)
class StoredFile:
    """
    The file of a day as it was fetched last.

    Args:
        sha256: Of its bytes, in hex.
        fetched_at: By the local clock.
        gateway_at: By the gateway's header Date; None if it told none.
        is_empty: It has no rows.
        open_items: How many rows are not final.
        is_unchanged: The bytes on disk are these.
        is_proven: They were read to their end.
    """

    sha256: str
    fetched_at: datetime
    gateway_at: datetime | None
    is_empty: bool
    open_items: int
    is_unchanged: bool = True
    is_proven: bool = False


def day_end(
    day: date, *, zone: tzinfo | None = None, longest_expiry: timedelta = LONGEST_EXPIRY
) -> datetime:
    """
    Return when *day* is over: in China and in the merchant's zone, and what was
    ordered in its last minute can no longer be paid.

    Args:
        zone: The merchant's; None is the last zone of all, UTC-12.
    """
    after = day + timedelta(days=1)
    ends = [
        datetime.combine(after, time(), tzinfo=one)
        for one in (CHINA_ZONE, zone or LAST_ZONE)
    ]

    return max(end.astimezone(UTC) for end in ends) + longest_expiry


def was_over(stored: StoredFile, end: datetime) -> bool:
    """
    Tell whether the day was over when its file was fetched, by both clocks.
    """
    return (
        stored.gateway_at is not None
        and min(stored.fetched_at, stored.gateway_at) >= end
    )


def _is_age_reached(stored: StoredFile, end: datetime, now: datetime) -> bool:
    return any(stored.fetched_at < end + age <= now for age in REFETCH_AGES)


# In this order: the first that applies.
_RULES: Final[
    tuple[tuple[Reason, Callable[[StoredFile, datetime, datetime], bool]], ...]
] = (
    (Reason.CHANGED, lambda stored, _end, _now: not stored.is_unchanged),
    (Reason.EMPTY, lambda stored, _end, _now: stored.is_empty),
    (Reason.DAY_NOT_OVER, lambda stored, end, _now: not was_over(stored, end)),
    (Reason.ITEMS_OPEN, lambda stored, _end, _now: stored.open_items > 0),
    (Reason.AGE_REACHED, _is_age_reached),
)


def reason_to_fetch(
    stored: StoredFile | None, *, end: datetime, now: datetime
) -> Reason | None:
    """
    Return why the file of a day is fetched now; None if it is not.

    Args:
        stored: None if there is none.
        end: When the day is over.
        now: By the local clock.
    """
    if stored is None:
        return Reason.MISSING

    for reason, applies in _RULES:
        if applies(stored, end, now):
            return reason

    return None


class PulledFolder:
    """
    The files of one merchant.

    Args:
        folder: It is there.

    Raises:
        ConfigError: Its record is damaged, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = folder / _RECORD_NAME
        self._files: dict[str, dict[str, Any]] = {}
        self.merchant: str | None = None
        """The merchant of the first file, None if there is none yet."""
        self._read()

    def stored(self, target: Path) -> StoredFile | None:
        """
        Return the file *target* as it was fetched last, None if there is none.
        """
        if not target.is_file():
            return None

        sha256 = read_contents(target).sha256
        known = self._files.get(target.name)

        if known is None:
            # Nobody knows when somebody put it there.
            return StoredFile(
                sha256=sha256,
                fetched_at=datetime.fromtimestamp(0).astimezone(),
                gateway_at=None,
                is_empty=False,
                open_items=0,
                is_unchanged=False,
            )

        gateway_at = known["gateway_at"]

        return StoredFile(
            sha256=known["sha256"],
            fetched_at=datetime.fromisoformat(known["fetched_at"]),
            gateway_at=None
            if gateway_at is None
            else datetime.fromisoformat(gateway_at),
            is_empty=known["is_empty"],
            open_items=known["open_items"],
            is_unchanged=known["sha256"] == sha256,
            is_proven=known["is_proven"],
        )

    def store(
        self, partial: Path, target: Path, stored: StoredFile, *, merchant: str | None
    ) -> bool:
        """
        Give *partial*, which is proven, the name *target*; note when it was fetched.

        What had the name before and has other bytes becomes an older version.

        Returns:
            Whether these bytes were there already.
        """
        was_there = target.is_file() and read_contents(target).sha256 == stored.sha256

        if was_there:
            partial.unlink()
        else:
            if target.exists() or target.is_symlink():
                self._keep_version(target)

            partial.replace(target)

        self.merchant = self.merchant or merchant
        self._files[target.name] = {
            "sha256": stored.sha256,
            "fetched_at": stored.fetched_at.isoformat(),
            "gateway_at": None
            if stored.gateway_at is None
            else stored.gateway_at.isoformat(),
            "is_empty": stored.is_empty,
            "open_items": stored.open_items,
            "is_proven": stored.is_proven,
        }
        self._write()

        return was_there

    def mark_proven(self, target: Path) -> None:
        """
        Note that the file *target*, as it was fetched, was read to its end.
        """
        self._files[target.name]["is_proven"] = True
        self._write()

    def versions(self, target: Path) -> list[Path]:
        """
        Return the older versions of *target*, the oldest first.
        """
        pattern = f"{target.stem}.*{target.suffix}"
        found = {
            int(number): path
            for path in (self._folder / _VERSIONS_FOLDER).glob(pattern)
            if (number := path.stem.removeprefix(f"{target.stem}.")).isdecimal()
        }

        return [found[number] for number in sorted(found)]

    def _keep_version(self, target: Path) -> None:
        make_folder(self._folder / _VERSIONS_FOLDER)
        before = self.versions(target)
        last = int(before[-1].stem.rpartition(".")[2]) if before else 0
        name = f"{target.stem}.{last + 1}{target.suffix}"
        target.rename(self._folder / _VERSIONS_FOLDER / name)

    def _read(self) -> None:
        try:
            data = json.loads(read_file(self._record))
        except FileNotFoundError:
            return
        except OSError as error:
            reason = os_reason(error)

            raise ConfigError(
                f"{self._record} cannot be read: {reason}.",
                f"无法读取 {self._record}：{reason}。",
            ) from error
        except (ValueError, RecursionError):
            data = None

        match data:
            case {
                "umfpay": "pull",
                "version": 1,
                "merchant": None | str() as merchant,
                "files": dict(files),
            } if all(map(_is_sound, files.values())):
                self.merchant = merchant
                self._files = files
            case _:
                raise ConfigError(
                    f"{self._record} is damaged, or no record of a pull.",
                    f"{self._record} 已损坏，或不是下载记录。",
                    advice=Text(
                        "Remove it: all days are fetched again, and nothing is lost.",
                        "请删除该文件：所有日期会重新下载，不会丢失数据。",
                    ),
                )

    def _write(self) -> None:
        data = {
            "umfpay": "pull",
            "version": _RECORD_FORMAT,
            "merchant": self.merchant,
            "files": self._files,
        }

        with replacing(self._record, encoding="utf-8") as file:
            json.dump(data, file, indent=1)


def _is_sound(known: object) -> bool:
    """
    Tell whether *known* is what was noted of a file.
    """
    match known:
        case {
            "sha256": str(),
            "fetched_at": str(fetched_at),
            "gateway_at": None | str() as gateway_at,
            "is_empty": bool(),
            "open_items": int(),
            "is_proven": bool(),
        }:
            return all(
                _is_moment(at) for at in (fetched_at, gateway_at) if at is not None
            )

    return False


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
