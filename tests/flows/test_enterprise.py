"""
Companies: registered, checked by people, enabled.
"""

from __future__ import annotations

import asyncio

import attrs
import pytest

from tests import orders
from umfpay.errors import EnvelopeError, NotFinishedError
from umfpay.flows import register_enterprise, wait_enabled


async def test_a_company_is_waited_for_until_it_is_enabled(session, box, steps):
    """
    Somebody enables it meanwhile.
    """
    task = asyncio.create_task(
        register_enterprise(session, orders.company(), on_step=steps.hear)
    )

    while "waiting" not in steps:
        await asyncio.sleep(0.01)

    companies = box.control("GET", "/enterprises")["enterprises"]
    box.enable(companies[0]["id"])
    company = await task

    assert "ENABLE" == company.enterprise_status
    assert ["registered", "waiting", "final"] == steps


async def test_the_waiting_goes_on_in_another_process(session, box, steps):
    """
    The id is all that is needed.
    """
    company = await register_enterprise(
        session, orders.company(), wait=False, on_step=steps.hear
    )
    box.enable(company.id)
    found = await wait_enabled(session, company.id)

    assert "ENABLE" == found.enterprise_status
    assert ["registered"] == steps


async def test_a_company_that_nobody_enables_is_not_finished(session, elapsed):
    """
    No money moves by waiting for it.
    """
    with pytest.raises(NotFinishedError) as caught:
        await register_enterprise(session, orders.company(), deadline=900)

    assert 900 == elapsed()
    assert "DISABLE" == caught.value.last.enterprise_status
    assert not caught.value.money_may_have_moved


async def test_an_answer_without_an_id_cannot_be_waited_for(session, monkeypatch):
    """
    There is nothing to ask for.
    """
    register = session.enterprises.register

    async def bare(new, **options):
        return attrs.evolve(await register(new, **options), id=None)

    monkeypatch.setattr(session.enterprises, "register", bare)

    with pytest.raises(EnvelopeError, match="EQ_"):
        await register_enterprise(session, orders.company())
