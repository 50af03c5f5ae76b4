"""
The benchmark of whole calls compares what it says.
"""

from __future__ import annotations

import itertools

import attrs
import pytest

from benchmarks import whole_call
from benchmarks.whole_call import Cell, Plan


TINY = Plan(
    cells=[
        Cell(concurrency=3),
        Cell(concurrency=100, tls=True, uvloop=True),
    ],
    rounds=2,
    calls=10,
)


@pytest.fixture(name="result", scope="module")
def _result():
    return whole_call.result(TINY)


@pytest.fixture(name="figures", scope="module")
def _figures(result):
    return result.figures


def test_rounds_are_paired(figures):
    """
    As many rounds of each peer, by CPU time and by the clock, for each cell.
    """
    assert 2 * 4 == len(figures)
    assert {2} == {len(figure.rounds) for figure in figures}
    assert all(value > 0 for figure in figures for value in figure.rounds)


def test_targets_are_by_cpu_time(figures):
    """
    A clock on a machine with two cores measures the server, too.
    """
    promised = [figure for figure in figures if figure.target is not None]

    assert [0.9] == [figure.target for figure in promised]
    assert promised[0].label == (
        "umfpay / aiohttp, RSA-1024, at 100, TLS, uvloop, by CPU time"
    )


def test_the_table_has_a_row_for_each_cell(result):
    """
    With median and noise of each column.
    """
    header, *rows = result.table

    assert whole_call.HEADER == header
    assert [str(cell) for cell in TINY.cells] == [row[0] for row in rows]
    assert str(result.figures[0]) == rows[0][1]
    assert all(" ± " in words for row in rows for words in row[1:])


def test_each_target_is_of_a_cell_that_is_measured():
    """
    None is left out by the full run.
    """
    cells = set(whole_call.FULL.cells)

    assert set(whole_call.TARGETS) <= cells
    assert len(cells) == len(whole_call.FULL.cells)


def test_cells_that_share_a_server_stand_together():
    """
    So that the full run starts each server once.
    """
    places = [attrs.evolve(cell, concurrency=0) for cell in whole_call.FULL.cells]
    changes = sum(one != other for one, other in itertools.pairwise(places))

    assert len(set(places)) == changes + 1
