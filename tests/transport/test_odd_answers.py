"""
Odd answers end as was decided, however they are cut into segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import pytest

from tests.transport.answer_table import (
    PAGE,
    disagreements,
    explanations_without_use,
    page,
    read_by_others,
    unexplained,
)
from tests.transport.odd_answers import ROWS, SECTIONS, Given, Odd, Refused
from tests.transport.raw_server import RawServer
from tests.transport.readers import (
    Call,
    Reading,
    differs,
    edge_call,
    open_edge,
    read_by,
    segmentations,
)


UPDATE = "python -m tests.transport.answer_table"


@pytest.fixture(name="server")
async def _server():
    server = RawServer()
    await server.start()

    yield server

    await server.stop()


@pytest.fixture(name="call")
async def _call(server):
    edge = open_edge(server.port)

    yield edge_call(edge, server.port)

    await edge.aclose()


def objection(verdict: Given | Refused, reading: Reading) -> str:
    """
    Return how *reading* differs from *verdict*, and what is wrong with the next call.
    """
    if reading.following != b"after":
        return f"the next call got {reading.following!r}"

    different = differs(verdict, reading)

    if different:
        return different

    if isinstance(verdict, Refused):
        said = reading.words.partition(":")[0]

        if said != verdict.failure:
            return f"refused as {reading.words}"

        return "used again" if reading.kept else ""

    if reading.framed is not verdict.framed:
        return f"framed: {reading.framed}"

    names = {name for name, _ in reading.headers}
    missing = [pair for pair in verdict.headers if pair not in reading.headers]

    if missing or names & set(verdict.absent):
        return f"headers: {reading.headers!r}"

    return ""


async def _objections(rows: Sequence[Odd], call: Call, server: RawServer) -> list[str]:
    found = []

    for row in rows:
        for way, pieces, verdict in segmentations(row):
            reading = await read_by(call, server, pieces)
            wrong = objection(verdict, reading)

            if wrong:
                found.append(f"{row.name}, {way}: {wrong} (decided: {verdict})")

    return found


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_answer_ends_as_was_decided(section, call, server):
    """
    Whole, byte by byte, and cut between head and body; the next call is answered.
    """
    assert [] == await _objections(SECTIONS[section], call, server)


def test_every_answer_ends_as_was_decided_with_uvloop():
    """
    Another loop brings the same bytes in its own way.
    """
    uvloop = pytest.importorskip("uvloop")

    async def run():
        server = RawServer()
        await server.start()
        edge = open_edge(server.port)
        rows = [row for _, row in ROWS]
        found = await _objections(rows, edge_call(edge, server.port), server)
        await edge.aclose()
        await server.stop()

        return found

    assert [] == uvloop.run(run())


async def test_what_comes_last_is_not_the_next_answer(call, server):
    """
    Whatever lies behind an answer when the loop no longer looks ends the connection.
    """
    wrong = []

    for section, row in ROWS:
        if not row.behind or row.apart is None or len(row.behind) > 1000:
            continue

        reading = await read_by(call, server, [row.sent], at_last=row.behind)

        if reading.kept or objection(row.apart, reading):
            wrong.append(f"{section}, {row.name}: {reading}")

    assert [] == wrong


def test_there_are_three_hundred_odd_answers_and_no_two_have_one_name():
    """
    The name is what the table is searched by.
    """
    names = [(section, row.name) for section, row in ROWS]

    assert len(names) == len(set(names))
    assert len(names) >= 300
    assert all(row.why for _, row in ROWS)


async def test_each_disagreement_with_aiohttp_and_h11_is_explained(others):
    """
    And nothing is explained that is none.
    """
    found = disagreements(*others)

    assert [] == unexplained(found)
    assert [] == explanations_without_use(found)


async def test_the_page_shows_the_verdicts(others):
    """
    It is written by the code that this test runs.
    """
    assert page(*others) == PAGE.read_text("utf-8"), f"run {UPDATE}"


@pytest.fixture(name="others")
async def _others(server):
    """
    Return what aiohttp and h11 make of each answer, if they are the ones of the page.
    """
    for name in ("aiohttp", "h11"):
        if f"{name} {version(name)}" not in PAGE.read_text("utf-8"):
            pytest.skip(f"the page is about another version of {name}")

    return await read_by_others(server)
