"""
What the shop tells of an order, a refund or a declaration, and the ids that it binds.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from umfpay.errors import ConfigError
from umfpay.models import CustomsDeclaration, Money, NewRefund
from umfpay.notifications._expectations import Expectation, OwnObject, read_expectation


MONEY = Money("1.00", "USD")
DAY = date(2026, 11, 23)
REFUND = NewRefund(mer_reference_id="r1", mer_date=DAY, amount=MONEY)


def expectation_of(what, **options):
    return read_expectation(
        what,
        **{
            "amount": None,
            "kind": "payment",
            "payment_id": None,
            "refund_id": None,
            **options,
        },
    )


def test_a_refund_tells_its_kind():
    """
    Number, money, date and kind are its own; its payment is named, not made its own.
    """
    expected, own = expectation_of(REFUND, payment_id="PAY_A")

    assert own is None
    assert expected == Expectation(
        kind="refund",
        mer_reference_id="r1",
        total=Decimal("1.00"),
        currency="USD",
        mer_date=DAY,
        payment_id="PAY_A",
    )


def test_the_refund_of_an_id_is_our_own():
    """
    With its number and its payment.
    """
    _, own = expectation_of(REFUND, payment_id="PAY_A", refund_id="REFUND_A")

    assert own == OwnObject(
        kind="refund",
        object_id="REFUND_A",
        mer_reference_id="r1",
        payment_id="PAY_A",
    )


def test_a_number_is_an_orders_unless_it_is_said():
    """
    Orders are told most often.
    """
    assert expectation_of("n1", amount=MONEY)[0].kind == "payment"
    assert expectation_of("n1", amount=MONEY, kind="refund")[0].kind == "refund"


def test_the_payment_of_an_id_is_our_own():
    """
    To the number of its order.
    """
    _, own = expectation_of("n1", amount=MONEY, payment_id="PAY_A")

    assert own == OwnObject(kind="payment", object_id="PAY_A", mer_reference_id="n1")


def test_a_declaration_is_bound_by_its_own_id():
    """
    It has no number and no money of its own.
    """
    expected, own = expectation_of(
        CustomsDeclaration(id="CUST_A", parent_payment="PAY_A")
    )

    assert expected is None
    assert own == OwnObject(
        kind="customs_declaration", object_id="CUST_A", payment_id="PAY_A"
    )


def test_blanks_around_a_number_or_an_id_are_not_its_own():
    """
    From a file or a form: no event would fit, since theirs are cut, too.
    """
    expected, own = expectation_of(
        " r1\n", amount=MONEY, kind="refund", payment_id=" PAY_A", refund_id="REF_A\n"
    )

    assert (expected.mer_reference_id, expected.payment_id) == ("r1", "PAY_A")
    assert (own.object_id, own.mer_reference_id) == ("REF_A", "r1")


@pytest.mark.parametrize("what", ["", " ", None, 7])
def test_nothing_is_no_number(what):
    """
    An event that names no order would wait for it.
    """
    with pytest.raises(ConfigError, match="a number"):
        expectation_of(what, amount=MONEY)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"payment_id": ""}, "payment_id"),
        ({"payment_id": 7}, "payment_id"),
        ({"refund_id": " "}, "refund_id"),
        ({"refund_id": "REFUND_A"}, "refund_id goes with a refund"),
    ],
)
def test_an_id_that_is_none_is_refused(options, says):
    """
    Nothing becomes our own by mistake.
    """
    with pytest.raises(ConfigError, match=says):
        expectation_of("n1", amount=MONEY, **options)


def test_a_declaration_without_an_id_is_refused():
    """
    Nothing could be told apart by it.
    """
    with pytest.raises(ConfigError, match="no id"):
        expectation_of(CustomsDeclaration())
