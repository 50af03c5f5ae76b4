"""
Strangers that hold connections: they are bounded in number and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import resource
import socket
import time

import pytest

from umfpay.emulator import _connections as connections
from umfpay.emulator import serve


HALF = b"GET /_emulator/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
HALF_BODY = b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n1234"
WHOLE = b"GET /_emulator/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LEFT = b"GET /cberest/v1/bank HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _connect(server, sent=b""):
    connection = socket.create_connection(
        ("127.0.0.1", int(server.origin.rpartition(":")[2])), 10
    )
    connection.sendall(sent)

    return connection


def _is_cut(connection):
    connection.settimeout(10)

    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def _status(connection):
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()

    return answer.status


@pytest.mark.parametrize("sent", [b"", HALF, HALF_BODY])
async def test_half_requests_make_room_for_others(make_box, monkeypatch, sent):
    """
    The oldest goes first, and before it nobody who was served once.
    """
    monkeypatch.setattr(connections, "_max_connections", lambda: 4)

    def strangers(server):
        with contextlib.ExitStack() as stack:
            regular = stack.enter_context(_connect(server, WHOLE))
            before = _status(regular)
            half = [stack.enter_context(_connect(server, sent)) for _ in range(9)]
            cut = [_is_cut(one) for one in half[:6]]
            other = _status(stack.enter_context(_connect(server, WHOLE)))
            regular.sendall(WHOLE)

            return before, cut, other, _status(regular)

    async with serve(make_box()) as server:
        found = await asyncio.to_thread(strangers, server)

    assert (200, [True] * 6, 200, 200) == found


async def test_requests_that_arrive_together_are_all_answered(make_box, monkeypatch):
    """
    The loop accepts them all before it reads the first; those that are idle go.
    """
    monkeypatch.setattr(connections, "_max_connections", lambda: 4)

    def idle(server, stack):
        found = [stack.enter_context(_connect(server, WHOLE)) for _ in range(4)]

        return found, [_status(one) for one in found]

    with contextlib.ExitStack() as stack:
        async with serve(make_box()) as server:
            older, before = await asyncio.to_thread(idle, server, stack)
            # The loop stands still meanwhile.
            together = [stack.enter_context(_connect(server, WHOLE)) for _ in range(4)]
            answers = await asyncio.to_thread(
                lambda: [_status(one) for one in together]
            )
            cut = await asyncio.to_thread(lambda: [_is_cut(one) for one in older])

    assert ([200] * 4, [200] * 4, [True] * 4) == (before, answers, cut)


async def test_a_request_that_is_in_the_socket_keeps_its_connection(
    make_box, monkeypatch
):
    """
    Also if it came in this very moment: the silent newcomer goes.
    """
    monkeypatch.setattr(connections, "_max_connections", lambda: 2)
    make_room = connections.BoundedProtocol._make_room
    regulars = []

    def make_room_late(self):
        for one in regulars:
            one.sendall(WHOLE)

        make_room(self)

    def clients(server):
        with contextlib.ExitStack() as stack:
            found = [stack.enter_context(_connect(server, WHOLE)) for _ in range(2)]
            before = [_status(one) for one in found]
            regulars.extend(found)
            cut = _is_cut(stack.enter_context(_connect(server)))

            return before, cut, [_status(one) for one in found]

    monkeypatch.setattr(connections.BoundedProtocol, "_make_room", make_room_late)

    async with serve(make_box()) as server:
        found = await asyncio.to_thread(clients, server)

    assert ([200, 200], True, [200, 200]) == found


async def test_half_as_many_requests_more_are_answered(make_box, monkeypatch, caplog):
    """
    Of further ones the newcomer goes before its request is read; the log says so once.
    """
    monkeypatch.setattr(connections, "_max_connections", lambda: 4)
    monkeypatch.setattr(connections, "MAX_ACCEPTED_AT_ONCE", 1)
    box = make_box()
    rule = {"kind": "delay", "seconds": 1, "times": 0}
    box.control("PUT", "/faults", {"seed": 0, "rules": [rule]})

    def read(one):
        try:
            return _status(one)
        except ConnectionResetError:
            return "reset"

    with contextlib.ExitStack() as stack:
        async with serve(box) as server:
            # The loop stands still meanwhile.
            all_ = [stack.enter_context(_connect(server, LEFT)) for _ in range(9)]
            found = await asyncio.to_thread(lambda: [read(one) for one in all_])
            arrived = box.control("GET", "/requests")["requests"]

    assert [401] * 7 + ["reset"] * 2 == found
    assert 7 == len(arrived)
    assert 1 == sum("max_connections" in one.message for one in caplog.records)


async def test_who_is_served_is_not_cut_for_a_newcomer(make_box, monkeypatch):
    """
    The newcomer goes.
    """
    monkeypatch.setattr(connections, "_max_connections", lambda: 2)
    box = make_box()
    rule = {"kind": "delay", "seconds": 1, "times": 0}
    box.control("PUT", "/faults", {"seed": 0, "rules": [rule]})

    def strangers(server, until):
        with contextlib.ExitStack() as stack:
            busy = [stack.enter_context(_connect(server, LEFT)) for _ in range(2)]
            until(lambda: len(box.control("GET", "/requests")["requests"]) == 2)
            newcomer = stack.enter_context(_connect(server))

            return _is_cut(newcomer), [_status(one) for one in busy]

    async with serve(box) as server:
        found = await asyncio.to_thread(strangers, server, _until)

    assert (True, [401, 401]) == found


def _until(ask):
    while not ask():
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", HALF, HALF_BODY])
async def test_a_request_that_does_not_arrive_ends_its_connection(
    make_box, monkeypatch, sent
):
    """
    Also where one was answered before on the same connection.
    """
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_SECONDS", 0.3)

    def strangers(server):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(_connect(server, sent))
            second = stack.enter_context(_connect(server, WHOLE))
            status = _status(second)
            second.sendall(sent or HALF)

            return status, _is_cut(first), _is_cut(second)

    async with serve(make_box()) as server:
        found = await asyncio.to_thread(strangers, server)

    assert (200, True, True) == found


async def test_an_answer_may_take_longer_than_a_request(make_box, monkeypatch):
    """
    What arrived is waited for.
    """
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_SECONDS", 0.2)
    box = make_box()
    box.control(
        "PUT", "/faults", {"seed": 0, "rules": [{"kind": "delay", "seconds": 0.6}]}
    )

    def client(server):
        with _connect(server, LEFT) as one:
            return _status(one)

    async with serve(box) as server:
        assert 401 == await asyncio.to_thread(client, server)


@pytest.mark.parametrize(
    ("soft", "most"),
    [(1024, 512), (1_000_000, 1000), (resource.RLIM_INFINITY, 1000), (1, 1)],
)
def test_half_of_the_open_files_are_for_connections(monkeypatch, soft, most):
    """
    And a thousand at most.
    """
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    assert most == connections._max_connections()
