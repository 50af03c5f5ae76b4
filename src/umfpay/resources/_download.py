"""
File downloads: a stream is proven whole before the file gets its name.

What a file says of itself is compared with what was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import attrs

from umfpay._private_files import new_file_beside
from umfpay.errors import (
    ConfigError,
    IncompleteStatementError,
    StatementError,
    Text,
    escape,
    os_reason,
)
from umfpay.resources._arguments import CallOptions, wire_date
from umfpay.resources._endpoint import Download, Sender
from umfpay.transport import LIST_LIMIT, Call, Effect


UNPROVEN_SUFFIX: Final = ".unproven"
"""Behind the name of a file that came to its end and is not proven whole."""

# No line of a frame is longer; rows in between are not looked at.
_LINE_BYTES: Final = 4096

_FIRST_MARKER: Final = re.compile(rb"TRANSDETAIL-START", re.IGNORECASE)

# "TRANSDETAIL-End"; an older edition has "TRANSDETAIL-Detail-End" (gateway.md 9.1).
_LAST_MARKER: Final = re.compile(rb"TRANSDETAIL-(?:DETAIL-)?END", re.IGNORECASE)
_LAST_LINE_FIELDS: Final = 4  # marker, merchant, day, total
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


def open_download(
    sender: Sender,
    *,
    name: str,
    path: str,
    query: Mapping[str, str],
    options: CallOptions,
    day: date | None = None,
    framed: bool = False,
) -> AbstractAsyncContextManager[Download]:
    """
    Open a file of the gateway as a stream of bytes.

    Args:
        name: Resource and verb of the call.
        path: Below the base URL.
        query: Parameters of the address.
        day: That the file's first line must name, where it has one.
        framed: Without the first line of a transaction file it is not proven.
    """
    call: Call[Any] = Call(
        name=name,
        method="GET",
        path=path,
        query=query,
        effect=Effect.READ,
        body_limit=LIST_LIMIT,
        read=dict,
        unsigned_allowed=True,
        download=partial(
            FileProof,
            day=None if day is None else wire_date(day),
            framed=framed,
        ),
    )

    return sender.stream(call, options)


async def keep_unproven(partial: Path, target: Path) -> Text:
    """
    Give *partial* the name of *target* with ``.unproven`` behind it.

    Args:
        partial: The file that came.
        target: The name that it does not get.

    Returns:
        A sentence about it: where it cannot have that name, the file is still refused
        for what it is.
    """
    kept = target.with_name(f"{target.name}{UNPROVEN_SUFFIX}")

    try:
        await anyio.Path(partial).replace(kept)
    except OSError as error:
        reason = os_reason(error)

        return Text(
            f"What came cannot be kept as {kept} ({reason}).",
            f"已收到的内容无法保存为 {kept}（{reason}）。",
        )

    return Text(f"What came is kept as {kept}.", f"已收到的内容保存为 {kept}。")


async def save(
    download: AbstractAsyncContextManager[Download],
    to: str | os.PathLike[str],
    *,
    named: Path | None = None,
) -> datetime | None:
    """
    Write *download* to the file *to*; the name appears only when all of it is there,
    and its owner alone may read it.

    What came to its end and is not proven whole is kept beside it, under the name with
    ``.unproven`` behind it.

    Args:
        named: The name that the file will get afterwards, if that is another than *to*.

    Returns:
        The gateway's clock when it answered, None if it told none.

    Raises:
        IncompleteStatementError: Nothing proves that the file is whole.
        ConfigError: The file cannot be written, or *to* is no path of a file.
    """
    try:
        target = Path(to)
        is_name = bool(target.name) and b"\0" not in os.fsencode(target)
    except (TypeError, ValueError):
        is_name = False

    if not is_name:
        raise ConfigError.of("to", "a file's path is needed", "需要文件路径")

    partial: Path | None = None

    try:
        async with download as chunks:
            answered_at = chunks.date
            descriptor, partial = new_file_beside(target)

            async with await anyio.open_file(descriptor, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)

        await anyio.Path(partial).replace(target)
    except IncompleteStatementError as error:
        if partial is None:
            raise

        kept = await keep_unproven(partial, named or target)

        raise IncompleteStatementError(
            f"{error.what.en} {kept.en}",
            f"{error.what.zh}{kept.zh}",
            advice=error.advice,
        ) from None
    except OSError as exc:
        raise ConfigError.of(target, "cannot be written", "无法写入") from exc
    finally:
        if partial is not None:
            # Where nothing could be written there is nothing to remove.
            with anyio.CancelScope(shield=True), contextlib.suppress(OSError):
                await anyio.Path(partial).unlink(missing_ok=True)

    return answered_at


class FileProof:
    """
    Looks at the bytes of a file as they pass; keeps its first and its last line only.

    Args:
        day: That its first line must name, ``YYYYMMDD``; None if any will do.
        framed: It must have the first line of a transaction file (gateway.md 9.1): what
            has none, an error in plain text perhaps, is no such file.
    """

    def __init__(self, *, day: str | None = None, framed: bool = False) -> None:
        self._day = day
        self._framed = framed
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """
        Take the next bytes; the file's first is neither blank nor byte order mark.
        """
        if len(self._head) < _LINE_BYTES:
            self._head += chunk[: _LINE_BYTES - len(self._head)]

        if len(chunk) >= _LINE_BYTES:
            self._tail = chunk[-_LINE_BYTES:]
        else:
            self._tail = (self._tail + chunk)[-_LINE_BYTES:]

    def doubt(self, *, end_is_proven: bool) -> Text | None:
        """
        Return why the file, now at its end, may not be whole; None if it is.

        Args:
            end_is_proven: The transport knows that nothing was cut off.
        """
        first = _fields(self._head.partition(b"\n")[0])

        if _FIRST_MARKER.fullmatch(first[0]):
            return self._doubt_of_frame(first, end_is_proven=end_is_proven)

        if self._framed:
            return Text(
                "it has no first line of a transaction file", "没有交易明细的首行"
            )

        if end_is_proven:
            return None

        return Text(
            "the answer had no length, and its connection's end was not announced",
            "应答没有长度，且连接的结束未经声明",
        )

    def _doubt_of_frame(
        self, first: list[bytes], *, end_is_proven: bool
    ) -> Text | None:
        ended = self._tail.rstrip(b"\r\n\t ")
        # A line that was cut may show a smaller total.
        has_line_end = b"\n" in self._tail[len(ended) :]
        last = _fields(ended.rpartition(b"\n")[2])
        day = b"".join(first[2:3]).replace(b"-", b"").decode("latin-1")

        if self._day is not None and day != self._day:
            return Text(
                f"its first line names another day than {self._day}",
                f"首行日期不是 {self._day}",
            )

        if (
            _LAST_MARKER.fullmatch(last[0])
            and len(last) >= _LAST_LINE_FIELDS
            and last[1:3] == first[1:3]
            and (has_line_end or end_is_proven)
        ):
            return None

        return Text(
            "its last line is not the closing line of this statement",
            "最后一行不是该对账单的结束行",
        )


def _fields(line: bytes) -> list[bytes]:
    return [field.strip() for field in line.split(b",")]


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
