"""
Sequence numbers of papers, never used twice: across tasks, processes and crashes.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any, Final

import platformdirs
from filelock import FileLock, Timeout

from umfpay._background import run_in_own_thread
from umfpay._private_files import FILE_MODE, make_folder, read_file, replacing
from umfpay.config import resolved_path
from umfpay.documents._papers import LAST_SEQUENCE, name_stem
from umfpay.errors import ConfigError, DocumentError, Text, os_reason
from umfpay.sensitive import shows_itself_half_made


_POLL_SECONDS: Final = 0.01


@shows_itself_half_made
class SequenceStore:
    """
    The last number used of each payment, in a file that its writers share.

    The file is replaced as a whole and is on the disk before a number is given out; a
    lock file ``<file>.lock`` lies beside it and stays there. A file that is damaged is
    never taken for an empty one: numbers would come again.

    Args:
        path: The file; None is ``papers.json`` in the user's state folder. All
            machines that upload for one merchant must use the same one.
        first: The number a payment's papers begin with, 0 or 1. UMF's documents do
            not say where it starts (gateway.md 5.20).
        patience: Seconds to wait for another process.

    Raises:
        ConfigError: *path* cannot be resolved, or *first* is neither 0 nor 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        first: int = 1,
        patience: float = 10.0,
    ) -> None:
        if isinstance(first, bool) or first not in (0, 1):
            raise ConfigError.of("first", "it is 0 or 1", "只能是 0 或 1")

        if path is None:
            path = platformdirs.user_state_path("umfpay", appauthor=False) / (
                "papers.json"
            )

        try:
            self._path = resolved_path("path", path)
        finally:
            del path

        self._first = first
        self._patience = patience

    @property
    def path(self) -> Path:
        """
        The file.
        """
        return self._path

    def __repr__(self) -> str:
        return f"SequenceStore({str(self._path)!r}, first={self._first})"

    async def take(self, mer_reference_id: str, *, mer_date: date | str) -> int:
        """
        Return the next number of a payment's papers; nobody else gets it.

        Raises:
            DocumentError: The order number is unsafe in a name, or all are used.
            ConfigError: The file cannot be used, or is damaged.
        """
        stem = name_stem(mer_reference_id, mer_date)

        return await run_in_own_thread("umfpay-sequence", self._take, stem)

    def _take(self, stem: str) -> int:
        lock = self._path.with_name(f"{self._path.name}.lock")

        try:
            make_folder(self._path.parent)

            # A lock object of its own, so that threads exclude each other too.
            with FileLock(
                lock,
                timeout=self._patience,
                poll_interval=_POLL_SECONDS,
                mode=FILE_MODE,
            ):
                used = self._read()
                number = used.get(stem, self._first - 1) + 1

                if number > LAST_SEQUENCE:
                    raise _all_used_error(stem)

                self._replace({**used, stem: number})

                return number
        except Timeout:
            en, zh = f"{lock} is held by another process", f"{lock} 被另一进程占用"
        except OSError as error:
            en = zh = os_reason(error)

        raise ConfigError.of(
            str(self._path), f"it cannot be used ({en})", f"无法使用（{zh}）"
        )

    def _read(self) -> dict[str, int]:
        try:
            content = read_file(self._path)
        except FileNotFoundError:
            return {}

        used = _parse(content)

        if used is None:
            raise ConfigError(
                f"{self._path} is damaged, or no file of used numbers.",
                f"{self._path} 已损坏，或不是序号文件。",
                advice=Text(
                    "Restore it, or begin a new file with numbers above those that UMF's"
                    " server has.",
                    "请恢复该文件，或新建文件并使用比服务器上更大的序号。",
                ),
            )

        return used

    def _replace(self, used: dict[str, int]) -> None:
        content = json.dumps({"umfpay": "papers", "version": 1, "used": used})

        # Without this a power cut may bring back the file of before.
        with replacing(self._path, encoding="ascii", durable=True) as file:
            file.write(content)


def _parse(content: bytes) -> dict[str, int] | None:
    try:
        document: Any = json.loads(content)
    except ValueError:
        return None

    match document:
        case {"umfpay": "papers", "version": 1, "used": dict(used)}:
            sound = all(type(one) is int and 0 <= one <= 9999 for one in used.values())

            return used if sound else None

    return None


def _all_used_error(stem: str) -> DocumentError:
    return DocumentError(
        f"All numbers up to {LAST_SEQUENCE} of {stem} are used.",
        f"{stem} 的序号已用完（至 {LAST_SEQUENCE}）。",
        advice=Text("Ask UMF how to go on.", "请联系联动优势。"),
    )
