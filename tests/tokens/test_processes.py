"""
Several processes, one token store, one token request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import attrs
import pytest
import redis
from sqlalchemy import delete

from umfpay.sensitive import Secret
from umfpay.sql import Database
from umfpay.tokens import TokenRecord, open_store


@attrs.define
class Counter:
    """
    A token endpoint on a socket: real processes ask it. *silent* never answers.
    """

    port: int = 0
    requests: int = 0
    silent: bool = False
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def answer(self, reader, writer) -> None:
        await reader.readline()
        self.requests += 1
        self.asked.set()

        # Longer than the others need to run into it.
        await asyncio.sleep(0.2)

        if not self.silent:
            writer.write(f"token{self.requests}\n".encode())

            with contextlib.suppress(ConnectionError):
                await writer.drain()

            writer.close()


@pytest.fixture(name="counter")
async def _counter():
    counter = Counter()
    server = await asyncio.start_server(counter.answer, "127.0.0.1", 0)
    counter.port = server.sockets[0].getsockname()[1]

    try:
        yield counter
    finally:
        server.close()


class Worker:
    """
    A process of its own with a cache over a store; it does what it is told.
    """

    def __init__(self, process) -> None:
        self.process = process

    def order(self, **command) -> None:
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)

        return json.loads(line)

    async def ask(self, **command):
        self.order(**command)

        return await self.hear()


@pytest.fixture(name="start_worker")
async def _start_worker(counter):
    """
    Starts processes; each ends with the test.
    """
    workers = []
    script = Path(__file__).with_name("worker.py")

    async def start(place, token_timeout=10.0):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            str(place),
            str(counter.port),
            str(token_timeout),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        worker = Worker(process)
        workers.append(worker)

        assert "ready" == await worker.hear()

        return worker

    yield start

    for worker in workers:
        worker.process.stdin.close()

        try:
            await asyncio.wait_for(worker.process.wait(), 10)
        except TimeoutError:
            worker.process.kill()
            await worker.process.wait()


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
