"""
Parse the frame of a statement file: header, rows, trailer (gateway.md 9.1).

Bytes are pushed in as they come; complete rows come out. The last line is held back
until the end shows whether it is the one that closes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

import attrs

from umfpay.errors import IncompleteStatementError
from umfpay.reconciliation._values import incomplete_error, read_day


_HEADER_MARK: Final = re.compile(r"([A-Z]+)-START")
_TRAILER_MARK: Final = re.compile(r"([A-Z]+)-(?:DETAIL-)?END")
_TOTAL_TEXT: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,4})?")
_HEADER_FIELDS: Final = 3
_TRAILER_FIELDS: Final = 4
_MAX_LINE_BYTES: Final = 65_536
_BOM: Final = b"\xef\xbb\xbf"


@attrs.frozen(kw_only=True)
class Line:
    """
    A row of a statement.

    Args:
        number: Of the line in the file, from 1.
        data: The bytes without the line end.
    """

    number: int
    data: bytes


@attrs.frozen(kw_only=True)
class Header:
    """
    What the first line says.
    """

    kind: str
    merchant: str
    day: date


@attrs.frozen(kw_only=True)
class Block:
    """
    Many rows of a statement at once.

    Args:
        first: Number of its first line in the file.
        data: Whole lines, each with its line end.
    """

    first: int
    data: bytes

    def lines(self) -> Iterator[Line]:
        """
        Give its rows one by one.
        """
        for number, line in enumerate(self.data.split(b"\n")[:-1], self.first):
            yield Line(number=number, data=line.removesuffix(b"\r"))


class FrameParser:
    """
    Splits the bytes of one file into rows, and proves that it has begin and end.

    Attributes:
        header: The first line, None until it has come.
        total: The number of the last line, None until the end.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.total: Decimal | None = None
        self._number = 0
        self._rest = b""
        self._held = b""
        self._last: Line | None = None

    def feed(self, data: bytes) -> list[Line]:
        """
        Take the next bytes; return the rows that are complete by now.

        Raises:
            IncompleteStatementError: The first line is none, or a line never ends.
        """
        *ended, self._rest = (self._rest + data).split(b"\n")

        rows: list[Line] = []

        for line in ended:
            self._number += 1

            if self.header is None:
                self.header = _header(line)

                continue

            if len(line) > _MAX_LINE_BYTES:
                raise _overlong_error(self._number)

            if self._last is not None:
                rows.append(self._last)

            self._last = Line(number=self._number, data=line.removesuffix(b"\r"))

        self._must_end()

        return rows

    def feed_block(self, data: bytes | bytearray, size: int) -> Block | None:
        """
        Take the next *size* bytes of *data*; return the rows that are complete by now
        as one block.

        A file is fed by this or by `feed()`; how many rows a block has is told by
        `count_rows()` before the next is fed.

        Raises:
            IncompleteStatementError: The first line is none, or a line never ends.
        """
        begin = 0

        if self.header is None:
            begin = data.find(b"\n", 0, size) + 1
            self._rest += data[: begin or size]

            if not begin:
                self._must_end()

                return None

            self._number = 1
            self.header = _header(self._rest.removesuffix(b"\n"))
            self._rest = b""

        self._look_for_long_lines(data, begin, size)
        end = data.rfind(b"\n", begin, size) + 1
        last = data.rfind(b"\n", begin, max(begin, end - 1)) + 1
        rest = bytes(data[end or begin : size])

        # The last line that has ended is held back.
        if last:
            view = memoryview(data)[begin:last]
            rows = b"".join([self._held, self._rest, view])
            self._held, self._rest = bytes(data[last:end]), rest
        elif end:
            rows = self._held
            self._held, self._rest = self._rest + bytes(data[begin:end]), rest
        else:
            rows = b""
            self._rest += rest

        self._must_end(after=rows)

        return Block(first=self._number + 1, data=rows) if rows else None

    def _look_for_long_lines(
        self, data: bytes | bytearray, begin: int, size: int
    ) -> None:
        """
        Refuse a line that has ended and is too long, wherever blocks end.
        """
        start, room = begin, _MAX_LINE_BYTES - len(self._rest)

        while size - start > room:
            # Of lines that are short enough one ends within the next bytes.
            end = data.rfind(b"\n", start, start + room + 1) + 1

            if not end and data.find(b"\n", start, size) < 0:
                # It has not ended yet.
                return

            if not end:
                ended = data.count(b"\n", begin, start)

                raise _overlong_error(self._number + bool(self._held) + ended + 1)

            start, room = end, _MAX_LINE_BYTES

    def count_rows(self, rows: int) -> None:
        """
        Take note of how many rows the last block had.
        """
        self._number += rows

    def _must_end(self, *, after: bytes = b"") -> None:
        if len(self._rest) > _MAX_LINE_BYTES:
            before = self._number + after.count(b"\n") + bool(self._held)

            raise _overlong_error(before + 1)

    def close(self) -> Decimal:
        """
        Take the end of the file; return the total of its last line.

        Raises:
            IncompleteStatementError: It does not end with its closing line and a line
                end, or that names another kind, merchant or day than the first.
        """
        if self.header is None:
            raise incomplete_error(
                "line 1", "the file has no complete line", "文件没有完整的一行"
            )

        if self._held:
            self._number += 1
            data = self._held.removesuffix(b"\n").removesuffix(b"\r")
            self._last = Line(number=self._number, data=data)

        if self._rest:
            raise incomplete_error(
                f"line {self._number + 1}",
                "the file ends in the middle of a line",
                "文件在一行中间结束",
            )

        if self._last is None:
            raise incomplete_error("the end", "there is no closing line", "缺少结束行")

        self.total = _trailer(self._last, self.header)

        return self.total


