from __future__ import annotations

import asyncio

import pytest

from umfpay.errors import AuthenticationError, TransportError
from umfpay.tokens import _single_flight as module
from umfpay.tokens._single_flight import SingleFlight, new_copy


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
