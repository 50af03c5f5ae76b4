"""
The benchmark of whole calls compares what it says.
"""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import whole_call
from benchmarks.canned import PAYMENT_ID, Keys, gateway
from benchmarks.peers import BareAiohttp, Newcomer, Ours


@pytest.fixture(name="place", scope="module")
def _place():
    with gateway(Keys.make(1024)) as place:
        yield place


@pytest.mark.parametrize("peer", [Ours, BareAiohttp, Newcomer])
def test_each_peer_creates_and_queries_the_same_payment(place, peer):
    """
    All of them verify what they got.
    """

    async def both():
        one = peer(place)

        try:
            return await one.create(), await one.query()
        finally:
            await one.aclose()

    created, queried = asyncio.run(both())

    if peer is Ours:
        assert PAYMENT_ID == created.id == queried.id
        assert created.verified
        assert queried.verified
    else:
        assert PAYMENT_ID == created["payment"]["id"]
        assert "WAIT_BUYER_PAY" == queried["payment"]["state"]


def test_rounds_are_paired_and_have_targets():
    """
    As many rounds of each peer, by the clock and by CPU time.
    """
    result = whole_call.run(quick=True)
    ratios = [figure for figure in result.figures if figure.unit == "ratio"]

    assert ratios
    assert {3} == {len(figure.rounds) for figure in result.figures}
    assert all(value > 0 for figure in result.figures for value in figure.rounds)
    assert {0.9} == {
        figure.target for figure in ratios if "umfpay / aiohttp" in figure.label
    }
