"""
Proof that a downloaded file is whole: its trailer, or the transport's end.
"""

from __future__ import annotations

import re
from typing import Final

from umfpay.errors import Text


# No line of a frame is longer; rows in between are not looked at.
_LINE_BYTES: Final = 4096

_FIRST_MARKER: Final = re.compile(rb"TRANSDETAIL-START", re.IGNORECASE)

# "TRANSDETAIL-End"; an older edition has "TRANSDETAIL-Detail-End" (gateway.md 9.1).
_LAST_MARKER: Final = re.compile(rb"TRANSDETAIL-(?:DETAIL-)?END", re.IGNORECASE)
_LAST_LINE_FIELDS: Final = 4  # marker, merchant, day, total


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
