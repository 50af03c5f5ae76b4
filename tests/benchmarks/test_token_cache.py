"""
The token cache against a lock and plain files: that the figures are there and paired.
"""

from __future__ import annotations

import pytest

from benchmarks import token_cache


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {figure.label: figure for figure in token_cache.run(quick=True).figures}


def test_every_figure_is_positive(figures):
    """
    Nothing is too fast to be seen.
    """
    assert all(figure.minimum > 0 for figure in figures.values())


@pytest.mark.parametrize(
    ("label", "ours", "theirs"),
    [
        (
            "token at hand, current() / asyncio.Lock",
            "token at hand, current()",
            "token at hand, asyncio.Lock",
        ),
        (
            "100 wait for one fetch, ours / asyncio.Lock",
            "100 wait for one fetch, ours",
            "100 wait for one fetch, asyncio.Lock",
        ),
        ("file: load, ours / plain", "file: load, ours", "file: load, plain"),
        ("file: save, ours / plain", "file: save, ours", "file: save, plain"),
        ("Redis: load, ours / plain", "Redis: load, ours", "Redis: load, plain"),
        ("Redis: save, ours / plain", "Redis: save, ours", "Redis: save, plain"),
    ],
)
def test_ratios_are_those_of_the_same_round(figures, label, ours, theirs):
    """
    Of the cache, and of its stores.
    """
    pairs = zip(figures[ours].rounds, figures[theirs].rounds, strict=True)

    assert list(figures[label].rounds) == pytest.approx(
        [one / other for one, other in pairs]
    )


def test_a_hundred_waiters_make_one_request(figures):
    """
    In every round.
    """
    assert {1.0} == set(figures["100 wait for one fetch: requests"].rounds)


async def test_the_peer_is_fetched_once_and_gives_the_same_token():
    """
    It is a cache as well, the least of one.
    """
    peer = token_cache.LockedToken(token_cache.fetch)

    assert await peer.acquire() is await peer.acquire()


async def test_both_files_give_back_what_was_saved(tmp_path):
    """
    The peer writes the same members.
    """
    record = token_cache.record(7)
    plain = token_cache.PlainFile(tmp_path / "plain.json")
    await plain.save(record)
    (members,) = (await plain.load()).values()

    assert record.to_json() == members
