"""
Many callers, few connections, and a server that does everything wrong at random.
"""

from __future__ import annotations

import asyncio
import random
import re
import select
import ssl
from collections import Counter
from contextlib import suppress

import pytest
import trustme

from tests.transport.raw_server import RawServer, settle
from tests.transport.readers import make_state
from umfpay.transport import ConnectionPool, HTTPExchangeError


CALLS = {False: 2000, True: 1000}
"""By whether they are made over TLS."""

CALLERS = 20
CONNECTIONS = 5
TURNS = 150
"""Turns of the loop after which a caller gives up."""

_NUMBER = re.compile(rb"call [0-9]{6}")
STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\ncall 999999"


def is_idle(connection):
    """
    Tell whether no request is under way, not even in the kernel.

    What comes while one is, nobody can tell from its answer.
    """
    if connection.is_gone or connection.answers < len(connection.executed):
        return False

    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)

    return not poll.poll(0)


def answer(body):
    """
    Return an answer that says which request it belongs to.
    """
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Chaos(RawServer):
    """
    Answers with what was asked, mostly.

    Attributes:
        calm: It answers everything at once.
    """

    def __init__(self, chance):
        super().__init__()
        self.chance = chance
        self.calm = False
        self._tasks = set()

    def connected(self, connection):
        if not self.calm and self.chance.random() < 0.05:
            self._do(connection.reset())

    def request_received(self, connection):
        whole = answer(connection.executed[-1])
        half = self.chance.randrange(1, len(whole))

        match 0 if self.calm else self.chance.randrange(20):
            case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7:
                connection.send(whole)
                connection.answers += 1
            case 8 | 9:
                self._do(self._slowly(connection, whole[:half], whole[half:]))
            case 10:
                connection.send(whole)
                self._do(connection.finish())
            case 11:
                connection.send(whole)
                self._do(connection.reset())
            case 12:
                connection.send(whole + STRAY)
            case 13:
                connection.send(whole)
                connection.answers += 1
                self._do(self._stray_later(connection))
            case 14:
                self._do(connection.reset())
            case 15:
                connection.send(whole[:half])
                self._do(connection.reset())
            case 16:
                connection.send(whole[:half])
                self._do(connection.finish())
            case 17:
                connection.send(b"garbage\r\n\r\n")
            case _:
                pass  # silence

    async def _slowly(self, connection, first, second):
        connection.send(first)

        for _ in range(self.chance.randrange(30)):
            await asyncio.sleep(0)

        connection.send(second)
        connection.answers += 1

    async def _stray_later(self, connection):
        for _ in range(self.chance.randrange(10)):
            await asyncio.sleep(0)

        if is_idle(connection):
            connection.send(STRAY)

    async def disturb(self):
        """
        Do something to any connection, now and then.
        """
        while True:
            for _ in range(self.chance.randrange(60)):
                await asyncio.sleep(0)

            alive = [one for one in self.connections if not one.is_gone]

            if alive:
                one = self.chance.choice(alive)

                match self.chance.randrange(3):
                    case 0 if is_idle(one):
                        one.send(STRAY)
                    case 0:
                        pass
                    case 1:
                        await one.finish()
                    case _:
                        await one.reset()

    def _do(self, doing):
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@pytest.fixture(name="contexts", scope="module")
def _contexts():
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)

    return server, client


@pytest.mark.parametrize("is_tls", [False, True])
async def test_nobody_gets_an_answer_to_another_call(is_tls, contexts):
    """
    Nor is a call executed twice, nor said to be not sent when a byte of it arrived.
    """
    chance = random.Random(15)
    server = Chaos(chance)
    await server.start(contexts[0] if is_tls else None)
    origin = f"{'https' if is_tls else 'http'}://127.0.0.1:{server.port}"
    pool = ConnectionPool(origin, max_connections=CONNECTIONS, ssl_context=contexts[1])
    numbers = iter(range(CALLS[is_tls]))
    ends, unsent, wrong = Counter(), [], []

    async def make_calls():
        for number in numbers:
            body = b"call %06d" % number
            state = make_state(origin, body=body)
            task = asyncio.ensure_future(pool.exchange(state))

            # Some are cancelled early, those that are never answered late.
            for _ in range(chance.choice((TURNS, TURNS, TURNS, chance.randrange(20)))):
                await asyncio.sleep(0)

                if task.done():
                    break
            else:
                task.cancel()

            try:
                given = await task
            except HTTPExchangeError as error:
                ends[error.failure] += 1
            except asyncio.CancelledError:
                ends["cancelled"] += 1
            else:
                ends["answer"] += 1

                if given.body != body:
                    wrong.append((body, given.body))

            if not state.body_started:
                unsent.append(body)

    disturbing = asyncio.ensure_future(server.disturb())
    await asyncio.gather(*(make_calls() for _ in range(CALLERS)))
    disturbing.cancel()

    with suppress(asyncio.CancelledError):
        await disturbing

    arrived = {
        number
        for connection in server.connections
        for number in _NUMBER.findall(connection.received)
    }
    twice = [one for one, count in Counter(server.executed).items() if count > 1]

    assert [] == wrong
    assert set() == arrived & set(unsent)
    assert [] == twice
    assert {"answer", "broken", "protocol", "cancelled"} <= set(ends)
    assert ends["answer"] > CALLS[is_tls] // 4

    server.calm = True

    for number in range(20):
        body = b"call 1%05d" % number
        assert body == (await pool.exchange(make_state(origin, body=body))).body

    await pool.aclose()
    await server.stop()
    await settle()

    assert {asyncio.current_task()} == asyncio.all_tasks()
