"""
Small books for tests, and a naive comparison that knows nothing of ours.
"""

from __future__ import annotations

from datetime import date, timedelta
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
        "exchange_rate": 697840000,
        "state": "0",
        "listed_on": DAY,
        "opening": False,
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
        "mer_date": DAY,
        "currency": "USD",
        "total": 1433,
        "total_cny": 10000,
        "service_fee": fee,
        "exchanged": divided(cny, 697840000),
        "exchanged_cny": cny,
        "exchange_rate": 697840000,
        "state": "0",
    }

    return {**row, **changes}


def divided(cny, rate):
    """
    Return CNY hundredths by a rate in hundred-millionths, half up by Decimal.
    """
    exact = Decimal(cny) * 10**8 / Decimal(rate)

    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def frame(book, rows):
    """
    Return *rows* as the frame of *book*.
    """
    return pl.DataFrame(rows, schema=schema_of(Book(book)), orient="row")


def at_random(chance):
    """
    Return three books in which everything may be wrong.
    """
    given = [], [], []

    for number in range(chance.randint(1, 12)):
        order = f"o-{number}"
        kind = chance.choice("PPT")
        refund = f"r-{number}" if kind == "T" else ""
        rows = (
            transaction(order, kind, refund),
            booked(order, kind, refund),
            paid_out(refund or order, kind),
        )

        for book, row in zip(given, rows, strict=True):
            for name in chance.sample(sorted(row), 2):
                if chance.random() < 0.15 and name not in {*KEY, "number", "opening"}:
                    row[name] = (
                        DAY - timedelta(1)
                        if name in ("mer_date", "listed_on")
                        else chance.choice(["EUR", "failed"])
                        if isinstance(row[name], str)
                        else row[name] + chance.choice([-1, 1])
                    )

            if book is given[1] and chance.random() < 0.1:
                row[chance.choice([name for name in row if name not in KEY])] = None

            for _ in range(chance.choice([0, 1, 1, 1, 1, 1, 1, 2])):
                book.append(row)

        if kind == "T" and chance.random() < 0.7:
            given[1].append(booked(order))

    return given


# The statement of these tests ends two working days after the day: what was listed
# before the day is overdue.
OVERDUE_UNTIL = DAY - timedelta(1)
SETTLE_AFTER = 2
AS_OF = DAY + timedelta(2)


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
    over = over_refunded(theirs, ours)
    known = {
        (kind, refund if kind == "T" else order)
        for order, kind, refund in (*theirs, *ours)
    }
    alone = {
        ("", "T", number) if kind == "T" else (number, "P", "")
        for kind, number in {*paid} - known
    }
    found = {}

    for one in {*theirs, *ours, *alone}:
        order, kind, refund = one
        number = (kind, refund if kind == "T" else order)
        rows = [theirs.get(one, []), ours.get(one, []), paid.get(number, [])]

        if (
            len(rows[1]) == 1
            and rows[1][0]["state"] == "failed"
            and not rows[0] + rows[2]
        ):
            # Nobody paid, and the gateway knows of nothing.
            continue

        if max(map(len, rows)) > 1:
            found[one] = ["duplicate"]

            continue

        there, here, out = (row[0] if row else None for row in rows)
        said = {*differences(here, there, out, orphan=order not in payments)}
        said |= {"over_refunded"} if one in over else set()

        if statement is not None and there and not out:
            late = there["state"] in DONE and there["listed_on"] <= OVERDUE_UNTIL
            said |= {"not_paid_out"} if late else set()

        found[one] = sorted(said, key=ORDER.index) or ["matched"]

    return found


ORDER = [
    "missing_in_ledger",
    "missing_at_gateway",
    "refund_without_payment",
    "over_refunded",
    "currency_differs",
    "amount_differs",
    "state_differs",
    "wrong_day",
    "not_compared",
    "paid_out_unknown",
    "not_paid_out",
    "fee_differs",
    "exchange_differs",
]


