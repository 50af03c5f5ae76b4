"""
Which refund of a payment an answer is about.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import attrs
import pytest

from umfpay.models import Amount, Order, Refund
from umfpay.protocol import new_object_id
from umfpay.resources import (
    KnownOrder,
    RefundIds,
    is_id_of_number,
    is_own_refund,
    must_be_refund,
)


@pytest.fixture(name="ids")
def _ids():
    return RefundIds()


def test_a_refund_is_distinguished_from_the_others_of_its_payment(ids):
    """
    By its number.
    """
    ids.add("PAY_A", "REFUND_1", "1")
    ids.add("PAY_A", "REFUND_2", "2")
    ids.add("PAY_B", "REFUND_3", "3")

    assert ["REFUND_2"] == ids.of_other_numbers("PAY_A", "1")
    assert ["REFUND_1", "REFUND_2"] == ids.of_other_numbers("PAY_A", "3")
    assert [] == ids.of_other_numbers("PAY_C", "1")


def test_an_id_keeps_its_first_number(ids):
    """
    Whoever is told it again is not it.
    """
    ids.add("PAY_A", "REFUND_1", "1")
    ids.add("PAY_A", "REFUND_1", "2")

    assert [] == ids.of_other_numbers("PAY_A", "1")
    assert ["REFUND_1"] == ids.of_other_numbers("PAY_A", "2")


def test_the_oldest_payment_is_forgotten_first():
    """
    One that was refunded again is not the oldest.
    """
    ids = RefundIds(max_payments=2)

    for payment, refund in (("A", "1"), ("B", "2"), ("A", "3"), ("C", "4")):
        ids.add(payment, refund, refund)

    assert ["1", "3"] == ids.of_other_numbers("A", "")
    assert [] == ids.of_other_numbers("B", "")
    assert ["4"] == ids.of_other_numbers("C", "")


DIGITS = (123).to_bytes(8) + (20261123).to_bytes(4)


@pytest.mark.parametrize(
    ("refund_id", "number", "own"),
    [
        (new_object_id("REFUND", DIGITS), "123", True),
        (new_object_id("REFUND", DIGITS), "0123", True),
        (new_object_id("REFUND", DIGITS), "124", False),
        (new_object_id("REFUND", DIGITS), "r-1", False),
        (new_object_id("REFUND", b"r-120261123"), "r-1", True),
        (new_object_id("REFUND", b"r-1120261123"), "r-1", False),
        (new_object_id("REFUND", b"r-120269999"), "r-1", False),
        ("REFUND_A", "r-1", False),
        ("", "", False),
    ],
)
def test_an_id_can_hold_the_number_of_its_refund(refund_id, number, own):
    """
    In 8 bytes, or as text before the date.
    """
    assert own is is_id_of_number(refund_id, number)


WANTED = KnownOrder(
    mer_reference_id="R2",
    mer_date=date(2026, 11, 24),
    total=Decimal("5.00"),
    currency="USD",
)


def named(**changes):
    given = {
        "mer_reference_id": "O1",
        "mer_date": date(2026, 11, 23),
        "amount": Amount(total=Decimal(3451), currency="USD"),
        **changes,
    }

    return Order(**given)


def refund(**changes):
    return Refund(id="REFUND_A", order=named(**changes))


def test_a_refund_names_its_own_order_or_the_original_one():
    """
    And CNY cents, which are no amount of it.
    """
    own = refund(mer_reference_id="R2", mer_date=date(2026, 11, 24))
    original = KnownOrder(
        mer_reference_id="O1",
        mer_date=date(2026, 11, 23),
        total=Decimal("100.00"),
        currency="USD",
    )
    whole = attrs.evolve(own, order=named(amount=Amount(total=Decimal("100.00"))))

    for one in (own, refund(), whole):
        must_be_refund(one, payment_id="PAY_A", wanted=WANTED, original=original)

    assert is_own_refund(own, WANTED)
    assert not is_own_refund(refund(), WANTED)
