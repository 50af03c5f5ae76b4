"""
The reconciliation benchmark: a generator that repeats, and verdicts that can fail.
"""

from __future__ import annotations

from datetime import date

import pytest

from benchmarks import reconciliation
from benchmarks._reconciliation_parts import scored
from benchmarks.reconciliation_day import CLASSES, write_day
from umfpay.reconciliation import read_statement, read_transactions


def test_the_same_seed_gives_the_same_books(tmp_path):
    """
    Which our readers prove whole.
    """
    days = [
        write_day(
            tmp_path / str(n), rows=500, per_class=2, seed=4, day=date(2017, 2, 6)
        )
        for n in range(2)
    ]
    other = write_day(
        tmp_path / "x", rows=500, per_class=2, seed=5, day=date(2017, 2, 6)
    )

    for name in ("transactions", "statement", "ledger"):
        one, same, different = (
            getattr(day, name).read_bytes() for day in (*days, other)
        )

        assert one == same != different

    assert {*CLASSES} == days[0].expected.keys()
    assert {2} == {len(keys) for keys in days[0].expected.values()}
    assert len(read_transactions(days[0].transactions).read().rows) > 500
    assert len(read_statement(days[0].statement).read().rows) > 500


@pytest.mark.timeout(400)
def test_every_figure_is_there_and_right():
    """
    All differences found, no false alarm, by us and by all scripts, and one bridge.
    """
    figures = {one.label: one for one in reconciliation.run(quick=True).figures}

    assert {1.0} == {*figures["injected differences that were found"].rounds}
    assert {0} == {*figures["false alarms"].rounds}
    assert 10 == len(figures["false alarms"].rounds)
    assert (0,) * 4 == figures["lines in which two bridges differ"].rounds
    assert figures["peak memory on Polars, 10,000 rows"].maximum < 2048


def test_a_false_alarm_and_a_miss_are_seen():
    """
    The verdict is no constant.
    """
    key = ("o", "P", "")

    assert {"injected": 1, "found": 0, "false": 1} == scored(
        {"duplicate": {key}}, {"amount_differs": [list(key)]}
    )