def over_refunded(theirs, ours):
    """
    Return the keys of refunds that are together more than the payment of their order.
    """

    def worth(one):
        rows = theirs.get(one) or ours.get(one) or [{}]
        sizes = [
            row["total"] if row["state"] in DONE else 0
            for row in rows
            # Who writes nothing about a state has none.
            if row and row["total"] is not None
        ]

        return max(sizes, default=None), {row.get("currency") for row in rows}

    found = set()

    for order in {one[0] for one in (*theirs, *ours)}:
        keys = {one for one in (*theirs, *ours) if one[0] == order}
        payments = [one for one in keys if one[1] == "P"]
        refunds = [one for one in keys if one[1] == "T" and (worth(one)[0] or 0) > 0]

        if not payments:
            continue

        paid, currency = worth(payments[0])
        refunds = [
            one
            for one in refunds
            if None in worth(one)[1] | currency or worth(one)[1] & currency
        ]

        if paid is not None and sum(worth(one)[0] for one in refunds) > paid:
            found |= {*refunds}

    return found


def differences(ours, theirs, paid, *, orphan):
    if ours is None and theirs is None:
        return ["paid_out_unknown", *_of_itself(paid)]

    if ours is None:
        return ["missing_in_ledger", *_of_gateway(theirs), *_of_statement(theirs, paid)]

    if theirs is None:
        said = ["missing_at_gateway"]

        if paid is not None:
            said.append("paid_out_unknown")

            if ours["service_fee"] not in (None, paid["service_fee"]):
                said.append("fee_differs")

        return [*said, *_of_itself(paid)]

    blank = [name for name, value in ours.items() if value is None]
    # What is blank differs from nothing.
    ours = {**ours, **{name: {**(paid or {}), **theirs}.get(name) for name in blank}}
    said = ["refund_without_payment"] if orphan and ours["kind"] == "T" else []
    said += ["currency_differs"] if ours["currency"] != theirs["currency"] else []
    said += (
        ["amount_differs"]
        if (ours["total"], ours["total_cny"]) != (theirs["total"], theirs["total_cny"])
        else []
    )
    said += [] if _same_state(ours, theirs) else ["state_differs"]
    said += ["wrong_day"] if ours["mer_date"] != theirs["mer_date"] else []
    said += ["not_compared"] if blank else []

    if paid is not None and ours["service_fee"] != paid["service_fee"]:
        said.append("fee_differs")

    return [*said, *_of_gateway(theirs), *_of_statement(theirs, paid)]


def _same_state(one, other):
    states = {one["state"], other["state"]}

    return len(states) == 1 or states <= DONE


def _of_gateway(theirs):
    """
    What its own row shows: its amounts do not fit its rate by more than half a cent.
    """
    off = Decimal(theirs["total"]) * theirs["exchange_rate"] / 10**8
    allowed = Decimal(max(theirs["exchange_rate"], 10**8)) / 10**8 / 2

    if theirs["kind"] == "P" and abs(off - theirs["total_cny"]) > allowed:
        return ["amount_differs"]

    return []


def _of_statement(theirs, paid):
    if paid is None:
        return []

    said = []

    if paid["currency"] != theirs["currency"]:
        said.append("currency_differs")

    if (paid["total"], paid["total_cny"]) != (theirs["total"], theirs["total_cny"]):
        said.append("amount_differs")

    if theirs["state"] not in DONE or not _same_state(paid, theirs):
        said.append("state_differs")

    if paid["mer_date"] != theirs["mer_date"]:
        said.append("wrong_day")

    return [*said, *_of_itself(paid)]


def _of_itself(paid):
    if paid is None:
        return []

    total = paid["total_cny"] if paid["kind"] == "P" else -paid["total_cny"]

    if paid["exchanged_cny"] != total - paid["service_fee"] or paid[
        "exchanged"
    ] != divided(paid["exchanged_cny"], paid["exchange_rate"]):
        return ["exchange_differs"]

    return []
