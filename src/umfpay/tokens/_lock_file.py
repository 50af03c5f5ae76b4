"""
A lock file that one process at a time holds.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

from filelock import FileLock, Timeout

from umfpay.errors import Text, TokenStoreError, os_reason
from umfpay.tokens._store import RenewedError


OWNER_FILE_MODE: Final = 0o600
_OWNER_FOLDER_MODE: Final = 0o700
# Each look takes 55 us: with 64 processes that looked every 20 ms more than one of two
# cores had nothing else to do, and the request that all waited for came too late.
_POLL_SECONDS: Final = 0.1


class LockFileTurn(AbstractAsyncContextManager[None]):
    """
    One stay behind a lock file, with a lock object of its own.

    The waiting leave with `RenewedError`, without a turn, as soon as the token file is
    another one: else each would have to wait for those before it only to see that.

    Args:
        path: The token file, whose folder is made if it is missing.
        patience: Seconds to wait for the lock.
    """

    def __init__(self, lock_file: Path, *, path: Path, patience: float) -> None:
        self._file = lock_file
        self._path = path
        self._patience = patience
        self._pid = os.getpid()
        self._lock = FileLock(lock_file, thread_local=False, mode=OWNER_FILE_MODE)

    async def __aenter__(self) -> None:
        end = time.monotonic() + self._patience

        try:
            make_folder(self._path)
            before = self._version()

            while not self._try():
                if self._version() != before:
                    raise RenewedError

                if time.monotonic() >= end:
                    raise lock_timeout_error(self._file, self._patience)

                # Not a secret: so that the waiting do not knock all at once.
                await asyncio.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        except OSError as error:
            raise unusable_path_error(self._file, error) from error

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Nothing is awaited, so a coroutine that is thrown away gives the lock back;
        # but in a forked child it is not ours to give.
        if self._pid == os.getpid():
            self._lock.release()

    def _version(self) -> tuple[int, ...]:
        """
        Return what differs when the token file was replaced; nothing if there is none.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return ()

        return found.st_ino, found.st_mtime_ns, found.st_size

    def _try(self) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False

        return True


def make_folder(path: Path) -> None:
    """
    Make the folder of *path* for its owner alone; one that is there stays as it is.
    """
    path.parent.mkdir(mode=_OWNER_FOLDER_MODE, parents=True, exist_ok=True)


def unusable_path_error(path: Path, error: OSError) -> TokenStoreError:
    """
    Return what to raise for what the system said about *path*.
    """
    reason = os_reason(error)

    return TokenStoreError(
        f"The token store {path} cannot be used: {reason}.",
        f"无法使用令牌存储 {path}：{reason}。",
    )


def lock_timeout_error(lock: Path, seconds: float) -> TokenStoreError:
    """
    Return what to raise when *lock* did not become free within *seconds*.
    """
    return TokenStoreError(
        f"Another process holds {lock} for more than {seconds:g} s.",
        f"另一个进程占用 {lock} 超过 {seconds:g} 秒。",
        advice=Text(
            "Look for a process that hangs while it fetches a token, and end it.",
            "请查找在获取令牌时卡住的进程并结束它。",
        ),
    )
