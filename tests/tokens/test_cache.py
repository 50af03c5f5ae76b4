from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time

import pytest

from umfpay.errors import DeadlineExceededError, TokenError
from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken, FileTokenStore, MemoryTokenStore, TokenCache


@pytest.fixture(name="store", params=["memory", "file"])
def _store(request, tmp_path):
    if request.param == "memory":
        return MemoryTokenStore()

    return FileTokenStore(tmp_path / "token.json", key="k")


def _soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def _token(cache, seconds: float = 10.0) -> str:
    record = await cache.acquire(deadline=_soon(seconds))

    return record.token.reveal()


async def _refuse(cache) -> None:
    await cache.refuse(cache.current().generation)


async def test_a_token_is_fetched_and_kept(store, make_cache, gateway, clock):
    """
    The first caller fetches, everybody else finds it without waiting.
    """
    cache = make_cache(store)

    assert cache.current() is None

    record = await cache.acquire(deadline=_soon())

    assert "token1" == record.token.reveal()
    assert record is cache.current()
    assert record is await cache.acquire(deadline=_soon())
    assert record == await store.load()
    assert clock.wall == record.requested_at
    assert 1 == gateway.requests


async def test_a_stored_token_is_used(store, make_cache, make_record, gateway):
    """
    What another process left is as good as our own.
    """
    await store.save(make_record(token="theirs"))

    assert "theirs" == await _token(make_cache(store))
    assert 0 == gateway.requests


async def test_a_hundred_callers_with_an_expired_token_fetch_once(
    store, make_cache, make_record, gateway, clock
):
    """
    The token expires under 100 coroutines: one request.
    """
    await store.save(make_record())
    cache = make_cache(store)
    await cache.acquire(deadline=_soon())
    clock.advance(3600)
    gateway.delay = 0.01
    tokens = await asyncio.gather(*(_token(cache) for _ in range(100)))

    assert {"token1"} == set(tokens)
    assert 1 == gateway.requests


async def test_a_hundred_refusals_of_one_token_fetch_once(store, make_cache, gateway):
    """
    The gateway refuses 100 calls that were sent with one token: one more request.
    """
    cache = make_cache(store)
    generation = (await cache.acquire(deadline=_soon())).generation
    gateway.delay = 0.01

    async def refused() -> str:
        await cache.refuse(generation)

        return await _token(cache)

    tokens = await asyncio.gather(*(refused() for _ in range(100)))

    assert {"token2"} == set(tokens)
    assert 2 == gateway.requests

    # A straggler that was sent with the first token changes nothing.
    await cache.refuse(generation)

    assert "token2" == cache.current().token.reveal()
    assert not (await store.load()).refused


async def test_a_refusal_finds_what_another_process_fetched(
    store, make_cache, make_record, gateway
):
    """
    Before a request the store is asked: a newer token ends the search.
    """
    cache = make_cache(store)
    record = await cache.acquire(deadline=_soon())
    await store.save(make_record(record.generation + 1, token="theirs"))
    await cache.refuse(record.generation)

    assert "theirs" == await _token(cache)
    assert 1 == gateway.requests


@pytest.mark.parametrize("distance", [1, 10**18])
async def test_a_generation_that_nobody_has_cannot_be_refused(
    store, make_cache, gateway, distance
):
    """
    A wrong number neither hides the token nor poisons the next ones.
    """
    cache = make_cache(store)
    record = await cache.acquire(deadline=_soon())
    await cache.refuse(record.generation + distance)

    assert record is cache.current()

    await _refuse(cache)

    assert "token2" == await _token(cache)


async def test_a_new_token_comes_before_the_old_one_ends(make_cache, gateway, clock):
    """
    A minute before the end; nobody starts with the old one from then on.
    """
    cache = make_cache(MemoryTokenStore())
    await cache.acquire(deadline=_soon())
    clock.advance(3539.9)

    assert "token1" == await _token(cache)

    clock.advance(0.1)

    assert cache.current() is None
    assert "token2" == await _token(cache)


async def test_a_late_refusal_of_an_old_token_changes_nothing(
    make_cache, gateway, clock
):
    """
    It was replaced in time, and a call that was sent with it comes back.
    """
    cache = make_cache(MemoryTokenStore())
    old = await cache.acquire(deadline=_soon())
    clock.advance(3600)
    new = await cache.acquire(deadline=_soon())
    await cache.refuse(old.generation)

    assert new is cache.current()
    assert 2 == gateway.requests


async def test_a_token_that_came_meanwhile_is_taken(make_cache, gateway, monkeypatch):
    """
    Another thread may bring it just after we looked.
    """
    cache = make_cache(MemoryTokenStore())
    await _token(cache)
    monkeypatch.setattr(cache, "current", lambda: None)

    assert "token1" == await _token(cache)
    assert 1 == gateway.requests


