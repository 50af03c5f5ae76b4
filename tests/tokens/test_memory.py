from __future__ import annotations

import os

import pytest

from umfpay.tokens import MemoryTokenStore


async def test_two_objects_are_two_stores(make_record):
    """
    Only sessions that are given the same object share a token.
    """
    one, other = MemoryTokenStore(), MemoryTokenStore()
    await one.save(make_record())

    assert one != other
    assert await other.load() is None


async def test_who_overstays_the_lease_counts_as_gone():
    """
    A holder whose loop stands still blocks nobody for ever.
    """
    store = MemoryTokenStore()

    async with store.refreshing(0.03):
        async with store.refreshing(1.0):
            pass

        async with store.refreshing(0.5):
            pass


async def test_who_overstayed_does_not_end_the_next_ones_turn():
    """
    A turn is given back by the one whose turn it is.
    """
    store = MemoryTokenStore()
    late = store.refreshing(0.0)
    await late.__aenter__()

    async with store.refreshing(10):
        await late.__aexit__(None, None, None)

        assert store._holder is not None


async def test_the_repr_shows_no_token(make_record):
    """
    Nor anything else.
    """
    store = MemoryTokenStore()
    await store.save(make_record(token="c0ffee"))

    assert "MemoryTokenStore()" == repr(store)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_does_not_inherit_the_holder(make_record):
    """
    Locks that a thread of the parent holds are free in the child; the token stays.
    """
    store = MemoryTokenStore()
    await store.save(make_record(5))

    async with store.refreshing(10):
        with store._lock:
            store._after_fork()

            assert await store.save(make_record(6)) is True

        async with store.refreshing(0.0):
            pass
