"""
A token dies: the call succeeds all the same, with one request for all.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import orders
from umfpay import errors
from umfpay.models import NewEnterprise


REFUSALS = ["signed_200", "unsigned_200", "json_401", "html_401", "empty_401"]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_dead_token_is_replaced_for_reads_and_writes(box, session, refusal):
    """
    GET is replayed after any refusal, POST after one that names the gateway's code.
    """
    box.settings(token_refusal=refusal)
    await session.exchange_rates.get("USD")
    box.control("POST", "/token/steal", {})

    assert (await session.exchange_rates.get("USD")).rate

    box.control("POST", "/token/steal", {})
    enterprise = NewEnterprise(external_enterprise_id="c-1", busi_type="GFHG")

    if refusal in ("html_401", "empty_401"):
        with pytest.raises(errors.OutcomeUnknownError, match="HTTP 401"):
            await session.enterprises.register(enterprise)

        assert 1 == len(box.requests("/enterprise_qualification"))

    # The token of the bare page was dropped: the next write has a new one.
    assert (await session.enterprises.register(enterprise)).id
    assert 2 == len(box.requests("/enterprise_qualification"))


async def test_a_hundred_coroutines_make_one_token_request(box, session):
    """
    On no token and on an expired one.
    """
    await asyncio.gather(*(session.exchange_rates.get("USD") for _ in range(100)))

    assert 1 == box.token_requests()

    box.control("POST", "/clock", {"advance": 4000})
    await asyncio.gather(*(session.exchange_rates.get("USD") for _ in range(100)))

    assert 2 == box.token_requests()


async def test_a_hundred_refusals_make_one_more_request(box, session):
    """
    All of them were under way with the token that died.
    """
    await session.exchange_rates.get("USD")
    box.fault("delay", path="/exchange_rate", seconds=0.2, times=0)
    calls = [asyncio.create_task(session.exchange_rates.get("USD")) for _ in range(100)]
    box.control("POST", "/token/steal", {})
    before = box.token_requests()
    await asyncio.gather(*calls)
    await asyncio.gather(*(session.exchange_rates.get("USD") for _ in range(100)))

    assert before + 1 == box.token_requests()


async def test_cancelling_who_started_the_fetch_causes_no_second_request(box, session):
    """
    The fetch belongs to the cache, not to the caller.
    """
    box.fault("delay", path="/oauth/authorize", seconds=0.3)
    first = asyncio.create_task(session.exchange_rates.get("USD"))
    await asyncio.sleep(0.1)
    others = [asyncio.create_task(session.exchange_rates.get("USD")) for _ in range(20)]
    await asyncio.sleep(0.05)
    first.cancel()

    with pytest.raises(asyncio.CancelledError):
        await first

    await asyncio.gather(*others)

    assert 1 == box.token_requests()


async def test_a_token_that_is_refused_twice_is_an_authentication_error(box, session):
    """
    One replay, not a loop.
    """
    await session.exchange_rates.get("USD")
    box.fault("steal_token", path="/exchange_rate", times=0)

    with pytest.raises(errors.AuthenticationError) as caught:
        await session.exchange_rates.get("USD")

    assert "00280703" == caught.value.ret_code
    assert 3 == len(box.requests("/exchange_rate"))


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_a_refund_whose_token_is_refused_twice_is_unclear(box, session, refusals):
    """
    A refusal names nothing: the second may be that of the first copy, given again.
    """
    paid = await orders.paid(session, box)
    box.settings(refusals=refusals)
    box.fault("steal_token", path="/refund", times=0)

    with pytest.raises(errors.OutcomeUnknownError) as caught:
        await session.refunds.create(paid.id, orders.refund())

    assert caught.value.money_may_have_moved
    assert isinstance(caught.value.__cause__, errors.AuthenticationError)
    assert 2 == len(box.requests("/refund"))


async def test_a_wrong_secret_is_an_authentication_error(box, open_session):
    """
    For reads and for what moves money alike: nothing was sent.
    """
    session = await open_session(client_secret="wrong")

    with pytest.raises(errors.AuthenticationError):
        await session.exchange_rates.get("USD")

    with pytest.raises(errors.AuthenticationError) as caught:
        await session.refunds.create(
            "PAY_A",
            orders.refund(),
        )

    assert not caught.value.money_may_have_moved
    assert [] == box.requests("/refund")


async def test_a_wrong_path_is_not_taken_for_a_wrong_secret(box, open_session):
    """
    The gateway knows no such path: base_url is to be looked at.
    """
    origin = box.base_url.partition("/cberest")[0]
    session = await open_session(base_url=f"{origin}/cberest/v2/")

    with pytest.raises(errors.TokenError, match=r"HTTP 404, 00060700") as caught:
        await session.exchange_rates.get("USD")

    assert "base_url" in caught.value.advice.en
    assert "base_url" in caught.value.advice.zh


async def test_two_sessions_share_a_token_through_a_file(box, open_session, tmp_path):
    """
    One logs in for both; neither logs the other out.
    """
    sessions = [
        await open_session(token_store=tmp_path / "token.json") for _ in range(2)
    ]

    for _ in range(3):
        for session in sessions:
            await session.exchange_rates.get("USD")

    assert 1 == box.token_requests()
