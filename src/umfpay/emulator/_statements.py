"""
Statements as JSON (gateway.md 5.15, 5.16, 9.3, 9.4), made of payments and refunds.

Invented: UMF pays the merchant on the settle date and keeps 1 % of a payment, at least
0.01 CNY, as its fee.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import attrs

from umfpay.emulator._gateway_state import GatewayState, Members, Query
from umfpay.emulator._members import entries, fee_of, text, wire_day
from umfpay.emulator._messages import Refusal
from umfpay.emulator._store import Basis, Document


_UNLIMITED_ROWS: Final = 1_000_000_000
# Entries read before others are served.
_BATCH_ROWS: Final = 50
_CENT: Final = Decimal("0.01")
_MAX_PAGE_SIZE: Final = 5000
# What a refund_summary is not documented to have (gateway.md 6).
_UNDOCUMENTED_MEMBERS: Final = ("mer_reference_id", "order_date")
_NUMBER_TEXT: Final = re.compile(r"0{0,20}[1-9][0-9]{0,8}")


@attrs.frozen
class Entry:
    """
    A payment that succeeded, or a refund of one: *document* is that refund.
    """

    document: Document
    payment: Document

    @property
    def is_refund(self) -> bool:
        """
        Whether it is a refund, not the payment itself.
        """
        return self.document is not self.payment


async def entries_of(
    gateway_state: GatewayState,
    basis: Basis,
    merchant: str,
    day: str,
    *,
    skip: int = 0,
    most: int = _UNLIMITED_ROWS,
) -> AsyncIterator[Entry]:
    """
    Give the entries of a day: payments, then refunds, each in the order they came.

    Others are served between them, however many there are.
    """
    for kind in ("payment", "refund"):
        count, _ = gateway_state.store.total(kind, basis, merchant, day)
        rank = min(skip, count)
        skip -= rank

        while most > 0:
            found = gateway_state.store.entries(
                kind, basis, merchant, day, after=rank, most=min(most, _BATCH_ROWS)
            )

            if not found:
                break

            for _, document in found:
                payment = (
                    document
                    if kind == "payment"
                    else gateway_state.payment(document["payment"])
                )
                yield Entry(document, payment)

            rank, _ = found[-1]
            most -= len(found)
            await asyncio.sleep(0)


async def transactions(
    gateway_state: GatewayState, merchant: str, query: Query
) -> Members:
    """
    List the successful transactions of a merchant order date, by page (gateway.md 9.3).

    Raises:
        Refusal: The day, or a number of the query, is none.
    """
    day = wire_day(query.get("mer_date"), "mer_date")

    return {
        "transactions": await _page(
            gateway_state, "listed_on", merchant, day, row_of, query
        )
    }


async def _page(
    gateway_state: GatewayState,
    basis: Basis,
    merchant: str,
    day: str,
    make: Callable[[Entry], Members],
    query: Query,
) -> Members:
    number = _count(query.get("page_number"), "page_number", 1)
    size = min(_count(query.get("page_size"), "page_size", 500), _MAX_PAGE_SIZE)
    total = sum(
        gateway_state.store.total(kind, basis, merchant, day)[0]
        for kind in ("payment", "refund")
    )
    rows = [
        _wire_row(gateway_state, make(entry))
        async for entry in entries_of(
            gateway_state, basis, merchant, day, skip=(number - 1) * size, most=size
        )
    ]

    return {
        "payment_summaries": [row for row in rows if "refund_id" not in row],
        "refund_summaries": [row for row in rows if "refund_id" in row],
        "pagination": {
            "total_count": total,
            "page_number": number,
            "page_size": size,
        },
    }


def _wire_row(gateway_state: GatewayState, row: Members) -> Members:
    """
    Return a row as the settings want it on the wire.
    """
    settings = gateway_state.settings

    if settings.names == "old":
        # A number in the documented sample, an object in the SDK (gateway.md 11a).
        amount = row["amount"]
        rate = {
            "rate": f"{amount['exchange_rate']:.4f}",
            "currency": amount["currency"],
        }
        row = {**row, "amount": {**amount, "exchange_rate": rate}}

    if settings.refund_rows == "documented" and "refund_id" in row:
        row = {
            name: one for name, one in row.items() if name not in _UNDOCUMENTED_MEMBERS
        }

    return row


def _count(given: str | None, name: str, default: int) -> int:
    if not given:
        return default

    if _NUMBER_TEXT.fullmatch(given) is None:
        raise Refusal("00060700", f"{name} is not a number above 0")

    return int(given)


def _moment(given: str) -> str:
    return f"{given[:19]}{given[-6:]}"


def product(payment: Document) -> str:
    """
    Return what a statement calls the goods: the first item's name.
    """
    for sub in entries(payment["order"], "sub_orders"):
        for item in entries(sub, "items"):
            return text(item.get("name"))

    return text(payment["order"].get("order_summary"))


def row_of(entry: Entry) -> Members:
    """
    Return the row of a transaction.
    """
    if entry.is_refund:
        return _refund_row(entry.document, entry.payment)

    return _payment_row(entry.payment)


def _payment_row(payment: Document) -> Members:
    return {
        "payment_id": payment["id"],
        "phone_number": payment["phone"],
        "order_date": text(payment["order"]["mer_date"]),
        "mer_reference_id": text(payment["order"]["mer_reference_id"]),
        "amount": _row_amount(payment, payment),
        "settle_date": payment["settle_date"],
        "execute_success_time": _moment(payment["paid_at"]),
        "state": payment["state"],
        "product_id": product(payment),
    }


def _refund_row(refund: Document, payment: Document) -> Members:
    return {
        "refund_id": refund["id"],
        "payment_id": payment["id"],
        "phone_number": payment["phone"],
        "mer_reference_id": refund["reference"],
        "order_date": text(payment["order"]["mer_date"]),
        "amount": _row_amount(refund, payment),
        "settle_date": refund["settle_date"],
        "execute_success_time": _moment(refund["done_at"]),
        "state": refund["state"],
        "product_id": product(payment),
    }


def _row_amount(one: Document, payment: Document) -> Members:
    # JSON numbers, as the samples print them.
    return {
        "total": Decimal(one["total"]),
        "currency": one["currency"],
        "total_cny": Decimal(one["total_cny"]),
        "exchange_rate": Decimal(payment["rate"]),
    }


async def reconciliation(
    gateway_state: GatewayState, merchant: str, query: Query
) -> Members:
    """
    List what UMF paid out on a day, by page (gateway.md 9.4).

    Raises:
        Refusal: The day, or a number of the query, is none, or nothing was paid out.
    """
    day = wire_day(query.get("settle_date") or query.get("mer_date"), "settle_date")
    totals = [
        gateway_state.store.total(kind, "paid_out_on", merchant, day)
        for kind in ("payment", "refund")
    ]

    if not any(count for count, _ in totals):
        raise Refusal("00060760", "no money was transferred on this day")

    net = Decimal(sum(net for _, net in totals)).scaleb(-2)

    return {
        "reconciliations": {
            "settle_date": day,
            "amount": {"total_cny": net, "currency": "CNY"},
            **await _page(
                gateway_state, "paid_out_on", merchant, day, settled_row_of, query
            ),
        }
    }


def settled_row_of(entry: Entry) -> Members:
    """
    Return the row of a transaction with what was paid out for it.
    """
    row = row_of(entry)
    gross = row["amount"]["total_cny"]
    fee = Decimal("0.00") if entry.is_refund else fee_of(gross)
    net = -gross if entry.is_refund else gross - fee
    rate = Decimal(entry.payment["rate"])

    return {
        **row,
        "service_fee": fee,
        "exchange_amount": {
            "total": (net / rate).quantize(_CENT, ROUND_HALF_UP),
            "total_cny": net,
            "currency": entry.payment["currency"],
            "exchange_rate": rate,
        },
        "exchange_date": entry.document["settle_date"],
    }
