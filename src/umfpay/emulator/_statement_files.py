"""
Statements as files (gateway.md 5.11, 5.12, 5.21, 9.1, 9.2).

The content of the reconciliation and customs files is documented nowhere: their rows
are invented (gateway.md 9.2, 12.7).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from umfpay.emulator._orders import wire_day
from umfpay.emulator._statements import paid, paid_out, product, refunded
from umfpay.emulator._store import Document
from umfpay.emulator._wire import text
from umfpay.emulator._world import Members, Query, World


_BREAKS: Final = re.compile(r"[,\r\n]+")


def transactions_file(world: World, merchant: str, query: Query) -> bytes:
    """
    Write the day's transactions as a file: 14 columns, UTF-8 (gateway.md 9.1).
    """
    day = wire_day(query.get("mer_date"), "mer_date")
    rows: list[list[str]] = []
    total = Decimal(0)

    for payment in paid(world, merchant):
        if text(payment["order"]["mer_date"]) == day:
            total += Decimal(payment["total_cny"])
            rows.append(
                _file_row(payment, payment, payment["paid_at"], kind="P", number="")
            )

    for refund, payment in refunded(world, merchant):
        if text(payment["order"]["mer_date"]) == day:
            total -= Decimal(refund["total_cny"])
            rows.append(
                _file_row(
                    refund,
                    payment,
                    refund["done_at"],
                    kind="T",
                    number=refund["reference"],
                )
            )

    return _file(world.merchants.number(merchant), day, rows, total)


def _file_row(
    one: Document, payment: Document, moment: str, *, kind: str, number: str
) -> list[str]:
    return [
        payment["trace"],
        payment["phone"],
        text(payment["order"]["mer_reference_id"]),
        text(payment["order"]["mer_date"]),
        moment[:10].replace("-", ""),
        moment[11:19].replace(":", ""),
        one["currency"],
        one["total"],
        one["total_cny"],
        payment["rate"],
        "0",
        kind,
        product(payment),
        number,
    ]


def _file(number: str, day: str, rows: list[list[str]], total: Decimal) -> bytes:
    lines = [
        f"TRANSDETAIL-START,{number},{day}",
        # Nothing in a column may look like the end of it.
        *(",".join(_BREAKS.sub(" ", column) for column in row) for row in rows),
        f"TRANSDETAIL-End,{number},{day},{total:.2f}",
    ]

    return "".join(f"{line}\n" for line in lines).encode()


def reconciliation_file(world: World, merchant: str, query: Query) -> bytes:
    """
    Write what UMF paid out on a day as a file. The row format is invented (gateway.md
    9.2).
    """
    day = wire_day(query.get("mer_date") or query.get("settle_date"), "mer_date")
    paid = paid_out(world, merchant, day)
    rows = [_paid_row(row) for row in paid]
    total = sum((row["exchange_amount"]["total_cny"] for row in paid), Decimal(0))

    return _file(world.merchants.number(merchant), day, rows, total)


def _paid_row(row: Members) -> list[str]:
    exchanged: dict[str, Any] = row["exchange_amount"]

    return [
        row.get("refund_id") or row["payment_id"],
        row["mer_reference_id"],
        row["order_date"],
        row["settle_date"],
        row["amount"]["currency"],
        f"{row['amount']['total']:.2f}",
        f"{row['amount']['total_cny']:.2f}",
        f"{row['service_fee']:.2f}",
        f"{exchanged['total']:.2f}",
        f"{exchanged['total_cny']:.2f}",
        f"{exchanged['exchange_rate']:.4f}",
        row["exchange_date"],
        "T" if "refund_id" in row else "P",
        row["state"],
    ]


def customs_file(world: World, merchant: str, query: Query) -> bytes:
    """
    Write the declarations cleared on a day. The format is invented (gateway.md 12.7).
    """
    day = wire_day(query.get("customs_date"), "customs_date")
    rows = [
        [
            one["id"],
            one["payment"],
            one["sub_id"],
            text(one["body"].get("customs_id")),
            one["state"],
        ]
        for one in world.store.all("customs")
        if one.get("clearance") == day and one["merchant"] == merchant
    ]

    return _file(world.merchants.number(merchant), day, rows, Decimal(0))
