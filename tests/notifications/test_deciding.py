"""
What becomes of an event: pure decisions.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from umfpay.notifications._deciding import Decision, Status, decide
from umfpay.notifications._expectations import Expectation


def expectation(kind):
    return Expectation(
        kind=kind, mer_reference_id="n1", total=Decimal("3.00"), currency="USD"
    )


PAYMENT, REFUND = expectation("payment"), expectation("refund")


@pytest.fixture(name="read")
def _read(receiver, signer):
    """
    Make an event of what the gateway would sign.
    """

    def read(kind="payment", *, state="TRADE_SUCCESS", **members):
        signed = signer({kind: {"id": "OBJ_A", "state": state, **members}})

        return receiver.read(signed.body, signed.headers)

    return read


def order(**amount):
    return {"mer_reference_id": "n1", **({"amount": amount} if amount else {})}


def decided(event, *, before=(), expected=(PAYMENT,), unexpected="hold"):
    return decide(event, before=before, expected=expected, unexpected=unexpected)


def test_the_expected_money_is_applied(read):
    """
    The same total, with or without zeros, in the same currency.
    """
    for total in ("3.00", "3.0", "3", 3):
        event = read(order=order(total=total, currency="USD"))
        assert decided(event) == Decision(Status.APPLIED)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (
            {"total": "3.01", "currency": "USD"},
            "the total is 3.01, expected was 3.00",
        ),
        ({"total": "-3.00", "currency": "USD"}, "the total is -3.00"),
        ({"total": "0", "currency": "USD"}, "the total is 0"),
        (
            {"total": "3.00", "currency": "EUR"},
            "the currency is EUR, expected was USD",
        ),
        ({"total": "3.00", "currency": "XXX"}, "the currency is XXX"),
        ({"total": "300"}, "the total is 300"),
        ({"currency": "CNY"}, "the currency is CNY"),
    ],
)
def test_other_money_is_refused(read, amount, reason):
    """
    The reason names both amounts.
    """
    decision = decided(read(order=order(**amount)))

    assert decision.status is Status.WRONG_AMOUNT
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize("amount", [{}, {"total": "3.00"}, {"currency": "USD"}])
def test_what_is_not_told_is_not_compared(read, amount):
    """
    Nobody has seen whether each notification tells the amount.
    """
    assert decided(read(order=order(**amount))).status is Status.APPLIED


def test_what_nobody_has_told_is_held(read):
    """
    Until expect(), or never with unexpected="apply".
    """
    event = read(order=order(total="3.00", currency="USD"))

    assert decided(event, expected=()) == Decision(Status.HELD)
    assert decided(event, expected=(), unexpected="apply") == Decision(Status.APPLIED)


@pytest.mark.parametrize("members", [{}, {"order": {"mer_date": "20261123"}}])
def test_what_names_no_order_is_a_conflict(read, members):
    """
    Nothing could release it; with unexpected="apply" it is applied.
    """
    event = read(**members)

    assert decided(event, expected=()) == Decision(
        Status.CONFLICT, "TRADE_SUCCESS names no order"
    )
    assert decided(event, expected=(), unexpected="apply").status is Status.APPLIED


def test_the_state_is_looked_at_first(read):
    """
    The same, back and contradiction, whatever the money is.
    """
    event = read(order=order(total="9.99", currency="EUR"))

    assert decided(event, before=["TRADE_SUCCESS"]) == Decision(Status.SAME)
    assert decided(event, before=["TRADE_CANCEL"]) == Decision(
        Status.CONFLICT, "TRADE_SUCCESS goes back after TRADE_CANCEL"
    )
    assert decided(event, before=["TRADE_FAIL"], expected=()) == Decision(
        Status.CONFLICT, "TRADE_SUCCESS contradicts after TRADE_FAIL"
    )
    assert decided(event, before=["TRADE_PENDING"]).status is Status.WRONG_AMOUNT


def test_a_refund_is_compared_too(read):
    """
    With what was told of its own number.
    """
    right = read("refund", state="REFUND_SUCCESS", order=order(total="3.00"))
    wrong = read("refund", state="REFUND_SUCCESS", order=order(total="4.00"))

    for told in ((REFUND,), (PAYMENT, REFUND)):
        assert decided(right, expected=told).status is Status.APPLIED
        assert decided(wrong, expected=told).status is Status.WRONG_AMOUNT


def test_a_refund_is_not_compared_with_an_order(read):
    """
    As documented it names the order that was paid; it is applied as it is.
    """
    event = read("refund", state="REFUND_SUCCESS", order=order(total="1.00"))

    assert decided(event, expected=[PAYMENT]) == Decision(Status.APPLIED)
    assert decided(event, expected=[]) == Decision(Status.HELD)


def test_a_payment_is_not_compared_with_a_refund(read):
    """
    It waits for its order.
    """
    event = read(order=order(total="3.00", currency="USD"))

    assert decided(event, expected=[REFUND]) == Decision(Status.HELD)


@pytest.mark.parametrize("total", ["69037", 69037])
def test_cents_are_not_compared(read, total):
    """
    A refund's total may be CNY cents (gateway.md, trap 15): a whole number.
    """
    money = order(total=total, currency="CNY")
    event = read("refund", state="REFUND_SUCCESS", order=money)

    assert decided(event, expected=[REFUND]) == Decision(Status.APPLIED)


def test_a_state_that_was_applied_before_is_the_same(read):
    """
    It is told again, late: nothing goes back.
    """
    event = read(state="TRADE_PENDING")
    before = ["TRADE_PENDING", "TRADE_SUCCESS"]

    assert decided(event, before=before) == Decision(Status.SAME)
    assert decided(event, before=before[1:]).status is Status.CONFLICT


def test_the_customs_are_not_held(read):
    """
    A declaration tells nothing of an order's money.
    """
    event = read("customs_declaration", state="SUBMITTED")

    assert decided(event, expected=()) == Decision(Status.APPLIED)
    assert decided(event, before=["ACCEPTED"], expected=()).status is Status.APPLIED
    assert decided(event, before=["SUCCESS"], expected=()).status is Status.CONFLICT
