"""
Imports against httpx: that the figures are there and paired, not how fast.
"""

from __future__ import annotations

import pytest

from benchmarks import imports


OURS = "import umfpay; umfpay.Config"


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {figure.label: figure for figure in imports.run(quick=True).figures}


def test_every_step_took_time(figures):
    """
    Imports, settings, session, and entering it.
    """
    times = [figure for figure in figures.values() if figure.unit == "ms"]

    assert times
    assert all(figure.minimum > 0 for figure in times)


def test_a_step_loads_the_same_modules_every_time(figures):
    """
    In an interpreter that has loaded nothing else.
    """
    modules = [figure for figure in figures.values() if figure.unit == "modules"]

    assert modules
    assert all(figure.minimum == figure.maximum for figure in modules)


def test_we_load_fewer_modules_than_httpx(figures):
    """
    Also than one that was installed without its command line.
    """
    bare = figures["import httpx, without its command line: modules"]

    assert figures[f"{OURS}: modules"].median < bare.median


def test_ratios_are_those_of_the_same_round(figures):
    """
    Ours and httpx, one after the other, by CPU time.
    """
    pairs = zip(figures[OURS].rounds, figures["import httpx"].rounds, strict=True)

    assert figures[f"{OURS} / import httpx, by CPU time"].rounds == pytest.approx(
        [one / other for one, other in pairs]
    )


def test_an_entered_session_is_compared_with_importing_aiohttp(figures):
    """
    All its steps are in it.
    """
    whole = figures["a session, entered, with all modules"]
    steps = [
        figures[label].minimum
        for label in (
            "import asyncio, umfpay",
            "Config(...)",
            "UMFSession(config)",
            "async with session",
        )
    ]
    compared = figures[f"{whole.label} / import aiohttp, by CPU time"]

    assert sum(steps) < whole.maximum
    assert 1.6 == compared.target
    assert compared.below


def test_a_probe_tells_what_a_step_loaded():
    """
    What was loaded before is nobody's.
    """
    steps = (
        'with Step("one"):\n    import wave\n\nwith Step("none"):\n    import wave\n'
    )
    found = imports.probe(steps)

    assert ["one", "none"] == list(found)
    assert found["one"].modules > 0
    assert 0 == found["none"].modules
