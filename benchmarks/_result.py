"""
What a benchmark found: figures, ratios against a peer, and targets.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Figure:
    """
    One thing measured in several rounds.

    Args:
        label: What was measured, in the reader's words.
        unit: Such as "calls/s", "us", "MiB", "ratio".
        rounds: The value of each round, in the order they ran.
        target: What a ratio must reach; None where nothing was promised.
        below: Whether *target* is a bound from above instead of from below.
        exact: Whether every round must meet *target*, not only the median.
        is_detail: Whether it is written down, but in no table and no chart.
    """

    label: str
    unit: str
    rounds: Sequence[float] = attrs.field(converter=tuple)
    target: float | None = None
    below: bool = False
    exact: bool = False
    is_detail: bool = False

    @property
    def minimum(self) -> float:
        """
        The smallest round.
        """
        return min(self.rounds)

    @property
    def median(self) -> float:
        """
        The round in the middle.
        """
        return statistics.median(self.rounds)

    @property
    def maximum(self) -> float:
        """
        The largest round.
        """
        return max(self.rounds)

    def __str__(self) -> str:
        return f"{short(self.median)} ± {short(self.noise)}"

    @property
    def noise(self) -> float:
        """
        How far from each other the middle half of the rounds is, halved.
        """
        if len(self.rounds) < 2:
            return 0.0

        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")

        return (high - low) / 2

    @property
    def met(self) -> bool | None:
        """
        Whether the target is met; None without a target.
        """
        if self.target is None:
            return None

        if self.below:
            return (self.maximum if self.exact else self.median) <= self.target

        return (self.minimum if self.exact else self.median) >= self.target

    def to_json(self) -> dict[str, Any]:
        """
        Return the members for JSON.
        """
        return {
            "label": self.label,
            "unit": self.unit,
            "minimum": self.minimum,
            "median": self.median,
            "noise": self.noise,
            "maximum": self.maximum,
            "rounds": list(self.rounds),
            "target": self.target,
            "below": self.below,
            "met": self.met,
            "is_detail": self.is_detail,
        }


@attrs.frozen(kw_only=True)
class Stack:
    """
    A bar of a chart that is made of parts.

    Args:
        parts: Their sizes, in the unit of the result's first figure.
    """

    label: str
    parts: Mapping[str, float]


@attrs.frozen(kw_only=True)
class Result:
    """
    What one benchmark found.

    Args:
        name: The module's name, also that of the files written.
        title: One line.
        figures: What was measured and the ratios, in the order of the table.
        notes: What a reader must know to believe or repeat it.
        stacks: What the chart shows in place of the figures.
        table: Words before the figures: a header and its rows.
    """

    name: str
    title: str
    figures: Sequence[Figure] = attrs.field(converter=tuple)
    notes: Sequence[str] = attrs.field(default=(), converter=tuple)
    stacks: Sequence[Stack] = attrs.field(default=(), converter=tuple)
    table: Sequence[Sequence[str]] = attrs.field(default=(), converter=tuple)

    def to_json(self) -> dict[str, Any]:
        """
        Return the members for JSON.
        """
        return {
            "name": self.name,
            "title": self.title,
            "figures": [figure.to_json() for figure in self.figures],
            "notes": list(self.notes),
            "stacks": [
                {"label": stack.label, "parts": dict(stack.parts)}
                for stack in self.stacks
            ],
            "table": [list(row) for row in self.table],
        }


def ratio(
    label: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    target: float | None = None,
    below: bool = False,
    is_detail: bool = False,
) -> Figure:
    """
    Return the ratio of paired rounds as a figure.
    """
    return Figure(
        label=label,
        unit="ratio",
        rounds=[one / other for one, other in zip(ours, theirs, strict=True)],
        target=target,
        below=below,
        is_detail=is_detail,
    )


def short(value: float) -> str:
    """
    Return *value* with three digits that count.
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def versions(*names: str) -> str:
    """
    Return what is installed of *names*.
    """
    installed = {one.name: one.version for one in metadata.distributions()}

    return ", ".join(f"{name} {installed[name]}" for name in names if name in installed)
