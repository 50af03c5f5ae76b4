"""
Private files: created 0600, replaced atomically, under names that nobody can guess.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
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
        OSError: It cannot be made, or *target* is a device: /dev/null would be gone.
    """
    try:
        mode = target.stat().st_mode
    except OSError:
        mode = 0
    except ValueError:
        raise OSError(errno.EINVAL, "no name of a file", str(target)) from None

    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a device", str(target))

    # mkstemp() opens with O_EXCL and the mode 0600.
    descriptor, name = tempfile.mkstemp(
        prefix=PARTIAL_PREFIX, suffix=PARTIAL_SUFFIX, dir=target.parent
    )

    return descriptor, Path(name)


def read_file(path: Path, *, through_links: bool = True) -> bytes:
    """
    Read a file that we wrote, if it is one.

    A pipe or device that somebody made in its place would be read for ever, in a thread
    that keeps the process alive.

    Args:
        through_links: Whether *path* may be a link.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    flags = os.O_RDONLY if through_links else os.O_RDONLY | _NO_LINK

    with os.fdopen(_open_regular(path, flags), "rb") as file:
        return file.read()


def open_to_append(path: Path) -> IO[str]:
    """
    Open *path* to write text at its end, for its owner alone from now on.

    Raises:
        OSError: It cannot be written, is a link, or no regular file.
    """
    descriptor = _open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK)

    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, FILE_MODE)

    return os.fdopen(descriptor, "a", encoding="utf-8", newline="\n")


# Windows has none of them.
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _open_regular(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | _NO_WAIT, FILE_MODE)

    try:
        mode = os.fstat(descriptor).st_mode

        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))

        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "no regular file", str(path))
    except BaseException:
        os.close(descriptor)

        raise

    return descriptor


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
