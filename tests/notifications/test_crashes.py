"""
Several workers on one place, killed at any moment: each effect is there exactly once.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest

from umfpay.models import Money
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import read_expectation
from umfpay.sql import Database


WORKER = Path(__file__).with_name("notified_shop.py")


@pytest.fixture(name="run")
def _run(certificate, place):
    """
    Run workers as processes until they end; return what they printed.
    """

    async def run(mode, count, *, seconds, pause):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", WORKER, certificate, place.spec),
            *(mode, str(count), str(seconds), str(pause)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

        try:
            out, err = await asyncio.wait_for(process.communicate(), 40)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

        assert err.decode() == ""
        assert process.returncode == 0

        return out.decode().splitlines()

    return run


@pytest.fixture(name="fill")
def _fill(place, receiver, signer):
    """
    Store events while nobody applies them; return the effects they will have.
    """

    async def fill(count, *states):
        database = Database(place.spec)
        store = EventStore(database, "", seconds=30.0)
        effects = []

        for number in range(count):
            await store.expect(
                *read_expectation(
                    f"n{number}",
                    amount=Money("3.00", "USD"),
                    kind="payment",
                    payment_id=f"PAY_{number}",
                    refund_id=None,
                )
            )

            for state in states:
                signed = signer.payment(
                    f"PAY_{number}",
                    state=state,
                    mer_reference_id=f"n{number}",
                    mer_date="20261123",
                    total="3.00",
                    currency="USD",
                )
                event = receiver.read(signed.body, signed.headers)
                await store.add(event)
                effects.append(f"PAY_{number} {state}")

        await database.aclose()

        return effects

    return fill


async def test_workers_killed_in_the_handler_leave_each_effect_once(place, fill, run):
    """
    32 times `kill -9`, eight of them surely in a handler; then a run to the end.
    """
    expected = await fill(120, "TRADE_SUCCESS")

    lines = await run("killed", 32, seconds=0.12, pause=0.04)
    begun = Counter(line.split(" ", 1)[1] for line in lines if line.startswith("begin"))
    ended = Counter(line.split(" ", 1)[1] for line in lines if line.startswith("end"))

    # Each that began and did not end was killed there.
    assert (begun - ended).total() >= 8
    assert len(place.effects()) == len(set(place.effects()))
    await to_the_end(run, place, 120, workers=1)

    assert sorted(place.effects()) == sorted(expected)


async def test_several_processes_share_the_work(place, fill, run):
    """
    Four workers at the same time: each effect once, each object's states in order.
    """
    expected = await fill(40, "WAIT_BUYER_PAY", "TRADE_SUCCESS")

    lines = await to_the_end(run, place, 80, workers=4)

    effects = place.effects()
    assert sorted(effects) == sorted(expected)
    assert len(lines) >= 2 * len(expected)

    for number in range(40):
        assert [one for one in effects if one.startswith(f"PAY_{number} ")] == [
            f"PAY_{number} WAIT_BUYER_PAY",
            f"PAY_{number} TRADE_SUCCESS",
        ]


async def to_the_end(run, place, count, *, workers):
    """
    Run workers until all is applied, and a little longer.
    """
    lines = []
    done = False

    while not done:
        done = len(place.effects()) >= count
        lines += await run("together", workers, seconds=0.8, pause=0.002)

    return lines


async def test_several_tasks_share_the_work(open_shop, place, eventually):
    """
    Two inboxes in one process receive the same events: each effect once.
    """
    one = await open_shop(place, own=True)
    other = await open_shop(place, own=True)

    await asyncio.gather(
        *(
            shop.receive(f"PAY_{number}", number=f"n{number}")
            for number in range(50)
            for shop in (one, other)
        )
    )

    assert await eventually(lambda: len(place.effects()) >= 50)
    await asyncio.gather(one.inbox.replay(), other.inbox.replay())
    assert sorted(place.effects()) == sorted(
        f"PAY_{number} TRADE_SUCCESS" for number in range(50)
    )


async def test_many_processes_may_open_a_new_place_at_once(place, run):
    """
    Nobody fails because another one makes the tables.
    """
    assert await run("together", 8, seconds=0.3, pause=0.0) == []
