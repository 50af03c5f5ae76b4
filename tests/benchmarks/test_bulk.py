"""
Many queries against the emulator: that they are made, and measured.
"""

from __future__ import annotations

from benchmarks import bulk


def test_memory_is_measured_after_few_and_after_many():
    """
    Every query is answered.
    """
    sizes = {one.label: one.median for one in bulk.run(quick=True).figures}

    assert sizes["resident set after 200 queries"] > 20
    assert sizes["more than that after 1,000"] < 20
    assert sizes["queries, emulator included"] > 0
