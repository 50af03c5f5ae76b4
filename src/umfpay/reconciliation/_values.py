"""
Parse values of statement files; each refusal says what cannot be read.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

from umfpay.errors import IncompleteStatementError, Text


_LINE_NUMBER: Final = re.compile(r"\bline ([0-9]+)")
_DAY_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# At least one digit, at most two decimals that are not zero.
_AMOUNT_TEXT: Final = re.compile(r"-?(?:[0-9]{1,15}|(?=\.))(?:\.[0-9]{1,2}0*)?")
_RATE_DECIMALS: Final = 8
_RATE_TEXT: Final = re.compile(r"(?:[0-9]{1,9}|(?=\.))(?:\.[0-9]{1,8}0*)?")


class RowError(Exception):
    """
    Raised for a row of a statement that cannot be read.

    Args:
        reason: Why, without a value: it may be a phone number in the wrong place.
    """

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.reason = Text(en, zh)


def incomplete_error(where: str, en: str, zh: str) -> IncompleteStatementError:
    """
    Return what to raise for a statement that is not whole.
    """
    in_chinese = _LINE_NUMBER.sub(r"第 \1 行", where)

    return IncompleteStatementError(
        f"The statement is not whole: {where}: {en}.",
        f"对账文件不完整：{in_chinese}：{zh}。",
    )


def misfit_error(name: str) -> RowError:
    """
    Return what to raise for a column that does not hold a *name*.
    """
    return RowError(f"its {name} cannot be read", f"{name} 无法识别")


def read_day(text: str, name: str) -> date:
    """
    Take ``YYYYMMDD``, with or without dashes.
    """
    match = _DAY_TEXT.fullmatch(text)

    try:
        if match is not None:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        pass

    raise misfit_error(name)


def is_amount(text: str) -> bool:
    """
    Tell whether *text* is money of at most two decimals.
    """
    return _AMOUNT_TEXT.fullmatch(text) is not None


def read_amount(text: str, name: str) -> Decimal:
    """
    Take money of at most two decimals.
    """
    if not is_amount(text):
        raise misfit_error(name)

    return Decimal(text)


def read_rate(text: str, name: str) -> Decimal:
    """
    Take an exchange rate of at most eight decimals.
    """
    if _RATE_TEXT.fullmatch(text) is None:
        raise misfit_error(name)

    return Decimal(text)


def rate_units(rate: Decimal) -> int:
    """
    Return *rate*, of at most eight decimals, in hundred-millionths.
    """
    return int(rate.scaleb(_RATE_DECIMALS))


def read_word(text: str, name: str) -> str:
    """
    Take text that must be there.
    """
    if not text:
        raise misfit_error(name)

    return text
