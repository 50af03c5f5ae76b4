"""
Refunds in a ledger: their sign, and those that stand in the row of their payment.

The sign is found out, the same in the whole ledger, and taken away. Of what stands in the
row of a payment there is one sum for each order. Where the gateway has one refund of the
order, it is compared with that sum; where it has several, the sum of them is, and the
difference says so: a bill like this knows no single refund, nor its day. Refunds of the
gateway that failed, or were closed, do not count.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import StatementError, Text
from umfpay.reconciliation._books import KEY, REFUND_SUM
from umfpay.reconciliation._states import DONE, meaning_in_ledger, meaning_of
from umfpay.reconciliation.ledgers._mapping import REFUNDED


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._place import Place


# Such a refund is in no sum.
_NOT_REFUNDED: Final = frozenset({"failed", "closed", "cancelled"})
# What the bill says of an order that is refunded in full; it was paid all the same.
_CLOSED: Final = "closed"
_SUM_COLUMNS: Final = {"total": "refunded", "total_cny": "refunded_cny"}

_AMOUNTS: Final = ("total", "total_cny")


def amount_column(columns: Collection[str]) -> str:
    """
    Return in which of the *columns* of a ledger a sum of refunds stands.
    """
    return "total" if "total" in columns else "total_cny"


def with_refund_rows(ours: pl.DataFrame, place: Place) -> tuple[pl.DataFrame, Place]:
    """
    Return rows in our columns with `REFUND_SUM`, and their place: below them a row of a
    refund for each payment that has something in `REFUNDED`.
    """
    import polars as pl

    is_refunded = ours.select(
        (pl.col("kind") == "P") & (pl.col(REFUNDED).fill_null(0) != 0)
    ).to_series()
    amount = amount_column(ours.columns)
    own = (amount, *KEY, "mer_date", "currency", REFUNDED)
    sums = ours.filter(is_refunded).with_columns(
        pl.col(REFUNDED).alias(amount),
        *(
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in ours.schema.items()
            if name not in own
        ),
        kind=pl.lit("T"),
        refund_id=pl.lit(""),
    )

    if "state" in ours.columns:
        sums = sums.with_columns(state=pl.lit(DONE))
        closed = _words_that_mean(ours.get_column("state"), {_CLOSED})
        is_closed = ours.get_column("state").is_in(closed) & is_refunded
        ours = ours.with_columns(
            state=pl.when(is_closed).then(pl.lit(DONE)).otherwise("state")
        )

    both = pl.concat(
        one.with_columns(pl.lit(is_sum).alias(REFUND_SUM)).drop(REFUNDED)
        for one, is_sum in ((ours, False), (sums, True))
    )
    refunded = place.only(is_refunded)

    return both, attrs.evolve(
        place,
        rows=pl.concat([place.rows, refunded.rows]),
        numbers=pl.concat([place.numbers, refunded.numbers]),
        lines=pl.concat([place.lines, refunded.lines]),
    )


def divide_sums(
    ledger: pl.DataFrame, transactions: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Return the *ledger* with each sum divided into the refunds that the gateway has of
    the order, and what was divided: the key, the two sums, and how many refunds.

    What the sums differ by is at the last refund. A sum of which the gateway has no
    refund stays as it is.

    Args:
        ledger: All rows of some orders, with `REFUND_SUM`.
        transactions: All rows of the same.
    """
    import polars as pl

    sums = ledger.filter(REFUND_SUM)
    amount = amount_column(ledger.columns)
    failed = _words_that_mean(
        transactions.get_column("state"), _NOT_REFUNDED, of_gateway=True
    )
    theirs = (
        transactions.filter(
            pl.col("kind") == "T",
            ~pl.col("state").fill_null("").is_in(failed),
        )
        .join(sums.select("order_id"), on="order_id", how="semi")
        .unique(KEY, keep="first", maintain_order=True)
        .select(
            "order_id",
            pl.col("refund_id").alias("_id"),
            pl.col("mer_date").alias("_day"),
            *(pl.col(name).alias(f"_{name}") for name in ("total", "total_cny")),
            _at_gateway=pl.col(amount).sum().over("order_id"),
            _count=pl.len().over("order_id"),
            _is_last=pl.int_range(pl.len()).over("order_id")
            == pl.len().over("order_id") - 1,
        )
    )
    divided = sums.join(theirs, on="order_id", how="left", maintain_order="left")
    has_one = pl.col("_id").is_not_null()
    left_over = (
        pl.when("_is_last")
        .then(pl.col(amount) - pl.col("_at_gateway"))
        .otherwise(pl.lit(0))
    )
    by_name = {
        "total": pl.col("_total"),
        "total_cny": pl.col("_total_cny"),
        "mer_date": pl.col("_day"),
    }
    by_name[amount] += left_over
    rows = divided.with_columns(
        pl.when(has_one).then(found).otherwise(name).alias(name)
        for name, found in by_name.items()
        if name in ledger.columns
    ).with_columns(refund_id=pl.coalesce("_id", "refund_id"))
    said = divided.select(
        "order_id",
        "kind",
        refund_id=pl.coalesce("_id", "refund_id"),
        _ours=amount,
        _theirs="_at_gateway",
        _count=pl.col("_count").fill_null(0),
    )

    return (
        pl.concat([ledger.filter(~pl.col(REFUND_SUM)), rows.select(ledger.columns)]),
        said,
    )


