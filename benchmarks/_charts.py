"""
Charts of results, as SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks._result import Figure, Result, Stack


# The same bytes for the same result: no date, no random names.
mpl.rcParams["svg.hashsalt"] = "umfpay"
mpl.rcParams["svg.fonttype"] = "none"

_COLOURS: Final = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")
_TARGET: Final = "#e45756"


def draw(result: Result, path: Path) -> None:
    """
    Draw the stacks of *result*, its ratios, or all figures of one unit.
    """
    rows = len(result.stacks or shown(result))
    canvas = Canvas(figsize=(8, 1.2 + 0.32 * rows), layout="constrained")
    axes = canvas.subplots()

    if result.stacks:
        _stacks(axes, result.stacks)
        canvas.legend(loc="outside lower center", ncols=len(result.stacks[0].parts))
        unit = result.figures[0].unit
    else:
        figures = shown(result)
        _bars(axes, figures)
        unit = figures[0].unit

    axes.set_xlabel(unit)
    canvas.suptitle(result.title, x=0.01, ha="left")
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(path, format="svg", metadata={"Date": None})


def _bars(axes: Axes, figures: Sequence[Figure]) -> None:
    # A bar ends at the median; its whisker spans all rounds. A mark is the target.
    places = range(len(figures), 0, -1)
    medians = [figure.median for figure in figures]
    below = [figure.median - figure.minimum for figure in figures]
    above = [figure.maximum - figure.median for figure in figures]
    axes.barh(places, medians, xerr=[below, above], color=_COLOURS[0], ecolor="#333333")
    axes.set_yticks(list(places), [figure.label for figure in figures])

    for place, figure in zip(places, figures, strict=True):
        if figure.target is not None:
            axes.plot([figure.target] * 2, [place - 0.4, place + 0.4], color=_TARGET)


def _stacks(axes: Axes, stacks: Sequence[Stack]) -> None:
    places = range(len(stacks), 0, -1)
    left = [0.0] * len(stacks)

    for name, colour in zip(stacks[0].parts, _COLOURS, strict=False):
        sizes = [stack.parts[name] for stack in stacks]
        axes.barh(places, sizes, left=left, color=colour, label=name)
        left = [one + other for one, other in zip(left, sizes, strict=True)]

    axes.set_yticks(list(places), [stack.label for stack in stacks])


def shown(result: Result) -> list[Figure]:
    """
    Return the figures that a chart of *result* shows: all of one unit.
    """
    figures = [figure for figure in result.figures if not figure.is_detail]
    ratios = [figure for figure in figures if figure.unit == "ratio"]

    return ratios or [one for one in figures if one.unit == figures[0].unit]
