"""
Parse values of statement files; each error names its place.
"""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from typing import Final

from umfpay.errors import IncompleteStatementError


_LINE_NUMBER: Final = re.compile(r"\bline ([0-9]+)")
_DAY_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_TIME_TEXT: Final = re.compile(r"([0-9]{2}):?([0-9]{2}):?([0-9]{2})")
_AMOUNT_TEXT: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,2})?")
_RATE_UNIT: Final = 10**8
_RATE_TEXT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,8})?")


def incomplete_error(where: str, en: str, zh: str) -> IncompleteStatementError:
    """
    Return what to raise for a statement that is not whole.
    """
    in_chinese = _LINE_NUMBER.sub(r"第 \1 行", where)

    return IncompleteStatementError(
        f"The statement is not whole: {where}: {en}.",
        f"对账文件不完整：{in_chinese}：{zh}。",
    )


def misfit_error(where: str, name: str) -> IncompleteStatementError:
    """
    Return what to raise for a column that does not hold a *name*.
    """
    # The value is never quoted: it may be a phone number in the wrong place.
    return incomplete_error(where, f"its {name} cannot be read", f"{name} 无法识别")


def read_day(text: str, where: str, name: str) -> date:
    """
    Take ``YYYYMMDD``, with or without dashes.
    """
    match = _DAY_TEXT.fullmatch(text)

    try:
        if match is not None:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        pass

    raise misfit_error(where, name)


def read_clock(text: str, where: str, name: str) -> time | None:
    """
    Take ``HHMMSS``, with or without colons; None if it is empty.
    """
    if not text:
        return None

    match = _TIME_TEXT.fullmatch(text)

    try:
        if match is not None:
            hour, minute, second = (int(part) for part in match.groups())

            return time(hour, minute, second)
    except ValueError:
        pass

    raise misfit_error(where, name)


def read_amount(text: str, where: str, name: str) -> Decimal:
    """
    Take money of at most two decimals.
    """
    if _AMOUNT_TEXT.fullmatch(text) is None:
        raise misfit_error(where, name)

    return Decimal(text)


def read_rate(text: str, where: str, name: str) -> Decimal:
    """
    Take an exchange rate.
    """
    if _RATE_TEXT.fullmatch(text) is None:
        raise misfit_error(where, name)

    return Decimal(text)


def rate_units(rate: Decimal) -> int:
    """
    Return *rate* in hundred-millionths, half up.
    """
    return int(rate * _RATE_UNIT + Decimal("0.5"))


def read_word(text: str, where: str, name: str) -> str:
    """
    Take text that must be there.
    """
    if not text:
        raise misfit_error(where, name)

    return text
