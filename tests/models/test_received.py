"""
What all objects that we read have in common.
"""

from __future__ import annotations

import pickle
from decimal import Decimal

import attrs
import pytest

from umfpay import Private, models
from umfpay.models import Amount, Payment, Received, Refund


CLASSES = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, Received)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_member_may_be_missing(cls):
    """
    Only the id of a payment and a refund is always there.
    """
    needed = {
        field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING
    }

    assert needed == ({"id"} if cls in (Payment, Refund) else set())


@pytest.mark.parametrize("cls", CLASSES)
def test_no_two_members_share_a_name_of_the_wire(cls):
    """
    A variant of one is not the name of another.
    """
    names = [
        name
        for field in attrs.fields(cls)
        for name in (field.name, *field.metadata.get("wire", ()))
    ]

    assert len(names) == len(set(names))


def test_unknown_members_are_shown_by_name_only():
    """
    Nobody knows how private they are.
    """
    shown = repr(Amount(total=Decimal("1.50"), extra={"card": "6217000010045997833"}))

    assert "extra=<card>" in shown
    assert "6217" not in shown


def test_objects_pickle():
    """
    They can be cached and queued.
    """
    info = models.PayerInfo(phone=Private("1"), extra={"x": [Decimal("1.0")]})
    payment = Payment(id="PAY_A", payer=models.Payer(payer_info=info))

    assert payment == pickle.loads(pickle.dumps(payment))
