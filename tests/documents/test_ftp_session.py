"""
Time: deadline, cancellation and the time of a step end an upload, wherever it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from umfpay.documents import upload_papers
from umfpay.errors import ConfigError, UploadError


ORDER = {"mer_reference_id": "B2B-7", "mer_date": "20261123"}
STALLS = [
    "greeting", "USER", "PASS", "TYPE", "SIZE", "PASV", "STOR", "data", "stored",
]  # fmt: skip
TLS_STALLS = ["AUTH", "handshake", "PBSZ", "PROT", "data", "stored"]


def _worker_threads():
    return [one for one in threading.enumerate() if one.name == "umfpay-papers"]


async def _no_thread_is_left():
    for thread in _worker_threads():
        await asyncio.to_thread(thread.join, 5)

    assert [] == _worker_threads()


@pytest.mark.parametrize("step", [*STALLS, *(f"tls {one}" for one in TLS_STALLS)])
@pytest.mark.parametrize("how", ["deadline", "cancel", "timeout"])
async def test_a_server_that_stalls(scripted, upload, serving_tls, trusting, step, how):
    """
    Deadline, cancellation and the time of a step hold wherever it stalls, and no
    thread is left behind.
    """
    secure = step.startswith("tls ")
    server = scripted(
        {step.removeprefix("tls "): None}, context=serving_tls if secure else None
    )
    account = server.account(
        security="ftps" if secure else "ftp",
        ssl_context=trusting() if secure else None,
        timeout=0.3 if how == "timeout" else 30,
    )
    started = time.monotonic()

    if how == "cancel":
        task = asyncio.create_task(upload(account))
        await asyncio.to_thread(server.reached.wait, 5)
        cancelled = time.monotonic()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert time.monotonic() - cancelled < 1
    else:
        deadline = 0.5 if how == "deadline" else 30

        with pytest.raises(UploadError, match="not answer in time"):
            await upload(account, deadline=deadline, attempts=1)

        assert time.monotonic() - started < 3

    await _no_thread_is_left()


async def test_a_server_that_dribbles_does_not_outlast_the_deadline(scripted, upload):
    """
    Each byte comes in time, the reply never.
    """

    def dribble(server):
        one = server.sockets[-1]

        while not server.ended.wait(0.05):
            one.sendall(b"2")

    server = scripted({"greeting": dribble})
    started = time.monotonic()

    with pytest.raises(UploadError, match="in time"):
        await upload(server.account(), deadline=0.5)

    assert time.monotonic() - started < 3


async def test_connecting_takes_no_longer_than_what_is_left(
    scripted, upload, monkeypatch
):
    """
    Nothing can end it, so it gets the smaller of the two.
    """
    connect = socket.create_connection
    given = []

    def watched(address, timeout, **options):
        given.append(timeout)

        return connect(address, timeout, **options)

    monkeypatch.setattr(socket, "create_connection", watched)
    server = scripted({"PASS": "530 no"})

    for deadline in (5.0, 300.0):
        with pytest.raises(ConfigError):
            await upload(server.account(), deadline=deadline)

    assert 0 < given[0] <= 5
    assert 10 == given[1]


class Broken(ssl.SSLContext):
    """
    Fails as no server makes it fail.
    """

    def wrap_socket(self, sock, **options):
        raise KeyError("ours")


async def test_an_error_that_is_not_the_servers_comes_out(
    scripted, upload, serving_tls
):
    """
    It is nothing to try again, and no thread is left behind.
    """
    server = scripted(context=serving_tls)
    context = Broken(ssl.PROTOCOL_TLS_CLIENT)

    with pytest.raises(KeyError, match="ours"):
        await upload(server.account(security="ftps", ssl_context=context))

    await _no_thread_is_left()

    assert ["connecting"] == [step.name for step in upload.steps]


async def test_each_upload_gives_its_descriptors_back(faulty, upload):
    """
    Whether it ends well or is cut in the middle.
    """
    before = _sockets()
    faulty.cut_after = [100_000]

    assert 2 == (await upload(faulty.account())).sequence

    async with asyncio.timeout(10):
        # The server needs a moment to close its own.
        while before != _sockets():
            await asyncio.sleep(0.01)


def _sockets():
    found = 0

    for one in Path("/proc/self/fd").iterdir():
        # The descriptor of this very listing is gone by now.
        with contextlib.suppress(FileNotFoundError):
            found += str(one.readlink()).startswith("socket:")

    return found


# What nothing can end: a name that is not resolved.


@pytest.fixture(name="unresolved")
def _unresolved(monkeypatch):
    """
    No name is resolved before the event is set.
    """
    free = threading.Event()
    resolve = socket.getaddrinfo

    def wait(*arguments, **options):
        if threading.current_thread().name == "umfpay-papers":
            free.wait(20)

        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)

    yield free

    free.set()


async def test_a_name_that_is_not_resolved_does_not_outlast_the_deadline(
    scripted, upload, unresolved
):
    """
    The thread is left alone; what comes too late is dropped, and nothing is sent.
    """
    server = scripted()
    started = time.monotonic()

    with pytest.raises(UploadError, match="in time"):
        await upload(server.account(), deadline=0.1)

    assert time.monotonic() - started < 3
    assert all(thread.daemon for thread in _worker_threads())

    unresolved.set()
    await _no_thread_is_left()

    assert [] == server.got


async def test_a_name_that_is_not_resolved_does_not_outlast_a_cancellation(
    scripted, upload, unresolved
):
    """
    A connection that comes after the cut is closed at once.
    """
    server = scripted()
    task = asyncio.create_task(upload(server.account()))

    while not _worker_threads():
        await asyncio.sleep(0.01)

    cancelled = time.monotonic()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - cancelled < 3

    unresolved.set()
    await _no_thread_is_left()

    assert [] == server.got


def test_a_loop_that_is_gone_is_not_called(scripted, papers, sequences, unresolved):
    """
    The thread ends in peace.
    """
    server = scripted()

    with pytest.raises(UploadError, match="in time"):
        asyncio.run(
            upload_papers(
                server.account(), papers, sequences=sequences, deadline=0.1, **ORDER
            )
        )

    (thread,) = _worker_threads()
    unresolved.set()
    thread.join(5)

    assert not thread.is_alive()
