"""
`Tolerance`: accepted differences of money.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay.errors import ConfigError
from umfpay.sensitive import shows_itself_half_made


# More would not fit into the products of the exchange rule.
_MAX_AMOUNT: Final = 10**9


def _amount(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    fine = (
        isinstance(value, Decimal)
        and value.is_finite()
        and 0 <= value <= _MAX_AMOUNT
        and value * 100 == (value * 100).to_integral_value()
    )

    if not fine:
        raise ConfigError(
            f"tolerance: {field.name} must be a Decimal from 0 to {_MAX_AMOUNT} with at"
            " most two decimals.",
            f"tolerance：{field.name} 必须是 0 至 {_MAX_AMOUNT}、最多两位小数的 Decimal。",
        )


def _tolerance_field() -> Any:
    return attrs.field(default=Decimal(0), validator=_amount)


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class Tolerance:
    """
    The largest differences that count as none; 0 by default.

    Args:
        total: Of amounts, in their own currency.
        total_cny: Of amounts in CNY.
        service_fee: Of fees, in CNY.
        exchange: Of what was paid out, in its currency and in CNY.

    Raises:
        ConfigError: One is no `Decimal` of at least 0 with at most two decimals.
    """

    total: Decimal = _tolerance_field()
    total_cny: Decimal = _tolerance_field()
    service_fee: Decimal = _tolerance_field()
    exchange: Decimal = _tolerance_field()

    def hundredths(self, name: str) -> int:
        """
        Return the one called *name* in hundredths.
        """
        return int(getattr(self, name) * 100)

    @classmethod
    def from_json(cls, given: Mapping[str, str]) -> Tolerance:
        """
        Return what `to_json()` was made of.
        """
        return cls(**{name: Decimal(text) for name, text in given.items()})

    def to_json(self) -> dict[str, str]:
        """
        Return all as text.
        """
        return {name: str(value) for name, value in attrs.asdict(self).items()}
