"""
Many processes, short lives, leaders killed at each step: no token is fetched in vain.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from tests.stress.token_storm.__main__ import Damage, Record, Storm, blow, repeat
from tests.stress.token_storm._pace import Pace, TimedEdge
from umfpay.transport import Effect


STORM = Storm(
    processes=8, coroutines=10, life=6, pause=1.5, quiet_lives=1, token_timeout=3.0
)


@pytest.fixture(name="spec", params=["file", "redis", "sqlite"])
def _spec(request, tmp_path):
    if request.param == "redis":
        return request.getfixturevalue("redis_server").connection_url

    return {
        "file": str(tmp_path / "token.json"),
        "sqlite": f"sqlite+aiosqlite:///{tmp_path}/shop.db",
    }[request.param]


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


@pytest.mark.parametrize(
    ("processes", "coroutines", "each"), [(64, 50, 4), (8, 10, 10), (1000, 50, 1)]
)
def test_all_processes_together_keep_to_what_the_emulator_takes(
    processes, coroutines, each
):
    """
    It takes half of the 1,024 files that a process may open as a rule.
    """
    storm = Storm(
        processes=processes, coroutines=coroutines, life=15, pause=15.0, quiet_lives=3
    )

    assert each == storm.pool


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
        took={},
        errors={},
        seconds=1.0,
    )

    assert none.is_none
    assert not Damage(**{**_members(none), "requests": 12}).is_none
    assert not Damage(**{**_members(none), "errors": {"APIError": 1}}).is_none


def test_the_time_of_a_call_is_that_within_which_so_many_were_answered():
    """
    Of a hundred calls one is slower than the ninety-ninth.
    """
    damage = Damage(
        store="file",
        requests=1,
        lives=1,
        kills=0,
        costly=0,
        took={9.0: 1, 0.5: 1, 0.1: 98},
        errors={},
        seconds=1.0,
    )

    assert 100 == damage.calls
    assert [0.1, 0.5, 9.0] == [damage.percentile(share) for share in (0.5, 0.99, 1.0)]


def test_a_storm_without_time_is_repeated_three_times_at_most():
    """
    One that went well although, or that went wrong with time enough, is not.
    """
    good = Damage(
        store="file",
        requests=11,
        lives=8,
        kills=6,
        costly=3,
        took={},
        errors={},
        seconds=1.0,
        patience=5.0,
    )
    well_although = Damage(**{**_members(good), "stalled": 9.0})
    wrong = Damage(**{**_members(good), "errors": {"TokenError": 1}, "stalled": 2.4})
    busy = Damage(**{**_members(wrong), "stalled": 2.5})

    for found, seen in (
        ([good], 1),
        ([well_although, good], 1),
        ([wrong, good], 1),
        ([busy, good], 2),
        ([busy, wrong, good], 2),
        ([busy] * 4, 3),
    ):
        storms = iter(found)

        assert found[:seen] == repeat(lambda storms=storms: next(storms))

    assert [one.verdict for one in (well_although, wrong, busy)] == [
        "as it must be",
        "WRONG",
        "machine too busy: 2 s",
    ]


def _members(damage):
    return {name: getattr(damage, name) for name in Damage.__slots__ if name[0] != "_"}


async def test_callers_call_less_often_while_the_gateway_is_slow():
    """
    What a token request takes does not count.
    """
    pace = Pace(10.0)
    waits = [pace.next_wait() for _ in range(100)]

    assert 5.0 <= min(waits) <= max(waits) <= 15.0
    assert max(pace.first_wait() for _ in range(100)) <= 10.0

    times = iter([0.0, 100.0, 103.0])
    edge = TimedEdge(_Silent(), pace, clock=lambda: next(times))
    await edge.exchange(_state(Effect.TOKEN))

    assert pace.answered_in == 0.0

    await edge.exchange(_state(Effect.READ))

    assert pace.answered_in == 3.0
    assert min(pace.next_wait() for _ in range(100)) >= 35.0


class _Silent:
    async def exchange(self, state):
        return None


def _state(effect):
    return SimpleNamespace(call=SimpleNamespace(effect=effect))
