"""
Options of a comparison: tolerance, rounding, days, what is due, what was open before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import Book, columns_of, schema_of
from umfpay.sensitive import shows_itself_half_made


if TYPE_CHECKING:
    import polars as pl


# More would not fit into the products of the exchange rule.
_MAX_AMOUNT: Final = 10**9

Days = tuple[date, date]

_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_MAX_SETTLE_AFTER: Final = 366


def must_be_decimal(option: str, *, most: int, decimals: int) -> Any:
    """
    Return what refuses a member of an *option*, in attrs, that is no `Decimal` from 0 to
    *most* with so many *decimals*.
    """

    def check(_: object, field: attrs.Attribute[Any], value: Any) -> None:
        fine = (
            isinstance(value, Decimal)
            and value.is_finite()
            and 0 <= value <= most
            and value == round(value, decimals)
        )

        if not fine:
            raise ConfigError.of(
                option,
                f"{field.name} must be a Decimal from 0 to {most} with at most"
                f" {decimals} decimals",
                f"{field.name} 必须是 0 至 {most}、最多 {decimals} 位小数的 Decimal",
            )

    return check


def _tolerance_field() -> Any:
    return attrs.field(
        default=Decimal(0),
        validator=must_be_decimal("tolerance", most=_MAX_AMOUNT, decimals=2),
    )


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


class Rounding(StrEnum):
    """
    How the sum that was paid out is rounded: each row half up, each row cut, or only
    the sum of a day.
    """

    HALF_UP = "half up"
    CUT = "cut"
    DAY = "sum of a day"


@attrs.frozen(kw_only=True)
class ComparisonOptions:
    """
    What a comparison depends on, beside its books.

    Args:
        tolerance: Differences that count as none.
        days: Rows of the ledger outside of them are not missing at the gateway.
        asked: Payouts for orders of other days are a line of the bridge, not unknown.
        overdue_until: What was listed until this day is overdue if it was not paid out.
        rounding: Of sums that were paid out.
        is_narrow: The products of amounts and rates are known to fit into 64 bits.
    """

    tolerance: Tolerance = attrs.field(factory=Tolerance)
    days: Days | None = None
    asked: Days | None = None
    overdue_until: date | None = None
    rounding: Rounding = Rounding.HALF_UP
    is_narrow: bool = False


def working_days_after(day: date, until: date, holidays: Collection[date] = ()) -> int:
    """
    Return how many working days come after *day*, until and with *until*.
    """
    count = 0

    while day < until:
        day += _ONE_DAY
        count += day.weekday() < _SATURDAY and day not in holidays

    return count


def working_days_since(
    days: pl.Series, until: date, holidays: Collection[date]
) -> pl.Expr:
    """
    Return how many working days come after each day of the column that *days* is called
    like, until and with *until*; null for what is not among *days*.
    """
    import polars as pl

    ages = {
        day: working_days_after(day, until, holidays)
        for day in days.unique().drop_nulls()
    }

    return pl.col(days.name).replace_strict(
        [*ages], [*ages.values()], default=None, return_dtype=pl.Int64
    )


def overdue_until(
    as_of: date, settle_after: int, holidays: Collection[date] = ()
) -> date:
    """
    Return the last day whose payouts were due before *as_of*.

    Args:
        as_of: The last day of the statement.
        settle_after: Working days after a day within which it is paid out.
        holidays: Days from Monday to Friday on which nobody works.
    """
    day, count = as_of, 0

    while count <= settle_after:
        count += day.weekday() < _SATURDAY and day not in holidays
        day -= _ONE_DAY

    return day


def checked_rounding(given: object) -> Rounding:
    """
    Return what ``rounding=`` means.

    Raises:
        ConfigError: Nothing.
    """
    try:
        return Rounding(str(given))
    except ValueError:
        known = ", ".join(Rounding)

        raise ConfigError.of(
            "rounding",
            f"one of {known}, not {given!r}",
            f"可为 {known}，而不是 {given!r}",
        ) from None


def checked_settle_after(given: object, *, with_statement: bool) -> int | None:
    """
    Return *given*, which a comparison with a statement needs.

    Raises:
        ConfigError: It is missing or no number of days.
    """
    if not with_statement:
        return None

    if given is None:
        raise ConfigError(
            "settle_after: with a statement it is needed: within how many working days"
            " is paid out what was traded?",
            "settle_after：提供结算文件时必须指定：交易后多少个工作日内结算？",
        )

    if (
        isinstance(given, bool)
        or not isinstance(given, int)
        or not 0 <= given <= _MAX_SETTLE_AFTER
    ):
        raise ConfigError.of(
            "settle_after",
            f"a number of days from 0 to {_MAX_SETTLE_AFTER}",
            f"必须是 0 至 {_MAX_SETTLE_AFTER} 的天数",
        )

    return given


@attrs.frozen(kw_only=True)
class Opening:
    """
    What was open before the first day.

    Args:
        balance: In CNY, of what has no rows.
        rows: In the columns of the transactions.
        identity: What tells it from another, as JSON.
        is_elsewhere: There are rows, on the cluster.
    """

    balance: Decimal | None = None
    rows: pl.DataFrame | None = None
    identity: Any = None
    is_elsewhere: bool = False

    @property
    def has_rows(self) -> bool:
        """
        Whether it is given by its rows.
        """
        return self.rows is not None or self.is_elsewhere


def checked_opening(given: object) -> Opening:
    """
    Return what ``opening=`` means.

    Raises:
        ConfigError: Nothing.
    """
    if given is None:
        return Opening()

    if isinstance(given, tuple) and len(given) == 2:
        rest, listed = map(checked_opening, given)

        if rest.balance is not None and listed.rows is not None:
            return Opening(
                balance=rest.balance,
                rows=listed.rows,
                identity=[rest.identity, listed.identity],
            )
    elif isinstance(given, Decimal):
        if given.is_finite() and given * 100 == (given * 100).to_integral_value():
            return Opening(balance=given, identity=str(given))
    elif _is_frame(given):
        rows = _opening_rows(given)
        digest = hashlib.sha256(str(rows.hash_rows().sum()).encode()).hexdigest()

        return Opening(rows=rows, identity=[rows.height, digest])

    raise ConfigError.of(
        "opening",
        "a Decimal in CNY of at most two decimals, the rows that were open"
        " (Report.open_items of the night before), or a pair of both",
        "必须是最多两位小数的人民币 Decimal，或未结算的行"
        "（前一晚报告的 open_items），或二者组成的元组",
    )


def must_have_opening_columns(there: Collection[str]) -> None:
    """
    Refuse a frame of what was open whose columns that are *there* are not those of the
    transactions; *opening* it need not have.

    Raises:
        ConfigError: It lacks some.
    """
    missing = [
        name
        for name in columns_of(Book.TRANSACTIONS)
        if name not in (*there, "opening")
    ]

    if missing:
        raise ConfigError.of(
            "opening",
            f"the frame lacks {', '.join(missing)}",
            f"数据表缺少 {'、'.join(missing)}",
        )


def _is_frame(given: object) -> bool:
    import polars as pl

    return isinstance(given, pl.DataFrame)


def _opening_rows(given: Any) -> pl.DataFrame:
    import polars as pl

    must_have_opening_columns(given.columns)
    schema = schema_of(Book.TRANSACTIONS)
    rows: pl.DataFrame = given.with_columns(opening=pl.lit(value=True))

    return rows.select(pl.col(name).cast(kind) for name, kind in schema.items())
