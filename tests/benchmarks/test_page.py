"""
The page of results in the docs says what the files of results say.
"""

from __future__ import annotations

import json

from benchmarks._page import PAGE, RESULTS, page_text


def test_the_page_is_what_the_results_make():
    """
    Nobody wrote into it, and no result is newer.
    """
    assert page_text(RESULTS, PAGE) == PAGE.read_text(encoding="utf-8")


def test_each_chart_of_the_page_is_there():
    """
    Beside its numbers.
    """
    charts = {path.stem for path in RESULTS.glob("*.svg")}

    assert {path.stem for path in RESULTS.glob("*.json")} == charts


def test_details_are_in_the_file_and_not_on_the_page(tmp_path):
    """
    Others are on both, with noise and target; words stand before them.
    """
    figure = {
        "label": "promised",
        "unit": "ratio",
        "median": 0.5,
        "noise": 0.03,
        "minimum": 0.4,
        "maximum": 0.6,
        "target": 1.0,
        "below": False,
        "met": False,
        "is_detail": False,
    }
    document = {
        "machine": "a machine",
        "title": "Things",
        "figures": [figure, {**figure, "label": "more", "is_detail": True}],
        "notes": [],
        "table": [["", "signs"], ["umfpay", "POSTs"]],
    }
    (tmp_path / "things.json").write_text(json.dumps(document))
    page = page_text(tmp_path, tmp_path / "page.md")

    assert "| promised | 0.5 | 0.03 | 0.4 | 0.6 | ratio | ≥ 1 | **missed** |" in page
    assert "more" not in page
    assert page.index("| umfpay | POSTs |") < page.index("| promised |")
