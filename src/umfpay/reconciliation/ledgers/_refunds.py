"""
The sign of refunds in a ledger: found out, the same in the whole of it, and taken away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from umfpay.errors import StatementError, Text


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._place import Place


_AMOUNTS: Final = ("total", "total_cny")


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
