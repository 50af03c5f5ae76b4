"""
A day's books reconciled: by us on two engines, and by a straightforward script.

Every run is a process of its own; its time is from loaded modules to the list of
differences.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks._reconciliation_parts import SCRIPTS
from benchmarks._result import Figure, Result, ratio
from benchmarks.reconciliation_day import write_day


ROWS: Final = 1_000_000
MANY: Final = 10_000_000
PER_CLASS: Final = 50
_SEED: Final = 20261123
_DAY: Final = date(2017, 2, 6)
_MIB: Final = 1024 * 1024
_BUDGET: Final = 2048.0


def part(name: str, folder: Path) -> Any:
    """
    Return what the part *name* found about the day in *folder*.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._reconciliation_parts", name, str(folder)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )

    return json.loads(done.stdout)


def measure(folder: Path, *, rows: int, many: int, rounds: int) -> list[Figure]:
    """
    Return the figures of a day of *rows*, and the memory of one of *many*.
    """
    small, large = folder / "small", folder / "large"
    write_day(small, rows=rows, per_class=PER_CLASS, seed=_SEED, day=_DAY)
    names = ("polars", "duckdb", *SCRIPTS, "parse")
    found: dict[str, list[Any]] = {name: [] for name in names}

    for _ in range(rounds):
        for name in names:
            found[name].append(part(name, small))

    seconds = {name: [one["seconds"] for one in found[name]] for name in names}
    cpu = {name: [one["cpu"] for one in found[name]] for name in names}
    write_day(large, rows=many, per_class=PER_CLASS, seed=_SEED, day=_DAY)
    peaks = {name: part(name, large) for name in ("polars", "duckdb")}
    at = f"{rows:,} rows"

    return [
        *(
            Figure(label=f"{label}, {at}", unit="s", rounds=seconds[name])
            for name, label in (
                ("polars", "umfpay on Polars"),
                ("duckdb", "umfpay on DuckDB"),
                ("peer", "csv, Decimal, dict"),
                ("polars by hand", "Polars by hand"),
                ("duckdb by hand", "DuckDB by hand"),
            )
        ),
        *(
            ratio(
                f"CPU of umfpay on {label} / of {label} by hand, {at}",
                cpu[name],
                cpu[f"{name} by hand"],
                target=1,
                below=True,
            )
            for name, label in (("polars", "Polars"), ("duckdb", "DuckDB"))
        ),
        ratio(
            f"csv, Decimal, dict / umfpay on Polars, {at}",
            seconds["peer"],
            seconds["polars"],
            target=10,
        ),
        ratio(
            f"csv, Decimal, dict / umfpay on DuckDB, {at}",
            seconds["peer"],
            seconds["duckdb"],
        ),
        Figure(
            label="loading our modules and Polars, which is not in the times",
            unit="s",
            rounds=[one["loading"] for one in found["polars"]],
        ),
        *_verdicts({**found, "large": [*peaks.values()]}),
        Figure(
            label="transaction file alone",
            unit="rows/s",
            rounds=[one["rows"] / one["seconds"] for one in found["parse"]],
            target=1_000_000,
        ),
        *(
            Figure(
                label=f"peak memory on {name}, {many:,} rows",
                unit="MiB",
                rounds=[one["peak"] / _MIB],
                target=_BUDGET,
                below=True,
            )
            for name, one in peaks.items()
        ),
        *(
            Figure(label=f"on {name}, {many:,} rows", unit="s", rounds=[one["seconds"]])
            for name, one in peaks.items()
        ),
    ]


def _differing_bridges(found: dict[str, list[Any]]) -> list[float]:
    """
    Count the lines in which each run of a script differs from ours.
    """
    ours = found["polars"][0]["bridge"]

    return [
        sum(ours[item] != amount for item, amount in one["bridge"].items())
        for name in ("duckdb", *SCRIPTS)
        for one in found[name]
    ]


def _verdicts(found: dict[str, list[Any]]) -> list[Figure]:
    judged = [one for name, parts in found.items() for one in parts if name != "parse"]

    return [
        Figure(
            label="injected differences that were found",
            unit="ratio",
            rounds=[one["found"] / one["injected"] for one in judged],
            target=1,
            exact=True,
        ),
        Figure(
            label="false alarms",
            unit="rows",
            rounds=[one["false"] for one in judged],
            target=0,
            below=True,
            exact=True,
        ),
        Figure(
            label="lines in which two bridges differ",
            unit="lines",
            rounds=_differing_bridges(found),
            target=0,
            below=True,
            exact=True,
        ),
    ]


def run(*, quick: bool) -> Result:
    """
    Measure reconciliation; *quick* takes a few seconds and proves nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(
            Path(folder),
            rows=5_000 if quick else ROWS,
            many=10_000 if quick else MANY,
            rounds=1 if quick else 3,
        )

    return Result(
        name="reconciliation",
        title="Reconciliation: transactions, statement and ledger of one day",
        figures=figures,
        notes=[
            (
                f"{PER_CLASS} differences of each class are injected, a tenth of the rows"
                " are refunds. All three books are read from files; all classes are"
                " looked for."
            ),
            (
                "All do the same work: each class, the statement joined outside as well,"
                " totals of the files, and a bridge that is the same to the cent. csv,"
                " Decimal, dict: plain Python (benchmarks/reconciliation_peer.py). By"
                " hand: a script for these files alone that refuses and explains nothing"
                " (benchmarks/reconciliation_polars.py, reconciliation_duckdb.py)."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["reconciliation"])
