"""
File names of a payment's papers on UMF's server (gateway.md 5.20).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from umfpay.errors import DocumentError, Text


LAST_SEQUENCE: Final = 9999

# What every file system takes, and no shell or FTP server reads as something else.
_REFERENCE_PATTERN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_DAY_PATTERN: Final = re.compile(r"[0-9]{8}")


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
