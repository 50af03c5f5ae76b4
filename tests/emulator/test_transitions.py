"""
What happens by itself as time goes by.
"""

from __future__ import annotations

import time


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
