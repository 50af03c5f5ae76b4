"""
Files for their owner alone: replaced whole or not at all, under names nobody can guess.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final


FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
PARTIAL_PREFIX: Final = ".umfpay-"
PARTIAL_SUFFIX: Final = ".part"


@contextmanager
def replacing(
    target: Path, *, encoding: str | None = None, durable: bool = False
) -> Iterator[IO[Any]]:
    """
    Give a new file that becomes *target* when the block ends well, else vanishes.

    What was there before is replaced, a link itself and not what it points to.

    Args:
        encoding: Of text, whose line ends are kept; None for bytes.
        durable: Outlive a power cut, too.

    Raises:
        OSError: It cannot be written.
    """
    if not target.name:
        raise IsADirectoryError(f"{target} is a folder")

    descriptor, partial = new_file_beside(target)

    try:
        with (
            os.fdopen(descriptor, "wb")
            if encoding is None
            else os.fdopen(descriptor, "w", encoding=encoding, newline="")
        ) as file:
            yield file

            if durable:
                file.flush()
                os.fsync(file.fileno())

        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

        raise

    if durable:
        _keep_name(target)


def new_file_beside(target: Path) -> tuple[int, Path]:
    """
    Make a file in the folder of *target* that only its owner may read.

    Returns:
        Its descriptor and its name, which nobody could plant a link under.

    Raises:
        OSError: It cannot be made.
    """
    # mkstemp() opens with O_EXCL and the mode 0600.
    descriptor, name = tempfile.mkstemp(
        prefix=PARTIAL_PREFIX, suffix=PARTIAL_SUFFIX, dir=target.parent
    )

    return descriptor, Path(name)


def open_to_append(path: Path) -> IO[str]:
    """
    Open *path* to write text at its end, for its owner alone from now on.

    Raises:
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)

    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, FILE_MODE)

    return os.fdopen(descriptor, "a", encoding="utf-8", newline="\n")


def make_folder(folder: Path) -> None:
    """
    Make *folder* for its owner alone, and those above it that are missing.

    One that is there stays as it is: others may have a reason to read what else it has.

    Raises:
        OSError: It cannot be made.
    """
    # The mode of mkdir() is for the last one only.
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)

        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_private(folder: Path) -> None:
    """
    Take *folder*, which is ours alone, from everybody else.

    Raises:
        OSError: It is not ours.
    """
    make_folder(folder)
    folder.chmod(FOLDER_MODE)


def _keep_name(target: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders
        folder = os.open(target.parent, os.O_RDONLY)

        try:
            os.fsync(folder)
        finally:
            os.close(folder)
