"""
Virtual time jumps to the next timer, and all clocks follow it.
"""

from __future__ import annotations

import asyncio
import pickle
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests import virtual_clock
from umfpay.flows import _options
from umfpay.testing import emulator_transport


def test_a_pause_costs_no_time_and_is_exact():
    """
    An hour is over at once.
    """

    async def sleep():
        await asyncio.sleep(3600)

        return asyncio.get_running_loop().time(), virtual_clock.now()

    assert (3600, virtual_clock.START + 3600) == virtual_clock.run(sleep)


@pytest.mark.timeout(10)
def test_a_moment_that_is_nearer_than_a_tick_comes_all_the_same():
    """
    Whoever sleeps until it has come does not sleep for ever.
    """

    async def sleep_until():
        loop = asyncio.get_running_loop()
        # No multiple of a tick.
        end = loop.time() + 0.1 + 1e-8

        while (left := end - loop.time()) > 0:
            await asyncio.sleep(left)

        return loop.time()

    assert 0.1 == pytest.approx(virtual_clock.run(sleep_until), abs=2e-6)


def test_a_task_that_blocks_the_loop_takes_time_from_all():
    """
    Nothing else runs meanwhile, and what was due is late.
    """
    woken = []

    async def block():
        loop = asyncio.get_running_loop()
        loop.call_later(1, lambda: woken.append(loop.time()))
        loop.block(5)
        await asyncio.sleep(0.5)

    virtual_clock.run(block)

    assert [5] == woken


def test_an_answer_has_the_date_of_its_server():
    """
    As every server gives it.
    """

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body", "body": b""})

    async def ask():
        transport = emulator_transport(virtual_clock.with_date_header(app))
        await asyncio.sleep(60)

        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get("http://127.0.0.1:9/")

    date = parsedate_to_datetime(virtual_clock.run(ask).headers["Date"])

    assert virtual_clock.START + 60 == date.timestamp()


def test_the_moments_of_the_client_follow_and_can_be_stored():
    """
    They are plain ones.
    """

    async def ask():
        await asyncio.sleep(60)

        return _options.utc_now(), virtual_clock.moment()

    found, expected = virtual_clock.run(ask)

    assert expected == found == pickle.loads(pickle.dumps(found))
