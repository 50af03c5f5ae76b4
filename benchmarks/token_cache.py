"""
The token cache: what it costs a call, a hundred waiters, and its stores.

The peer is what one writes without it: an `asyncio.Lock` around a plain attribute,
files read and replaced in a thread of the loop, and GET and SET of a Redis client.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import redis.asyncio

from benchmarks._result import Figure, Result, ratio
from tests.servers.redis import redis_server
from umfpay.sensitive import Secret
from umfpay.tokens import (
    FetchedToken,
    FileTokenStore,
    MemoryTokenStore,
    RedisTokenStore,
    TokenCache,
    TokenRecord,
)


WAITERS: Final = 100
_LIFE: Final = 7200
_TOKEN: Final = "c" * 64
_KEY: Final = "0" * 64

Work = Callable[[], Awaitable[None]]


class Place(Protocol):
    """
    Where a token is kept: a `umfpay.tokens.TokenStore`, or a peer of one.
    """

    async def load(self) -> object:
        """
        Return what is stored.
        """
        ...

    async def save(self, record: TokenRecord, /) -> object:
        """
        Store *record*.
        """
        ...


class LockedToken:
    """
    The peer: one attribute, one lock, one fetch.
    """

    def __init__(self, fetch: Callable[[], Awaitable[FetchedToken]]) -> None:
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self.token: FetchedToken | None = None

    async def acquire(self) -> FetchedToken:
        """
        Return the token; the first one to come fetches it.
        """
        async with self._lock:
            if self.token is None:
                self.token = await self._fetch()

            return self.token


class PlainFile:
    """
    The peer of a file store: whole files, in the loop's own threads, no lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> object:
        """
        Return what the file holds.
        """
        return await asyncio.to_thread(lambda: json.loads(self._path.read_bytes()))

    async def save(self, record: TokenRecord) -> object:
        """
        Replace the file.
        """
        return await asyncio.to_thread(self._replace, record)

    def _replace(self, record: TokenRecord) -> None:
        temporary = self._path.with_suffix(".new")

        with temporary.open("wb") as file:
            file.write(json.dumps({_KEY: record.to_json()}).encode())
            file.flush()
            os.fsync(file.fileno())

        temporary.replace(self._path)