async def test_a_token_refused_before_the_caller_wakes_is_not_given(
    make_cache, gateway, monkeypatch
):
    """
    A faster caller was refused with it already.
    """
    cache = make_cache(MemoryTokenStore())
    shared = cache._shared
    complete = shared.complete

    def refused_at_once(flight, outcome, *, now):
        complete(flight, outcome, now=now)

        if gateway.requests == 1:
            shared.refuse(outcome.record.generation, now=now)

    monkeypatch.setattr(shared, "complete", refused_at_once)

    assert "token2" == await _token(cache)


async def test_nobody_starts_with_the_old_token_while_a_new_one_is_fetched(
    store, make_cache, gateway
):
    """
    It dies the moment the gateway answers: all wait, in every session.
    """
    cache, other = make_cache(store), make_cache(store)
    await cache.acquire(deadline=_soon())

    assert "token1" == other.current().token.reveal()

    gateway.gate = asyncio.Event()
    await _refuse(cache)
    first = asyncio.create_task(_token(cache))
    second = asyncio.create_task(_token(other))

    while gateway.requests < 2:
        assert (None, None) == (cache.current(), other.current())

        await asyncio.sleep(0.001)

    assert (None, None) == (cache.current(), other.current())

    gateway.gate.set()

    assert ["token2", "token2"] == await asyncio.gather(first, second)
    assert 2 == gateway.requests


async def test_cancelling_the_caller_that_started_changes_nothing(
    store, make_cache, gateway
):
    """
    The others get the token of the one request.
    """
    cache = make_cache(store)
    gateway.gate = asyncio.Event()
    tasks = [asyncio.create_task(_token(cache)) for _ in range(5)]

    while not gateway.requests:
        await asyncio.sleep(0.001)

    tasks[0].cancel()
    await asyncio.wait(tasks[:1])

    assert tasks[0].cancelled()

    gateway.gate.set()

    assert ["token1"] * 4 == await asyncio.gather(*tasks[1:])
    assert 1 == gateway.requests


async def test_cancelling_all_callers_changes_nothing(store, make_cache, gateway):
    """
    The request ends by itself, even if the garbage is collected, and is of use.
    """
    cache = make_cache(store)
    gateway.gate = asyncio.Event()
    tasks = [asyncio.create_task(_token(cache)) for _ in range(5)]

    while not gateway.requests:
        await asyncio.sleep(0.001)

    for task in tasks:
        task.cancel()

    await asyncio.wait(tasks)
    gc.collect()
    gateway.gate.set()

    assert "token1" == await _token(cache)
    assert 1 == gateway.requests


async def test_a_search_lives_on_without_its_cache(gateway, make_cache):
    """
    Nothing else needs to hold the task.
    """
    store = MemoryTokenStore()
    task = asyncio.create_task(_token(make_cache(store)))
    gateway.gate = asyncio.Event()
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait((task,))
    del task
    gc.collect()
    gateway.gate.set()
    await asyncio.sleep(0.02)

    assert "token1" == (await store.load()).token.reveal()


async def test_the_deadline_of_a_caller_is_its_own(store, make_cache, gateway):
    """
    Who runs out of time gets an error that says that nothing was sent.
    """
    cache = make_cache(store)
    gateway.gate = asyncio.Event()
    patient = asyncio.create_task(_token(cache))
    started = time.monotonic()

    with pytest.raises(DeadlineExceededError) as caught:
        await _token(cache, 0.1)

    assert 0.09 < time.monotonic() - started < 1
    assert caught.value.request_sent is False

    gateway.gate.set()

    assert "token1" == await patient
    assert 1 == gateway.requests


async def test_a_deadline_that_has_passed_starts_nothing(make_cache, gateway):
    """
    Unless the token is there.
    """
    cache = make_cache(MemoryTokenStore())

    with pytest.raises(DeadlineExceededError):
        await _token(cache, -1)

    await asyncio.sleep(0.01)

    assert 0 == gateway.requests

    await _token(cache)

    assert "token1" == await _token(cache, -1)


async def test_closing_ends_the_search_and_its_callers(store, make_cache, gateway):
    """
    Callers of the closed cache get an error, those of another one go on.
    """
    cache, other = make_cache(store), make_cache(store)
    gateway.gate = asyncio.Event()
    mine = asyncio.create_task(_token(cache))
    await asyncio.sleep(0.02)
    theirs = asyncio.create_task(_token(other))

    while not gateway.requests:
        await asyncio.sleep(0.001)

    task = cache._shared.flight.task
    await other.aclose()

    assert not task.done()

    await cache.aclose()

    assert task.cancelled()

    gateway.gate.set()

    with pytest.raises(TokenError, match="closed"):
        await mine

    with pytest.raises(TokenError, match="closed"):
        await theirs

    assert "token2" == await _token(make_cache(store))


async def test_others_go_on_when_the_searcher_is_closed(store, make_cache, gateway):
    """
    One of them makes the request anew.
    """
    cache, other = make_cache(store), make_cache(store)
    gateway.gate = asyncio.Event()
    mine = asyncio.create_task(_token(cache))
    await asyncio.sleep(0.02)
    theirs = [asyncio.create_task(_token(other)) for _ in range(3)]

    while not gateway.requests:
        await asyncio.sleep(0.001)

    await cache.aclose()
    gateway.gate.set()

    assert ["token2"] * 3 == await asyncio.gather(*theirs)

    with pytest.raises(TokenError, match="closed"):
        await mine


