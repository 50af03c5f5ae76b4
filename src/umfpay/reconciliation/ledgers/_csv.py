"""
A ledger as CSV (RFC 4180): every row of the file is read, or the file is refused.

Lines that can be read in one way only go to polars in blocks. All others (quotes within
a field, fields of several lines, rows that are too short) are read one by one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import attrs

from umfpay.errors import StatementError, Text
from umfpay.reconciliation.ledgers._files import (
    LEDGER_ADVICE,
    LINE_COLUMN,
    unreadable_error,
)
from umfpay.reconciliation.ledgers._format import KNOWN_SUMMARIES, LedgerFormat
from umfpay.reconciliation.ledgers._layout import (
    BYTE_ORDER_MARK,
    COMMENT,
    Dropped,
    Layout,
    clean_name,
    find_layout,
    first_line_error,
)


if TYPE_CHECKING:
    import polars as pl


_BLOCK_CHARACTERS: Final = 8 * 1024 * 1024
_BATCH_ROWS: Final = 100_000
# What else spreadsheets write between fields.
_OTHER_DELIMITERS: Final = re.compile(r"[,;\t|]")
_QUOTE_ADVICE: Final = Text(
    "Put a field that holds a delimiter, a quotation mark or a line end in quotation"
    ' marks, and double those within it (5"" disk); or export the ledger as Parquet.',
    "含分隔符、引号或换行的字段必须加引号，其中的引号须写两次；"
    "或将账本导出为 Parquet。",
)
# Stands behind each line while it is read.
_LINE_END: Final = b"\x02"
_LINE_END_COLUMN: Final = "umfpay: line end"
_LONE_CARRIAGE_RETURN: Final = re.compile(r"\r(?!\n)")

_Reader = Any  # what csv.reader() makes, which has no public name


class CSVTable:
    """
    A CSV file with a line of names.

    Args:
        file: The file.
        written: How it is written.
        wanted: For each column that is needed, the names of which one is there.

    Attributes:
        names: Of its columns.
        layout: How it is laid out.
        dropped: The lines that are no rows; those below the rows are known when all are
            read.

    Raises:
        StatementError: It cannot be read.
        ConfigError: *encoding* or *delimiter* cannot be meant.
    """

    def __init__(
        self, file: Path, written: LedgerFormat, wanted: Sequence[Collection[str]] = ()
    ) -> None:
        self._file = file
        self._summaries = (*KNOWN_SUMMARIES, *written.summaries)
        self.layout: Layout = find_layout(file, written, wanted)
        self.dropped: list[Dropped] = self.layout.dropped
        self.names: list[str] = [*map(clean_name, self.layout.names)]
        only, *others = self.names

        # One column is too few for any ledger.
        if not others and _OTHER_DELIMITERS.search(only):
            raise first_line_error(
                file,
                Text(
                    f"between its names stands no {self.layout.delimiter!r}",
                    f"列名之间没有 {self.layout.delimiter!r}",
                ),
                advice=Text(
                    "Say what stands between the fields: delimiter=, in a shell"
                    " --delimiter (';', or $'\\t' for a tab).",
                    "请指定字段之间的分隔符：delimiter=，命令行为 --delimiter"
                    "（';'，制表符为 $'\\t'）。",
                ),
            )

    def batches(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """
        Give the columns *wanted*, each of which is there once, in batches, and the line
        where each row begins.

        Raises:
            StatementError: It cannot be read, or a row of it in more than one way.
        """
        columns = {self.names.index(name): name for name in wanted}

        with self._records() as records:
            while text := records.block():
                frame = _parse_block(text, records.shape, columns, records.lines + 1)

                if frame is not None:
                    records.count_block(frame.height, text)
                    yield _without_marks(frame, text)
                else:
                    for rows in records.one_by_one(text, columns):
                        yield _without_marks(rows, text)

            self.dropped = [*self.layout.dropped, *records.dropped]

    @contextmanager
    def _records(self) -> Iterator[_Records]:
        # Lines end with \n alone: what else ends one for Python is text.
        try:
            with self._file.open(encoding=self.layout.encoding, newline="\n") as text:
                yield _Records(text, self._file, self.layout, self._summaries)
        except (OSError, UnicodeError) as error:
            raise unreadable_error(
                self._file, error, encoding=self.layout.encoding
            ) from None


@attrs.frozen
class _Shape:
    """
    What a line must look like.
    """

    delimiter: str
    fields: int


class _Records:
    """
    The rows of an open file.

    Attributes:
        shape: What each must look like.
        lines: How many of the file are read and done with.
        dropped: The lines below the rows.
    """

    def __init__(
        self, text: TextIO, file: Path, layout: Layout, summaries: Sequence[str]
    ) -> None:
        self._text = text
        self._file = file
        self._rows = 0
        self._taken: list[str] = []
        self._delimiter = layout.delimiter
        self._ends = (COMMENT, *summaries) if layout.has_comments else (*summaries,)
        self.shape = _Shape(layout.delimiter, len(layout.names))
        self.lines = layout.lines
        self.dropped: list[Dropped] = []

        for _ in range(layout.lines):
            text.readline()

    def block(self) -> str:
        """
        Return the next lines of rows; the last of the file may lack its line end.

        Raises:
            StatementError: Below the sums at the end there are rows.
        """
        lines = self._text.read(_BLOCK_CHARACTERS) + self._text.readline()
        found = [_line_that_begins(lines, end) for end in self._ends]
        end = min((one for one in found if one >= 0), default=-1)

        if end < 0:
            return lines

        below = [*(lines[end:] + self._text.read()).split("\n")]
        self.dropped = [
            Dropped(None, line.rstrip("\r"), Text("below the rows", "位于数据行之后"))
            for line in below
            if line.strip()
        ]
        is_comment = lines.startswith(COMMENT, end)

        for one in self.dropped:
            good = (
                one.text.startswith(COMMENT)
                if is_comment
                else one.text.count(self._delimiter) < self.shape.fields - 1
            )

            if not good:
                raise self._unreadable_error(
                    "below the sums at its end there are further rows",
                    "末尾的汇总之后还有数据行",
                    advice=LEDGER_ADVICE,
                )

        return lines[:end]

    def count_block(self, rows: int, block: str) -> None:
        """
        Take note that the *block*, of so many *rows*, was read in whole.
        """
        self._rows += rows
        self.lines += block.count("\n")

    def one_by_one(
        self, block: str, columns: Mapping[int, str]
    ) -> Iterator[pl.DataFrame]:
        """
        Read the rows that begin in *block* one after the other.
        """
        import polars as pl

        lines = block.count("\n") + (not block.endswith("\n"))
        reader = self._reader(block)
        values: dict[str, list[str | None]] = {name: [] for name in columns.values()}
        begins: list[int] = []

        def taken() -> pl.DataFrame:
            frame = pl.DataFrame(values, schema=dict.fromkeys(values, pl.String()))

            return frame.with_columns(pl.Series(LINE_COLUMN, begins, dtype=pl.Int64))

        # A reader takes no line ahead.
        while reader.line_num < lines:
            self._taken.clear()
            line = self.lines + reader.line_num + 1
            record = self._next(reader)

            if not record:
                continue

            self._rows += 1
            self._check(record)
            begins.append(line)

            for index, name in columns.items():
                values[name].append(record[index] if index < len(record) else None)

            if len(begins) == _BATCH_ROWS:
                yield taken()

                values, begins = {name: [] for name in values}, []

        self._taken.clear()
        self.lines += reader.line_num

        yield taken()

    def _reader(self, block: str) -> _Reader:
        def physical() -> Iterator[str]:
            for source in (io.StringIO(block, newline="\n"), self._text):
                while line := source.readline():
                    self._taken.append(line)

                    yield line

        return csv.reader(physical(), delimiter=self._delimiter, strict=True)

    def _next(self, reader: _Reader) -> list[str] | None:
        """
        Return the next row, an empty one for an empty line, None at the end.
        """
        try:
            return next(reader, None)
        except csv.Error:
            # Its words are about the format only, and say little.
            self._rows += 1

            if _LONE_CARRIAGE_RETURN.search("".join(self._taken)):
                raise self._unreadable_error(
                    "a carriage return stands where no line ends",
                    "行内有单独的回车符",
                ) from None

            raise self._unreadable_error(
                "a quotation mark stands where none can, or is never closed",
                "引号位置有误或未闭合",
            ) from None

    def _check(self, record: Sequence[str]) -> None:
        fields = self.shape.fields

        if len(record) > fields:
            raise self._unreadable_error(
                f"it has {len(record)} fields, and the line of names {fields}",
                f"有 {len(record)} 个字段，而列名行只有 {fields} 个",
            )

        # Between two lone quotation marks whole rows are text: nobody can tell.
        first, *others = (line.count(self._delimiter) + 1 for line in self._taken)

        if first >= fields and any(found >= fields for found in others):
            raise self._unreadable_error(
                "by its quotation marks it goes on over the next lines, which look like"
                " rows themselves",
                "按引号它延续到后面几行，而这些行本身也像是数据行",
            )

    def _unreadable_error(
        self, en: str, zh: str, *, advice: Text | None = None
    ) -> StatementError:
        where = Text(f"row {self._rows}", f"第 {self._rows} 行")

        return StatementError(
            f"The ledger {self._file} cannot be read: {where.en}: {en}.",
            f"无法读取账本 {self._file}：{where.zh}：{zh}。",
            advice=advice or _QUOTE_ADVICE,
        )


def _line_that_begins(lines: str, begin: str) -> int:
    """
    Return where in *lines* one begins with *begin* behind a backtick or none; -1 if none
    does.
    """
    at = lines.find(begin)

    while at > 0:
        start = at - (lines[at - 1] == "`")

        if start == 0 or lines[start - 1] == "\n":
            return start

        at = lines.find(begin, at + 1)

    return at


def _without_marks(rows: pl.DataFrame, text: str) -> pl.DataFrame:
    """
    Return *rows* of *text* without the backtick that WeChat Pay puts before a value, and
    the form of a formula that keeps a spreadsheet from rounding one.
    """
    import polars as pl

    if "`" in text:
        rows = rows.with_columns(pl.col(pl.String).str.replace(r"^\s*`", ""))

    # The first is found at once.
    if '"' in text and '="' in text:
        rows = rows.with_columns(pl.col(pl.String).str.replace(r'^="([^"]*)"$', "${1}"))

    return rows


def _parse_block(
    text: str, shape: _Shape, columns: Mapping[int, str], first: int
) -> pl.DataFrame | None:
    """
    Return whole lines as a frame; None where one can be read in more than one way.

    Args:
        first: The number of the first line.
    """
    import polars as pl

    # A mark is a letter here, and nothing to polars.
    if text.startswith(BYTE_ORDER_MARK):
        return None

    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return None

    if '"' not in text:
        frame = _parse_plain(text.encode(), shape, columns, first)

        if frame is not None:
            return frame

    lines = pl.Series([text]).str.split("\n").explode()
    is_blank = lines.is_in(["", "\r"])

    # Besides what follows the last line end.
    if is_blank.sum() > text.endswith("\n"):
        text = "".join(f"{line}\n" for line in lines.filter(~is_blank))

    numbers = pl.int_range(first, first + lines.len(), eager=True).filter(~is_blank)
    lines = lines.filter(~is_blank)

    if lines.is_empty():
        return pl.DataFrame(
            schema={
                **dict.fromkeys(columns.values(), pl.String()),
                LINE_COLUMN: pl.Int64(),
            }
        )

    if not lines.str.contains(_regular_lines(shape)).all():
        return None

    frame = _read_csv(text.encode(), shape, columns)

    # Two counts that know nothing of each other.
    if frame.height != lines.len():
        return None

    return frame.with_columns(numbers.alias(LINE_COLUMN))


def _parse_plain(
    data: bytes, shape: _Shape, columns: Mapping[int, str], first: int
) -> pl.DataFrame | None:
    """
    Return lines without quotation marks as a frame; None where one is blank, or has too
    many fields or too few.
    """
    import polars as pl

    if _LINE_END in data:
        return None

    # polars drops what a line has too much, and fills up what it lacks: each has its end
    # where it belongs.
    lines = data if data.endswith(b"\n") else data + b"\n"
    mark = shape.delimiter.encode() + _LINE_END + b"\n"

    try:
        frame = _read_csv(
            lines.replace(b"\r\n", b"\n").replace(b"\n", mark),
            _Shape(shape.delimiter, shape.fields + 1),
            {**columns, shape.fields: _LINE_END_COLUMN},
        )
    except pl.exceptions.PolarsError:
        return None

    end = frame.get_column(_LINE_END_COLUMN).fill_null("") == _LINE_END.decode()

    # Two counts that know nothing of each other.
    if not end.all() or frame.height != lines.count(b"\n"):
        return None

    return frame.select(
        *columns.values(),
        pl.int_range(first, first + frame.height, eager=True).alias(LINE_COLUMN),
    )


def _read_csv(data: bytes, shape: _Shape, columns: Mapping[int, str]) -> pl.DataFrame:
    """
    Return the *columns* of whole lines as text.
    """
    import polars as pl

    names = [f"column_{number}" for number in range(shape.fields)]
    wanted = [names[index] for index in columns]
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=shape.delimiter,
        quote_char='"' if b'"' in data else None,
        columns=wanted,
        schema=dict.fromkeys(names, pl.String()),
        low_memory=True,
    )

    return frame.select(wanted).rename(
        {names[index]: name for index, name in columns.items()}
    )


def _regular_lines(shape: _Shape) -> str:
    """
    Return a pattern of lines in which each quotation mark can mean one thing only.
    """
    delimiter = re.escape(shape.delimiter)
    field = f'(?:"(?:[^"]|"")*"|[^"{delimiter}]*)'

    return f"^{field}(?:{delimiter}{field}){{{shape.fields - 1}}}\r?$"
