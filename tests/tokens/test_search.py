from __future__ import annotations

import asyncio
import logging
import os
import pickle

import attrs
import pytest

from umfpay.errors import (
    AuthenticationError,
    ConfigError,
    SignatureError,
    Text,
    TokenContentionError,
    TokenError,
    TokenStoreError,
    TransportError,
)
from umfpay.tokens import FileTokenStore, MemoryTokenStore


WHAT = Text("It failed.", "失败。")


def _soon() -> float:
    return asyncio.get_running_loop().time() + 10


async def _token(cache) -> str:
    return (await cache.acquire(deadline=_soon())).token.reveal()


async def _refuse(cache) -> None:
    await cache.refuse(cache.current().generation)


class Store(MemoryTokenStore):
    """
    A store that fails on demand.
    """

    def __init__(self, **errors) -> None:
        super().__init__()
        self.errors = errors
        self.loads = 0

    async def load(self):
        self.loads += 1
        self._fail("load")

        return await super().load()

    async def save(self, record):
        self._fail("save")

        return await super().save(record)

    async def refuse(self, generation):
        self._fail("refuse")
        await super().refuse(generation)

    def refreshing(self, lease):
        self._fail("refreshing")

        return super().refreshing(lease)

    def _fail(self, name) -> None:
        if name in self.errors:
            raise self.errors[name]


async def test_the_lifetime_counts_from_before_the_request(make_cache, clock, gateway):
    """
    A slow answer does not make a token live longer.
    """
    fetch = gateway.fetch

    async def slow():
        clock.advance(30)

        return await fetch()

    cache = make_cache(MemoryTokenStore(), fetch=slow)
    started = clock.wall
    record = await cache.acquire(deadline=_soon())

    assert started == record.requested_at
    assert started + 3600 == record.not_after

    clock.advance(3509.9)

    assert record is cache.current()

    clock.advance(0.1)

    assert cache.current() is None


@pytest.mark.parametrize("jump", [-1_000_000.0, -3600.0, 3600.0, 1_000_000.0])
async def test_a_jump_of_the_wall_clock_changes_no_life(
    make_cache, clock, gateway, jump
):
    """
    Inside a process an hour is an hour: an old token becomes no younger by a clock
    that is set back.
    """
    cache = make_cache(MemoryTokenStore())
    await _token(cache)
    clock.wall += jump

    assert "token1" == await _token(cache)

    clock.monotonic += 3540

    assert "token2" == await _token(cache)


async def test_a_record_from_the_future_lives_no_longer_than_given(
    make_cache, make_record, clock, gateway
):
    """
    Whoever wrote it had another clock.
    """
    store = MemoryTokenStore()
    await store.save(
        make_record(requested_at=clock.wall + 1e6, not_after=clock.wall + 1e6 + 3600)
    )
    cache = make_cache(store)

    assert "stored" == await _token(cache)

    clock.monotonic += 3540

    assert "token1" == await _token(cache)


async def test_generations_grow_when_the_store_is_lost(
    make_cache, clock, gateway, tmp_path
):
    """
    Somebody deletes the file: another process' new token is newer than ours.
    """
    path = tmp_path / "token.json"
    store = FileTokenStore(path, key="k")
    ours = await make_cache(store).acquire(deadline=_soon())
    path.unlink()
    clock.advance(5)
    # Another store object of another process knows nothing of ours.
    other = MemoryTokenStore()
    theirs = await make_cache(other).acquire(deadline=_soon())

    assert theirs.generation > ours.generation


async def test_generations_grow_when_the_clock_is_set_back(make_cache, clock, gateway):
    """
    Each is larger than the last, whatever the time.
    """
    cache = make_cache(MemoryTokenStore())
    first = await cache.acquire(deadline=_soon())
    clock.wall = 5.0
    await cache.refuse(first.generation)
    second = await cache.acquire(deadline=_soon())

    assert first.generation + 1 == second.generation


