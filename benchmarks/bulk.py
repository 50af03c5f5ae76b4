"""
Many queries: what a hundred thousand of them leave in memory, against the emulator.

The emulator runs in a process of its own, as anybody starts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks._result import Figure, Result


_MIB: Final = 1024 * 1024
_GROWTH: Final = 20.0


@contextmanager
def emulator(folder: Path) -> Iterator[Path]:
    """
    Run the command ``umfpay emulator``; give the file of its settings.
    """
    command = "import sys; from umfpay.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "emulator", "--port", "0", "--data", folder],
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None

            while b"Ctrl-C" not in (line := process.stdout.readline()):
                assert line, "the emulator has ended"

            yield folder / "umf.env"
        finally:
            process.terminate()


def part(settings: Path, *, first: int, last: int) -> Any:
    """
    Query in a process of its own; return its sizes after *first* and *last* queries.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks._bulk_part",
            settings,
            str(first),
            str(last),
        ],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )

    return json.loads(done.stdout)


def run(*, quick: bool) -> Result:
    """
    Measure bulk queries; *quick* takes a few seconds and proves nothing.
    """
    first, last = (200, 1_000) if quick else (10_000, 100_000)
    started = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as settings:
        peaks = part(settings, first=first, last=last)

    assert peaks["good"] == last, "queries failed"

    return Result(
        name="bulk",
        title="A hundred thousand queries",
        figures=[
            Figure(
                label=f"resident set after {first:,} queries",
                unit="MiB",
                rounds=[peaks["first"] / _MIB],
            ),
            Figure(
                label=f"more than that after {last:,}",
                unit="MiB",
                rounds=[(peaks["last"] - peaks["first"]) / _MIB],
                target=_GROWTH,
                below=True,
            ),
            Figure(
                label="queries, emulator included",
                unit="calls/s",
                rounds=[last / (time.perf_counter() - started)],
            ),
        ],
        notes=["session.payments.get_many(), 50 at a time; results are thrown away."],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["bulk"])
