"""
Money that we send: exact, with its currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from functools import reduce
from typing import Any, Final

import attrs

from umfpay.errors import InvalidValueError, Text
from umfpay.models._enums import Currency


_NAME: Final = Text("Money", "金额")
_MAX_CHARACTERS: Final = 10
_NUMBER_TEXT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_CURRENCY_CODE: Final = re.compile(r"[A-Z]{3}")

# Ours: the caller's context may round, or trap what we expect.
_EXACT_CONTEXT: Final = Context(prec=64, traps=[InvalidOperation])


def _total(value: Any) -> Decimal:
    if isinstance(value, bool | float):
        raise TypeError(f"money is Decimal, str or int, never {type(value).__name__}")

    if not isinstance(value, Decimal | str | int):
        raise TypeError(f"money is Decimal, str or int, not {type(value).__name__}")

    if isinstance(value, str):
        value = value.strip()

        if _NUMBER_TEXT.fullmatch(value) is None:
            raise InvalidValueError.of(
                _NAME, f"{value!r} is no amount", f"{value!r} 不是金额"
            )

    total = Decimal(value)

    if not total.is_finite():
        raise InvalidValueError.of(_NAME, f"{total} is no amount", f"{total} 不是金额")

    return total if total else total.copy_abs()  # no minus zero


def _currency(value: Any) -> Currency:
    if not isinstance(value, str) or _CURRENCY_CODE.fullmatch(value) is None:
        raise InvalidValueError.of(
            _NAME, "a currency is three capital letters", "币种必须是三个大写字母"
        )

    return Currency(value)


@attrs.frozen(repr=False)
class Money:
    """
    An amount in one currency.

        Money("100.02", "USD")

    Args:
        total: Decimal, text or int; a float is a `TypeError`. At least 0, at most 10
            characters, no more digits after the point than *currency* has
            (gateway.md 5.3).
        currency: A `Currency` or its three letters.

    Attributes:
        text: The form on the wire: ``100.02``, without decimals where there are none.

    Raises:
        ConfigError: The amount cannot be sent.
    """

    total: Decimal = attrs.field(converter=_total)
    currency: Currency = attrs.field(converter=_currency)
    text: str = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.total < 0:
            raise InvalidValueError.of(
                _NAME, f"{self.total} is below 0", f"{self.total} 小于 0"
            )

        if self.total.adjusted() >= _MAX_CHARACTERS:
            raise InvalidValueError.of(
                _NAME,
                f"the amount has more than {_MAX_CHARACTERS} characters",
                f"超过 {_MAX_CHARACTERS} 个字符",
            )

        unit = Decimal((0, (1,), -self.currency.decimals))
        rounded = self.total.quantize(unit, context=_EXACT_CONTEXT)
        object.__setattr__(self, "text", f"{rounded:f}")

        if rounded != self.total:
            raise InvalidValueError.of(
                _NAME,
                f"{self.total} has more than {self.currency.decimals} decimals"
                f" for {self.currency}",
                f"{self.total} 的小数位超过 {self.currency} 的 {self.currency.decimals} 位",
            )

        if len(self.text) > _MAX_CHARACTERS:
            raise InvalidValueError.of(
                _NAME,
                f"{self.text} has more than {_MAX_CHARACTERS} characters",
                f"{self.text} 超过 {_MAX_CHARACTERS} 个字符",
            )

    def __add__(self, other: Money) -> Money:
        return Money(
            _EXACT_CONTEXT.add(self.total, self._must_be_same_currency(other).total),
            self.currency,
        )

    def __sub__(self, other: Money) -> Money:
        total = _EXACT_CONTEXT.subtract(
            self.total, self._must_be_same_currency(other).total
        )

        return Money(total, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.total < self._must_be_same_currency(other).total

    def __le__(self, other: Money) -> bool:
        return self.total <= self._must_be_same_currency(other).total

    def _must_be_same_currency(self, other: Money) -> Money:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not add up")

        if other.currency != self.currency:
            raise InvalidValueError.of(
                _NAME,
                f"{self.currency} and {other.currency} do not add up",
                f"{self.currency} 与 {other.currency} 不能相加减",
            )

        return other

    def __str__(self) -> str:
        return f"{self.text} {self.currency}"

    def __repr__(self) -> str:
        # A traceback may show money that a check has just refused.
        total, currency = (getattr(self, name, "?") for name in ("total", "currency"))

        return f"Money({str(total)!r}, {str(currency)!r})"


def exact_sum(totals: Iterable[Decimal]) -> Decimal:
    """
    Return the sum of *totals*, whatever the caller's decimal context is.
    """
    return reduce(_EXACT_CONTEXT.add, totals, Decimal(0))
