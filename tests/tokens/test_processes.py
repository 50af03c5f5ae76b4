"""
Several processes, one token store, one token request.
"""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import redis
from sqlalchemy import delete

from umfpay.sensitive import Secret
from umfpay.sql import Database
from umfpay.tokens import TokenRecord, open_store


pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses fork and SIGKILL")


@pytest.fixture(
    name="place", params=["file", "redis", "sqlite", "postgresql", "mariadb"]
)
def _place(request, tmp_path):
    if request.param == "file":
        return str(tmp_path / "token.json")

    if request.param == "redis":
        server = request.getfixturevalue("redis_server")

        with redis.Redis.from_url(server.connection_url) as client:
            client.flushall()

        return server.connection_url

    url = request.getfixturevalue(f"{request.param}_tokens")

    asyncio.run(_forget(url))

    return url


async def _forget(url):
    async with Database(url) as database:
        await database.run(lambda c: c.execute(delete(database.tables.tokens)))


def _expired() -> TokenRecord:
    return TokenRecord(
        generation=7, token=Secret("old"), requested_at=1000.0, not_after=4600.0
    )


async def test_an_expired_token_is_fetched_once(place, counter, start_worker):
    """
    Five processes with ten coroutines each make one token request, then one more.
    """
    await open_store(place, key="k").save(_expired())
    workers = await asyncio.gather(*(start_worker(place) for _ in range(5)))

    for worker in workers:
        worker.order(do="acquire", count=10)

    answers = [await worker.hear() for worker in workers]
    first = {tuple(one) for answer in answers for one in answer}

    assert 1 == counter.requests
    assert ["token1"] == [token for _, token in first]

    [(generation, _)] = first

    # Fifty calls were refused: somebody outside took the token away.
    for worker in workers:
        worker.order(do="refuse", generation=generation)

    answers = [await worker.hear() for worker in workers]

    assert 2 == counter.requests
    assert {"token2"} == {token for answer in answers for _, token in answer}


async def test_a_killed_leader_stops_nobody(place, counter, start_worker):
    """
    When the process that fetches is killed, the next one goes on; where a server keeps
    the lease, after that: twice the token timeout.
    """
    leader, heir = await asyncio.gather(*(start_worker(place, 2.0) for _ in range(2)))
    counter.silent = True
    leader.order(do="acquire", count=1)
    await counter.asked.wait()
    counter.silent = False
    heir.order(do="acquire", count=3)
    # The heir is waiting for the lock by now.
    await asyncio.sleep(0.1)
    leader.process.send_signal(signal.SIGKILL)
    answers = await heir.hear()

    assert {"token2"} == {token for _, token in answers}
    assert 2 == counter.requests


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_waits_for_the_parents_token(place, counter, start_worker):
    """
    A child forked in the middle of a fetch takes part as a process of its own.
    """
    worker = await start_worker(place)
    answers = await worker.ask(do="fork")

    assert ["token1", "token1"] == [token for _, token in answers]
    assert 1 == counter.requests
