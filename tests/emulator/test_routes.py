"""
Which method and path is which call.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from umfpay import resources


ENDPOINTS = {
    one.name: one
    for module in pkgutil.iter_modules(resources.__path__)
    for one in vars(
        importlib.import_module(f"{resources.__name__}.{module.name}")
    ).values()
    if isinstance(one, resources.Endpoint)
}
IDS = {
    "payment_id": "PAY_A2",
    "refund_id": "REFUND_A2",
    "declaration_id": "CUST_A2",
    "enterprise_id": "EQ_A2",
}


def test_both_paths_of_a_declaration_are_the_same_call(shop):
    """
    The documents print a blank.
    """
    clean, printed = (
        shop.get(f"/payments/customs_{blank}declarations/CUST_A2")
        for blank in ("", "%20")
    )

    assert "00060760" == clean.code == printed.code
    assert "no customs CUST_A2" == shop.last_request()["reason"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/payments/payment/PAY_a", 404),
        ("GET", "/bank/x", 404),
        ("POST", "/bank", 405),
        ("get", "/bank", 405),
    ],
)
def test_nothing_else_is_a_call(shop, method, path, status):
    """
    Neither nearly nor by another method.
    """
    assert status == shop.raw(method, f"/cberest/v1{path}").status


def test_meta_is_that_of_the_samples(shop):
    """
    A query has a blank error_code, the standalone declaration says "successful".
    """
    queried = shop.get(f"/payments/payment/{shop.created()}")
    body = {
        "mer_reference_id": "elsewhere",
        "order_amount": {"total": "1.00", "currency": "CNY"},
        "customs_id": "HZHG",
        "name": shop.keys.seal("张三"),
        "citizen_id_number": shop.keys.seal("11010119900101001X"),
    }
    declared = shop.post("/apply_to_customes_only", body)

    assert ["sign", "error_code", "ret_msg", "ret_code"] == list(queried.json["meta"])
    assert "" == queried.json["meta"]["error_code"]
    assert "successful" in declared.json["meta"]["ret_msg"]


def test_the_older_name_of_the_reconciliation_leads_there(shop):
    """
    With mer_date instead of settle_date.
    """
    shop.paid()
    reply = shop.get("/payments/reconciliations?mer_date=20261123")

    assert 1 == reply.json["reconciliations"]["pagination"]["total_count"]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_each_endpoint_of_a_resource_has_a_route(shop, endpoint):
    """
    A new one needs an entry in `umfpay.emulator._routes`, and a new kind of ids in its
    path one in `IDS`.
    """
    call = endpoint.call(read=dict)
    shop.raw(call.method, f"/cberest/v1{call.path.format_map(IDS)}")
    reason = shop.last_request()["reason"]

    assert "no such path" not in reason, f"no route for {call.method} {call.path}"
    assert "is not for" not in reason, f"no route for {call.method} {call.path}"
