"""
The bar that shows how far a comparison is, where somebody looks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from umfpay.errors import Text
from umfpay.reconciliation._steps import STEP_NAMES


if TYPE_CHECKING:
    from umfpay.reconciliation._steps import Progress as Reached


class ShownProgress:
    """
    Such a bar, for one step after the other.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._name: Text | None = None
        self._task = bar.add_task("", total=None, count="")

    def show(self, reached: Reached) -> None:
        """
        Show how far a comparison is.
        """
        self.show_step(STEP_NAMES[reached.step], reached.done, reached.total)

    def show_step(self, name: Text, done: int, total: int | None) -> None:
        """
        Show how much of *total* is done.
        """
        if total is None:
            count = f"{done:,}" if done else ""
        else:
            count = f"{done:,}/{total:,}"

        is_new = name != self._name
        self._name = name
        self._bar.update(
            self._task,
            description=f"{name.en} | {name.zh}",
            # What has no end has no share either.
            total=total,
            completed=0 if total is None else done,
            count=count,
            # However short, each step is seen.
            refresh=is_new,
        )


@contextmanager
def shown_progress() -> Iterator[ShownProgress]:
    """
    Give a bar on standard error; it leaves nothing there.
    """
    # Quiet where nobody looks.
    console = Console(stderr=True, quiet=not sys.stderr.isatty())

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        yield ShownProgress(bar)
