"""
Requests as wholes.
"""

from __future__ import annotations

import pickle
from datetime import date

import attrs
import pytest

from umfpay.errors import ConfigError
from umfpay.models import (
    ExpressInfo,
    Money,
    NewCustomsDeclaration,
    NewRefund,
    Parcel,
    RefundSubOrder,
)


def refund(**changes):
    members = {
        "mer_reference_id": "r1",
        "mer_date": date(2017, 4, 11),
        "amount": Money("20.00", "USD"),
    }

    return NewRefund(**{**members, **changes})


@pytest.mark.parametrize("member", ["payer", "order"])
def test_a_payment_needs_payer_and_order(right, member):
    """
    Neither may be None or another kind.
    """
    for wrong in (None, {}):
        with pytest.raises(ConfigError, match=f"{member}: it must be New"):
            right.payment(**{member: wrong})


def test_risk_info_is_an_object_of_ours(right):
    """
    A dict would be sent unchecked.
    """
    with pytest.raises(ConfigError, match="risk_info: it must be RiskInfo"):
        right.payment(risk_info={"trans_type": "02"})


def test_a_changed_payment_is_checked_again(right):
    """
    `attrs.evolve` cannot break a rule.
    """
    with pytest.raises(ConfigError, match=r"order\.amount: "):
        attrs.evolve(right.payment(), order=right.order(amount=Money(11, "USD")))


def test_requests_are_frozen(right):
    """
    A request that was checked stays as it was.
    """
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        right.payment().notify_url = "https://example.com"


def test_a_request_without_secrets_pickles(right):
    """
    It can wait in a queue.
    """
    payment = right.payment()

    assert payment == pickle.loads(pickle.dumps(payment))


def test_parts_of_a_refund_add_up():
    """
    They are of the refund's currency, and their sum is its amount.
    """
    part = RefundSubOrder(mer_sub_reference_id="s1", amount=Money("20.00", "USD"))

    assert (part,) == refund(sub_orders=[part]).sub_orders

    with pytest.raises(ConfigError, match="amount: it is not the sum"):
        refund(sub_orders=[part], amount=Money("20.01", "USD"))

    with pytest.raises(ConfigError, match=r"sub_orders\[0\]\.amount\.currency: "):
        refund(sub_orders=[part], amount=Money("20.00", "EUR"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mer_reference_id": " "}, "mer_reference_id"),
        ({"mer_date": "20170411"}, "mer_date"),
        ({"amount": Money(0, "USD")}, "amount"),
        ({"refund_summary": 5}, "refund_summary"),
        ({"sub_orders": [None]}, "sub_orders"),
        ({"notify_url": "example.com"}, "notify_url"),
    ],
)
def test_a_wrong_member_of_a_refund_is_named(changes, named):
    """
    Nothing that the gateway would refuse is sent.
    """
    with pytest.raises(ConfigError, match=f"^{named}: "):
        refund(**changes)


def test_a_refund_needs_its_own_number():
    """
    The refund's number is never made up (gateway.md, trap 24).
    """
    with pytest.raises(TypeError, match="mer_reference_id"):
        NewRefund(mer_date=date(2017, 4, 11), amount=Money(1, "USD"))


def test_fees_of_a_declaration_may_be_nothing():
    """
    Freight and tax may be 0, the sub order's amount may not.
    """
    members = {
        "customs_id": "HZ",
        "mer_customs_code": "m1",
        "mer_sub_reference_id": "s1",
        "mer_item_ids": ["1"],
        "sub_order_amount": Money(1, "USD"),
        "freight_amount": Money(0, "USD"),
    }

    assert Money(0, "USD") == NewCustomsDeclaration(**members).freight_amount

    with pytest.raises(ConfigError, match="sub_order_amount: it must be above 0"):
        NewCustomsDeclaration(**{**members, "sub_order_amount": Money(0, "USD")})

    with pytest.raises(ConfigError, match="mer_item_ids: "):
        NewCustomsDeclaration(**{**members, "mer_item_ids": "12"})


def test_parcels_are_reported_if_there_are_any():
    """
    An empty report says nothing.
    """
    with pytest.raises(ConfigError, match="sub_orders: it is empty"):
        ExpressInfo(sub_orders=[])

    with pytest.raises(ConfigError, match="tracking_number: "):
        Parcel(mer_sub_reference_id="s1", tracking_number="")
