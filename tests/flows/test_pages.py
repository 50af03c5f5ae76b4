"""
Pages of the gateway and of banks.
"""

from __future__ import annotations

import attrs
import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries
from umfpay.errors import (
    ConfigError,
    EnterpriseNotEnabledError,
    EnvelopeError,
    PaymentExpiredError,
)
from umfpay.flows import bank_payment, checkout, register_enterprise


def _opens(box, verb, opened):
    async def open_page(url):
        opened.append(url)
        payments = box.payments()
        getattr(box, verb)(payments[-1]["id"])

    return open_page


@pytest.mark.parametrize("interface", ["SERVER_TO_WEB", "SERVER_TO_H5WEB"])
async def test_the_customer_chooses_on_the_cashier_page(
    session, box, shop, order, steps, interface
):
    """
    The browser comes back, but the notification is what proves it.
    """
    opened = []
    payment = await checkout(
        session,
        order,
        open_page=_opens(box, "pay", opened),
        ret_url="http://127.0.0.1:9/back",
        interface_type=interface,
        phone="15210838198",
        notify_url=shop.url,
        arrivals=shop,
        on_step=steps.hear,
    )

    assert "TRADE_SUCCESS" == payment.state
    assert "/upay/" in opened[0]
    assert ["created", "opened", "waiting", "final"] == steps


async def test_a_company_chooses_on_the_cashier_page(session, box, shop):
    """
    Its qualification stands in place of the payer's data.
    """
    company = await register_enterprise(session, orders.company(), wait=False)
    box.enable(company.id)
    payment = await checkout(
        session,
        orders.order(currency="CNY"),
        open_page=_opens(box, "pay", []),
        ret_url="http://127.0.0.1:9/back",
        enterprise=orders.company(),
        notify_url=shop.url,
        arrivals=shop,
    )

    assert "B2B" == box.payment(payment.id)["business"]


async def test_a_company_pays_at_its_bank(session, box, shop, steps):
    """
    Its status is asked for first.
    """
    company = await register_enterprise(session, orders.company(), wait=False)
    box.enable(company.id)
    opened = []
    payment = await bank_payment(
        session,
        orders.order(currency="CNY"),
        bank_code="ICBC",
        enterprise=orders.company(),
        enterprise_id=company.id,
        open_page=_opens(box, "pay", opened),
        notify_url=shop.url,
        arrivals=shop,
        on_step=steps.hear,
    )

    assert "TRADE_SUCCESS" == payment.state
    assert "DIRECT_TO_BANK" in opened[0]
    assert ["enabled", "created", "opened", "waiting", "final"] == steps


async def test_a_company_that_is_not_enabled_creates_nothing(session, box):
    """
    The error carries the company, and what to do.
    """
    company = await register_enterprise(session, orders.company(), wait=False)

    with pytest.raises(EnterpriseNotEnabledError) as caught:
        await bank_payment(
            session,
            orders.order(currency="CNY"),
            bank_code="ICBC",
            enterprise=orders.company(),
            enterprise_id=company.id,
            open_page=print,
        )

    assert "DISABLE" == caught.value.last.enterprise_status
    assert "ENABLE" in caught.value.advice.en
    assert [] == box.requests("/payments/payment")


async def test_nobody_pays_at_the_cashier(session, box, shop, order):
    """
    The order expires.
    """
    with pytest.raises(PaymentExpiredError):
        await checkout(
            session,
            order,
            open_page=_opens(box, "close", []),
            ret_url="http://127.0.0.1:9/back",
            notify_url=shop.url,
            arrivals=shop,
        )


async def test_an_answer_without_a_page_is_refused(session, order, monkeypatch):
    """
    There is nothing to open.
    """
    create = session.payments.create

    async def bare(new, **options):
        return attrs.evolve(await create(new, **options), links=())

    monkeypatch.setattr(session.payments, "create", bare)

    with pytest.raises(EnvelopeError, match="page"):
        await checkout(session, order, open_page=print, ret_url="http://x.test/")


async def test_a_method_that_the_cashier_has_not_is_refused(session, order):
    """
    By the table of gateway.md 7.4, before anything is sent.
    """
    with pytest.raises(ConfigError, match="payment_method"):
        await checkout(session, order, open_page=print, payment_method="WECHAT_IN_APP")


@pytest.mark.parametrize("phone", ["15210838198", None])
async def test_a_payer_that_is_none_is_refused(session, box, order, phone):
    """
    With the short form for the phone, too; nothing is created.
    """
    with pytest.raises(ConfigError, match="payer_info"):
        await checkout(
            session, order, open_page=print, payer_info="someone", phone=phone
        )

    assert [] == box.payments()


async def test_no_frame_keeps_the_phone(session, box, order):
    """
    A crash report with the locals of every frame does not show it.
    """
    box.fault("drop_after", method="POST", path="/payments/payment$", times=0)
    error = await canaries.fails(
        checkout(
            session,
            order,
            open_page=print,
            ret_url="http://127.0.0.1:9/back",
            phone="15210838198",
        )
    )

    tracebacks.assert_silent(tracebacks.everything(error), ["15210838198"])


async def test_without_its_id_a_company_is_not_asked_for(session, box, steps):
    """
    The gateway is the judge then, and a query tells the end.
    """
    company = await register_enterprise(session, orders.company(), wait=False)
    box.enable(company.id)
    opened = []
    payment = await bank_payment(
        session,
        orders.order(currency="CNY"),
        bank_code="ICBC",
        enterprise=orders.company(),
        open_page=_opens(box, "pay", opened),
        on_step=steps.hear,
    )

    assert "TRADE_SUCCESS" == payment.state
    assert ["created", "opened", "waiting", "final"] == steps
