"""
Memory: that the figures are there and paired, and that nobody answers.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from benchmarks import memory


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {figure.label: figure for figure in memory.run(quick=True).figures}


@pytest.mark.parametrize(
    "label",
    [
        "a session, entered",
        "an httpx.AsyncClient, entered",
        "a call, umfpay",
        "a call, aiohttp",
        "resident set after 300 calls",
        "resident set after 200 queries",
        "queries, emulator included",
    ],
)
def test_it_takes_memory(figures, label):
    """
    More than a page, over so many.
    """
    assert figures[label].minimum > 0


def test_a_session_takes_more_once_it_is_entered(figures):
    """
    Before that it only knows its settings.
    """
    constructed = figures["a session, constructed"].median

    assert constructed < figures["a session, entered"].median


def test_growth_is_sampled_on_the_way_and_bound(figures):
    """
    Every sample must meet the target.
    """
    growth = figures["more than that, every 300 calls to 900"]

    assert 2 == len(growth.rounds)
    assert (20.0, True, True) == (growth.target, growth.below, growth.exact)


def test_queries_of_the_emulator_leave_little(figures):
    """
    Every query is answered, or there would be no figures.
    """
    growth = figures["more than that after 1,000"]

    assert growth.median < growth.target


def test_ratios_are_those_of_the_same_round(figures):
    """
    Ours and those of bare aiohttp.
    """
    pairs = zip(
        figures["a call, umfpay"].rounds, figures["a call, aiohttp"].rounds, strict=True
    )

    assert list(figures["a call, umfpay / aiohttp"].rounds) == [
        one / other for one, other in pairs
    ]


def test_the_silent_server_takes_connections_and_says_nothing():
    """
    And it is gone afterwards.
    """
    with memory.silence() as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.settimeout(0.1)

            with pytest.raises(TimeoutError):
                client.recv(1)

        port = urlsplit(url).port

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
