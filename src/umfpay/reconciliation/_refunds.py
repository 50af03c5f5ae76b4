"""
Refunds against their payments: those without one, and those that are more than it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs
import narwhals as nw

from umfpay.reconciliation._rules import wide_column
from umfpay.reconciliation._states import DONE, with_meaning


Frame = Any  # narwhals' LazyFrame


@attrs.frozen(kw_only=True)
class RefundChecks:
    """
    What the books show of refunds.

    Args:
        orphans: The keys of our refunds whose payment is in no book.
        over_refunded: The keys of refunds that are together more than their payment.
    """

    orphans: Frame
    over_refunded: Frame

    @classmethod
    def of(
        cls,
        ours: Frame,
        theirs: Frame,
        keys: Sequence[str],
        available: Collection[str],
        *,
        settle: Callable[[Frame], Frame] = lambda frame: frame,
    ) -> RefundChecks:
        """
        Look at the refunds of both books. Of any day: the payment of a refund, and
        others of the same payment, may be of days before.

        Args:
            ours: The whole ledger.
            theirs: The transactions.
            keys: The columns of the result.
            available: The optional columns of the ledger that are there.
            settle: Computes a frame that is used several times.
        """
        amount = "total" if "total" in available else "total_cny"
        books = [
            _entries(ours, keys, amount, available),
            _entries(theirs, keys, amount, ("currency", "state"), of_gateway=True),
        ]
        refunds = settle(nw.concat([_of_kind(book, "T") for book in books]))
        orders = refunds.select("order_id").unique("order_id")
        payments = settle(
            nw.concat(
                [
                    _of_kind(book, "P").join(orders, on="order_id", how="semi")
                    for book in books
                ]
            )
        )
        orphans = (
            refunds.filter(~nw.col("_of_gateway"))
            .join(payments.select("order_id"), on="order_id", how="anti")
            .select(*keys)
            .unique([*keys])
        )

        return cls(
            orphans=orphans, over_refunded=_over_refunded(refunds, payments, keys)
        )


def _of_kind(book: Frame, kind: str) -> Frame:
    return book.filter(nw.col("_kind") == kind).drop("_kind")


def _entries(
    book: Frame,
    keys: Sequence[str],
    amount: str,
    available: Collection[str],
    *,
    of_gateway: bool = False,
) -> Frame:
    """
    Return the rows of *book* with what they come to: 0 where nothing was done.
    """
    worth = wide_column(book)(amount)

    if "state" in available:
        book = with_meaning(book, "state", "_means", of_gateway=of_gateway)
        worth = nw.when(nw.col("_means") == DONE).then(worth).otherwise(worth * 0)

    currency = nw.col("currency") if "currency" in available else nw.lit(None)
    names = [name for name in keys if name not in ("order_id", "kind")]
    extra = {"kind": nw.col("kind")} if "kind" in keys else {}

    return book.select(
        "order_id",
        *names,
        _kind=nw.col("kind"),
        _currency=currency.cast(nw.String),
        _worth=worth,
        _of_gateway=nw.lit(of_gateway),
        **extra,
    )


def _over_refunded(refunds: Frame, payments: Frame, keys: Sequence[str]) -> Frame:
    """
    Return the *keys* of all refunds of an order that are more than its payment.

    What both books have is taken from the gateway's. What is in another currency than
    the payment is a difference of its own, and not added.
    """
    by_key = ["order_id", *(name for name in keys if name != "order_id")]
    once = _once(refunds, by_key)
    paid = _once(payments, ["order_id"]).select(
        "order_id", _paid=nw.col("_worth"), _paid_currency=nw.col("_currency")
    )
    both = once.join(paid, on="order_id", how="inner").filter(
        (nw.col("_worth") > 0)
        & (
            nw.col("_currency").is_null()
            | nw.col("_paid_currency").is_null()
            | (nw.col("_currency") == nw.col("_paid_currency"))
        )
    )
    sums = both.group_by("order_id").agg(
        nw.col("_worth").sum().alias("_refunded"), nw.col("_paid").max().alias("_paid")
    )
    over = sums.filter(nw.col("_refunded") > nw.col("_paid"))

    return both.join(over.select("order_id"), on="order_id", how="semi").select(*keys)


def _once(rows: Frame, by: Sequence[str]) -> Frame:
    """
    Return one row for each key: the gateway's, if it has one.
    """
    theirs, ours = (
        rows.filter(nw.col("_of_gateway")),
        rows.filter(~nw.col("_of_gateway")),
    )
    both = nw.concat([theirs, ours.join(theirs.select(*by), on=[*by], how="anti")])

    return both.group_by(*by).agg(
        nw.col("_worth").max().alias("_worth"),
        nw.col("_currency").max().alias("_currency"),
    )
