"""
Many processes, short lives, leaders killed at each step: no token is fetched in vain.
"""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.token_storm.__main__ import Damage, Record, Storm, blow


STORM = Storm(
    processes=8, coroutines=10, life=6, pause=1.5, quiet_lives=1, token_timeout=3.0
)


@pytest.fixture(name="spec", params=["file", "redis"])
def _spec(request, tmp_path):
    if request.param == "file":
        yield str(tmp_path / "token.json")

        return

    yield request.getfixturevalue("redis_server").connection_url


@pytest.mark.timeout(300)
def test_no_caller_sees_a_refusal_and_no_token_is_fetched_in_vain(spec):
    """
    Token requests = lives + kills between the gateway's commit and our save.
    """
    damage = asyncio.run(blow(STORM, spec))

    assert {} == damage.errors
    assert damage.requests == damage.lives + damage.costly
    assert (6, 3) == (damage.kills, damage.costly)
    assert damage.lives >= 7
    assert damage.calls > 100


def test_a_token_that_lives_out_unused_is_a_life():
    """
    One that was lost by a kill, or replaced early, is none.
    """
    record = Record()

    for now, (requests, used) in enumerate(
        [(1, [1]), (2, [1]), (3, [1, 3]), (4, [1, 3]), (4, [1, 3]), (5, [1, 3, 5])]
    ):
        record.see(
            {"requests": requests, "calls": dict.fromkeys(map(str, used), 1)}, now
        )

    assert (5, 5) == (record.newest, record.newest_used)
    assert 4 == record.lives(2)
    assert 3 == record.lives(3)
    assert 5 == record.lives(1)

    record.killed_after.append(1)

    assert 4 == record.lives(2)
    assert 4 == record.lives(1)


def test_damage_is_seen():
    """
    A token too many, or one refusal, is not as it must be.
    """
    none = Damage(
        store="file",
        requests=11,
        lives=8,
        kills=6,
        costly=3,
        calls=1,
        errors={},
        seconds=1.0,
    )

    assert none.is_none
    assert not Damage(**{**_members(none), "requests": 12}).is_none
    assert not Damage(**{**_members(none), "errors": {"APIError": 1}}).is_none


def _members(damage):
    return {name: getattr(damage, name) for name in Damage.__slots__ if name[0] != "_"}
