"""
`Progress`: which step a comparison is at, and how far.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import Text


class Step(StrEnum):
    """
    What a comparison does, in this order.

    Attributes:
        KEEPING: `Books` keep the ledger and the files: rows of the ledger.
        READING: The books are read and divided: rows.
        COMPARING: Buckets.
        REPORTING: Where the differences stand is looked up: no count.
        REMEMBERING: `Books` look at what earlier nights had: files.
    """

    KEEPING = "keeping"
    READING = "reading"
    COMPARING = "comparing"
    REPORTING = "reporting"
    REMEMBERING = "remembering"

    @property
    def label(self) -> Text:
        """
        What people call it.
        """
        return _LABELS[self]


_LABELS: Final = {
    Step.KEEPING: Text("Keeping the ledger", "保存账本"),
    Step.READING: Text("Reading", "读取"),
    Step.COMPARING: Text("Comparing", "核对"),
    Step.REPORTING: Text("Looking up lines", "查找行号"),
    Step.REMEMBERING: Text("Looking at earlier nights", "比对之前各晚"),
}


@attrs.frozen(kw_only=True)
class Progress:
    """
    How far a run is.

    Args:
        step: What it is at.
        done: How much of it is done, of what `Step` says.
        total: How much there is; None where nobody knows.
    """

    step: Step
    done: int
    total: int | None


OnProgress = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """
    Do nothing: nobody wants to know.
    """
