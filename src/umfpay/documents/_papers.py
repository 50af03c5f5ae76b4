"""
The ZIP of contract and invoice, and its name on UMF's server (gateway.md 5.20).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

import attrs

from umfpay.errors import DocumentError, Text, os_reason


MAX_BYTES: Final = 50 * 1024 * 1024
MAX_FILES: Final = 100
LAST_SEQUENCE: Final = 9999

_FORBIDDEN_CHARACTERS: Final = frozenset('<>:"/\\|?*')
_MAX_NAME_CHARACTERS: Final = 200
_CHUNK_BYTES: Final = 1024 * 1024
# The earliest moment that the format knows: the same papers give the same bytes.
_ZIP_TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
_ZIP_SYSTEM_UNIX: Final = 3
_ZIP_FILE_MODE: Final = 0o100644 << 16
# What every file system takes, and no shell or FTP server reads as something else.
_REFERENCE_PATTERN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_DAY_PATTERN: Final = re.compile(r"[0-9]{8}")


@attrs.frozen(kw_only=True)
class PackedPapers:
    """
    A ZIP that is ready to be sent.

    Args:
        content: The bytes of the ZIP.
        files: The names inside, sorted.
    """

    content: bytes = attrs.field(repr=False)
    files: tuple[str, ...]

    @property
    def size(self) -> int:
        """
        The length of the ZIP in bytes.
        """
        return len(self.content)

    @property
    def sha256(self) -> str:
        """
        The digest of the ZIP in hex.
        """
        return hashlib.sha256(self.content).hexdigest()


def pack_papers(
    files: Mapping[str, bytes | os.PathLike[str]] | Iterable[str | os.PathLike[str]],
    *,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
) -> PackedPapers:
    """
    Pack contract, invoice and what else UMF wants to see of one payment.

    The same files give the same bytes on one machine, in whatever order they come.

        pack_papers(["contract.pdf", "invoice.pdf"])
        pack_papers({"contract.pdf": contract_bytes, "invoice.pdf": Path("i-7.pdf")})

    Args:
        files: Paths, or names inside the ZIP with the content or a path of each.
        max_bytes: Most bytes of all files together, and of the ZIP. UMF names no
            limit; this one is ours.
        max_files: Most files, also ours.

    Raises:
        DocumentError: There is no file, one is empty or cannot be read, a name is
            unsafe or comes twice, or a limit is passed.
    """
    sources = _sources(files)

    if not sources:
        raise DocumentError("There are no papers to pack.", "没有可打包的文件。")

    if len(sources) > max_files:
        raise DocumentError(
            f"{len(sources)} files are more than max_files={max_files}.",
            f"{len(sources)} 个文件超过上限 max_files={max_files}。",
        )

    left = max_bytes
    buffer = io.BytesIO()

    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        for name in sorted(sources):
            content = _content(name, sources[name], left)
            left -= len(content)

            if left < 0:
                raise _too_large_error(max_bytes)

            entry = zipfile.ZipInfo(name, date_time=_ZIP_TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _ZIP_SYSTEM_UNIX
            entry.external_attr = _ZIP_FILE_MODE
            made.writestr(entry, content)

    # What is packed already (PDF, JPEG) grows by the entries of the ZIP.
    if buffer.tell() > max_bytes:
        raise _too_large_error(max_bytes)

    return PackedPapers(content=buffer.getvalue(), files=tuple(sorted(sources)))


Source = bytes | os.PathLike[str]


def _sources(
    files: Mapping[str, Source] | Iterable[str | os.PathLike[str]],
) -> dict[str, Source]:
    if isinstance(files, str | bytes | os.PathLike):
        # One path is a sequence of letters to Python.
        raise DocumentError(
            "Give a list of paths, or a mapping of names.",
            "请给出路径列表，或以文件名为键的映射。",
        )

    sources: dict[str, Source] = {}
    seen: set[str] = set()

    for name, source in _pairs(files):
        _check_name(name)
        # Staff unpack where İ and i, or two forms of é, may be one name.
        folded = unicodedata.normalize("NFKC", name).casefold()

        if folded in seen:
            raise DocumentError(
                f"The name {name!r} comes twice.", f"文件名 {name!r} 出现了两次。"
            )

        seen.add(folded)
        sources[name] = source

    return sources


def _pairs(
    files: Mapping[str, Source] | Iterable[str | os.PathLike[str]],
) -> Iterator[tuple[str, Source]]:
    if isinstance(files, Mapping):
        for name, source in files.items():
            if not isinstance(source, bytes | os.PathLike):
                raise DocumentError(
                    f"{name!r}: give bytes or a Path, not {type(source).__name__}.",
                    f"{name!r}：请给出 bytes 或 Path，而不是 {type(source).__name__}。",
                )

            yield name, source
    else:
        for one in files:
            path = Path(one)

            yield path.name, path


def _check_name(name: str) -> None:
    safe = (
        0 < len(name.encode("utf-8", "replace")) <= _MAX_NAME_CHARACTERS
        and name.isprintable()
        and _FORBIDDEN_CHARACTERS.isdisjoint(name)
        # Windows drops dots and blanks at the end; elsewhere a dot in front hides.
        and name == name.strip(" .")
    )

    if not safe:
        raise DocumentError(
            f"The name {name!r} is unsafe inside a ZIP.",
            f"文件名 {name!r} 不能安全地放入 ZIP。",
        )


def _content(name: str, source: Source, left: int) -> bytes:
    content = _read(Path(source), left) if isinstance(source, os.PathLike) else source

    if not content:
        raise DocumentError(f"{name!r} is empty.", f"{name!r} 为空文件。")

    return bytes(content)


def _read(path: Path, left: int) -> bytes:
    try:
        # A device or a pipe would never end.
        if not path.exists() or path.is_file():
            parts: list[bytes] = []

            with path.open("rb") as file:
                # One byte more than may come shows that there is more.
                while left >= 0 and (part := file.read(min(_CHUNK_BYTES, left + 1))):
                    parts.append(part)
                    left -= len(part)

            return b"".join(parts)

        reason, zh = "it is no file", "它不是文件"
    except OSError as error:
        reason = zh = os_reason(error)

    raise DocumentError(
        f"{path} cannot be read ({reason}).", f"无法读取 {path}（{zh}）。"
    )


def _too_large_error(max_bytes: int) -> DocumentError:
    return DocumentError(
        f"The papers are larger than max_bytes={max_bytes}.",
        f"文件总大小超过上限 max_bytes={max_bytes}。",
    )


def papers_name(mer_reference_id: str, mer_date: date | str, *, sequence: int) -> str:
    """
    Return the name of a file of papers: order number, date, four digits, ``.zip``.

    >>> papers_name("B2B-7", "20261123", sequence=1)
    'B2B-7202611230001.zip'

    Args:
        mer_reference_id: The merchant's order number of the payment.
        mer_date: The order's date, or its wire form ``YYYYMMDD``.
        sequence: 0 to 9999.

    Raises:
        DocumentError: The order number is unsafe in a file name, the date is none, or
            the sequence has more than four digits.
    """
    if isinstance(sequence, bool) or not 0 <= sequence <= LAST_SEQUENCE:
        raise DocumentError(
            f"The sequence number {sequence} is not one of 0000 to {LAST_SEQUENCE}.",
            f"序号 {sequence} 不在 0000 至 {LAST_SEQUENCE} 之间。",
            advice=Text(
                "Four digits are all the name has room for; ask UMF how to go on.",
                "文件名只有四位序号；请联系联动优势。",
            ),
        )

    return f"{name_stem(mer_reference_id, mer_date)}{sequence:04d}.zip"


def name_stem(mer_reference_id: str, mer_date: date | str) -> str:
    """
    Return what all names of one payment begin with.

    Raises:
        DocumentError: See `papers_name`.
    """
    if not _REFERENCE_PATTERN.fullmatch(mer_reference_id):
        raise DocumentError(
            f"mer_reference_id {mer_reference_id!r} is unsafe in a file name.",
            f"mer_reference_id {mer_reference_id!r} 不能安全地用于文件名。",
            advice=Text(
                "Give B2B orders numbers of letters, digits, '-', '_' and '.', at most"
                " 200, not beginning with '-' or '.'.",
                "B2B 订单号请只用字母、数字、“-”、“_”和“.”，最长 200，"
                "且不以“-”或“.”开头。",
            ),
        )

    return f"{mer_reference_id}{_wire_date(mer_date)}"


def _wire_date(value: date | str) -> str:
    text = value if isinstance(value, str) else f"{value:%Y%m%d}"

    try:
        # The digits alone would let 20261399 pass.
        if _DAY_PATTERN.fullmatch(text):
            datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 (only checked)

            return text
    except ValueError:
        pass

    raise DocumentError(
        f"mer_date {text!r} is no date as YYYYMMDD.",
        f"mer_date {text!r} 不是 YYYYMMDD 形式的日期。",
    )
