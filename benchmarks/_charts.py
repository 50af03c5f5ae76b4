"""
Charts of results, as SVG.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from benchmarks._result import Figure, Result


# The same bytes for the same result: no date, no random names.
mpl.rcParams["svg.hashsalt"] = "umfpay"
mpl.rcParams["svg.fonttype"] = "none"


def draw(result: Result, path: Path) -> None:
    """
    Draw the ratios of *result*, or all figures of one unit where it has none.

    A bar ends at the median; its whisker spans all rounds. A mark is the target.
    """
    figures = shown(result)
    canvas = Canvas(figsize=(8, 0.9 + 0.32 * len(figures)), layout="constrained")
    axes = canvas.subplots()
    places = range(len(figures), 0, -1)
    medians = [figure.median for figure in figures]
    below = [figure.median - figure.minimum for figure in figures]
    above = [figure.maximum - figure.median for figure in figures]
    axes.barh(places, medians, xerr=[below, above], color="#4c78a8", ecolor="#333333")
    axes.set_yticks(list(places), [figure.label for figure in figures])

    for place, figure in zip(places, figures, strict=True):
        if figure.target is not None:
            axes.plot([figure.target] * 2, [place - 0.4, place + 0.4], color="#e45756")

    axes.set_xlabel(figures[0].unit)
    axes.set_title(result.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(path, format="svg", metadata={"Date": None})


def shown(result: Result) -> list[Figure]:
    """
    Return the figures that a chart of *result* shows: all of one unit.
    """
    ratios = [figure for figure in result.figures if figure.unit == "ratio"]

    if ratios:
        return ratios

    unit = result.figures[0].unit

    return [figure for figure in result.figures if figure.unit == unit]