class PlainRedis:
    """
    The peer of a Redis store: one value, one client that stays connected.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.asyncio.Redis.from_url(url)

    async def load(self) -> object:
        """
        Return what the server holds.
        """
        return json.loads(await self._client.get(_KEY))

    async def save(self, record: TokenRecord) -> object:
        """
        Replace the value.
        """
        return await self._client.set(_KEY, json.dumps(record.to_json()))

    async def aclose(self) -> None:
        """
        Disconnect.
        """
        await self._client.aclose()


async def fetch() -> FetchedToken:
    """
    Return a token after one turn of the loop.
    """
    await asyncio.sleep(0)

    return FetchedToken(token=Secret(_TOKEN), expires_in=_LIFE)


def record(generation: int) -> TokenRecord:
    """
    Return a token as it is stored.
    """
    now = time.time()

    return TokenRecord(
        generation=generation,
        token=Secret(_TOKEN),
        requested_at=now,
        not_after=now + _LIFE,
        fetched_by="benchmark",
    )


async def fast_path(*, rounds: int, calls: int) -> list[Figure]:
    """
    Measure what a call pays for a token that is there.
    """
    cache, peer = TokenCache(MemoryTokenStore(), fetch), LockedToken(fetch)
    deadline = asyncio.get_running_loop().time() + 3600
    await cache.acquire(deadline=deadline)
    await peer.acquire()

    async def current() -> None:
        # As the stack does it: a plain call, and a coroutine only without a token.
        for _ in range(calls):
            if cache.current() is None:
                await cache.acquire(deadline=deadline)

    async def acquire() -> None:
        for _ in range(calls):
            await cache.acquire(deadline=deadline)

    async def locked() -> None:
        for _ in range(calls):
            await peer.acquire()

    ours, coroutine, theirs = await _turns((current, acquire, locked), rounds=rounds)

    return [
        *_times(
            calls,
            {
                "token at hand, current()": ours,
                "token at hand, acquire()": coroutine,
                "token at hand, asyncio.Lock": theirs,
            },
        ),
        ratio(
            "token at hand, current() / asyncio.Lock",
            ours,
            theirs,
            target=1.0,
            below=True,
        ),
        ratio("token at hand, acquire() / asyncio.Lock", coroutine, theirs),
    ]


async def waiting(*, rounds: int) -> list[Figure]:
    """
    Measure `WAITERS` callers that come while there is no token.
    """
    deadline = asyncio.get_running_loop().time() + 3600
    fetches = 0

    async def counted() -> FetchedToken:
        nonlocal fetches
        fetches += 1

        return await fetch()

    async def ours() -> None:
        cache = TokenCache(MemoryTokenStore(), counted)
        await asyncio.gather(
            *(cache.acquire(deadline=deadline) for _ in range(WAITERS))
        )

    async def theirs() -> None:
        peer = LockedToken(fetch)
        await asyncio.gather(*(peer.acquire() for _ in range(WAITERS)))

    our_times, their_times = await _turns((ours, theirs), rounds=rounds)
    label = f"{WAITERS} wait for one fetch"

    return [
        *_times(
            1, {f"{label}, ours": our_times, f"{label}, asyncio.Lock": their_times}
        ),
        ratio(f"{label}, ours / asyncio.Lock", our_times, their_times),
        # A warm-up comes before the rounds.
        Figure(
            label=f"{label}: requests",
            unit="requests",
            rounds=[fetches / (rounds + 1)],
            target=1,
            below=True,
        ),
    ]


async def store(
    name: str, ours: Place, theirs: Place, *, rounds: int, times: int
) -> list[Figure]:
    """
    Measure loads and saves of a token store and of its peer.
    """
    records = [record(number + 1) for number in range((rounds + 1) * times)]

    def loading(place: Place) -> Work:
        async def work() -> None:
            for _ in range(times):
                await place.load()

        return work

    def saving(place: Place) -> Work:
        # An older record would not be written.
        left = iter(records)

        async def work() -> None:
            for _ in range(times):
                await place.save(next(left))

        return work

    saves, plain_saves = await _turns((saving(ours), saving(theirs)), rounds=rounds)
    loads, plain_loads = await _turns((loading(ours), loading(theirs)), rounds=rounds)

    return [
        *_times(
            times,
            {
                f"{name}: load, ours": loads,
                f"{name}: load, plain": plain_loads,
                f"{name}: save, ours": saves,
                f"{name}: save, plain": plain_saves,
            },
        ),
        ratio(f"{name}: load, ours / plain", loads, plain_loads),
        ratio(f"{name}: save, ours / plain", saves, plain_saves),
    ]


async def _turns(works: Sequence[Work], *, rounds: int) -> list[list[float]]:
    """
    Let *works* take turns, in changing order; return the seconds of each one's rounds.
    """
    found: list[list[float]] = [[] for _ in works]

    for turn in range(-1, rounds):
        order = list(enumerate(works))

        for index, work in order if turn % 2 else reversed(order):
            started = time.perf_counter()
            await work()

            # The first turn imports and makes files.
            if turn >= 0:
                found[index].append(time.perf_counter() - started)

    return found


def _times(count: int, found: Mapping[str, Sequence[float]]) -> list[Figure]:
    return [
        Figure(label=label, unit="us", rounds=[1e6 * x / count for x in seconds])
        for label, seconds in found.items()
    ]


async def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """
    Return all figures; *folder* is for the files.
    """
    rounds = 3 if quick else 15

    return [
        *await fast_path(rounds=rounds, calls=2_000 if quick else 100_000),
        *await waiting(rounds=rounds if quick else 200),
        *await store(
            "file",
            FileTokenStore(folder / "ours.json", key=_KEY),
            PlainFile(folder / "plain.json"),
            rounds=rounds,
            times=10 if quick else 100,
        ),
        *await on_redis(rounds=rounds, times=10 if quick else 100),
    ]


async def on_redis(*, rounds: int, times: int) -> list[Figure]:
    """
    Measure the Redis store against a server of its own.
    """
    with redis_server() as server:
        plain = PlainRedis(server.connection_url)

        try:
            return await store(
                "Redis",
                RedisTokenStore(server.connection_url, key=_KEY),
                plain,
                rounds=rounds,
                times=times,
            )
        finally:
            await plain.aclose()


def run(*, quick: bool) -> Result:
    """
    Measure the token cache; *quick* takes a few seconds and proves nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), quick=quick))

    return Result(
        name="token_cache",
        title="The token cache and its stores",
        figures=figures,
        notes=[
            (
                "asyncio.Lock: `async with lock: return self.token`, with neither an end"
                " of life nor other threads, loops and processes in mind."
            ),
            (
                "A plain file is read and replaced with fsync, in a thread of the loop;"
                " ours is written under a lock between processes, in a thread of its own."
                " Either happens once per token, not per call."
            ),
            (
                "Plain Redis: GET and SET by a client that stays connected. Ours connects"
                " for each question, because it belongs to no loop and no process, and"
                " saves by a script that an older token cannot pass."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["token_cache"])
