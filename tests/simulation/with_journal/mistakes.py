"""
What nobody may build: calls that leave before their row is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests.simulation.schedule import Result
from tests.simulation.with_journal.schedule import run_with_journal
from umfpay.journal import JournaledCall


@contextmanager
def without_rows() -> Iterator[None]:
    """
    Write nothing down before a call is sent.
    """

    async def write(_call: JournaledCall, *, deadline: float) -> None:
        del deadline

    with (
        mock.patch.object(JournaledCall, "write", write),
        mock.patch.object(JournaledCall, "is_valid", return_value=True),
    ):
        yield


def run_unwritten(seed: int) -> Result:
    """
    Run a schedule with a build that commits nothing before it sends.
    """
    with without_rows():
        return run_with_journal(seed)
