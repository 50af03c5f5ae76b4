"""
Refunds against their payments: those without one, and those that are more than it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs
import narwhals as nw

from umfpay.reconciliation._states import DONE, with_meaning
from umfpay.reconciliation.comparison._rules import wide_column


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
        order_hash: str = "order_id",
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
            order_hash: A column that orders of one number have in common.
            settle: Computes a frame that is used several times.
        """
        amount = "total" if "total" in available else "total_cny"
        books = ((ours, available, False), (theirs, ("currency", "state"), True))

        def entries(kind: str, given: tuple[Frame, Collection[str], bool]) -> Frame:
            book, known, of_gateway = given
            names = keys

            if kind == "P":
                book = book.join(orders, on=order_hash, how="semi")
                names = ["order_id"]

            rows = book.filter(nw.col("kind") == kind)

            return _entries(rows, names, amount, known, of_gateway=of_gateway)

        orders = settle(
            nw.concat(
                [
                    book.filter(nw.col("kind") == "T").select(order_hash)
                    for book, _, _ in books
                ]
            ).unique(order_hash)
        )
        refunds = settle(nw.concat([entries("T", one) for one in books]))
        payments = settle(nw.concat([entries("P", one) for one in books]))
        orphans = (
            refunds.filter(~nw.col("_of_gateway"))
            .join(payments.select("order_id"), on="order_id", how="anti")
            .select(*keys)
            .unique([*keys])
        )

        return cls(
            orphans=orphans, over_refunded=_over_refunded(refunds, payments, keys)
        )


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
