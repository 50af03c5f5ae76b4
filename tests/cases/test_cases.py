"""
Programs as users write them: each shows one kind of fault that was found once.

They run as they stand, in a process of their own, and end with ``ok``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


CASES = sorted(Path(__file__).parent.glob("[0-9]*_*.py"))


def _environment() -> dict[str, str]:
    # Some compare CPU time: nothing measures them beside.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "COV_CORE_"))
    }


def test_there_are_cases():
    """
    The folder was not left out by whoever packed it.
    """
    assert len(CASES) > 30


@pytest.mark.timeout(150)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_program_ends_well(case, tmp_path):
    """
    It exits with 0, and its last line says ok.
    """
    done = subprocess.run(
        [sys.executable, str(case)],
        cwd=tmp_path,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=130,
        check=False,
    )
    last = (done.stdout.strip().splitlines() or [done.stderr])[-1]

    assert (0, "ok") == (done.returncode, last)
