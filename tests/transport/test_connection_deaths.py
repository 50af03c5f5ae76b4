"""
Each way in which a connection can die ends as was decided, and nothing is left of it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tests.transport.connection_deaths import (
    ANSWER,
    BODY_LIMIT,
    CANCELLED,
    DEADLINE,
    DEADLINE_SECONDS,
    PROVEN,
    SECTIONS,
    TIMEOUT_SECONDS,
    Scenario,
    acceptable,
    page,
    server_context,
)
from tests.transport.raw_server import PATIENCE, RawServer, settle
from tests.transport.readers import make_state
from umfpay.sensitive import Secret
from umfpay.transport._connection_pool import ConnectionPool
from umfpay.transport._exchange import ExchangeError, Failure


PAGE = Path(__file__).parents[2] / "docs/explanation/connection-deaths.md"
UPDATE = "python -m tests.transport.connection_deaths"

CASES = [
    pytest.param(death, end, is_tls, id=f"{section}: {death.name}{is_tls * ', TLS'}")
    for section, deaths in SECTIONS.items()
    for death in deaths
    for end, is_tls in ((death.plain, False), (death.tls, True))
    if end is not None
]


@pytest.fixture(name="authorities", scope="module")
def _authorities():
    """
    One that is trusted, and one that nobody knows.
    """
    return trustme.CA(), trustme.CA()


@pytest.fixture(name="clock")
async def _clock():
    """
    A clock of the loop that can jump.
    """
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]
    loop.time = lambda: real() + ahead[0]

    def jump(seconds):
        ahead[0] += seconds

    yield jump

    del loop.time


@pytest.fixture(name="open_scenario")
async def _open_scenario(clock, authorities):
    """
    Set up server and pool; afterwards nothing may be left.
    """
    scenarios = []
    before = sockets()

    async def open_scenario(
        *, is_tls, kind="good", host="127.0.0.1", max_connections=10
    ):
        server = RawServer()
        context = server_context(kind, *authorities) if is_tls else None
        await server.start(context)
        trust = ssl.create_default_context()
        authorities[0].configure_trust(trust)
        scheme = "https" if is_tls else "http"

        def state(**changes):
            facts = {
                "timeout": TIMEOUT_SECONDS,
                "deadline": asyncio.get_running_loop().time() + DEADLINE_SECONDS,
                "body_limit": BODY_LIMIT,
            }

            return make_state(
                f"{scheme}://{host}:{server.port}", **{**facts, **changes}
            )

        proxy = f"http://127.0.0.1:{server.port}" if kind == "proxy" else None
        pool = ConnectionPool(
            f"{scheme}://{host}:{server.port}",
            proxy=None if proxy is None else Secret(proxy),
            max_connections=max_connections,
            ssl_context=trust,
        )
        scenarios.append(Scenario(server, pool, state, clock, is_tls, max_connections))

        return scenarios[-1]

    yield open_scenario

    for scenario in scenarios:
        async with asyncio.timeout(PATIENCE):
            await scenario.edge.aclose()

        scenario.held.close()
        await scenario.server.stop()

    await settle()
    assert {asyncio.current_task()} == asyncio.all_tasks()
    assert before == sockets()
    assert [] == [
        one for one in asyncio.get_running_loop()._scheduled if not one.cancelled()
    ]


def sockets():
    """
    Count this process's sockets.
    """
    count = 0

    for file in Path("/proc/self/fd").iterdir():
        # The one that lists them is gone by now.
        with suppress(FileNotFoundError):
            count += str(file.readlink()).startswith("socket:")

    return count


async def outcome_of(scenario):
    """
    Return in one word what the caller gets.
    """
    done, _ = await asyncio.wait([scenario.call], timeout=PATIENCE)
    assert done, "it hangs"

    try:
        answer = await scenario.call
    except ExchangeError as error:
        return error.failure
    except TimeoutError:
        return DEADLINE
    except asyncio.CancelledError:
        return CANCELLED

    if scenario.stream is not None:
        assert answer.is_framed or b"00000" == answer.body

        return PROVEN if scenario.stream.ended_clean else ANSWER

    return ANSWER


@pytest.mark.parametrize(("death", "end", "is_tls"), CASES)
async def test_a_connection_dies_as_was_decided(death, end, is_tls, open_scenario):
    """
    The caller learns what happened, and never "not sent" of what may have been.
    """
    scenario = await open_scenario(
        is_tls=is_tls, kind=death.server_context, host=death.host
    )
    await death.steps(scenario)
    word = await outcome_of(scenario)
    server, state = scenario.server, scenario.state

    assert end.outcome == word
    assert end.started is state.body_started
    assert end.executed == server.executed.count(state.body)

    # What matters most, whatever the table says.
    if state.body and not state.body_started:
        assert not any(
            state.body in connection.received for connection in server.connections
        )

    if word in (Failure.CONNECT, Failure.CONNECT_TIMEOUT, Failure.POOL_TIMEOUT):
        assert not state.body_started

    if end.connections is not None:
        assert end.connections == len(server.connections)

    if death.usable:
        await must_work(scenario)


async def must_work(scenario):
    """
    The next call is answered, on a connection of its own.
    """
    server = scenario.server
    vars(server).pop("connected", None)
    vars(server).pop("data_received", None)
    scenario.held.close()
    scenario.stream = None
    before = len(server.connections)
    scenario.start()

    assert ANSWER == await outcome_of(scenario)
    assert b"after" == scenario.call.result().body
    assert before + 1 == len(server.connections) or server.connections[-1].executed[1:]


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("is_idle", [False, True])
async def test_nothing_is_left_though_the_other_side_is_silent(
    is_tls, is_idle, open_scenario
):
    """
    A goodbye by TLS, which nobody answers, is not waited for.
    """
    scenario = await open_scenario(is_tls=is_tls)
    connection = await scenario.asked()

    if is_idle:
        connection.send(b"HTTP/1.1 204 A\r\n\r\n")
        await settle()
        assert ANSWER == await outcome_of(scenario)

    connection.transport.pause_reading()

    async with asyncio.timeout(PATIENCE):
        await scenario.edge.aclose()

    if not is_idle:
        assert Failure.BROKEN == await outcome_of(scenario)
        assert scenario.state.body_started


@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_connection_that_is_being_made_is_left_at_once(is_tls, open_scenario):
    """
    Whoever waits for it is told that nothing was sent.
    """
    scenario = await open_scenario(is_tls=is_tls)
    await scenario.server.stop()

    with socket.create_server(("127.0.0.1", scenario.server.port)) as listener:
        scenario.start(body=b"never")

        # TLS waits in its handshake; TCP is not even asked for yet.
        if is_tls:
            await acceptable(listener)

        before = sockets()

        async with asyncio.timeout(PATIENCE):
            await scenario.edge.aclose()

        assert Failure.CONNECT == await outcome_of(scenario)
        assert not scenario.state.body_started
        assert sockets() == before - is_tls


def test_the_page_shows_the_table():
    """
    It is written by the code that this test runs.
    """
    assert page() == PAGE.read_text("utf-8"), f"run {UPDATE}"
