"""
The same comparison as one writes it without us: csv, Decimal, dict.

Careful, but not clever: all three books in memory, one pass over the keys of any, and
the bridge from what was traded to what was paid out.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final


Key = tuple[str, str, str]

_CENT: Final = Decimal("0.01")
_KINDS: Final = {"payment": "P", "refund": "T"}
_STATES: Final = {"0": "done", "paid": "done", "refunded": "done"}


def read_transactions(path: Path) -> tuple[dict[Key, Any], set[Key]]:
    """
    Return the rows of the transaction file by key, and the keys that are there twice.
    """
    rows: dict[Key, Any] = {}
    twice: set[Key] = set()

    with path.open(encoding="utf-8", newline="") as file:
        for fields in csv.reader(file):
            if fields[0].startswith("TRANSDETAIL"):
                continue

            key = (fields[2], fields[11], fields[13])

            if key in rows:
                twice.add(key)

            rows[key] = {
                "day": fields[3],
                "currency": fields[6],
                "total": Decimal(fields[7]),
                "cny": Decimal(fields[8]),
                "state": _STATES.get(fields[10], fields[10]),
            }

    return rows, twice


def read_statement(path: Path) -> tuple[dict[tuple[str, str], Any], set[Any]]:
    """
    Return what was paid out, by kind and number.
    """
    rows: dict[tuple[str, str], Any] = {}
    twice: set[Any] = set()

    with path.open(encoding="utf-8", newline="") as file:
        for fields in csv.reader(file):
            if fields[0].startswith("TRANSDETAIL"):
                continue

            key = (fields[12], fields[1])

            if key in rows:
                twice.add(key)

            rows[key] = {
                "currency": fields[4],
                "total": Decimal(fields[5]),
                "cny": Decimal(fields[6]),
                "fee": Decimal(fields[7]),
                "exchanged": Decimal(fields[8]),
                "exchanged_cny": Decimal(fields[9]),
                "rate": Decimal(fields[10]),
            }

    return rows, twice


def read_ledger(path: Path) -> tuple[dict[Key, Any], set[Key]]:
    """
    Return the merchant's rows by key.
    """
    rows: dict[Key, Any] = {}
    twice: set[Key] = set()

    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["order_no"], _KINDS[row["kind"]], row["refund_no"])

            if key in rows:
                twice.add(key)

            rows[key] = {
                "day": row["biz_date"].replace("-", ""),
                "currency": row["currency"],
                "total": Decimal(row["amount"]),
                "cny": Decimal(row["amount_cny"]),
                "state": _STATES.get(row["status"], row["status"]),
                "fee": Decimal(row["fee"]),
            }

    return rows, twice


def classify(key: Key, ours: Any, theirs: Any, paid: Any, *, has_payment: bool) -> str:
    """
    Return the first class that applies.
    """
    if theirs is None:
        return "paid_out_unknown" if ours is None else "missing_at_gateway"

    if ours is None:
        return "missing_in_ledger"

    if not has_payment:
        return "refund_without_payment"

    if ours["currency"] != theirs["currency"]:
        return "currency_differs"

    if (ours["total"], ours["cny"]) != (theirs["total"], theirs["cny"]):
        return "amount_differs"

    if paid is not None and (paid["total"], paid["cny"]) != (
        theirs["total"],
        theirs["cny"],
    ):
        return "amount_differs"

    if ours["state"] != theirs["state"]:
        return "state_differs"

    if ours["day"] != theirs["day"]:
        return "wrong_day"

    if paid is None:
        return "matched"

    if ours["fee"] != paid["fee"]:
        return "fee_differs"

    due = paid["cny"] - paid["fee"] if key[1] == "P" else -paid["cny"] - paid["fee"]
    exchanged = (paid["exchanged_cny"] / paid["rate"]).quantize(_CENT, ROUND_HALF_UP)

    if paid["exchanged_cny"] != due or paid["exchanged"] != exchanged:
        return "exchange_differs"

    return "matched"


def compare_books(
    transactions: Path, statement: Path, ledger: Path
) -> tuple[dict[str, set[Key]], dict[str, int]]:
    """
    Return the keys of each class but "matched", and the bridge in CNY, in cents.
    """
    theirs, twice = read_transactions(transactions)
    by_number, paid_twice = read_statement(statement)
    ours, ours_twice = read_ledger(ledger)
    # The statement has the number of a refund, not its order.
    orders = {
        (kind, refund): order for order, kind, refund in (*ours, *theirs) if kind == "T"
    }

    def key_of(kind: str, number: str) -> Key:
        if kind == "P":
            return number, kind, ""

        return orders.get((kind, number), ""), kind, number

    paid = {key_of(*number): row for number, row in by_number.items()}
    twice |= ours_twice | {key_of(*number) for number in paid_twice}
    payments = {order for order, kind, _ in (*theirs, *ours) if kind == "P"}
    found: dict[str, set[Key]] = defaultdict(set)

    for key in theirs.keys() | ours.keys() | paid.keys():
        if key in twice:
            name = "duplicate"
        else:
            order, kind, _ = key
            name = classify(
                key,
                ours.get(key),
                theirs.get(key),
                paid.get(key),
                has_payment=kind == "P" or order in payments,
            )

        if name != "matched":
            found[name].add(key)

    return found, _bridge(theirs, paid)


def _bridge(theirs: dict[Key, Any], paid: dict[Key, Any]) -> dict[str, int]:
    sums: dict[str, Decimal] = defaultdict(Decimal)

    for key, row in theirs.items():
        if row["state"] == "done":
            amount = row["cny"] if key[1] == "P" else -row["cny"]
            sums["traded" if key[1] == "P" else "refunded"] += amount

            if key not in paid:
                sums["closing"] -= amount

    for key, row in paid.items():
        amount = row["cny"] if key[1] == "P" else -row["cny"]
        sums["fees"] -= row["fee"]
        sums["exchange"] += row["exchanged_cny"] - amount + row["fee"]
        sums["paid_out"] += row["exchanged_cny"]

        if key not in theirs:
            sums["unknown"] += amount

    return {item: int(amount * 100) for item, amount in sums.items()}
