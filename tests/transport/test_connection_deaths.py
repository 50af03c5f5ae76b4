"""
Each way in which a connection can die ends as was decided, and nothing is left of it.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tests.transport.connection_deaths import (
    ANSWER,
    CANCELLED,
    DEADLINE,
    PROVEN,
    SECTIONS,
    CannotPlayError,
    close_scenario,
    open_scenario,
    page,
    readable,
)
from tests.transport.raw_server import PATIENCE, settle
from umfpay.transport import Failure, HTTPExchangeError


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


@pytest.fixture(name="scenario_of")
async def _scenario_of(clock, authorities):
    """
    Set up server and pool; afterwards nothing may be left.
    """
    scenarios = []
    before = sockets()

    async def scenario_of(**options):
        scenarios.append(await open_scenario(authorities, clock, **options))

        return scenarios[-1]

    yield scenario_of

    for scenario in scenarios:
        await close_scenario(scenario)

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
    except HTTPExchangeError as error:
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
async def test_a_connection_dies_as_was_decided(death, end, is_tls, scenario_of):
    """
    The caller learns what happened, and never "not sent" of what may have been.
    """
    scenario = await scenario_of(
        is_tls=is_tls, kind=death.server_context, host=death.host
    )
    await must_end_as_decided(scenario, death, end)


async def must_end_as_decided(scenario, death, end):
    """
    Play *death*; it ends as *end* says, and the next call is answered.
    """
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


def test_connections_die_alike_with_uvloop(authorities):
    """
    All but those that take time, which there does not jump.
    """
    uvloop = pytest.importorskip("uvloop")

    def jump(_seconds):
        raise CannotPlayError

    async def play_all():
        played = 0

        for case in CASES:
            death, end, is_tls = case.values
            scenario = await open_scenario(
                authorities,
                jump,
                is_tls=is_tls,
                kind=death.server_context,
                host=death.host,
            )

            try:
                await must_end_as_decided(scenario, death, end)
                played += 1
            except CannotPlayError:
                if scenario.call is not None:
                    scenario.call.cancel()
                    await asyncio.wait([scenario.call])
            except AssertionError as error:
                error.add_note(case.id)

                raise
            finally:
                await close_scenario(scenario)

        assert {asyncio.current_task()} == asyncio.all_tasks()

        return played

    assert uvloop.run(play_all()) > 100


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
    is_tls, is_idle, scenario_of
):
    """
    A goodbye by TLS, which nobody answers, is not waited for.
    """
    scenario = await scenario_of(is_tls=is_tls)
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
async def test_a_connection_that_is_being_made_is_left_at_once(is_tls, scenario_of):
    """
    Whoever waits for it is told that nothing was sent.
    """
    scenario = await scenario_of(is_tls=is_tls)
    await scenario.server.stop()

    with socket.create_server(("127.0.0.1", scenario.server.port)) as listener:
        scenario.start(body=b"never")

        # TLS waits in its handshake; TCP is not even asked for yet.
        if is_tls:
            await readable(listener)

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
