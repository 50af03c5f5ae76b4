"""
A gateway that counts token requests, clocks that obey, and workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import attrs
import pytest

from tests.servers.databases import fresh_database
from umfpay.sensitive import Secret
from umfpay.sql import Database
from umfpay.tokens import FetchedToken, TokenCache, TokenRecord


@attrs.define
class Clock:
    """
    Both clocks of a cache; they stand until they are moved.
    """

    wall: float = 1_800_000_000.0
    monotonic: float = 1_000.0
    slept: list[float] = attrs.field(factory=list)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@attrs.define
class Gateway:
    """
    Gives a new token at each request, after *delay* seconds.
    """

    requests: int = 0
    delay: float = 0.0
    expires_in: float = 3600.0
    error: BaseException | None = None
    gate: asyncio.Event | None = None

    async def fetch(self) -> FetchedToken:
        self.requests += 1
        number = self.requests

        if self.gate is not None:
            await self.gate.wait()

        await asyncio.sleep(self.delay)

        if self.error is not None:
            raise self.error

        return FetchedToken(token=Secret(f"token{number}"), expires_in=self.expires_in)


@pytest.fixture(name="clock")
def _clock():
    return Clock()


@pytest.fixture(name="gateway")
def _gateway():
    return Gateway()


@pytest.fixture(name="make_cache")
def _make_cache(clock, gateway):
    """
    Makes caches on the test's clock and gateway.
    """

    def make(store, **options):
        return TokenCache(
            store,
            options.pop("fetch", gateway.fetch),
            wall=lambda: clock.wall,
            monotonic=lambda: clock.monotonic,
            sleep=clock.sleep,
            **options,
        )

    return make


@pytest.fixture(name="make_record")
def _make_record(clock):
    """
    Makes records that were asked for now.
    """

    def make(generation=1, *, token="stored", lifetime=3600.0, **changes):
        members = {
            "generation": generation,
            "token": Secret(token),
            "requested_at": clock.wall,
            "not_after": clock.wall + lifetime,
            **changes,
        }

        return TokenRecord(**members)

    return make


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


def _with_tables(server):
    """
    Make a database with the tables of umfpay, as an operator does beforehand.
    """
    with fresh_database(server) as url:
        asyncio.run(make_tables(url))

        yield url


async def make_tables(url):
    async with Database(url) as database:
        await database.create_tables()


@pytest.fixture(name="sqlite_tokens")
def _sqlite_tokens(tmp_path):
    """
    The URL of a file that nobody has made yet.
    """
    return f"sqlite+aiosqlite:///{tmp_path}/shop.db"


@pytest.fixture(name="postgresql_tokens", scope="session")
def _postgresql_tokens(postgresql_server):
    """
    The URL of a database for all tests of this process: each has a key of its own.
    """
    yield from _with_tables(postgresql_server)


@pytest.fixture(name="mariadb_tokens", scope="session")
def _mariadb_tokens(mariadb_server):
    """
    The URL of a database for all tests of this process: each has a key of its own.
    """
    yield from _with_tables(mariadb_server)
