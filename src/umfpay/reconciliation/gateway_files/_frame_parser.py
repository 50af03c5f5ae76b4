"""
Parse the frame of a statement file: header, rows, trailer (gateway.md 9.1).

Bytes are pushed in as they come; complete rows come out. The last line that is not blank
is held back until the end shows whether it is the one that closes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

import attrs

from umfpay.errors import IncompleteStatementError
from umfpay.reconciliation._values import RowError, incomplete_error, read_day


_HEADER_MARK: Final = re.compile(r"([A-Z]+)-START")
_TRAILER_MARK: Final = re.compile(r"([A-Z]+)-(?:DETAIL-)?END")
_TOTAL_TEXT: Final = re.compile(r"-?(?:[0-9]{1,18}|(?=\.))(?:\.[0-9]{1,4})?")
# A total that was cut ends otherwise.
_WHOLE_TOTAL_TEXT: Final = re.compile(r"-?[0-9]*\.[0-9]{2}")
_COUNT_TEXT: Final = re.compile(r"[0-9]{1,18}")
_HEADER_FIELDS: Final = 3
_TRAILER_FIELDS: Final = 4
_MAX_LINE_BYTES: Final = 65_536
_BOM: Final = b"\xef\xbb\xbf"
# The last of them ends a text file of CP/M and of what came after it.
_BLANKS: Final = b" \t\r\n\x1a"


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
        Give its rows one by one; blank lines are none.
        """
        for number, line in enumerate(self.data.split(b"\n")[:-1], self.first):
            if line.strip():
                yield Line(number=number, data=line.removesuffix(b"\r"))

    def pieces(self, size: int) -> Iterator[Block]:
        """
        Give it in blocks of about *size* bytes.
        """
        first, begin = self.first, 0

        while begin < len(self.data):
            end = self.data.find(b"\n", min(begin + size, len(self.data) - 1)) + 1
            data = self.data[begin:end]
            yield Block(first=first, data=data)
            first, begin = first + data.count(b"\n"), end


@attrs.frozen(kw_only=True)
class Trailer:
    """
    What the last line says.

    Args:
        total: In CNY.
        rows: How many there are, None where it does not say.
    """

    total: Decimal
    rows: int | None


class FrameParser:
    """
    Splits the bytes of one file into rows, and proves that it has begin and end.

    Attributes:
        header: The first line, None until it has come.
        trailer: The last line, None until the end.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.trailer: Trailer | None = None
        self._lines = 0
        self._held = b""

    def feed(self, data: bytes | bytearray, size: int) -> Block | None:
        """
        Take the next *size* bytes of *data*; return the rows that are complete by now.

        Raises:
            IncompleteStatementError: The first line is none, or a line never ends.
        """
        self._held += memoryview(data)[:size]

        while self.header is None:
            line, end, rest = self._held.partition(b"\n")

            if not end:
                self._must_be_short(line)

                return None

            self._lines += 1
            self._held = rest

            if line.removeprefix(_BOM).strip(_BLANKS):
                self.header = _header(line, self._lines)

        # What was written last and is no blank.
        end_of_text = len(self._held) - _trailing_blanks(self._held)
        begin_of_last = self._held.rfind(b"\n", 0, end_of_text) + 1
        block = Block(first=self._lines + 1, data=self._held[:begin_of_last])
        self._held = self._held[begin_of_last:]
        self._must_have_short_lines(block)
        self._lines += block.data.count(b"\n")
        self._must_be_short(self._held)

        return block if block.data else None

    def close(self) -> Trailer:
        """
        Take the end of the file; return its last line.

        Raises:
            IncompleteStatementError: It does not end with its closing line, or that
                names another kind, merchant or day than the first.
        """
        if self.header is None:
            raise incomplete_error(
                "line 1", "the file has no complete line", "文件没有完整的一行"
            )

        if not self._held.strip(_BLANKS):
            raise incomplete_error("the end", "there is no closing line", "缺少结束行")

        line, end, _ = self._held.partition(b"\n")
        self.trailer = _trailer(
            line.rstrip(_BLANKS),
            self.header,
            number=self._lines + 1,
            has_end=bool(end) or line.endswith(b"\x1a"),
        )

        return self.trailer

    def _must_have_short_lines(self, block: Block) -> None:
        """
        Refuse a line that is too long, wherever blocks end.
        """
        begin = 0

        while len(block.data) - begin > _MAX_LINE_BYTES:
            # Of lines that are short enough one ends within the next bytes.
            end = block.data.rfind(b"\n", begin, begin + _MAX_LINE_BYTES + 1) + 1

            if not end:
                raise _overlong_error(block.first + block.data.count(b"\n", 0, begin))

            begin = end

    def _must_be_short(self, line: bytes) -> None:
        if len(line) > _MAX_LINE_BYTES:
            raise _overlong_error(self._lines + 1)


def _trailing_blanks(data: bytes) -> int:
    size = len(data)
    tail = data[-_MAX_LINE_BYTES - 1 :]

    return size if not tail.strip(_BLANKS) else len(tail) - len(tail.rstrip(_BLANKS))


def _overlong_error(number: int) -> IncompleteStatementError:
    return incomplete_error(
        f"line {number}",
        f"it is longer than {_MAX_LINE_BYTES} bytes",
        f"超过 {_MAX_LINE_BYTES} 字节",
    )


def _header(line: bytes, number: int) -> Header:
    where = f"line {number}"
    line = line.removeprefix(_BOM)

    if line.lstrip().startswith((b"{", b"<")):
        raise incomplete_error(
            where,
            "it is an answer of the gateway, not a statement",
            "这是网关的应答而不是对账文件",
        )

    fields = _fields(line)
    kind = _HEADER_MARK.fullmatch(fields[0].upper())

    # What more there is nobody documented, and nothing needs it.
    if kind is None or len(fields) < _HEADER_FIELDS:
        raise incomplete_error(
            where,
            "it is no first line: <kind>-START,<merchant>,<date>",
            "不是首行：<类型>-START,<商户号>,<日期>",
        )

    return Header(kind=kind[1], merchant=fields[1], day=_day(fields[2], where))


def _trailer(line: bytes, header: Header, *, number: int, has_end: bool) -> Trailer:
    where = f"line {number}"
    fields = _fields(line)
    kind = _TRAILER_MARK.fullmatch(fields[0].upper())
    is_cut = not has_end and (
        kind is None
        or len(fields) < _TRAILER_FIELDS
        or _WHOLE_TOTAL_TEXT.fullmatch(fields[_TRAILER_FIELDS - 1]) is None
    )

    if is_cut:
        raise incomplete_error(
            where, "the file ends in the middle of a line", "文件在一行中间结束"
        )

    if kind is None or len(fields) < _TRAILER_FIELDS:
        raise incomplete_error(
            where,
            f"the file ends without {header.kind}-End,<merchant>,<date>,<total>",
            f"文件结束处缺少 {header.kind}-End,<商户号>,<日期>,<总金额>",
        )

    if (kind[1], fields[1], _day(fields[2], where)) != (
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

    more = fields[_TRAILER_FIELDS:]
    counts = bool(more) and _COUNT_TEXT.fullmatch(more[0]) is not None

    return Trailer(total=Decimal(fields[3]), rows=int(more[0]) if counts else None)


def _fields(line: bytes) -> list[str]:
    # The frame itself is ASCII; a merchant id of other letters would be news.
    return [field.strip() for field in line.decode("ascii", "replace").split(",")]


def _day(text: str, where: str) -> date:
    try:
        return read_day(text, "date")
    except RowError as error:
        raise incomplete_error(where, *error.reason) from None
