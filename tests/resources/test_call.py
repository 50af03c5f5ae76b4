"""
One call, described: its address and its ids.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from umfpay.errors import ConfigError
from umfpay.resources._call import Call, needed_id, wire_date
from umfpay.transport import Effect


def call(**changes):
    members = {
        "name": "payments.get",
        "method": "GET",
        "path": "/payments/payment/{payment_id}",
        "parameters": {"payment_id": "PAY_A"},
        "effect": Effect.READ,
        "read": dict,
    }

    return Call(**{**members, **changes})


@pytest.mark.parametrize(
    ("given", "segment"),
    [
        ("PAY_A", "PAY_A"),
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a b", "a%20b"),
        ("中", "%E4%B8%AD"),
        ("{payment_id}", "%7Bpayment_id%7D"),
        ("%2F", "%252F"),
    ],
)
def test_an_id_stays_one_segment(given, segment):
    """
    Nothing in an id leads to another endpoint.
    """
    target = call(parameters={"payment_id": given}).target()

    assert f"payments/payment/{segment}" == target


def test_a_query_is_encoded_and_leaves_out_none():
    """
    An address in a query keeps none of its own marks (gateway.md 5.14).
    """
    target = call(
        path="/payments/wechat_openid",
        parameters={},
        query={"notify_url": "https://a/b?c=d&e", "mer_reference_id": None},
    ).target()

    assert "payments/wechat_openid?notify_url=https%3A%2F%2Fa%2Fb%3Fc%3Dd%26e" == target
    assert "bank" == call(path="/bank", parameters={}, query={"a": None}).target()


@pytest.mark.parametrize("value", ["", "  ", ".", "..", None, 5])
def test_an_id_is_needed(value):
    """
    Without one the call would reach another endpoint.
    """
    with pytest.raises(ConfigError, match="payment_id: an id is needed"):
        needed_id("payment_id", value)


def test_a_good_id_is_given_back():
    """
    As it is.
    """
    assert "PAY_A" == needed_id("payment_id", "PAY_A")


def test_dates_on_the_wire():
    """
    Eight digits, in early years too.
    """
    assert "20170213" == wire_date(date(2017, 2, 13))
    assert "00010203" == wire_date(date(1, 2, 3))


@pytest.mark.parametrize("value", ["20170213", None, datetime(2017, 2, 13)])
def test_other_kinds_are_no_dates(value):
    """
    A moment is the day before somewhere.
    """
    with pytest.raises(ConfigError, match="date is needed"):
        wire_date(value)
