"""
Customs declarations, with a payment and without.
"""

from __future__ import annotations

import pytest

from tests.emulator.merchant import PAY


def declaration(**changes):
    return {
        "customs_id": "HZ",
        "mer_customs_code": "1234",
        "ec_plat_id": "e-1",
        "freight_amount": {"total": 1.5, "currency": "CNY", "total_cny": 1.5},
        "tax_amount": {"total": 2, "currency": "CNY"},
        "sub_order_amount": {"total": "100.02", "currency": "USD"},
        "notify_url": "",
        "sub_order": {
            "mer_sub_reference_id": "ref-1-a",
            "items": [{"mer_item_id": "i-1"}],
        },
    } | changes


def test_a_declaration_is_echoed_with_strings_and_moves_on(shop, until):
    """
    ACCEPTED, SUBMITTED, SUCCESS; both paths of the query work.
    """
    key = shop.paid()
    shop.settings(settle_after=5)
    reply = shop.post(f"{PAY}/{key}/apply_to_customs", declaration())
    answered = reply.json["customs_declarations"][0]
    path = reply.json["links"][1]["href"].partition("/cberest/v1")[2]

    assert {"total": "1.5", "currency": "CNY", "total_cny": "1.5"} == answered[
        "freight_amount"
    ]
    assert not {"id", "state"} & answered.keys()
    assert "" == answered["customs_clearance_date"]

    def state(path=path):
        return shop.get(path).json["customs_declarations"][0]["state"]

    assert "ACCEPTED" == state()
    assert "ACCEPTED" == state(path.replace("customs_d", "customs_%20d"))

    shop.forward(6)
    until(lambda: state() == "SUBMITTED")
    shop.forward(6)
    until(lambda: state() == "SUCCESS")

    assert (
        "20261123"
        == shop.get(path).json["customs_declarations"][0]["customs_clearance_date"]
    )
    assert "00202013" == shop.post(f"{PAY}/{key}/apply_to_customs", declaration()).code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sub_order": {"mer_sub_reference_id": "other"}}, "00202015"),
        ({"sub_order": {}}, "00060700"),
        (
            {
                "sub_order": {
                    "mer_sub_reference_id": "ref-1-a",
                    "items": [{"mer_item_id": "other"}],
                }
            },
            "00202016",
        ),
        ({"customs_id": ""}, "00060700"),
        ({"mer_customs_code": None}, "00060700"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(shop, change, code):
    """
    Each rule has its code.
    """
    key = shop.paid()
    reply = shop.post(f"{PAY}/{key}/apply_to_customs", declaration(**change))

    assert code == reply.code


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        (True, "0000"),
        ("true", "0000"),
        ("“TRUE”", "0000"),
        (False, "00202014"),
        ("FALSE", "00202014"),
        (None, "00202014"),
    ],
)
def test_is_customs_has_many_spellings(shop, flag, code):
    """
    Without it the sub order is not declared.
    """
    order = shop.order()
    order["sub_orders"][0]["is_customs"] = flag
    key = shop.paid(sub_orders=order["sub_orders"])

    assert code == shop.post(f"{PAY}/{key}/apply_to_customs", declaration()).code


def test_only_paid_orders_are_declared_and_for_a_month(shop):
    """
    Before the money it is 00060764, after a month 00202013.
    """
    unpaid, paid = shop.created(), shop.paid(reference="ref-2")

    assert (
        "00060764" == shop.post(f"{PAY}/{unpaid}/apply_to_customs", declaration()).code
    )

    shop.forward(32 * 86_400)
    body = declaration(sub_order={"mer_sub_reference_id": "ref-2-a"})

    assert "00202013" == shop.post(f"{PAY}/{paid}/apply_to_customs", body).code


def test_two_payments_may_name_their_sub_orders_alike(shop):
    """
    Each declaration has its own id.
    """
    subs = shop.order()["sub_orders"]
    links = [
        shop.post(
            f"{PAY}/{shop.paid(reference=name, sub_orders=subs)}/apply_to_customs",
            declaration(),
        ).json["links"][1]["href"]
        for name in ("a", "b")
    ]

    assert links[0] != links[1]
    assert 2 == len(shop.control("GET", "/customs")["declarations"])


def test_an_unknown_declaration_is_unknown(shop):
    """
    The code is 00060760.
    """
    assert "00060760" == shop.get("/payments/customs_declarations/CUST_AAAA").code


def test_a_payment_made_elsewhere_can_be_declared(shop):
    """
    With sealed name and id number; again as often as one likes.
    """
    body = {
        "mer_reference_id": "other-1",
        "order_amount": {"total": "10.00", "currency": "CNY"},
        "name": shop.keys.seal("张三"),
        "citizen_id_type": "IDENTITY_CARD",
        "citizen_id_number": shop.keys.seal("11010119900101001X"),
        "customs_id": "HZHG",
    }
    reply = shop.post("/apply_to_customes_only", body)

    assert reply.json["customes_declaration_only"]["pay_trace"].isdigit()
    assert "00060700" == shop.post("/apply_to_customes_only", body | {"name": "x"}).code
    assert "00060700" == shop.post("/apply_to_customes_only", {}).code

    again = {"mer_reference_id": "other-1", "declare_type": "0"}

    assert "0000" == shop.post("/declare_again", again).code


def test_what_was_declared_with_a_payment_can_be_declared_again(shop):
    """
    What never was cannot.
    """
    key = shop.paid()
    again = {"mer_reference_id": "ref-1"}

    assert "00202008" == shop.post("/declare_again", again).code

    shop.post(f"{PAY}/{key}/apply_to_customs", declaration())

    assert "0000" == shop.post("/declare_again", again).code
    assert "00202008" == shop.post("/declare_again", {"mer_reference_id": "x"}).code
