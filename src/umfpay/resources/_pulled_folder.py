"""
The folder of a pull: what was fetched when, of which merchant, and older versions.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from umfpay._private_files import make_folder, read_file, replacing
from umfpay.errors import ConfigError, StatementError, Text, escape
from umfpay.resources._fetch_schedule import StoredFile


_RECORD_NAME: Final = ".umfpay-pull.json"
_VERSIONS_FOLDER: Final = "versions"
_RECORD_FORMAT: Final = 1
# The first line and the last.
_FRAME_LINES: Final = 2
_BLOCK_BYTES: Final = 1024 * 1024
_FIRST_LINE_BYTES: Final = 1024
# Of both kinds of files; that of the second is documented nowhere.
_HEADER_PATTERN: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*[A-Za-z]+-START\s*,\s*([\x21-\x2b\x2d-\x7e]+)\s*,"
    rb"\s*([0-9]{4})-?([0-9]{2})-?([0-9]{2})\s*\Z",
    re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class FileContents:
    """
    What a file says at first sight.

    Args:
        sha256: Of its bytes, in hex.
        is_empty: It has no rows between its first and its last line.
        merchant: Of its first line; None if that is none of a statement.
        day: Of its first line, ``YYYYMMDD``; None likewise.
    """

    sha256: str
    is_empty: bool
    merchant: str | None
    day: str | None


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
            reason = error.strerror or type(error).__name__

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


def read_contents(file: Path) -> FileContents:
    """
    Return what *file* says at first sight; that it is whole is proven elsewhere.
    """
    digest = hashlib.sha256()
    lines = 0

    with file.open("rb") as data:
        header = _HEADER_PATTERN.match(data.readline(_FIRST_LINE_BYTES))
        data.seek(0)

        while block := data.read(_BLOCK_BYTES):
            digest.update(block)

            if lines <= _FRAME_LINES:
                lines += sum(1 for line in block.split(b"\n") if line.strip())

    return FileContents(
        sha256=digest.hexdigest(),
        is_empty=lines <= _FRAME_LINES,
        merchant=header and header[1].decode(),
        day=header and b"".join(header.groups()[1:]).decode(),
    )


def must_be_asked_for(
    contents: FileContents, *, kind: str, day: date, merchant: str | None
) -> None:
    """
    Compare the first line of a file with what was asked.

    Args:
        merchant: None where nobody knows it yet.

    Raises:
        StatementError: It is of another day or merchant, or a transaction file without
            a first line.
    """
    if contents.day is None:
        if kind == "transactions":
            raise StatementError(
                f"The file for {day} has no first line of a transaction file.",
                f"{day} 的文件没有交易明细的首行。",
            )

        # Its format is documented nowhere (gateway.md 9.2).
        return

    if contents.day != f"{day:%Y%m%d}":
        raise StatementError(
            f"The file for {day} is one of {contents.day} by its first line.",
            f"{day} 的文件按其首行属于 {contents.day}。",
        )

    if merchant is not None and contents.merchant != merchant:
        other = escape(contents.merchant or "")

        raise StatementError(
            f"The file for {day} is of merchant {other}, not of {escape(merchant)}.",
            f"{day} 的文件属于商户 {other}，而不是 {escape(merchant)}。",
            advice=Text(
                "Use one folder for each merchant.", "请为每个商户使用单独的文件夹。"
            ),
        )
