from __future__ import annotations

import asyncio
import gc

import pytest

from umfpay.tokens import FileTokenStore, MemoryTokenStore
from umfpay.tokens import _shared as module
from umfpay.tokens._shared import growing_pause, shared_token
from umfpay.tokens._single_flight import UsableToken


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
    assert expected == growing_pause(count, 10.0)


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
