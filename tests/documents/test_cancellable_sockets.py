"""
Threads that the event loop can end.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from umfpay.documents._cancellable_sockets import CancellableSockets, CutError


def cancellable(seconds=30.0, timeout=10.0):
    return CancellableSockets(until=time.monotonic() + seconds, timeout=timeout)


async def test_the_result_and_the_error_come_back():
    """
    From a thread that ends with the work.
    """

    def fail():
        raise KeyError("x")

    assert "umfpay-papers" == await cancellable().run(
        lambda: threading.current_thread().name
    )

    with pytest.raises(KeyError):
        await cancellable().run(fail)


async def test_a_call_that_nothing_ends_is_left_alone():
    """
    A name that is not resolved, for one: the deadline holds, and so does a
    cancellation.
    """
    free = threading.Event()
    one = cancellable(0.1)
    started = time.monotonic()

    with pytest.raises(TimeoutError):
        await one.run(lambda: free.wait(20))

    task = asyncio.create_task(cancellable().run(lambda: free.wait(20)))
    await asyncio.sleep(0.05)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - started < 3
    assert one.is_cut

    free.set()
    # What comes too late is dropped.
    await asyncio.sleep(0.05)


def test_a_loop_that_is_gone_is_not_called():
    """
    The thread ends in peace.
    """
    free = threading.Event()

    async def main():
        await cancellable(0.01).run(lambda: free.wait(20))

    with pytest.raises(TimeoutError):
        asyncio.run(main())

    thread = next(t for t in threading.enumerate() if t.name == "umfpay-papers")
    free.set()
    thread.join(5)

    assert not thread.is_alive()


def test_a_socket_that_comes_after_the_cut_is_shut():
    """
    Nothing more leaves on it.
    """
    ours, theirs = socket.socketpair()
    one = cancellable()
    one.cut()

    with ours, theirs:
        with pytest.raises(CutError):
            one.hold(ours)

        assert b"" == theirs.recv(1)

        with pytest.raises(CutError):
            one.step()


def test_a_socket_that_was_released_is_not_touched():
    """
    Its number may belong to another file by now.
    """
    ours, theirs = socket.socketpair()
    one = cancellable()
    one.hold(ours)
    one.release(ours)
    one.cut()

    with ours, theirs:
        ours.sendall(b"x")

        assert b"x" == theirs.recv(1)


def test_a_step_takes_no_longer_than_what_is_left():
    """
    The smaller of the two; when nothing is left it does not begin.
    """
    assert 2.0 == cancellable(30, timeout=2.0).step()
    assert cancellable(1, timeout=2.0).step() <= 1

    with pytest.raises(TimeoutError):
        cancellable(-1).step()
