"""
Figures say whether a target was met, and results are written as they are.
"""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from benchmarks.__main__ import main, save
from benchmarks._page import write_page
from benchmarks._result import Figure, Result, ratio, versions


def test_the_median_decides_unless_every_round_must():
    """
    From above and from below.
    """
    rounds = (0.8, 0.95, 0.97)

    assert Figure(label="a", unit="ratio", rounds=rounds, target=0.9).met
    assert not Figure(
        label="a", unit="ratio", rounds=rounds, target=0.9, exact=True
    ).met
    assert Figure(label="a", unit="MiB", rounds=rounds, target=0.95, below=True).met
    assert Figure(label="a", unit="ratio", rounds=rounds).met is None


def test_noise_is_of_the_middle_half():
    """
    One round that something disturbed says nothing about the others.
    """
    rounds = (1.0, 1.1, 1.2, 1.3, 9.0)
    figure = Figure(label="a", unit="us", rounds=rounds)

    assert pytest.approx(0.1) == figure.noise
    assert "1.2 ± 0.1" == str(figure)
    assert 0 == Figure(label="a", unit="us", rounds=(1.0,)).noise


def test_versions_are_those_that_are_installed():
    """
    What is not there is not named.
    """
    found = versions("attrs", "no-such-package", "aiohttp")

    assert [f"{name} {metadata.version(name)}" for name in ("attrs", "aiohttp")] == (
        found.split(", ")
    )


def test_ratios_are_of_paired_rounds():
    """
    The first with the first, the second with the second.
    """
    assert (2.0, 0.5) == ratio("a / b", [2, 2], [1, 4]).rounds


def test_results_become_json_a_chart_and_a_page(tmp_path):
    """
    The same result gives the same bytes.
    """
    figures = [
        Figure(label="us", unit="calls/s", rounds=(1.0, 2.0)),
        ratio("us / them", [1.0], [2.0], target=0.9),
    ]
    result = Result(name="thing", title="Things", figures=figures, notes=["a note"])

    for folder in ("one", "two"):
        save(result, tmp_path / folder)

    saved = json.loads((tmp_path / "one" / "thing.json").read_text())
    charts = [
        (tmp_path / folder / "thing.svg").read_bytes() for folder in ("one", "two")
    ]
    write_page(tmp_path / "one", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()

    assert ["us", "us / them"] == [figure["label"] for figure in saved["figures"]]
    assert charts[0] == charts[1]
    assert b"us / them" in charts[0]
    assert "**missed**" in page
    assert "](one/thing.svg)" in page


def test_an_unknown_benchmark_is_named(capsys):
    """
    Usage errors end with 2.
    """
    with pytest.raises(SystemExit) as caught:
        main(["nothing"])

    assert 2 == caught.value.code
    assert "no such benchmark: nothing" in capsys.readouterr().err
