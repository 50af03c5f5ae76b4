"""
Which method and path is which call.
"""

from __future__ import annotations

import pytest

from umfpay.emulator._refusal import Refusal
from umfpay.emulator._routes import route


def test_both_paths_of_a_declaration_are_the_same_call():
    """
    The documents print a blank.
    """
    clean, _ = route("GET", "/payments/customs_declarations/CUST_A2")
    printed, keys = route("GET", "/payments/customs_ declarations/CUST_A2")

    assert clean is printed
    assert ("CUST_A2",) == keys


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/payments/payment/PAY_a", 404),
        ("GET", "/payments/payment/PAY_A/", 404),
        ("GET", "/bank/x", 404),
        ("POST", "/bank", 405),
        ("get", "/bank", 405),
    ],
)
def test_nothing_else_is_a_call(method, path, status):
    """
    Neither nearly nor by another method.
    """
    with pytest.raises(Refusal) as caught:
        route(method, path)

    assert status == caught.value.status
