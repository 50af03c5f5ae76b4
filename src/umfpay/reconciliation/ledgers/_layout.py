"""
How a ledger of text is laid out: its encoding, its delimiter, and where its names are.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from umfpay.errors import ConfigError, StatementError, Text
from umfpay.reconciliation.ledgers._files import LEDGER_ADVICE, unreadable_error
from umfpay.reconciliation.ledgers._format import LedgerFormat


COMMENT: Final = "#"
BYTE_ORDER_MARK: Final = "\ufeff"
_SAMPLE_BYTES: Final = 256 * 1024
_MAX_LINES_ABOVE: Final = 60
_DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
_MIN_ZEROS: Final = 12
_LONE_CARRIAGE_RETURN: Final = re.compile(r"\r(?!\n)")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What exports of spreadsheets and shops are written in.
_LEGACY_ENCODINGS: Final = ["gb18030", "big5", "shift_jis", "cp1252"]


@attrs.frozen
class Dropped:
    """
    A line that is no row.

    Attributes:
        line: Its number in the file; None where it is below the rows.
        text: What stands there.
        reason: Why it is none.
    """

    line: int | None
    text: str
    reason: Text


@attrs.frozen
class Layout:
    """
    Attributes:
        encoding: Of the text.
        delimiter: Between its fields.
        names: Of its columns, as they stand there; empty without any.
        lines: How many lines are before the first row.
        has_comments: Whether lines that begin with ``#`` are none of its rows.
        dropped: The lines above the names.
    """

    encoding: str
    delimiter: str
    names: list[str]
    lines: int
    has_comments: bool
    dropped: list[Dropped]


def find_layout(
    file: Path, written: LedgerFormat, wanted: Sequence[Collection[str]]
) -> Layout:
    """
    Return how *file* is laid out.

    Args:
        wanted: For each column that is needed, the names of which one is there.

    Raises:
        StatementError: It cannot be read.
        ConfigError: The encoding or the delimiter cannot be meant.
    """
    if written.delimiter is not None:
        _check_delimiter(written.delimiter)

    if written.encoding is not None:
        _check_encoding(written.encoding)

    try:
        with file.open("rb") as opened:
            data = opened.read(_SAMPLE_BYTES)
            evidence = data if written.encoding else _first_letters(data, opened)
    except OSError as error:
        raise unreadable_error(file, error) from None

    encoding = without_mark(written.encoding or _encoding(evidence))

    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(data)
    except UnicodeError as error:
        raise unreadable_error(file, error, encoding=encoding) from None

    return _find_names(file, text, encoding, written, wanted)


def _find_names(
    file: Path,
    text: str,
    encoding: str,
    written: LedgerFormat,
    wanted: Sequence[Collection[str]],
) -> Layout:
    lines = _split(text.removeprefix(BYTE_ORDER_MARK))
    given = written.delimiter
    first = written.skip_rows or 0

    if not first and lines and (found := _SEPARATOR_LINE.fullmatch(lines[0])):
        given, first = given or found[1], 1

    above = [
        index
        for index in range(first, min(len(lines), first + _MAX_LINES_ABOVE))
        if lines[index].strip()
    ]
    begins = next(iter(above), first)
    plain = next(
        (index for index in above if not lines[index].startswith(COMMENT)), begins
    )
    at = plain
    delimiter = given or _delimiter(lines[plain] if plain < len(lines) else "")

    if written.skip_rows is None:
        for index in above:
            hit = next(
                (
                    one
                    for one in ([given] if given else _DELIMITERS)
                    if _has(_fields(lines[index], one), wanted)
                ),
                None,
            )

            if hit is not None:
                at, delimiter = index, hit
                break
    elif above:
        at = begins
        delimiter = given or _delimiter(lines[at])

    has_comments = any(
        lines[index].startswith(COMMENT) for index in above if index < at
    )
    names, rows = _names(file, lines[at:], delimiter)
    dropped = [
        Dropped(index + 1, lines[index].rstrip("\r\n"), _reason(index, first, lines))
        for index in range(at)
        if lines[index].strip()
    ]
    _must_be_titles(file, lines[first:at], delimiter, len(names))

    return Layout(
        encoding=encoding,
        delimiter=delimiter,
        names=names,
        lines=at + rows,
        has_comments=has_comments,
        dropped=dropped,
    )


def _reason(index: int, first: int, lines: Sequence[str]) -> Text:
    if index < first:
        return Text("skipped", "按要求跳过")

    if lines[index].startswith(COMMENT):
        return Text("a comment", "以 # 开头的注释")

    return Text("above the line of names", "位于列名行之前")


def _must_be_titles(
    file: Path, lines: Sequence[str], delimiter: str, fields: int
) -> None:
    """
    Raise where what is above the names looks like a row.
    """
    for line in lines:
        if line.startswith(COMMENT):
            continue

        values = _fields(line, delimiter)

        if len(values) >= fields and sum(map(bool, values)) > fields / 2:
            raise StatementError(
                f"The ledger {file} cannot be read: above its line of names stands what"
                " looks like a row.",
                f"无法读取账本 {file}：列名行之前有一行看起来像数据。",
                advice=Text(
                    "Correct your ledger; or say how many lines are above the names:"
                    " --skip-rows.",
                    "请更正账本；或用 --skip-rows 指定列名行之前的行数。",
                ),
            )


def _split(text: str) -> list[str]:
    r"""
    Return the lines of *text*, which end with ``\n`` alone.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]

    return lines if lines[-1] else lines[:-1]


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        found = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []

    return [clean_name(field) for field in found]


