"""
`FeeRule`: what UMF should take for a row, against what it took.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._formatting import members_as_json
from umfpay.reconciliation.comparison._rules import RATE_UNIT
from umfpay.reconciliation.gateway_files._rows import Kind
from umfpay.sensitive import shows_itself_half_made


if TYPE_CHECKING:
    import polars as pl


_KIND_NAMES: Final = {
    Kind.PAYMENT: Text("payments", "支付"),
    Kind.REFUND: Text("refunds", "退款"),
}


def _amount(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    decimals = 8 if field.name == "rate" else 2
    most = 1 if field.name == "rate" else 10**6
    fine = (
        isinstance(value, Decimal)
        and value.is_finite()
        and 0 <= value <= most
        and value == value.quantize(Decimal(1).scaleb(-decimals))
    )

    if not fine:
        raise ConfigError(
            f"fee: {field.name} must be a Decimal from 0 to {most} with at most"
            f" {decimals} decimals.",
            f"fee：{field.name} 必须是 0 至 {most}、最多 {decimals} 位小数的 Decimal。",
        )


def _kind(given: object) -> Kind:
    try:
        return Kind(str(given))
    except ValueError:
        raise ConfigError(
            f"fee: kind is P for payments or T for refunds, not {given!r}.",
            f"fee：kind 为 P（支付）或 T（退款），而不是 {given!r}。",
        ) from None


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class FeeRule:
    """
    What UMF takes for each row, in CNY, rounded half up to the cent.

    Args:
        rate: Of the amount in CNY: ``Decimal("0.01")`` is 1 %.
        fixed: Beside it.
        minimum: At least.
        currency: Only of rows in it; "" is all.
        kind: Of payments, or of refunds.

    Raises:
        ConfigError: An amount is no `Decimal`, or none that can be meant.
    """

    rate: Decimal = attrs.field(validator=_amount)
    fixed: Decimal = attrs.field(default=Decimal(0), validator=_amount)
    minimum: Decimal = attrs.field(default=Decimal(0), validator=_amount)
    currency: str = ""
    kind: Kind = attrs.field(default=Kind.PAYMENT, converter=_kind)

    @property
    def name(self) -> Text:
        """
        What it says, in words.
        """
        kind = _KIND_NAMES[self.kind]
        rate = f"{(self.rate * 100).normalize():f} %"
        en, zh = f"{rate} of {kind.en}", f"{kind.zh}的 {rate}"

        if self.currency:
            en, zh = f"{en} in {self.currency}", f"{self.currency} {zh}"

        if self.fixed:
            en, zh = f"{en} and {self.fixed:.2f} CNY", f"{zh} 加 {self.fixed:.2f} CNY"

        if self.minimum:
            en, zh = (
                f"{en}, at least {self.minimum:.2f} CNY",
                f"{zh}，最低 {self.minimum:.2f} CNY",
            )

        return Text(en, zh)

    def applies(self) -> pl.Expr:
        """
        Tell which rows it is for.
        """
        import polars as pl

        is_of_kind = pl.col("kind") == str(self.kind)

        if not self.currency:
            return is_of_kind

        return is_of_kind & (pl.col("currency") == self.currency)

    def fee(self) -> pl.Expr:
        """
        Return the fee of a row, in hundredths.
        """
        import polars as pl

        rate = int(self.rate * RATE_UNIT)
        exact = pl.col("total_cny").cast(pl.Int128) * rate
        rounded = (exact * 2 + RATE_UNIT) // (2 * RATE_UNIT)

        return pl.max_horizontal(
            rounded + int(self.fixed * 100),
            pl.lit(int(self.minimum * 100), dtype=pl.Int128),
        )


@attrs.frozen(kw_only=True)
class FeeLine:
    """
    What was taken for the rows of a rule.

    Args:
        rule: None for the rows that no rule is for.
        currency: Of the rows; fees are CNY.
        kind: P for payments, T for refunds.
        rows: How many were paid out.
        base: What they were, in CNY.
        charged: What was taken.
        expected: What should have been; None without a rule.
    """

    rule: FeeRule | None
    currency: str
    kind: str
    rows: int
    base: Decimal
    charged: Decimal
    expected: Decimal | None

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON, money as text.
        """
        rule = None if self.rule is None else self.rule.name.en

        return {**members_as_json(self), "rule": rule}
