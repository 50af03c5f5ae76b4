"""
What happens by itself as time goes by, and what a customer, a bank or UMF does.
"""

from __future__ import annotations

import time

import pytest


def test_it_happens_without_a_request(shop, listener):
    """
    A pending payment ends, and the merchant is told.
    """
    shop.settings(execute="pending", settle_after=0.15)
    key = shop.created(notify_url=listener.url)
    shop.execute(key)
    payment = listener.wait(1)[0]["payment"]

    assert (key, "TRADE_SUCCESS") == (payment["id"], payment["state"])


def test_an_order_that_expires_is_closed_in_the_books(shop):
    """
    Nobody has to ask for it, and nobody is told.
    """
    key = shop.created(expire_time="1", notify_url="http://127.0.0.1:1/")
    shop.forward(61)
    time.sleep(0.15)
    payment = shop.control("GET", "/payments")["payments"][0]

    assert (key, "TRADE_CLOSED") == (payment["id"], payment["state"])
    assert [] == shop.control("GET", "/notifications")["notifications"]


def test_a_paid_order_does_not_expire(shop):
    """
    Neither one that is pending.
    """
    shop.settings(execute="pending", settle_after=10_000)
    pending = shop.created(reference="ref-2", expire_time="1")
    shop.execute(pending)
    paid = shop.paid(expire_time="1")
    shop.forward(3000)

    assert ("TRADE_SUCCESS", "TRADE_PENDING") == (shop.state(paid), shop.state(pending))


def test_time_goes_on_after_a_bug(shop, monkeypatch, caplog, until):
    """
    What fails once is tried again.
    """

    def broken(_):
        raise KeyError("x")

    key = shop.created(expire_time="1")

    with monkeypatch.context() as patch:
        patch.setattr("umfpay.emulator._app.run_due", broken)
        until(lambda: "KeyError" in caplog.text)

    shop.forward(61)

    assert "TRADE_CLOSED" == shop.state(key)


@pytest.mark.parametrize(
    ("before", "verb", "state"),
    [
        ([], "pay", "TRADE_SUCCESS"),
        ([], "fail", "TRADE_FAIL"),
        ([], "close", "TRADE_CLOSED"),
        (["pay"], "cancel", "TRADE_CANCEL"),
        ([], "cancel", None),
        (["pay"], "pay", None),
        (["pay"], "fail", None),
        (["pay"], "close", None),
        (["fail"], "pay", None),
        ([], "approve_papers", None),
        (["pay"], "approve_papers", None),
    ],
)
def test_a_payment_moves_by_its_state_machine(shop, before, verb, state):
    """
    What it does not allow is 409.
    """
    key = shop.created()

    for one in before:
        shop.control("POST", f"/payments/{key}/{one}")

    moved = shop.control("POST", f"/payments/{key}/{verb}")

    if state is None:
        assert 409 == moved.status
    else:
        assert state == moved["payment"]["state"] == shop.state(key)


def test_a_pending_payment_ends_before_its_time(shop):
    """
    And only once.
    """
    shop.settings(execute="pending", settle_after=100)
    key = shop.created()
    shop.execute(key)

    assert (
        "TRADE_FAIL"
        == shop.control("POST", f"/payments/{key}/fail")["payment"]["state"]
    )

    shop.forward(101)

    assert "TRADE_FAIL" == shop.state(key)


@pytest.mark.parametrize(
    "path", ["payments/PAY_A", "refunds/REFUND_A", "customs/CUST_A"]
)
def test_unknown_objects_and_verbs_are_404(shop, path):
    """
    Each on its own.
    """
    assert 404 == shop.control("POST", f"/{path}/pay").status


def test_refunds_and_declarations_end_once(shop):
    """
    Unknown verbs are 404, a second end is 409.
    """
    shop.settings(settle_after=1000)
    key = shop.paid()
    shop.refund(key)
    refund = shop.control("GET", "/refunds")["refunds"][0]["id"]

    assert 404 == shop.control("POST", f"/payments/{key}/explode").status
    assert 404 == shop.control("POST", f"/refunds/{refund}/explode").status
    assert shop.control("POST", f"/refunds/{refund}/succeed")["refund"]
    assert 409 == shop.control("POST", f"/refunds/{refund}/fail").status

    shop.post(
        f"/payments/payment/{key}/apply_to_customs",
        {
            "customs_id": "HZ",
            "mer_customs_code": "1",
            "sub_order": {"mer_sub_reference_id": "ref-1-a"},
        },
    )
    declared = shop.control("GET", "/customs")["declarations"][0]["id"]
    path = f"/customs/{declared}"

    assert 404 == shop.control("POST", f"{path}/explode").status
    assert shop.control("POST", f"{path}/submit")["customs_declaration"]
    assert (
        "FAIL" == shop.control("POST", f"{path}/fail")["customs_declaration"]["state"]
    )
    assert 409 == shop.control("POST", f"{path}/succeed").status
    assert 404 == shop.control("POST", "/enterprises/EQ_A/enable").status


def test_an_order_may_be_paid_after_an_attempt_that_failed(shop):
    """
    While one is pending, the number is taken.
    """
    shop.settings(execute="pending", settle_after=1000)
    first, second = shop.created(), shop.created()
    shop.execute(first)

    assert 409 == shop.control("POST", f"/payments/{second}/pay").status
    assert 409 == shop.control("POST", f"/payments/{second}/approve_papers").status

    shop.control("POST", f"/payments/{second}/fail")

    assert "00060740" == shop.create().code

    shop.control("POST", f"/payments/{first}/fail")

    assert "0000" == shop.create().code
