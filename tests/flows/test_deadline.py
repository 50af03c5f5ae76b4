"""
One deadline for all calls of a flow.
"""

from __future__ import annotations

import asyncio
import math

import pytest

from umfpay.errors import ConfigError, NotFinishedError
from umfpay.flows._deadline import Deadline


@pytest.mark.parametrize(
    "seconds", [0, -1, math.inf, math.nan, 1e12, 10**400, True, "5", None]
)
async def test_a_deadline_is_seconds_above_zero_and_at_most_ten_years(seconds):
    """
    Anything else is a mistake of the caller's.
    """
    with pytest.raises(ConfigError):
        Deadline.after(seconds)


async def test_what_is_left_never_falls_below_zero():
    """
    It passes as the loop's time does.
    """
    now = asyncio.get_running_loop().time()

    assert 0 == Deadline(now - 5).seconds_left
    assert 5 == Deadline.after(5).seconds_left


async def test_a_call_gets_the_sessions_deadline_or_what_is_left(open_session):
    """
    Whichever is shorter, and an instant when nothing is.
    """
    session = await open_session(deadline=10)
    now = asyncio.get_running_loop().time()

    assert 10 == Deadline.after(60).options(session)["deadline"]
    assert 5 == Deadline.after(5).options(session)["deadline"]
    assert 0.001 == Deadline(now - 1).options(session)["deadline"]


async def test_a_write_that_is_too_late_is_not_sent():
    """
    An instant is enough for it to leave.
    """
    end = Deadline.after(10)
    end.must_have_time()

    with pytest.raises(NotFinishedError) as caught:
        Deadline(end.at - 20).must_have_time("what is known")

    assert "what is known" == caught.value.last
    assert not caught.value.money_may_have_moved
