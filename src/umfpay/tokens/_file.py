"""
A token store in a file: for the processes of one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

import attrs
from filelock import FileLock, Timeout

from umfpay._background import run_in_own_thread
from umfpay._private_files import FILE_MODE, make_folder, read_file, replacing
from umfpay.config import resolved_path
from umfpay.errors import Text, TokenStoreError, os_reason
from umfpay.sensitive import shows_itself_half_made
from umfpay.tokens._record import TokenRecord, dump_records, parse_records
from umfpay.tokens._store import RenewedError


# Each look takes 55 us: with 64 processes that looked every 20 ms more than one of two
# cores had nothing else to do, and the request that all waited for came too late.
_POLL_SECONDS: Final = 0.1
# Reading and replacing a small file; whoever needs longer is stuck.
_WRITE_TIMEOUT_SECONDS: Final = 5.0


@shows_itself_half_made
class FileTokenStore:
    """
    A file that keeps the tokens of one or more clients, each under its *key*.

    The file is replaced as a whole and only its owner can read it (0600, and 0700 for
    a folder made here). Two lock files lie beside it and stay there: ``<file>.lock``
    is held while a token is fetched, ``<file>.write.lock`` for the moment of a write.
    The system frees both when their holder dies. A file that is missing, empty or cut
    off holds no token; one that is something else is never overwritten.

    Args:
        path: The file; ``~`` is the home folder.
        key: What `store_key` returns for the client.

    Raises:
        ConfigError: *path* cannot be resolved.
    """

    def __init__(self, path: str | os.PathLike[str], *, key: str) -> None:
        try:
            self._path = resolved_path("token_store", path)
        finally:
            del path

        self._key = key

    @property
    def path(self) -> Path:
        """
        The file.
        """
        return self._path

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileTokenStore):
            return NotImplemented

        return (self._path, self._key) == (other._path, other._key)

    def __hash__(self) -> int:
        return hash((FileTokenStore, self._path, self._key))

    async def load(self) -> TokenRecord | None:
        """
        Return the client's record; see `TokenStore.load`.

        Raises:
            TokenStoreError: The file cannot be read, or is not a token file.
        """
        records = await run_in_own_thread("umfpay-token", self._read)

        return records.get(self._key)

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        return await run_in_own_thread("umfpay-token", self._save, record)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        await run_in_own_thread("umfpay-token", self._refuse, generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold ``<file>.lock``; see `TokenStore.refreshing`.

        The system knows whether the holder lives, so *lease* is only how long to wait.

        Raises:
            TokenStoreError: On entering: another process is inside for longer, or the
                file cannot be used.
            RenewedError: On entering: the token was renewed while we waited.
        """
        return _LockFileTurn(self._beside(".lock"), path=self._path, patience=lease)

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _read(self) -> dict[str, TokenRecord]:
        try:
            records = parse_records(read_file(self._path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unusable_path_error(self._path, error) from error

        if records is None:
            raise TokenStoreError(
                f"{self._path} is not a token file of this version of umfpay.",
                f"{self._path} 不是此版本 umfpay 的令牌文件。",
                advice=Text(
                    "Give another path as token_store, or delete the file: a token that"
                    " is lost is fetched again.",
                    "请为 token_store 指定其他路径，或删除该文件：丢失的令牌会重新获取。",
                ),
            )

        return records

    def _save(self, record: TokenRecord) -> bool:
        with self._writing():
            records = self._read()
            stored = records.get(self._key)

            if stored is not None and stored.generation >= record.generation:
                return False

            # Other clients' tokens stay as long as they can be of use.
            alive = {
                key: other
                for key, other in records.items()
                if other.not_after > record.requested_at
            }
            self._replace({**alive, self._key: record})

            return True

    def _refuse(self, generation: int) -> None:
        with self._writing():
            records = self._read()
            stored = records.get(self._key)

            if stored is None or stored.refused or stored.generation > generation:
                return

            self._replace({**records, self._key: attrs.evolve(stored, refused=True)})

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        lock = self._beside(".write.lock")

        try:
            make_folder(self._path.parent)

            with FileLock(
                lock,
                timeout=_WRITE_TIMEOUT_SECONDS,
                poll_interval=0.01,
                mode=FILE_MODE,
            ):
                yield
        except Timeout as error:
            raise _lock_timeout_error(lock, _WRITE_TIMEOUT_SECONDS) from error
        except OSError as error:
            raise _unusable_path_error(self._path, error) from error

    def _replace(self, records: dict[str, TokenRecord]) -> None:
        with replacing(self._path, durable=True) as file:
            file.write(dump_records(records))


class _LockFileTurn(AbstractAsyncContextManager[None]):
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
        self._lock = FileLock(lock_file, thread_local=False, mode=FILE_MODE)

    async def __aenter__(self) -> None:
        end = time.monotonic() + self._patience

        try:
            make_folder(self._path.parent)
            before = self._version()

            while not self._try():
                if self._version() != before:
                    raise RenewedError

                if time.monotonic() >= end:
                    raise _lock_timeout_error(self._file, self._patience)

                # Not a secret: so that the waiting do not knock all at once.
                await asyncio.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        except OSError as error:
            raise _unusable_path_error(self._file, error) from error

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


def _unusable_path_error(path: Path, error: OSError) -> TokenStoreError:
    """
    Return what to raise for what the system said about *path*.
    """
    reason = os_reason(error)

    return TokenStoreError(
        f"The token store {path} cannot be used: {reason}.",
        f"无法使用令牌存储 {path}：{reason}。",
    )


def _lock_timeout_error(lock: Path, seconds: float) -> TokenStoreError:
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
