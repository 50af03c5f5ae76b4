"""
`FeeRule`, fees and exchange rates of payouts: what UMF took, and what it should take.

Also whether an exchange rate became better between trade and payout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import Book
from umfpay.reconciliation._formatting import members_as_json
from umfpay.reconciliation._options import must_be_decimal
from umfpay.reconciliation.bridge._bridge import Bridge, BridgeItem
from umfpay.reconciliation.comparison._rules import RATE_UNIT
from umfpay.reconciliation.gateway_files._reading import read_statement
from umfpay.reconciliation.gateway_files._rows import Kind
from umfpay.reconciliation.nights._store import NightStore, StoredNight
from umfpay.sensitive import shows_itself_half_made


if TYPE_CHECKING:
    import polars as pl


_KIND_NAMES: Final = {
    Kind.PAYMENT: Text("payments", "支付"),
    Kind.REFUND: Text("refunds", "退款"),
}

_IS_AMOUNT: Final = must_be_decimal("fee", most=10**6, decimals=2)
_PAID_COLUMNS: Final = (
    "kind",
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchange_rate",
)
_GROUP: Final = ("currency", "kind", "exchange_rate", "rule", "is_gain")
_SUMS: Final = ("total", "total_cny", "service_fee", "expected")
_NOTHING: Final = Decimal("0.00")


def _kind(given: object) -> Kind:
    try:
        return Kind(str(given))
    except ValueError:
        raise ConfigError.of(
            "fee",
            f"kind is P for payments or T for refunds, not {given!r}",
            f"kind 为 P（支付）或 T（退款），而不是 {given!r}",
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

    rate: Decimal = attrs.field(validator=must_be_decimal("fee", most=1, decimals=8))
    fixed: Decimal = attrs.field(default=Decimal(0), validator=_IS_AMOUNT)
    minimum: Decimal = attrs.field(default=Decimal(0), validator=_IS_AMOUNT)
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


@attrs.frozen(kw_only=True)
class ExchangeLine:
    """
    What the change of the rate between trade and payout made of a currency.

    Args:
        currency: Of the amounts.
        rows: How many were paid out.
        gain: Of the rows for which it became better.
        loss: Of the others, below 0. Both are the line *fx* of the bridge.
    """

    currency: str
    rows: int
    gain: Decimal
    loss: Decimal

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON, money as text.
        """
        return members_as_json(self)


@attrs.frozen(kw_only=True)
class PaidGroup:
    """
    Rows that were paid out of one currency, kind, rate and rule, and for which the rate
    became better, or did not. Amounts are in hundredths.
    """

    currency: str
    kind: str
    exchange_rate: int
    rule: int | None
    is_gain: bool
    rows: int
    total: int
    total_cny: int
    service_fee: int
    expected: int

    @property
    def fx(self) -> Fraction:
        """
        What the change of the rate made of them, in hundredths of their currency.
        """
        if not self.exchange_rate:
            return Fraction(0)

        sign = -1 if self.kind == Kind.REFUND else 1

        return sign * (
            self.total_cny * Fraction(RATE_UNIT, self.exchange_rate) - self.total
        )


def _paid_groups(
    frames: Iterable[pl.DataFrame], rules: Sequence[FeeRule]
) -> Iterator[PaidGroup]:
    """
    Add up rows of the statement.

    Args:
        rules: The first that is for a row is its rule.
    """
    import polars as pl

    wide = pl.col("total_cny").cast(pl.Int128) * RATE_UNIT
    change = wide - pl.col("total").cast(pl.Int128) * pl.col("exchange_rate")
    rule: Any = pl.lit(None, dtype=pl.Int64)
    expected: Any = pl.lit(0, dtype=pl.Int128)

    for place, one in reversed([*enumerate(rules)]):
        rule = pl.when(one.applies()).then(place).otherwise(rule)
        expected = pl.when(one.applies()).then(one.fee()).otherwise(expected)

    for rows in frames:
        parts = (
            rows.with_columns(
                rule=rule,
                expected=expected,
                is_gain=pl.when(pl.col("kind") == str(Kind.REFUND))
                .then(change < 0)
                .otherwise(change > 0),
            )
            .group_by(_GROUP)
            .agg(pl.len().alias("rows"), pl.col(_SUMS).cast(pl.Int128).sum())
        )

        for row in parts.iter_rows(named=True):
            yield PaidGroup(**{**row, **{name: int(row[name]) for name in _SUMS}})


def _cents(value: Fraction) -> Decimal:
    """
    Return hundredths as an amount.
    """
    exact = Decimal(value.numerator) / Decimal(value.denominator)

    return exact.quantize(Decimal(1), ROUND_HALF_UP).scaleb(-2)


def groups_of(
    store: NightStore, night: StoredNight, rules: Sequence[FeeRule]
) -> Iterator[PaidGroup]:
    """
    Give what *night* has read of the statement, in groups.
    """
    for file in night.files:
        if file.book != str(Book.STATEMENT):
            continue

        reader = read_statement(
            store.path(file),
            encoding=night.facts["encoding"],
            on_bad_row=night.facts["on_bad_row"],
        )

        yield from _paid_groups(reader.frames(columns=_PAID_COLUMNS), rules)


# Of each night: its bridge, whether it is added or taken away, and what it has paid out.
Signed = Sequence[tuple[Bridge, int, Sequence[PaidGroup]]]


def fee_lines(found: Signed, rules: Sequence[FeeRule]) -> Iterator[FeeLine]:
    """
    Give the fees of the nights by rule, currency and kind; rows without a rule last.
    """
    sums: Counter[tuple[Any, ...]] = Counter()

    for _, sign, groups in found:
        for one in groups:
            key = (
                len(rules) if one.rule is None else one.rule,
                one.currency,
                one.kind,
            )

            for name in ("rows", "total_cny", "service_fee", "expected"):
                sums[*key, name] += sign * getattr(one, name)

    for key in sorted({key[:-1] for key in sums}):
        place, currency, kind = key
        rule = rules[place] if place < len(rules) else None

        yield FeeLine(
            rule=rule,
            currency=currency,
            kind=kind,
            rows=sums[*key, "rows"],
            base=Decimal(sums[*key, "total_cny"]).scaleb(-2),
            charged=Decimal(sums[*key, "service_fee"]).scaleb(-2),
            expected=None
            if rule is None
            else Decimal(sums[*key, "expected"]).scaleb(-2),
        )


def exchange_lines(found: Signed) -> Iterator[ExchangeLine]:
    """
    Give gain and loss of each foreign currency.
    """
    for currency in sorted({name for one, *_ in found for name in one.currencies}):
        rows, gain, loss = 0, _NOTHING, _NOTHING

        for bridge, sign, groups in found:
            if currency not in bridge.currencies:
                continue

            own = [one for one in groups if one.currency == currency]
            better = _cents(sum((one.fx for one in own if one.is_gain), Fraction(0)))
            change = bridge.line(BridgeItem.FX, currency).amount or _NOTHING
            rows += sign * sum(one.rows for one in own)
            gain += sign * better
            loss += sign * (change - better)

        yield ExchangeLine(currency=currency, rows=rows, gain=gain, loss=loss)
