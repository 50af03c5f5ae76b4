"""
Statements as JSON follow from what was paid and refunded.
"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest


LIST = "/payments/transactions?mer_date=20261123"
SETTLED = "/payments/reconciliation_statement?settle_date=20261123"


@pytest.fixture(name="traded")
def _traded(shop):
    """
    Two payments with a refund, one unpaid, one of another day, one failed refund.
    """
    shop.settings(refund="immediate")
    first = shop.paid()
    shop.paid(reference="ref-2", total="10.00", currency="CNY")
    shop.created(reference="ref-3")
    shop.paid(reference="ref-4", mer_date="20261122")
    shop.refund(first, "back-1", "0.02")
    shop.settings(refund="pending", settle_after=1000)
    shop.refund(first, "back-2", "1.00")
    key = shop.control("GET", "/refunds")["refunds"][1]["id"]
    shop.control("POST", f"/refunds/{key}/fail")

    return shop


def read(reply):
    return json.loads(reply.body, parse_float=Decimal, parse_int=Decimal)


def test_the_list_has_the_successful_ones_of_the_order_date(traded):
    """
    Money is JSON numbers with the digits of the samples, time has its zone.
    """
    found = read(traded.get(LIST))["transactions"]
    payment, refund = found["payment_summaries"][0], found["refund_summaries"][0]

    assert ["ref-1", "ref-2"] == [
        one["mer_reference_id"] for one in found["payment_summaries"]
    ]
    assert ["back-1"] == [one["mer_reference_id"] for one in found["refund_summaries"]]
    assert {"total_count": 3, "page_number": 1, "page_size": 500} == found["pagination"]
    assert {
        "total": Decimal("100.02"),
        "currency": "USD",
        "total_cny": Decimal("692.07"),
        "exchange_rate": Decimal("6.9193"),
    } == payment["amount"]
    assert b'"total":100.02,' in traded.get(LIST).body
    assert payment["execute_success_time"].startswith("2026-11-23T12:")
    assert payment["execute_success_time"].endswith("+08:00")
    assert 25 == len(payment["execute_success_time"])
    assert payment["payment_id"] == refund["payment_id"]
    assert ("TRADE_SUCCESS", "REFUND_SUCCESS") == (payment["state"], refund["state"])
    assert Decimal("0.14") == refund["amount"]["total_cny"]


def test_pages_cut_payments_and_refunds_together(traded):
    """
    Beyond the last one there is an empty page.
    """
    pages = [
        read(traded.get(f"{LIST}&page_size=2&page_number={number}"))["transactions"]
        for number in (1, 2, 3)
    ]

    assert [(2, 0), (0, 1), (0, 0)] == [
        (len(one["payment_summaries"]), len(one["refund_summaries"])) for one in pages
    ]
    assert {3} == {one["pagination"]["total_count"] for one in pages}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?mer_date=2026-11-23",
        "?mer_date=20261123&page_number=0",
        "?mer_date=20261123&page_size=-1",
        "?mer_date=20261123&page_size=x",
        "?mer_date=20261123&page_size=%C2%B2",
        "?mer_date=20261123&page_size=99999999999",
    ],
)
def test_a_wrong_query_is_refused(shop, query):
    """
    Dates and page numbers are checked.
    """
    assert "00060700" == shop.get(f"/payments/transactions{query}").code


def test_the_reconciliation_adds_up(traded):
    """
    Net is gross less the fee, foreign money is net by the rate, the sum is the rows.
    """
    found = read(traded.get(SETTLED))["reconciliations"]
    payments, refunds = found["payment_summaries"], found["refund_summaries"]
    total = Decimal(0)

    for row in payments:
        exchanged = row["exchange_amount"]
        total += exchanged["total_cny"]

        assert exchanged["total_cny"] == row["amount"]["total_cny"] - row["service_fee"]
        assert exchanged["total"] == round(
            exchanged["total_cny"] / exchanged["exchange_rate"], 2
        )

    for row in refunds:
        total += row["exchange_amount"]["total_cny"]

        assert row["exchange_amount"]["total_cny"] == -row["amount"]["total_cny"]

    assert [Decimal("6.92"), Decimal("0.10"), Decimal("6.92")] == [
        row["service_fee"] for row in payments
    ]
    assert total == found["amount"]["total_cny"]
    assert ("20261123", 4) == (found["settle_date"], found["pagination"]["total_count"])


def test_a_small_payment_still_costs_a_cent(shop):
    """
    The fee is at least 0.01.
    """
    shop.paid(total="0.10", currency="CNY")
    row = read(shop.get(SETTLED))["reconciliations"]["payment_summaries"][0]

    assert (Decimal("0.01"), Decimal("0.09")) == (
        row["service_fee"],
        row["exchange_amount"]["total"],
    )


def test_a_day_without_transfers_has_no_reconciliation(shop):
    """
    It exists only once money was transferred.
    """
    assert "00060760" == shop.get(SETTLED).code
    assert "00060700" == shop.get("/payments/reconciliation_statement").code


def test_an_order_without_items_is_named_by_its_summary(shop):
    """
    Otherwise by its first item.
    """
    sub = {
        "mer_sub_reference_id": "s",
        "trans_code": "02223030",
        "amount": {"total": "1.00", "currency": "USD"},
    }
    shop.paid(total="1.00", sub_orders=[sub])
    shop.paid(reference="ref-2")
    rows = shop.get(LIST).json["transactions"]["payment_summaries"]

    assert ["两件衣服", "shirt, red"] == [row["product_id"] for row in rows]


def test_a_refund_row_can_have_the_documented_members_only(traded):
    """
    The reference lists no number of the refund and no day of its order.
    """
    traded.settings(refund_rows="documented")
    row = read(traded.get(LIST))["transactions"]["refund_summaries"][0]
    paid_out = read(traded.get(SETTLED))["reconciliations"]["refund_summaries"][0]

    assert {"mer_reference_id", "order_date"}.isdisjoint(row)
    assert {"mer_reference_id", "order_date"}.isdisjoint(paid_out)
    assert {"refund_id", "payment_id", "amount", "state"} <= set(row)