async def test_all_waiters_get_the_error_of_the_request(make_cache, gateway):
    """
    Each an exception of its own, with the same cause.
    """
    cause = TransportError(*WHAT, request_sent=True)
    gateway.error = cause
    gateway.delay = 0.01
    cache = make_cache(MemoryTokenStore())
    errors = await asyncio.gather(
        *(_token(cache) for _ in range(10)), return_exceptions=True
    )

    assert 1 == gateway.requests
    assert {TokenError} == {type(error) for error in errors}
    assert 10 == len({id(error) for error in errors})
    assert all(error.__cause__ is cause for error in errors)
    assert "It failed." in str(errors[0])
    assert "失败。" in str(errors[0])
    assert str(errors[0]) == str(pickle.loads(pickle.dumps(errors[0])))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthenticationError(*WHAT, ret_code="00280701"), AuthenticationError),
        (TokenError(*WHAT), TokenError),
        (SignatureError(*WHAT), SignatureError),
        (ConfigError(*WHAT), ConfigError),
        (TransportError(*WHAT, request_sent=False), TokenError),
        (KeyError("access_token"), TokenError),
        (TimeoutError(), TokenError),
        (asyncio.CancelledError(), TokenError),
        (BaseException("odd"), TokenError),
    ],
)
async def test_only_errors_of_ours_leave(make_cache, gateway, error, expected):
    """
    What the credentials or settings are to blame for is told as it is; no error looks
    like one of the caller's own request.
    """
    gateway.error = error
    cache = make_cache(MemoryTokenStore())

    with pytest.raises(expected) as caught:
        await _token(cache)

    assert type(caught.value) is expected

    if type(error) is expected:
        assert error.what == caught.value.what
        assert vars(error) == vars(caught.value)
    else:
        assert caught.value.__cause__ is error


async def test_failures_are_followed_by_growing_pauses(make_cache, gateway, clock):
    """
    1 s, 2 s, 4 s, 8 s, then the token timeout; in between the same error.
    """
    gateway.error = AuthenticationError(*WHAT)
    cache = make_cache(MemoryTokenStore(), token_timeout=10.0)
    times = []
    start = clock.monotonic

    while clock.monotonic < start + 40:
        before = gateway.requests

        with pytest.raises(AuthenticationError):
            await _token(cache)

        if gateway.requests > before:
            times.append(clock.monotonic - start)

        clock.advance(0.5)

    assert [0, 1, 3, 7, 15, 25, 35] == times

    clock.advance(10)
    gateway.error = None
    await _token(cache)
    await _refuse(cache)
    gateway.error = AuthenticationError(*WHAT)

    with pytest.raises(AuthenticationError):
        await _token(cache)

    requests = gateway.requests
    clock.advance(1)

    with pytest.raises(AuthenticationError):
        await _token(cache)

    assert requests + 1 == gateway.requests


async def test_a_pause_ends_when_another_process_has_a_token(
    make_cache, make_record, gateway
):
    """
    The store is asked all the while.
    """
    store = MemoryTokenStore()
    gateway.error = TokenError(*WHAT)
    cache = make_cache(store)

    with pytest.raises(TokenError):
        await _token(cache)

    await store.save(make_record(token="theirs"))

    assert "theirs" == await _token(cache)
    assert 1 == gateway.requests


async def test_a_request_takes_no_longer_than_the_token_timeout(make_cache, gateway):
    """
    The gateway hangs: the callers are told.
    """
    gateway.gate = asyncio.Event()
    cache = make_cache(MemoryTokenStore(), token_timeout=0.05)

    with pytest.raises(TokenError, match=r"within 0\.05 s"):
        await _token(cache)


@pytest.mark.parametrize("name", ["load", "refreshing"])
async def test_without_the_store_there_is_no_request(make_cache, gateway, name):
    """
    A second token beside the store would log out all others.
    """
    error = OSError(5, "Input/output error")
    cache = make_cache(Store(**{name: error}))

    with pytest.raises(TokenStoreError, match="OSError") as caught:
        await _token(cache)

    assert caught.value.__cause__ is error
    assert 0 == gateway.requests


@pytest.mark.parametrize("name", ["load", "refreshing"])
async def test_a_store_that_cancels_itself_is_an_error(make_cache, gateway, name):
    """
    Nobody cancelled the search, so its callers are told, and do not search again.
    """
    store = Store(**{name: asyncio.CancelledError()})
    cache = make_cache(store)

    with pytest.raises(TokenStoreError, match="CancelledError"):
        await _token(cache)

    assert store.loads <= 1
    assert 0 == gateway.requests


async def test_a_store_that_cancels_itself_takes_no_token_away(make_cache, caplog):
    """
    Neither when the token is saved nor when it is refused.
    """
    cancelled = asyncio.CancelledError()
    cache = make_cache(Store(save=cancelled, refuse=cancelled))

    with caplog.at_level(logging.WARNING, "umfpay"):
        assert "token1" == await _token(cache)
        await _refuse(cache)

    assert 2 == caplog.text.count("The token store failed: CancelledError")


async def test_a_store_that_hangs_is_an_error(make_cache, gateway, monkeypatch):
    """
    After one token timeout.
    """
    store = Store()
    monkeypatch.setattr(store, "load", lambda: asyncio.sleep(60))
    cache = make_cache(store, token_timeout=0.05)

    with pytest.raises(TokenStoreError, match="TimeoutError"):
        await _token(cache)

    assert 0 == gateway.requests


