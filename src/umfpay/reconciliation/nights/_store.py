"""
`NightStore`: the folder of books that are kept over nights.

    books.json                   whose books, and their terms
    files/<hash>/<name>          each file that a night has read, by its SHA-256
    nights/<day>.<version>/      what came out: night.json, open.parquet, differences.parquet
    pulled/                      what the gateway gave last
    decisions.sqlite3            differences that somebody has accepted, unless another
                                 database has them

Nothing in it is overwritten: a night that is made again with newer files is a new version.
A night appears under its name when it is whole, and is read again only if its bytes are
those that were written.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import filelock

from umfpay._private_files import (
    FILE_MODE,
    PARTIAL_PREFIX,
    make_folder,
    make_private,
    read_file,
    replacing,
)
from umfpay.errors import ConfigError, Text, os_reason
from umfpay.reconciliation._stored_files import sha256_of
from umfpay.reconciliation.bridge._bridge import Bridge
from umfpay.reconciliation.nights._decisions import Decision, Decisions
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    import polars as pl


PULLED_NAME: Final = "pulled"

_HEAD_NAME: Final = "books.json"
_LOCK_NAME: Final = f"{PARTIAL_PREFIX}books.lock"
_NIGHT_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.([1-9][0-9]*)")
_FORMAT_VERSION: Final = 1


@attrs.frozen(kw_only=True)
class PinnedFile:
    """
    A file that a night has read.

    Args:
        book: transactions, statement or ledger.
        name: Of the file.
        sha256: Of its bytes.
    """

    book: str
    name: str
    sha256: str


@attrs.frozen(kw_only=True)
class StoredNight:
    """
    A night as it was stored.

    Args:
        day: Its day.
        version: 1, and one more each time that it was made again with other files.
        facts: What it was made of, and what came out.
    """

    day: date
    version: int
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """
        Of its folder.
        """
        return f"{self.day.isoformat()}.{self.version}"

    @property
    def first(self) -> date:
        """
        From which day on it was compared.
        """
        return date.fromisoformat(self.facts["first"])

    @property
    def bridge(self) -> Bridge:
        """
        What was proven.
        """
        return Bridge.from_json(self.facts["bridge"])

    @property
    def files(self) -> list[PinnedFile]:
        """
        The files that it has read.
        """
        return [PinnedFile(**one) for one in self.facts["files"]]


class NightStore:
    """
    Such a folder.

    Args:
        folder: It is made.
        decisions: The address of the database that has them; None is a file of SQLite
            in the folder.

    Raises:
        ConfigError: It holds something else, is damaged, or cannot be used.
    """

    def __init__(self, folder: Path, decisions: Secret | None = None) -> None:
        self.folder = folder
        self._decisions = Decisions(decisions or folder / _DECISIONS_NAME)
        self._nights = folder / "nights"
        self._files = folder / "files"

        with _named_failures(folder):
            there = [one.name for one in folder.iterdir()] if folder.is_dir() else []

            if _HEAD_NAME not in there and any(
                not name.startswith(PARTIAL_PREFIX) and name != PULLED_NAME
                for name in there
            ):
                raise ConfigError.of(
                    "books",
                    f"{folder} holds something else; give an empty folder",
                    f"{folder} 中有其他文件；请指定空文件夹",
                )

    def head(self) -> dict[str, Any] | None:
        """
        Return whose books they are, and their terms; None if there are none yet.

        Raises:
            ConfigError: They are damaged.
        """
        place = self.folder / _HEAD_NAME

        if not place.exists():
            return None

        match _read_json(place):
            case {"umfpay": "books", "version": 1, "terms": dict(terms)}:
                return terms
            case _:
                raise _damaged_error(place)

    def begin(self, terms: Mapping[str, Any]) -> None:
        """
        Begin books with these *terms*.

        Raises:
            ConfigError: They cannot be written, or decisions could not.
        """
        self._decisions.check()

        with _named_failures(self.folder):
            for folder in (self.folder, self._nights, self._files):
                make_private(folder)

            _write_json(
                self.folder / _HEAD_NAME,
                {"umfpay": "books", "version": _FORMAT_VERSION, "terms": terms},
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """
        Keep other processes out.

        Raises:
            ConfigError: One is at work.
        """
        with _named_failures(self.folder):
            make_folder(self.folder)
            lock = filelock.FileLock(self.folder / _LOCK_NAME, mode=FILE_MODE)

            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise ConfigError.of(
                    "books",
                    f"another process works in {self.folder}",
                    f"另一个进程正在使用 {self.folder}",
                    advice=Text("Wait for it.", "请等待其结束。"),
                ) from None

        try:
            yield
        finally:
            lock.release()

    # Files

    def pin(self, book: str, name: str, source: Path | bytes) -> PinnedFile:
        """
        Keep the bytes of *source*.
        """
        with _named_failures(self.folder):
            pinned = PinnedFile(book=book, name=name, sha256=sha256_of(source))
            place = self._place(pinned)

            if not place.exists():
                make_folder(place.parent)

                with replacing(place, durable=True) as file:
                    if isinstance(source, bytes):
                        file.write(source)
                    else:
                        with source.open("rb") as given:
                            shutil.copyfileobj(given, file)

            return self._checked(pinned)

    def path(self, pinned: PinnedFile) -> Path:
        """
        Return where the bytes of *pinned* are.

        Raises:
            ConfigError: They are not what they were.
        """
        return self._place(self._checked(pinned))

    def _place(self, pinned: PinnedFile) -> Path:
        return self._files / pinned.sha256 / pinned.name

    def _checked(self, pinned: PinnedFile) -> PinnedFile:
        place = self._place(pinned)

        if not place.is_file() or sha256_of(place) != pinned.sha256:
            raise _damaged_error(place)

        return pinned

    def keep_text(self, name: str, text: str) -> None:
        """
        Write a small file of the books.
        """
        with (
            _named_failures(self.folder),
            replacing(self.folder / name, encoding="utf-8", durable=True) as file,
        ):
            file.write(text)

    # Nights

    def nights(self) -> list[StoredNight]:
        """
        Return the latest version of each night, by day.
        """
        found: dict[date, StoredNight] = {}

        for name in sorted(self._names()):
            day, version = _day_and_version(name)

            if day not in found or found[day].version < version:
                found[day] = self._stored(day, version)

        return [found[day] for day in sorted(found)]

    def _names(self) -> list[str]:
        if not self._nights.is_dir():
            return []

        return [
            one.name
            for one in self._nights.iterdir()
            if _NIGHT_NAME.fullmatch(one.name)
        ]

    def named(self, name: str) -> StoredNight:
        """
        Return the night of this *name*.
        """
        return self._stored(*_day_and_version(name))

    def _stored(self, day: date, version: int) -> StoredNight:
        place = self._nights / f"{day.isoformat()}.{version}" / "night.json"

        match _read_json(place):
            case {"sha256": str(digest), "facts": dict(facts)} if digest == _digest(
                facts
            ):
                return StoredNight(day=day, version=version, facts=facts)
            case _:
                raise _damaged_error(place)

    def keep(
        self, night: StoredNight, parts: Mapping[str, pl.DataFrame]
    ) -> StoredNight:
        """
        Store *night* under its name, whole or not at all.

        Raises:
            ConfigError: It cannot be written.
        """
        with _named_failures(self.folder):
            partial = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=self._nights))

            try:
                hashes = {}

                for name, rows in parts.items():
                    with replacing(partial / f"{name}.parquet", durable=True) as file:
                        rows.write_parquet(file)

                    hashes[name] = sha256_of(partial / f"{name}.parquet")

                whole = attrs.evolve(night, facts={**night.facts, "parts": hashes})
                _write_json(
                    partial / "night.json",
                    {"sha256": _digest(whole.facts), "facts": whole.facts},
                )
                partial.rename(self._nights / whole.name)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)

                raise

        return whole

    def part(self, night: StoredNight, name: str) -> pl.DataFrame:
        """
        Return the rows *name* of a *night*: open, differences or balance.

        Raises:
            ConfigError: They are not what was written.
        """
        import polars as pl

        place = self._nights / night.name / f"{name}.parquet"

        if not place.is_file() or sha256_of(place) != night.facts["parts"][name]:
            raise _damaged_error(place)

        return pl.read_parquet(place)

    # Decisions

    def accept(self, decision: Decision) -> None:
        """
        Write down that a difference is accepted; the first decision stays.
        """
        terms = self.head()
        assert terms is not None
        self._decisions.accept(terms["merchant"], decision)

    def accepted(self) -> dict[str, Decision]:
        """
        Return the decisions, by the id of their difference.
        """
        terms = self.head()

        if terms is None or terms["merchant"] is None:
            return {}

        return self._decisions.accepted(terms["merchant"])


_DECISIONS_NAME: Final = "decisions.sqlite3"


def now() -> datetime:
    """
    Return the moment, for a decision.
    """
    return datetime.now(UTC)


def _day_and_version(name: str) -> tuple[date, int]:
    match = _NIGHT_NAME.fullmatch(name)
    assert match is not None

    return date.fromisoformat(match[1]), int(match[2])


def _digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)

    return hashlib.sha256(text.encode()).hexdigest()


def _read_json(place: Path) -> Any:
    try:
        return json.loads(read_file(place))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged_error(place) from error


def _write_json(place: Path, value: Mapping[str, Any]) -> None:
    with replacing(place, encoding="utf-8", durable=True) as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=True)


def _damaged_error(place: Path) -> ConfigError:
    return ConfigError.of(
        "books",
        f"{place} is damaged, or not of these books",
        f"{place} 已损坏，或不属于该账本",
        advice=Text(
            "Restore the folder of the books from a copy; nothing was changed in it.",
            "请从备份恢复账本文件夹；其中内容未被改动。",
        ),
    )


@contextmanager
def _named_failures(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError.of(
            "books",
            f"{folder} cannot be used: {reason}",
            f"无法使用 {folder}：{reason}",
        ) from error
