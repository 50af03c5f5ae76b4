"""
Which refund of a payment has which id.
"""

from __future__ import annotations

import pytest

from umfpay.resources import RefundIds


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
