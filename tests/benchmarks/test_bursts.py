"""
Peers take turns, and no call of a peer is about the order of the one before.
"""

from __future__ import annotations

import asyncio

import pytest

from benchmarks._bursts import Caller, paired, run_loop
from benchmarks.canned import Gateway, Keys
from benchmarks.orders import POOL


class Noting:
    """
    A peer that notes its calls.
    """

    def __init__(self, name, notes):
        self._name = name
        self._notes = notes

    async def create(self, number):
        self._notes.append((self._name, "create", number))
        await asyncio.sleep(0)

    async def query(self, number):
        self._notes.append((self._name, "query", number))
        await asyncio.sleep(0)

    async def aclose(self):
        pass


@pytest.fixture(name="place", scope="module")
def _place():
    return Gateway(url="http://127.0.0.1:9", keys=Keys.make(1024))


async def test_every_second_call_creates_and_the_other_queries_the_same(place):
    """
    Also across bursts, until the orders begin anew.
    """
    notes = []
    caller = Caller(Noting("one", notes), place)

    for _ in range(2):
        await caller.burst(calls=POOL + 2, concurrency=7)

    verbs = [(verb, number) for _, verb, number in notes]

    assert [("create", 0), ("query", 0), ("create", 1), ("query", 1)] == verbs[:4]
    assert [("create", 0), ("query", 0)] == verbs[2 * POOL : 2 * POOL + 2]


async def test_rounds_are_paired_in_changing_order(place):
    """
    The first turn is not told.
    """
    notes = []
    callers = [Caller(Noting(name, notes), place) for name in ("one", "two")]
    found = await paired(callers, calls=[2, 1], concurrency=1, rounds=3)
    turns = [name for name, verb, _ in notes if verb == "create" or name == "two"]

    assert [3, 3] == [len(rounds) for rounds in found]
    assert all(speed.cpu > 0 < speed.clock for rounds in found for speed in rounds)
    assert ["one", "two", "two", "one", "one", "two", "two", "one"] == turns


@pytest.mark.parametrize("uvloop", [False, True])
def test_the_loop_is_the_one_that_was_asked_for(uvloop):
    """
    And it is closed afterwards.
    """

    async def main():
        return asyncio.get_running_loop()

    loop = run_loop(main, uvloop=uvloop)

    assert uvloop is type(loop).__module__.startswith("uvloop")
    assert loop.is_closed()
