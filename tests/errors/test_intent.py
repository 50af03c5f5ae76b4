"""
A moment has passed when all clocks say so.
"""

from __future__ import annotations

import pickle
import time
from datetime import UTC, datetime, timedelta

import pytest

from umfpay.errors import Intent


MINUTE = timedelta(minutes=1)


def _intent(*, ago, measured=None):
    """
    Return an intent of so long ago by the clock that is set, and by the monotonic one.
    """
    started = None if measured is None else time.monotonic() - measured.total_seconds()

    return Intent(call="x", at=datetime.now(UTC) - ago, started=started)


def test_all_clocks_that_agree_are_believed():
    """
    The local one, the time since the intent, and the gateway's.
    """
    now = datetime.now(UTC)
    intent = _intent(ago=60 * MINUTE, measured=60 * MINUTE)

    assert intent.has_passed(now - MINUTE, gateway=now)
    assert not intent.has_passed(now + MINUTE, gateway=now)


def test_a_local_clock_that_was_set_forward_proves_nothing():
    """
    By 50 minutes, while the execute was on its way: a minute has passed.
    """
    now = datetime.now(UTC)
    intent = _intent(ago=51 * MINUTE, measured=MINUTE)

    assert not intent.has_passed(now - MINUTE, gateway=now)


@pytest.mark.parametrize("ahead", [-60, -2, None])
def test_without_the_gateway_nothing_has_passed(ahead):
    """
    It must have a clock, and that must be late enough.
    """
    now = datetime.now(UTC)
    gateway = None if ahead is None else now + ahead * MINUTE

    for intent in (
        _intent(ago=60 * MINUTE),
        _intent(ago=60 * MINUTE, measured=60 * MINUTE),
    ):
        assert not intent.has_passed(now - MINUTE, gateway=gateway)


def test_the_gateways_clock_alone_proves_nothing():
    """
    Nobody signs the header Date.
    """
    now = datetime.now(UTC)
    late = now + timedelta(days=365)

    assert not _intent(ago=MINUTE).has_passed(now + MINUTE, gateway=late)


def test_another_process_has_two_clocks():
    """
    What this process measured means nothing on another machine.
    """
    now = datetime.now(UTC)
    intent = _intent(ago=60 * MINUTE, measured=MINUTE)
    travelled = pickle.loads(pickle.dumps(intent))

    assert (intent, None) == (travelled, travelled.elapsed)
    assert travelled.has_passed(now - MINUTE, gateway=now)
    assert MINUTE <= intent.elapsed < 2 * MINUTE
