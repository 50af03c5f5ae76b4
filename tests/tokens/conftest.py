"""
A gateway that counts token requests, clocks that obey, and databases with tables.
"""

from __future__ import annotations

import asyncio

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
