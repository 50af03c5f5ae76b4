"""
Sources of a statement: a path, bytes, or a stream of the session.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from umfpay.errors import ConfigError, StatementError, Text, os_reason


GivenSource = str | os.PathLike[str] | bytes | AsyncIterable[bytes]

_CHUNK_BYTES: Final = 256 * 1024


class Source:
    """
    The bytes of one file, to be read once.
    """

    def __init__(self, given: GivenSource) -> None:
        self._given = given
        self._started = False

    @property
    def name(self) -> str:
        """
        Of the file; "" where there is none.
        """
        if isinstance(self._given, str | os.PathLike):
            return Path(self._given).name

        return ""

    def blocks(self, size: int) -> Iterator[tuple[bytes | bytearray, int]]:
        """
        Give the file in blocks, each with its size; the next overwrites the last.

        Args:
            size: Of a block, in bytes.

        Raises:
            ConfigError: It is a stream of the session, or was read already.
            StatementError: The file cannot be read.
        """
        self._begin()

        if isinstance(self._given, bytes):
            yield self._given, len(self._given)

            return

        if not isinstance(self._given, str | os.PathLike):
            raise ConfigError.of(
                "source",
                "a stream of the session is read with `async for`",
                "会话的数据流请使用 async for 读取",
            )

        path = Path(self._given)

        try:
            with path.open("rb", buffering=0) as file:
                block = bytearray(size)

                while count := file.readinto(block):
                    yield block, count
        except OSError as error:
            raise _unreadable_error(path, error) from error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """
        Give it in pieces, also from a stream.
        """
        if isinstance(self._given, bytes):
            self._begin()
            yield self._given

            return

        if not isinstance(self._given, str | os.PathLike):
            self._begin()

            async for chunk in self._given:
                yield chunk

            return

        # Only here, so that scripts without a loop start sooner.
        import anyio

        self._begin()
        path = Path(self._given)

        try:
            async with await anyio.open_file(path, "rb") as file:
                while chunk := await file.read(_CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise _unreadable_error(path, error) from error

    def _begin(self) -> None:
        if self._started:
            raise ConfigError(
                "A statement is read once; make a new reader.",
                "对账文件只能读取一次；请重新创建读取器。",
            )

        self._started = True


def _unreadable_error(path: Path, error: OSError) -> StatementError:
    reason = os_reason(error)

    return StatementError(
        f"{path} cannot be read: {reason}.",
        f"无法读取 {path}：{reason}。",
        advice=Text("Look at the path and its permissions.", "请检查路径和权限。"),
    )
