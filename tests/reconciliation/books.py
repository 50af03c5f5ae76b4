"""
Small books for tests, and a naive comparison that knows nothing of ours.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import polars as pl

from umfpay.reconciliation._books import Book, schema_of


DAY = date(2017, 2, 6)
KEY = ("order_id", "kind", "refund_id")
DONE = {"0", "success", "TRADE_SUCCESS", "REFUND_SUCCESS", "paid"}


def transaction(order_id="o-1", kind="P", refund_id="", **changes):
    return {
        "order_id": order_id,
        "kind": kind,
        "refund_id": refund_id,
        "mer_date": DAY,
        "currency": "USD",
        "total": 1433,
        "total_cny": 10000,
        "exchange_rate": 69784,
        "state": "0",
        **changes,
    }


def booked(order_id="o-1", kind="P", refund_id="", **changes):
    return {
        "order_id": order_id,
        "kind": kind,
        "refund_id": refund_id,
        "mer_date": DAY,
        "currency": "USD",
        "total": 1433,
        "total_cny": 10000,
        "state": "success",
        "service_fee": 100 if kind == "P" else 0,
        **changes,
    }


def paid_out(number="o-1", kind="P", **changes):
    fee = 100 if kind == "P" else 0
    cny = 10000 - fee if kind == "P" else -10000
    row = {
        "kind": kind,
        "number": number,
        "currency": "USD",
        "total": 1433,
        "total_cny": 10000,
        "service_fee": fee,
        "exchanged": divided(cny, 69784),
        "exchanged_cny": cny,
        "exchange_rate": 69784,
        "state": "TRADE_SUCCESS",
    }

    return {**row, **changes}


def divided(cny, rate):
    """
    Return CNY hundredths by a rate in ten-thousandths, half up by Decimal.
    """
    exact = Decimal(cny) * 10_000 / Decimal(rate)

    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def frame(book, rows):
    """
    Return *rows* as the frame of *book*.
    """
    return pl.DataFrame(rows, schema=schema_of(Book(book)), orient="row")


def naive(transactions, ledger, statement=None):
    """
    Return the class of each key, and the later ones, as a person would find them.
    """

    def key(row):
        return tuple(row[name] for name in KEY)

    def group(rows, by):
        found = {}

        for row in rows:
            found.setdefault(by(row), []).append(row)

        return found

    theirs, ours = group(transactions, key), group(ledger, key)
    paid = group(statement or (), lambda row: (row["kind"], row["number"]))
    payments = {one[0] for one in (*theirs, *ours) if one[1] == "P"}
    found = {}

    for one in {*theirs, *ours}:
        order, kind, refund = one
        number = (kind, refund if kind == "T" else order)
        rows = [theirs.get(one, []), ours.get(one, []), paid.get(number, [])]

        if max(map(len, rows)) > 1:
            found[one] = ["duplicate"]

            continue

        there, here, out = (row[0] if row else None for row in rows)
        found[one] = differences(here, there, out, orphan=order not in payments)

    return found


def differences(ours, theirs, paid, *, orphan):
    if ours is None:
        return ["missing_in_ledger", *_of_statement(theirs, paid)]

    if theirs is None:
        return ["missing_at_gateway"]

    said = ["refund_without_payment"] if orphan and ours["kind"] == "T" else []
    said += ["currency_differs"] if ours["currency"] != theirs["currency"] else []
    said += (
        ["amount_differs"]
        if (ours["total"], ours["total_cny"]) != (theirs["total"], theirs["total_cny"])
        else []
    )
    same = ours["state"] == theirs["state"] or {ours["state"], theirs["state"]} <= DONE
    said += [] if same else ["state_differs"]
    said += ["wrong_day"] if ours["mer_date"] != theirs["mer_date"] else []

    if paid is not None and ours["service_fee"] != paid["service_fee"]:
        said.append("fee_differs")

    for name in _of_statement(theirs, paid):
        if name not in said:
            said.append(name)

    order = [
        "refund_without_payment",
        "currency_differs",
        "amount_differs",
        "state_differs",
        "wrong_day",
        "fee_differs",
        "exchange_differs",
    ]

    return sorted(said, key=order.index) or ["matched"]


def _of_statement(theirs, paid):
    if paid is None:
        return []

    said = []

    if paid["currency"] != theirs["currency"]:
        said.append("currency_differs")

    if (paid["total"], paid["total_cny"]) != (theirs["total"], theirs["total_cny"]):
        said.append("amount_differs")

    total = paid["total_cny"] if paid["kind"] == "P" else -paid["total_cny"]

    if paid["exchanged_cny"] != total - paid["service_fee"] or paid[
        "exchanged"
    ] != divided(paid["exchanged_cny"], paid["exchange_rate"]):
        said.append("exchange_differs")

    return said
