"""
A token store in a file: for the processes of one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from filelock import FileLock, Timeout

from umfpay._private_files import read_file, replacing
from umfpay.config import file_path
from umfpay.errors import ConfigError, Text, TokenStoreError
from umfpay.sensitive import shows_itself_half_made
from umfpay.tokens._document import dump, parse
from umfpay.tokens._lock_file import (
    OWNER_FILE_MODE,
    LockFileTurn,
    lock_timeout_error,
    make_folder,
    unusable_path_error,
)
from umfpay.tokens._record import TokenRecord


T = TypeVar("T")

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
            given = file_path("token_store", path)
        finally:
            del path

        try:
            # Resolved now: neither chdir() nor a symbolic link may split the locks.
            self._path = given.expanduser().resolve()
        except (RuntimeError, OSError, ValueError) as error:
            raise ConfigError(
                f"token_store: the path {os.fspath(given)!r} cannot be resolved.",
                f"token_store：无法解析路径 {os.fspath(given)!r}。",
            ) from error

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
        records = await _in_thread(self._read)

        return records.get(self._key)

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        return await _in_thread(self._save, record)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: The file cannot be written.
        """
        await _in_thread(self._refuse, generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold ``<file>.lock``; see `TokenStore.refreshing`.

        The system knows whether the holder lives, so *lease* is only how long to wait.
        """
        return LockFileTurn(self._beside(".lock"), path=self._path, patience=lease)

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _read(self) -> dict[str, TokenRecord]:
        try:
            records = parse(read_file(self._path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unusable_path_error(self._path, error) from error

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
            make_folder(self._path)

            with FileLock(
                lock,
                timeout=_WRITE_TIMEOUT_SECONDS,
                poll_interval=0.01,
                mode=OWNER_FILE_MODE,
            ):
                yield
        except Timeout as error:
            raise lock_timeout_error(lock, _WRITE_TIMEOUT_SECONDS) from error
        except OSError as error:
            raise unusable_path_error(self._path, error) from error

    def _replace(self, records: dict[str, TokenRecord]) -> None:
        with replacing(self._path, durable=True) as file:
            file.write(dump(records))


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    """
    Call *function* in a thread made for it.

    The loop's own threads may all be busy with the user's work, and those of a pool
    would be gone after a fork.
    """
    executor = ThreadPoolExecutor(1, "umfpay-token")

    try:
        loop = asyncio.get_running_loop()

        return await loop.run_in_executor(executor, function, *args)
    finally:
        executor.shutdown(wait=False)
