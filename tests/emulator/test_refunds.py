"""
Refunds: part of the money or all of it, never too much.
"""

from __future__ import annotations

import pytest

from tests.emulator.merchant import PAY


NUMBER = {
    "mer_reference_id": "back-1",
    "mer_date": "20261124",
    "amount": {"total": "100.02", "currency": "USD"},
}


@pytest.mark.parametrize(
    "body",
    [
        {"refund_info": NUMBER, "notify_url": ""},
        {
            "refund_info": NUMBER | {"refund_summary": "broken"},
            "parent_payment": "PAY_A",
        },
        {"refund_info": NUMBER | {"order_summary": "broken"}},
        {"order": NUMBER},
        {"org_amount": {"total": "100.02", "currency": "USD"}, "orders": [NUMBER]},
        {"refund": {"order": NUMBER}},
        {"refund": {"refund_info": NUMBER}},
        {"refund": {"orders": [NUMBER]}},
        {
            "refund_info": NUMBER
            | {
                "sub_orders": [
                    {
                        "mer_sub_reference_id": "ref-1-a",
                        "trans_code": "01121990",
                        "amount": NUMBER["amount"],
                    }
                ]
            }
        },
        {
            "refund_info": NUMBER
            | {"amount": {"total": 100.02, "Currency": "USD"}, "sub_orders": None}
        },
    ],
)
def test_every_shape_of_a_refund_is_taken(shop, body):
    """
    The answer shows CNY cents, and date and number of the original order.
    """
    key = shop.paid()
    reply = shop.post(f"{PAY}/{key}/refund", body)

    assert "0000" == reply.code
    assert ["meta", "links", "refund"] == list(reply.json)
    assert {
        "orders": [
            {
                "amount": {"total": "69207", "currency": "USD", "total_cny": ""},
                "mer_date": "20261123",
                "mer_reference_id": "ref-1",
            }
        ],
        "state": "REFUND_PROCESS",
    } == reply.json["refund"]

    parent, own = reply.json["links"]

    assert ("parent_payment", "self") == (parent["ref"], own["ref"])

    reply = shop.raw(
        "GET",
        own["href"].removeprefix(shop.origin),
        headers={"Authorization": f"Bearer {shop.token}"},
    )

    assert {"meta", "refunds"} == reply.json.keys()
    assert [["state"]] == [list(one) for one in reply.json["refunds"]]


def test_a_refund_succeeds_by_itself_or_at_once(shop, until):
    """
    By the setting.
    """
    shop.settings(settle_after=5)
    key = shop.paid()
    reply = shop.refund(key, total="10.00")
    path = reply.json["links"][1]["href"].partition("/cberest/v1")[2]

    assert "REFUND_PROCESS" == shop.get(path).json["refunds"][0]["state"]

    shop.forward(6)
    until(lambda: shop.get(path).json["refunds"][0]["state"] == "REFUND_SUCCESS")
    shop.settings(refund="immediate")

    assert (
        "REFUND_SUCCESS" == shop.refund(key, "back-2", "10.00").json["refund"]["state"]
    )


def test_parts_add_up_to_the_cent(shop):
    """
    In both currencies: the last part takes what rounding left.
    """
    key = shop.paid(total="0.10")
    cents = [
        shop.refund(key, f"back-{part}", part).json["refund"]["orders"][0]["amount"]
        for part in ("0.03", "0.04", "0.02", "0.01")
    ]

    assert 69 == sum(int(one["total"]) for one in cents)
    assert "00060768" == shop.refund(key, "back-5", "0.01").code


def test_too_much_is_refused_until_a_refund_fails(shop):
    """
    A failed or closed refund gives its amount back, not its number.
    """
    key = shop.paid()
    shop.settings(settle_after=1000)
    shop.refund(key, "a", "60.00")
    shop.refund(key, "b", "40.02")

    assert "00060768" == shop.refund(key, "c", "0.01").code

    first, second = (one["id"] for one in shop.control("GET", "/refunds")["refunds"])
    failed = shop.control("POST", f"/refunds/{first}/fail")["refund"]
    shop.control("POST", f"/refunds/{second}/close")

    assert "REFUND_FAIL" == failed["state"]
    assert "00060766" == shop.refund(key, "a", "1.00").code
    assert "0000" == shop.refund(key, "d", "100.02").code


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({"amount": {"total": "100.03", "currency": "USD"}}, "00060768"),
        ({"amount": {"total": "100.02", "currency": "CNY"}}, "00202011"),
        ({"amount": {"total": "0.00", "currency": "USD"}}, "00202003"),
        ({"amount": {}}, "00202001"),
        ({"mer_reference_id": ""}, "00060700"),
        ({"mer_date": "today"}, "00060700"),
        (
            {"sub_orders": [{"amount": {"total": "1.00", "currency": "USD"}}]},
            "00202010",
        ),
    ],
)
def test_a_refund_that_breaks_a_rule_is_refused(shop, info, code):
    """
    Each rule has its code.
    """
    key = shop.paid()

    assert code == shop.post(f"{PAY}/{key}/refund", {"refund_info": NUMBER | info}).code


@pytest.mark.parametrize("body", [{}, {"refund_info": []}, {"orders": ["x"]}])
def test_a_refund_without_data_is_refused(shop, body):
    """
    There is nothing to refund.
    """
    assert "00060700" == shop.post(f"{PAY}/{shop.paid()}/refund", body).code


def test_an_unpaid_payment_is_not_refunded(shop):
    """
    The code is 00060764.
    """
    assert "00060764" == shop.refund(shop.created()).code


def test_a_refund_number_is_used_once(shop):
    """
    Across payments, also when nothing is left.
    """
    first, second = shop.paid(), shop.paid(reference="ref-2")

    assert "0000" == shop.refund(first).code
    assert "00060766" == shop.refund(first).code
    assert "00060766" == shop.refund(second).code


def test_an_unknown_refund_is_unknown(shop):
    """
    The code is 00060760.
    """
    assert "00060760" == shop.get("/payments/refund/REFUND_AAAA").code