def clean_name(name: str) -> str:
    """
    Return the *name* of a column without what exports put around it.
    """
    return name.strip().strip("`").strip()


def _has(fields: Sequence[str], wanted: Sequence[Collection[str]]) -> bool:
    return len(fields) > 1 and all(
        any(name in fields for name in names) for names in wanted
    )


def _names(file: Path, lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """
    Return the names that *lines* begin with, and in how many lines they stand.
    """
    taken: list[str] = []

    def physical() -> Iterator[str]:
        for line in lines:
            taken.append(line)

            yield line

    reader = csv.reader(physical(), delimiter=delimiter, strict=True)

    try:
        for record in reader:
            if record:
                return record, len(taken)
    except csv.Error:
        reason = (
            Text("a carriage return stands where no line ends", "行内有单独的回车符")
            if _LONE_CARRIAGE_RETURN.search("".join(taken))
            else Text(
                "a quotation mark stands where none can, or is never closed",
                "引号位置有误或未闭合",
            )
        )

        raise first_line_error(file, reason) from None

    raise first_line_error(file, Text("it has no line of names", "没有列名行"))


def first_line_error(
    file: Path, reason: Text, *, advice: Text | None = None
) -> StatementError:
    """
    Return what to raise for a line of names that cannot be read.
    """
    return StatementError(
        f"The ledger {file} cannot be read: the first line: {reason.en}.",
        f"无法读取账本 {file}：首行：{reason.zh}。",
        advice=advice or LEDGER_ADVICE,
    )


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _first_letters(data: bytes, file: BinaryIO) -> bytes:
    """
    Return the begin of a file, or, where that is ASCII alone, the lines around the first
    letter that is not: no other tells its encoding.
    """
    evidence = data

    while evidence.isascii() and b"\0" not in evidence:
        before, evidence = evidence, file.read(_SAMPLE_BYTES)

        if not evidence:
            return data

        if not evidence.isascii():
            # Not from the middle of a line.
            line = before[before.rfind(b"\n") + 1 :]

            return line + evidence + file.read(_SAMPLE_BYTES)

    return evidence


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding

    first, second = data[::2].count(0), data[1::2].count(0)

    # Of ASCII letters each second byte is zero; text of one byte a letter has none.
    if max(first, second) > max(len(data) // _MIN_ZEROS, 10 * min(first, second)):
        return "utf-16-le" if second > first else "utf-16-be"

    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeError:
        return _legacy_encoding(data)

    return "utf-8"


def _legacy_encoding(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # Half a letter at the end of the sample is none.
    whole = data[: data.rfind(b"\n") + 1] or data
    best = from_bytes(whole, cp_isolation=_LEGACY_ENCODINGS).best()

    return "utf-8" if best is None else best.encoding


def _check_delimiter(delimiter: str) -> None:
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise ConfigError.of(
            "delimiter", "one ASCII character", "必须是一个 ASCII 字符"
        )


def _check_encoding(encoding: str) -> None:
    """
    Raise for an encoding that there is not, or is not of text, such as base64.
    """
    try:
        "".encode(encoding)
    except LookupError:
        raise ConfigError.of(
            "encoding", f"there is no {encoding}", f"没有 {encoding}"
        ) from None
    except UnicodeError:
        # One that encodes nothing says so when it reads.
        pass


def without_mark(encoding: str) -> str:
    """
    Return *encoding*; of UTF-8 the one that takes no mark for a letter.
    """
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
