"""
Statements as JSON (gateway.md 5.15, 5.16, 9.3, 9.4): they follow from payments and
refunds.

Invented: UMF pays the merchant on the settle date and keeps 1 % of a payment, at least
0.01 CNY, as its fee.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from umfpay.emulator._orders import wire_day
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document
from umfpay.emulator._wire import entries, text
from umfpay.emulator._world import Members, Query, World


_FEE: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")
_MAX_PAGE: Final = 5000
# What a refund_summary is not documented to have (gateway.md 6).
_UNDOCUMENTED: Final = ("mer_reference_id", "order_date")
_NUMBER: Final = re.compile(r"0{0,20}[1-9][0-9]{0,8}")


def paid(world: World, merchant: str) -> list[Document]:
    """
    Return the payments of *merchant* that succeeded.
    """
    return [
        one
        for one in world.store.all("payment")
        if (one["merchant"], one["state"]) == (merchant, "TRADE_SUCCESS")
    ]


def refunded(world: World, merchant: str) -> list[tuple[Document, Document]]:
    """
    Return the refunds of *merchant* that succeeded, each with its payment.
    """
    return [
        (one, world.payment(one["payment"]))
        for one in world.store.all("refund")
        if (one["merchant"], one["state"]) == (merchant, "REFUND_SUCCESS")
    ]


def transactions(world: World, merchant: str, query: Query) -> Members:
    """
    List the successful transactions of a merchant order date, by page (gateway.md 9.3).
    """
    day = wire_day(query.get("mer_date"), "mer_date")
    payments = [
        one for one in paid(world, merchant) if text(one["order"]["mer_date"]) == day
    ]
    refunds = [
        pair
        for pair in refunded(world, merchant)
        if text(pair[1]["order"]["mer_date"]) == day
    ]
    rows = [_payment_row(one) for one in payments] + [
        _refund_row(refund, payment) for refund, payment in refunds
    ]

    return {"transactions": _page(world, rows, query)}


def _page(world: World, rows: list[Members], query: Query) -> Members:
    number = _count(query.get("page_number"), "page_number", 1)
    size = min(_count(query.get("page_size"), "page_size", 500), _MAX_PAGE)
    shown = [_shown(world, row) for row in rows[(number - 1) * size : number * size]]

    return {
        "payment_summaries": [row for row in shown if "refund_id" not in row],
        "refund_summaries": [row for row in shown if "refund_id" in row],
        "pagination": {
            "total_count": len(rows),
            "page_number": number,
            "page_size": size,
        },
    }


def _shown(world: World, row: Members) -> Members:
    """
    Return a row as the settings want it on the wire.
    """
    settings = world.settings

    if settings.names == "old":
        # A number in the documented sample, an object in the SDK (gateway.md 11a).
        amount = row["amount"]
        rate = {
            "rate": f"{amount['exchange_rate']:.4f}",
            "currency": amount["currency"],
        }
        row = {**row, "amount": {**amount, "exchange_rate": rate}}

    if settings.refund_rows == "documented" and "refund_id" in row:
        row = {name: one for name, one in row.items() if name not in _UNDOCUMENTED}

    return row


def _count(given: str | None, name: str, default: int) -> int:
    if not given:
        return default

    if _NUMBER.fullmatch(given) is None:
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


def reconciliation(world: World, merchant: str, query: Query) -> Members:
    """
    List what UMF paid out on a day, by page (gateway.md 9.4).
    """
    day = wire_day(query.get("settle_date") or query.get("mer_date"), "settle_date")
    rows = paid_out(world, merchant, day)

    if not rows:
        raise Refusal("00060760", "no money was transferred on this day")

    total = sum((row["exchange_amount"]["total_cny"] for row in rows), Decimal(0))

    return {
        "reconciliations": {
            "settle_date": day,
            "amount": {"total_cny": total, "currency": "CNY"},
            **_page(world, rows, query),
        }
    }


def paid_out(world: World, merchant: str, day: str) -> list[Members]:
    """
    Return what makes up the money transferred to *merchant* on *day*.
    """
    rows = [
        _settled(_payment_row(one), one, fee=True, day=day)
        for one in paid(world, merchant)
        if one["settle_date"] == day
    ]
    rows += [
        _settled(_refund_row(refund, payment), payment, fee=False, day=day)
        for refund, payment in refunded(world, merchant)
        if refund["settle_date"] == day
    ]

    return rows


def _settled(row: Members, payment: Document, *, fee: bool, day: str) -> Members:
    gross = row["amount"]["total_cny"]
    kept = (
        max((gross * _FEE).quantize(_CENT, ROUND_HALF_UP), _CENT)
        if fee
        else Decimal("0.00")
    )
    net = gross - kept
    rate = Decimal(payment["rate"])

    if not fee:
        net = -net

    return {
        **row,
        "service_fee": kept,
        "exchange_amount": {
            "total": (net / rate).quantize(_CENT, ROUND_HALF_UP),
            "total_cny": net,
            "currency": payment["currency"],
            "exchange_rate": rate,
        },
        "exchange_date": day,
    }
