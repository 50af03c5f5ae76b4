"""
Statements as files (gateway.md 5.11, 5.12, 5.21, 9.1, 9.2).

The content of the reconciliation and customs files is documented nowhere: their rows
are invented (gateway.md 9.2, 12.7).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from umfpay.emulator._gateway_state import GatewayState, Members, Query
from umfpay.emulator._members import text, wire_day
from umfpay.emulator._statements import entries_of, product, settled_row_of
from umfpay.emulator._store import Document


_LINE_BREAKS: Final = re.compile(r"[,\r\n]+")


async def transactions_file(
    gateway_state: GatewayState, merchant: str, query: Query
) -> bytes:
    """
    Write the day's transactions as a file: 14 columns, UTF-8 (gateway.md 9.1).

    Raises:
        Refusal: The day is none.
    """
    day = wire_day(query.get("mer_date"), "mer_date")
    rows: list[str] = []
    total = Decimal(0)

    async for entry in entries_of(gateway_state, "listed_on", merchant, day):
        one = entry.document
        amount = Decimal(one["total_cny"])
        total += -amount if entry.is_refund else amount
        rows.append(
            _line(
                _file_row(
                    one,
                    entry.payment,
                    one["done_at"],
                    kind="T",
                    number=one["reference"],
                )
                if entry.is_refund
                else _file_row(one, one, one["paid_at"], kind="P", number="")
            )
        )

    return _file(gateway_state.merchants.number(merchant), day, rows, total)


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


def _line(row: list[str]) -> str:
    # Nothing in a column may look like the end of it.
    return ",".join(_LINE_BREAKS.sub(" ", column) for column in row)


def _file(number: str, day: str, rows: list[str], total: Decimal) -> bytes:
    lines = [
        f"TRANSDETAIL-START,{number},{day}",
        *rows,
        f"TRANSDETAIL-End,{number},{day},{total:.2f}",
    ]

    return "".join(f"{line}\n" for line in lines).encode()


async def reconciliation_file(
    gateway_state: GatewayState, merchant: str, query: Query
) -> bytes:
    """
    Write what UMF paid out on a day as a file. The row format is invented (gateway.md 9.2).

    Raises:
        Refusal: The day is none.
    """
    day = wire_day(query.get("mer_date") or query.get("settle_date"), "mer_date")
    rows: list[str] = []
    total = Decimal(0)

    async for entry in entries_of(gateway_state, "paid_out_on", merchant, day):
        row = settled_row_of(entry)
        total += row["exchange_amount"]["total_cny"]
        rows.append(_line(_paid_row(row)))

    return _file(gateway_state.merchants.number(merchant), day, rows, total)


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


def customs_file(gateway_state: GatewayState, merchant: str, query: Query) -> bytes:
    """
    Write the declarations cleared on a day. The format is invented (gateway.md 12.7).

    Raises:
        Refusal: The day is none.
    """
    day = wire_day(query.get("customs_date"), "customs_date")
    number = gateway_state.merchants.number(merchant)
    count, _ = gateway_state.store.total("customs", "listed_on", merchant, day)
    found = gateway_state.store.entries(
        "customs", "listed_on", merchant, day, most=count
    )
    rows = [
        _line(
            [
                one["id"],
                one["payment"],
                one["sub_id"],
                text(one["body"].get("customs_id")),
                one["state"],
            ]
        )
        for _, one in found
    ]

    return _file(number, day, rows, Decimal(0))
