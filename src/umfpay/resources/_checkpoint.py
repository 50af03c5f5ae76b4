"""
Checkpoint file of ids that are done, one a line, so that a job can resume.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from umfpay._private_files import open_to_append, read_file
from umfpay.errors import ConfigError, Text


_FIRST_LINE: Final = "umfpay checkpoint 1"


class Checkpoint:
    """
    The ids that are done.

    Args:
        path: The file, its owner's alone; it is made if it is missing. Half a line at its end, as a
            killed process leaves it, is cut off.

    Raises:
        ConfigError: It cannot be read or written, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

        try:
            self._done = self._read()
            self._file = open_to_append(path)

            if not self._file.tell():
                self._file.write(f"{_FIRST_LINE}\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__

            raise self._unusable(Text(reason, reason)) from error

        self.before = len(self._done)
        """How many were done before."""

    def __contains__(self, one: str) -> bool:
        return one in self._done

    def add(self, one: str) -> None:
        """
        Note that *one* is done: at the latest after the next ids it is on the disk.
        """
        self._file.write(f"{one}\n")
        # The system has it now, also when this process is killed.
        self._file.flush()

    def close(self) -> None:
        """
        Write all to the disk.
        """
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _read(self) -> set[str]:
        try:
            # Nothing is cut off, nor written, through a link that was planted.
            data = read_file(self._path, through_links=False)
        except FileNotFoundError:
            return set()

        whole, mark, rest = data.rpartition(b"\n")

        if not mark and _FIRST_LINE.encode().startswith(rest):
            # Nothing, or it was killed in its first line.
            os.truncate(self._path, 0)

            return set()

        try:
            first, *ids = whole.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            first, ids = "", []

        if first != _FIRST_LINE:
            raise self._unusable(
                Text("it is no checkpoint", "不是断点文件"),
                advice=Text(
                    "Name another file. If this was one, remove it: all ids are asked"
                    " for again.",
                    "请指定其他文件。若它曾是断点文件，请删除：所有编号会重新查询。",
                ),
            )

        if rest:
            os.truncate(self._path, len(whole) + len(mark))

        return set(ids)

    def _unusable(self, reason: Text, *, advice: Text | None = None) -> ConfigError:
        return ConfigError(
            f"checkpoint: {self._path}: {reason.en}.",
            f"checkpoint：{self._path}：{reason.zh}。",
            advice=advice,
        )
