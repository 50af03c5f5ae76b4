"""
Statements as files: a start line, rows, an end line with the total.
"""

from __future__ import annotations

from decimal import Decimal


def _lines(reply):
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.body.endswith(b"\n")

    return [line.split(",") for line in reply.body.decode().splitlines()]


def test_the_transaction_file_has_fourteen_columns(shop):
    """
    A comma or a line end in a name breaks nothing; the total is CNY.
    """
    shop.settings(refund="immediate")
    order = shop.order()
    order["sub_orders"][0]["items"][0]["name"] = "a,b\r\nTRANSDETAIL-End,x"
    key = shop.paid(sub_orders=order["sub_orders"])
    shop.paid(reference="ref-2", mer_date="20261122")
    shop.refund(key, "back-1", "0.02")
    start, payment, refund, end = _lines(
        shop.get("/payments/transactions_download?mer_date=20261123")
    )

    assert ["TRANSDETAIL-START", "8017", "20261123"] == start
    assert ["TRANSDETAIL-End", "8017", "20261123", "691.93"] == end
    assert [
        "13800138000", "ref-1", "20261123", "20261123",
    ] == payment[1:5]  # fmt: skip
    assert ["USD", "100.02", "692.07", "6.9193", "0", "P"] == payment[6:12]
    assert ["a b TRANSDETAIL-End x", ""] == payment[12:]
    assert ["USD", "0.02", "0.14", "6.9193", "0", "T"] == refund[6:12]
    assert "back-1" == refund[13]
    assert payment[0] == refund[0]
    assert payment[5].startswith("12")


def test_a_file_is_signed_in_the_header(shop, tmp_path):
    """
    Over its raw bytes, unless the settings say otherwise.
    """
    path = "/payments/transactions_download?mer_date=20261123"
    reply = shop.get(path)

    assert 2 == len(_lines(reply))
    assert shop.keys.verifies(reply.body, reply.headers["signature"], tmp_path)

    shop.settings(signature="meta")

    assert "signature" not in shop.get(path).headers


def test_a_refused_download_is_json(shop):
    """
    A file without a date is none.
    """
    for name in ("transactions", "reconciliation_statement", "customs"):
        assert "00060700" == shop.get(f"/payments/{name}_download").code


def test_the_reconciliation_file_has_the_numbers_of_its_json(shop):
    """
    By mer_date or settle_date.
    """
    shop.settings(refund="immediate")
    key = shop.paid()
    shop.refund(key, "back-1", "0.02")
    path = "/payments/reconciliation_statement_download"
    lines = _lines(shop.get(f"{path}?settle_date=20261123"))

    assert lines == _lines(shop.get(f"{path}?mer_date=20261123"))
    assert [
        key,
        "ref-1",
        "20261123",
        "20261123",
        "USD",
        "100.02",
        "692.07",
        "6.92",
    ] == (lines[1][:8])
    assert ["T", "REFUND_SUCCESS"] == lines[2][12:]
    assert Decimal(lines[-1][3]) == Decimal(lines[1][9]) + Decimal(lines[2][9])


def test_the_customs_file_has_what_was_cleared_that_day(shop):
    """
    Not what is under way.
    """
    key = shop.paid()
    body = {
        "customs_id": "HZ",
        "mer_customs_code": "1",
        "sub_order": {"mer_sub_reference_id": "ref-1-a"},
    }
    shop.settings(settle_after=1000)
    shop.post(f"/payments/payment/{key}/apply_to_customs", body)
    path = "/payments/customs_download?customs_date=20261123"

    assert 2 == len(_lines(shop.get(path)))

    declared = shop.control("GET", "/customs")["declarations"][0]["id"]
    shop.control("POST", f"/customs/{declared}/succeed")

    assert [declared, key, "ref-1-a", "HZ", "SUCCESS"] == _lines(shop.get(path))[1]
