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
    Ours and httpx, one after the other.
    """
    pairs = zip(figures[OURS].rounds, figures["import httpx"].rounds, strict=True)

    assert list(figures[f"{OURS} / import httpx"].rounds) == [
        one / other for one, other in pairs
    ]


def test_a_probe_tells_what_a_step_loaded():
    """
    What was loaded before is nobody's.
    """
    steps = (
        'with Step("one"):\n    import wave\n\nwith Step("none"):\n    import wave\n'
    )
    (one, _, loaded), (none, _, nothing) = imports.probe(steps)

    assert ("one", "none") == (one, none)
    assert loaded > 0
    assert 0 == nothing