async def test_a_token_that_cannot_be_saved_is_used(make_cache, gateway, clock, caplog):
    """
    It was paid for with the old one; the next is not asked for at once.
    """
    store = Store(save=OSError(28, "No space left on device"))
    cache = make_cache(store, token_timeout=10.0)

    with caplog.at_level(logging.WARNING, "umfpay"):
        assert "token1" == await _token(cache)

    assert "is not saved" in caplog.text
    assert "token1" not in caplog.text
    assert "token1" == await _token(cache)

    await _refuse(cache)

    for _ in range(3):
        with pytest.raises(TokenStoreError):
            await _token(cache)

    assert 1 == gateway.requests

    clock.advance(10)

    assert "token2" == await _token(cache)

    store.errors.clear()
    await _refuse(cache)
    clock.advance(10)

    assert "token3" == await _token(cache)
    assert "token3" == (await store.load()).token.reveal()


async def test_an_older_token_in_the_store_is_dead(
    make_cache, make_record, gateway, clock
):
    """
    Even if by the wall clock it lives: ours, which could not be saved, ended it.
    """
    store = Store(save=OSError(28, "No space left on device"))
    await MemoryTokenStore.save(store, make_record(token="older"))
    cache = make_cache(store)

    assert "older" == await _token(cache)

    clock.advance(3600)

    assert "token1" == await _token(cache)

    clock.wall -= 3600
    clock.monotonic += 3600

    assert "token2" == await _token(cache)


async def test_a_refusal_that_cannot_be_stored_is_known_here(
    make_cache, gateway, caplog
):
    """
    The call goes on with the next token.
    """
    store = Store(refuse=OSError(30, "Read-only file system"))
    cache = make_cache(store)
    await _token(cache)

    with caplog.at_level(logging.WARNING, "umfpay"):
        await _refuse(cache)

    assert "OSError" in caplog.text
    assert "token2" == await _token(cache)


async def test_who_was_overtaken_uses_the_newer_token(
    make_cache, make_record, gateway, clock
):
    """
    A store refuses what is older than what it has: all must use the same.
    """
    store = MemoryTokenStore()
    newer = make_record(10**15, token="newer")

    async def overtaken():
        await store.save(newer)

        return await gateway.fetch()

    cache = make_cache(store, fetch=overtaken)

    assert "newer" == await _token(cache)


async def test_who_was_overtaken_by_a_dead_token_uses_its_own(
    make_cache, make_record, gateway, clock
):
    """
    What is stored is of no use.
    """
    store = MemoryTokenStore()

    async def overtaken():
        await store.save(make_record(10**15, refused=True))

        return await gateway.fetch()

    assert "token1" == await _token(make_cache(store, fetch=overtaken))


async def test_the_store_is_asked_again_in_ones_turn(make_cache, make_record, gateway):
    """
    Who waited for the lock finds what the holder saved.
    """
    store = MemoryTokenStore()
    cache = make_cache(store)

    async with store.refreshing(10):
        task = asyncio.create_task(_token(cache))
        await asyncio.sleep(0.03)
        await store.save(make_record(token="theirs"))

    assert "theirs" == await task
    assert 0 == gateway.requests


async def test_tokens_refused_at_once_are_replaced_ever_slower(
    make_cache, gateway, clock, caplog
):
    """
    Somebody outside takes the token away again and again, or the portal is not ready:
    the gateway is not stormed, and in the end the caller is told who and when.
    """
    cache = make_cache(MemoryTokenStore(), token_timeout=10.0)

    with caplog.at_level(logging.WARNING, "umfpay"):
        for _ in range(5):
            await _token(cache)
            await _refuse(cache)

        with pytest.raises(TokenContentionError, match="5 tokens in a row") as caught:
            await _token(cache)

    assert 5 == gateway.requests
    assert [1.0, 2.0] == clock.slept
    assert "refused as soon as they are fetched" in caplog.text
    assert 5 == caught.value.times
    assert f":{os.getpid()}" in caught.value.fetched_by
    assert caught.value.since.timestamp() == 1_800_000_000.0
    assert "15 minutes" in str(caught.value)

    # One request more after the pause, and again after a longer one.
    clock.advance(4)
    await _token(cache)
    await _refuse(cache)

    with pytest.raises(TokenContentionError, match="6 tokens in a row"):
        await _token(cache)

    assert 6 == gateway.requests

    # One that lived a while was a good one.
    clock.advance(31)
    await _token(cache)
    clock.advance(31)
    await _refuse(cache)
    await _token(cache)
    await _refuse(cache)
    await _token(cache)

    assert 9 == gateway.requests


async def test_a_peer_who_renews_the_token_is_no_contention(
    make_cache, make_record, gateway, clock
):
    """
    Lives may be short, and many processes share the store.
    """
    store = MemoryTokenStore()
    cache = make_cache(store)

    for generation in range(1, 20):
        stored = await store.load()
        number = generation if stored is None else stored.generation + 1
        await store.save(make_record(number, token=f"peer{generation}"))

        assert f"peer{generation}" == await _token(cache)

        await store.save(make_record(number + 1, token="newer"))
        await cache.refuse(number)

        assert "newer" == await _token(cache)

        await cache.refuse(number + 1)

    assert [] == clock.slept
    assert 0 == gateway.requests


