from __future__ import annotations

import asyncio
import gc

import pytest

from umfpay._background import pause_after
from umfpay.errors import AuthenticationError, TransportError
from umfpay.tokens import FileTokenStore, MemoryTokenStore
from umfpay.tokens import _single_flight as module
from umfpay.tokens._single_flight import (
    SingleFlight,
    UsableToken,
    new_copy,
    shared_token,
)


def test_an_error_is_raised_again_as_a_new_one():
    """
    Same class, words, data and cause; no traceback of somebody else.
    """
    error = AuthenticationError("No.", "否。", ret_code="00280701", http_status=401)

    with pytest.raises(AuthenticationError):
        raise error from OSError()

    fresh = new_copy(error)

    assert fresh is not error
    assert type(fresh) is AuthenticationError
    assert vars(error) == vars(fresh)
    assert str(error) == str(fresh)
    assert fresh.__cause__ is error.__cause__
    assert error.__traceback__ is not None
    assert fresh.__traceback__ is None


async def test_a_closed_loop_is_not_woken():
    """
    Nor is a caller that has gone.
    """
    loop = asyncio.get_running_loop()
    closed = asyncio.new_event_loop()
    flight = SingleFlight(object(), loop=loop)
    gone = loop.create_future()
    gone.cancel()
    waiting = loop.create_future()
    flight.waiters = [(closed, closed.create_future()), (loop, gone), (loop, waiting)]
    closed.close()
    error = TransportError("No.", "否。", request_sent=False)
    flight.notify_waiters(error)

    assert error is waiting.result()
    assert flight not in module._running_flights


@pytest.mark.parametrize("raises", [True, False])
def test_a_discarded_task_gives_its_locks_back(raises):
    """
    Whatever else its clean-up does.
    """
    loop = asyncio.new_event_loop()
    flight = SingleFlight(object(), loop=loop)
    ended = []

    async def search():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

            if raises:
                raise RuntimeError("Event loop is closed")

    async def start():
        flight.task = asyncio.create_task(search())
        flight.task._log_destroy_pending = False
        await asyncio.sleep(0)

    loop.run_until_complete(start())
    loop.close()
    flight.discard()

    assert [True] == ended
    assert flight not in module._running_flights


def test_a_flight_without_a_task_can_be_discarded():
    """
    Its loop was closed before the task was made.
    """
    loop = asyncio.new_event_loop()
    flight = SingleFlight(object(), loop=loop)
    loop.close()
    flight.discard()

    assert flight not in module._running_flights


def test_a_fork_keeps_what_it_inherits_untouched(monkeypatch):
    """
    A coroutine of the parent that is closed in the child would clean up in its place.
    """
    monkeypatch.setattr(module, "_running_flights", set())
    monkeypatch.setattr(module, "_inherited_flights", [])
    loop = asyncio.new_event_loop()
    flight = SingleFlight(object(), loop=loop)
    module._after_fork()
    loop.close()

    assert set() == module._running_flights
    assert [flight] == module._inherited_flights


# What a process knows.


def test_equal_stores_share_what_is_known(tmp_path):
    """
    As long as anybody uses it.
    """
    one, other = (FileTokenStore(tmp_path / "t.json", key="k") for _ in range(2))
    shared = shared_token(one)

    assert shared is shared_token(other)
    assert shared is not shared_token(MemoryTokenStore())

    shared.refused = 5
    del shared
    gc.collect()

    assert 0 == shared_token(one).refused


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (5000, 10)]
)
def test_pauses_double_up_to_the_longest(count, expected):
    """
    However many failures there were.
    """
    assert expected == pause_after(count - 1, longest=10.0)


async def test_who_comes_late_finds_the_token(make_record):
    """
    Between the look without the lock and the one inside it a search may have ended.
    """
    shared = shared_token(MemoryTokenStore())
    loop = asyncio.get_running_loop()
    flight, future, new = shared.join(object(), loop=loop, now=0.0)

    assert new

    usable = UsableToken(make_record(5), due=100.0)
    shared.complete(flight, usable, now=1.0)

    assert usable is await future
    assert usable is shared.join(object(), loop=loop, now=99.0)

    late, _, new = shared.join(object(), loop=loop, now=100.0)

    assert new
    assert shared.usable is None

    shared.complete(late, None, now=101.0)


async def test_a_refused_token_does_not_come_back(make_record):
    """
    A search that lands with what was refused meanwhile gives nothing to start with.
    """
    shared = shared_token(MemoryTokenStore())
    loop = asyncio.get_running_loop()
    shared.refused = 5
    flight, _, _ = shared.join(object(), loop=loop, now=0.0)
    shared.complete(flight, UsableToken(make_record(5), due=100.0), now=1.0)

    assert shared.usable is None
    assert 5 == shared.newest


async def test_a_search_that_was_replaced_changes_nothing(make_record):
    """
    Only the search that runs may bring the token.
    """
    shared = shared_token(MemoryTokenStore())
    dead = asyncio.new_event_loop()
    loop = asyncio.get_running_loop()
    old, _, _ = shared.join(object(), loop=dead, now=0.0)
    dead.close()
    flight, future, new = shared.join(object(), loop=loop, now=0.0)

    assert new

    shared.complete(old, UsableToken(make_record(5), due=100.0), now=1.0)

    assert shared.flight is flight
    assert shared.usable is None

    shared.complete(flight, None, now=1.0)

    assert await future is None


async def test_a_fork_drops_locks_and_searches(monkeypatch):
    """
    In the child a lock that is held is free, and nobody waits for the parent's task.
    """
    monkeypatch.setattr(module, "_tokens_lock", module._tokens_lock)
    monkeypatch.setattr(module, "_running_flights", set())
    monkeypatch.setattr(module, "_inherited_flights", [])
    store = MemoryTokenStore()
    shared = shared_token(store)
    loop = asyncio.get_running_loop()
    flight, _, _ = shared.join(object(), loop=loop, now=0.0)

    with shared._lock, module._tokens_lock:
        module._after_fork()

        assert shared is shared_token(store)

    other, _, new = shared.join(object(), loop=loop, now=0.0)

    assert new
    assert other is not flight

    for one in (flight, other):
        shared.complete(one, None, now=0.0)