def _overlong_error(number: int) -> IncompleteStatementError:
    return incomplete_error(
        f"line {number}",
        f"it is longer than {_MAX_LINE_BYTES} bytes",
        f"超过 {_MAX_LINE_BYTES} 字节",
    )


def _header(line: bytes) -> Header:
    line = line.removeprefix(_BOM).removesuffix(b"\r")

    if line.lstrip().startswith((b"{", b"<")):
        raise incomplete_error(
            "line 1",
            "it is an answer of the gateway, not a statement",
            "这是网关的应答而不是对账文件",
        )

    fields = _fields(line)
    kind = _HEADER_MARK.fullmatch(fields[0].upper())

    if kind is None or len(fields) != _HEADER_FIELDS:
        raise incomplete_error(
            "line 1",
            "it is no first line: <kind>-START,<merchant>,<date>",
            "不是首行：<类型>-START,<商户号>,<日期>",
        )

    return Header(
        kind=kind[1], merchant=fields[1], day=read_day(fields[2], "line 1", "date")
    )


def _trailer(line: Line, header: Header) -> Decimal:
    where = f"line {line.number}"
    fields = _fields(line.data)
    kind = _TRAILER_MARK.fullmatch(fields[0].upper())

    if kind is None or len(fields) != _TRAILER_FIELDS:
        raise incomplete_error(
            where,
            f"the file ends without {header.kind}-End,<merchant>,<date>,<total>",
            f"文件结束处缺少 {header.kind}-End,<商户号>,<日期>,<总金额>",
        )

    if (kind[1], fields[1], read_day(fields[2], where, "date")) != (
        header.kind,
        header.merchant,
        header.day,
    ):
        raise incomplete_error(
            where,
            "it closes another statement than the first line opens",
            "结束行与首行不属于同一份对账文件",
        )

    if _TOTAL_TEXT.fullmatch(fields[3]) is None:
        raise incomplete_error(where, "its total is no amount", "总金额不是数字")

    return Decimal(fields[3])


def _fields(line: bytes) -> list[str]:
    # The frame itself is ASCII; a merchant id of other letters would be news.
    return [field.strip() for field in line.decode("ascii", "replace").split(",")]