def with_refund_sums(
    differences: pl.DataFrame, said: pl.DataFrame, amount: str
) -> pl.DataFrame:
    """
    Return the *differences* with the sums of the refunds of their order in both books,
    where the ledger has but that; of several the ledger knows no amount of one.

    Args:
        said: What `divide_sums()` returns.
        amount: In which column the ledger has them.
    """
    import polars as pl

    names = [f"{book}_{_SUM_COLUMNS[amount]}" for book in ("ledger", "gateway")]
    once = said.unique(KEY, keep="first").rename(
        dict(zip(("_ours", "_theirs"), names, strict=True))
    )
    is_one_of_several = pl.col("_count").fill_null(0) > 1

    return (
        differences.join(once, on=KEY, how="left", maintain_order="left")
        .with_columns(
            pl.when(~is_one_of_several).then(name).alias(name)
            for name in ("ledger_total", "ledger_total_cny")
            if name in differences.columns
        )
        .drop("_count")
    )


def _words_that_mean(
    words: pl.Series, wanted: Collection[str], *, of_gateway: bool = False
) -> list[str]:
    means = meaning_of if of_gateway else meaning_in_ledger

    return [word for word in words.unique().drop_nulls() if means(word) in wanted]


class RefundSign:
    """
    Whether refunds have a minus.

    Args:
        negative: What the user says; None finds it out.

    Attributes:
        negative: What is known of it by now.
    """

    def __init__(self, *, negative: bool | None) -> None:
        self._said = negative is not None
        self.negative = negative

    def remove(self, ours: pl.DataFrame, place: Place) -> pl.DataFrame:
        """
        Return rows in our columns with the amounts of refunds without a sign.

        Raises:
            StatementError: A refund has another sign than those before it.
        """
        import polars as pl

        is_refund = ours.get_column("kind") == "T"
        amounts = [name for name in _AMOUNTS if name in ours.columns]
        lowest, highest = (
            ours.select(amounts)
            .filter(is_refund)
            .select(
                pl.min_horizontal(pl.col(amounts).min()).fill_null(0).alias("lowest"),
                pl.max_horizontal(pl.col(amounts).max()).fill_null(0).alias("highest"),
            )
            .row(0)
        )

        if self.negative is None and (lowest or highest):
            self.negative = lowest < 0

        if not (self.negative or lowest < 0):
            return ours

        other = pl.any_horizontal(
            pl.col(name) > 0 if self.negative else pl.col(name) < 0 for name in amounts
        )
        bad = ours.select(is_refund & other).to_series().fill_null(value=False)

        if bad.any():
            raise self._wrong_sign_error(place.numbers.filter(bad)[0], place.source)

        return ours.with_columns(
            pl.when(is_refund).then(-pl.col(name)).otherwise(pl.col(name)).alias(name)
            for name in amounts
        )

    def note(self) -> Text | None:
        """
        Return what is to be told of it.
        """
        if not self.negative:
            return None

        return Text(
            "Refunds have a minus in the ledger; they were compared without it.",
            "账本中的退款带负号，对账时已去除。",
        )

    def _wrong_sign_error(self, number: int, source: str) -> StatementError:
        by = (
            Text("as was said", "按指定")
            if self._said
            else Text("in the rows before", "在前面的行中")
        )
        have = (
            Text("have a minus", "带负号")
            if self.negative
            else Text("have none", "不带负号")
        )
        of_file = f" ({source})" if source else ""

        return StatementError(
            f"The refund in row {number} of the ledger has another sign: {by.en} refunds"
            f" {have.en}{of_file}.",
            f"账本第 {number} 行的退款符号不一致：{by.zh}退款{have.zh}{of_file}。",
            advice=Text(
                "Write all refunds of a ledger with a minus, or all without; or map"
                " kind, if the row is no refund.",
                "请统一账本中退款的符号；如果该行不是退款，请指定 kind 列。",
            ),
        )