@attrs.frozen
class Door:
    """
    A store of another process: what one process knows is not known to the next.
    """

    store: MemoryTokenStore
    number: int

    async def load(self):
        return await self.store.load()

    async def save(self, record):
        return await self.store.save(record)

    async def refuse(self, generation):
        await self.store.refuse(generation)

    def refreshing(self, lease):
        return self.store.refreshing(lease)


async def test_many_processes_slow_down_like_one(make_cache, gateway, clock):
    """
    Ever new processes, none of which has seen more than one refusal: the store counts.
    """
    store = MemoryTokenStore()

    for number in range(5):
        cache = make_cache(Door(store, number))
        await _token(cache)
        await _refuse(cache)

    assert [1.0, 2.0] == clock.slept

    with pytest.raises(TokenContentionError, match="5 tokens in a row") as caught:
        await _token(make_cache(Door(store, 5)))

    assert 5 == gateway.requests
    assert caught.value.since.timestamp() == 1_800_000_000.0

    # Nobody took it while it lived, so the count is over.
    clock.advance(4)
    await _token(make_cache(Door(store, 6)))
    clock.advance(4000)
    await _token(make_cache(Door(store, 7)))

    assert 0 == (await store.load()).times_displaced


async def test_a_token_that_could_not_be_saved_counts(make_cache, gateway, clock):
    """
    It is newer than what the store holds.
    """
    store = Store(save=OSError(28, "No space left on device"))
    cache = make_cache(store, token_timeout=1.0)

    for _ in range(4):
        await _token(cache)
        await _refuse(cache)
        clock.advance(1)

    await _token(cache)

    assert clock.slept


async def test_a_turn_that_was_nearly_over_sends_nothing(make_cache, gateway, clock):
    """
    A process that was stopped would fetch beside the next holder.
    """

    class Slow(MemoryTokenStore):
        async def load(self):
            clock.advance(11)

            return

    with pytest.raises(TokenStoreError, match="not sent"):
        await _token(make_cache(Slow(), token_timeout=10.0))

    assert 0 == gateway.requests


async def test_calls_killed_by_a_renewal_are_no_sign_of_trouble(
    make_cache, gateway, clock
):
    """
    A refusal while a new token is fetched does not slow the next one.
    """
    gateway.expires_in = 10.0
    cache = make_cache(MemoryTokenStore())

    for _ in range(6):
        record = await cache.acquire(deadline=_soon())
        clock.advance(9)
        task = asyncio.create_task(_token(cache))
        await asyncio.sleep(0)
        await cache.refuse(record.generation)
        await task

    assert [] == clock.slept
    assert 7 == gateway.requests


@pytest.mark.parametrize("lifetime", [None, "", "soon", -1, True, float("nan"), []])
async def test_a_token_without_a_lifetime_is_used_for_five_minutes(
    make_cache, gateway, clock, caplog, lifetime
):
    """
    One warning, and 30 s before the end of the guess the next one.
    """
    gateway.expires_in = lifetime
    cache = make_cache(MemoryTokenStore())

    for number in (1, 2, 3):
        assert f"token{number}" == await _token(cache)
        clock.advance(269)
        assert f"token{number}" == await _token(cache)
        clock.advance(2)

    assert [] == clock.slept
    assert 3 == gateway.requests
    assert 1 == caplog.text.count("no usable expires_in")


@pytest.mark.parametrize("jump", [0.0, -3600.0, 3600.0])
async def test_a_token_without_a_lifetime_is_replaced_once_a_minute(
    make_cache, gateway, clock, jump
):
    """
    Whoever refuses it, and whatever the wall clock does.
    """
    gateway.expires_in = None
    store = MemoryTokenStore()
    started = clock.monotonic

    for number in range(1, 5):
        cache = make_cache(store)
        await _token(cache)
        clock.advance(7)
        await _refuse(cache)

        if number == 2:
            clock.wall += jump

    minutes = (clock.monotonic - started) / 60

    assert gateway.requests <= minutes + 2
    assert 4 == gateway.requests
    assert all(seconds <= 60 for seconds in clock.slept)


async def test_processes_share_the_minute_of_a_token_without_a_lifetime(
    make_cache, gateway, clock
):
    """
    The record in the store tells them that nobody knows how long it lives.
    """
    gateway.expires_in = None
    store = MemoryTokenStore()

    for number in range(3):
        cache = make_cache(Door(store, number))
        await _token(cache)
        clock.advance(7)
        await _refuse(cache)

    assert [53.0, 53.0] == clock.slept