async def test_closing_an_idle_cache_is_nothing(make_cache, gateway):
    """
    Twice is as good as once.
    """
    cache = make_cache(MemoryTokenStore())
    await _token(cache)
    await cache.aclose()
    await cache.aclose()

    with pytest.raises(TokenError, match="closed"):
        await _token(cache)


def _run_in_threads(run, count):
    """
    Run *run* in *count* threads at once, each with a loop of its own.
    """
    barrier = threading.Barrier(count)
    answers, errors = [], []

    def thread():
        try:
            barrier.wait()
            answers.append(asyncio.run(run()))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=thread) for _ in range(count)]

    for one in threads:
        one.start()

    for one in threads:
        one.join()

    assert [] == errors

    return answers


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_threads_with_loops_of_their_own_fetch_once(kind, tmp_path):
    """
    Sessions in four threads share a store: one request, then one after 40 refusals.
    """
    memory = MemoryTokenStore()
    requests = []

    async def fetch():
        requests.append(threading.get_ident())
        await asyncio.sleep(0.1)

        return FetchedToken(token=Secret(f"token{len(requests)}"), expires_in=3600)

    together = threading.Barrier(4)

    async def session():
        # Each has its own object; equal ones are the same file.
        store = (
            memory
            if kind == "memory"
            else FileTokenStore(tmp_path / "token.json", key="k")
        )
        cache = TokenCache(store, fetch)
        records = await asyncio.gather(
            *(cache.acquire(deadline=_soon()) for _ in range(10))
        )
        await asyncio.to_thread(together.wait)

        async def refused(record):
            await cache.refuse(record.generation)

            return await _token(cache)

        new_copy = await asyncio.gather(*(refused(record) for record in records))
        await asyncio.to_thread(together.wait)
        await cache.aclose()

        return {record.token.reveal() for record in records}, set(new_copy)

    answers = _run_in_threads(session, 4)

    assert [({"token1"}, {"token2"})] * 4 == answers
    assert 2 == len(requests)


def test_a_thread_takes_over_when_the_searchers_loop_ends(store, gateway, make_cache):
    """
    The loop that searched is closed in the middle, nothing awaited or cancelled; a
    waiter of another thread goes on, and the lock is free for it.
    """
    asked = threading.Event()

    async def stuck():
        asked.set()
        await asyncio.sleep(60)

    leader = make_cache(store, fetch=stuck)
    loop = asyncio.new_event_loop()

    async def start():
        task = asyncio.create_task(_token(leader))
        await asyncio.to_thread(asked.wait)
        # The other thread waits for us by now.
        await asyncio.sleep(0.1)
        await loop.shutdown_default_executor()

        for pending in (task, leader._shared.flight.task):
            pending._log_destroy_pending = False

        return task

    def lead():
        loop.run_until_complete(start())
        loop.close()

    thread = threading.Thread(target=lead)
    thread.start()
    asked.wait()

    assert "token1" == asyncio.run(_token(make_cache(store)))
    assert 1 == gateway.requests

    thread.join()


def test_a_second_run_goes_on_where_the_first_was_cut(gateway, make_cache):
    """
    A cache outlives the loop of its first call.
    """
    cache = make_cache(MemoryTokenStore())

    async def cut():
        gateway.gate = asyncio.Event()
        task = asyncio.create_task(_token(cache))

        while not gateway.requests:
            await asyncio.sleep(0.001)

        return task

    asyncio.run(cut())
    gateway.gate = None

    assert "token2" == asyncio.run(_token(cache))
    assert "token2" == asyncio.run(_token(cache))


def test_closing_from_another_loop_cancels_the_search(gateway, make_cache):
    """
    Nothing of the other loop is awaited.
    """
    asked = threading.Event()
    errors = []

    async def fetch():
        asked.set()
        await asyncio.sleep(60)

    cache = make_cache(MemoryTokenStore(), fetch=fetch)

    def search():
        try:
            asyncio.run(_token(cache))
        except TokenError as error:
            errors.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    asked.wait()
    asyncio.run(cache.aclose())
    thread.join(5)

    assert not thread.is_alive()
    assert ["The session was closed."] == [error.what.en for error in errors]


async def test_nothing_secret_is_shown_or_logged(make_cache, gateway, caplog, tmp_path):
    """
    Neither at DEBUG nor in a repr.
    """
    store = FileTokenStore(tmp_path / "token.json", key="k")
    cache = make_cache(store)

    with caplog.at_level(logging.DEBUG):
        await _token(cache)
        await _refuse(cache)
        await _token(cache)

    shown = f"{cache!r} {cache._shared.latest!r} {cache._search!r} {caplog.text}"

    assert "fetched" in shown
    assert "token1" not in shown
    assert "token2" not in shown
