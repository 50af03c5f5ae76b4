"""
A day's books reconciled: by us on two engines, and by a straightforward script.

Every run is a process of its own; its time is from loaded modules to the list of
differences.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks._reconciliation_parts import ENGINES, REPORTS, SCRIPTS, STAGED
from benchmarks._result import Figure, Result, ratio
from benchmarks.reconciliation_day import write_day


ROWS: Final = 1_000_000
MANY: Final = 10_000_000
HUGE: Final = 50_000_000
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


def measure(
    folder: Path, *, rows: int, sizes: Sequence[int], rounds: int
) -> list[Figure]:
    """
    Return the figures of days of *rows*, and of the larger *sizes*.

    Args:
        folder: Where the days are; those that are there already are not written again.
    """
    small, dated, differing = (
        _day(folder / name, rows, per_class, is_dated=name == "dated")
        for name, per_class in (
            ("small", PER_CLASS),
            ("dated", PER_CLASS),
            # Half of all keys differ.
            ("differing", rows // 28),
        )
    )
    names = ("polars", "duckdb", *SCRIPTS, "prove")
    found: dict[str, list[Any]] = {
        name: [] for name in (*names, "dated", *STAGED, *REPORTS)
    }

    for _ in range(rounds):
        for name in names:
            found[name].append(part(name, small))

        found["dated"].append(part("polars", dated))

        for name in STAGED:
            found[name].append(part(name, small))

    for name in REPORTS:
        found[name].append(part(name, differing))

    large = {
        size: {name: part(name, _day(folder / str(size), size)) for name in ENGINES}
        for size in sizes
    }

    return [
        *_good_path(found, rows),
        *_off_the_path(found, rows),
        *_verdicts(
            {**found, "large": [one for of in large.values() for one in of.values()]}
        ),
        *_sizes(found, rows, large),
    ]


def _day(
    folder: Path, rows: int, per_class: int = PER_CLASS, *, is_dated: bool = False
) -> Path:
    # Its last file.
    if not (folder / "expected.json").exists():
        write_day(
            folder,
            rows=rows,
            per_class=per_class,
            seed=_SEED,
            day=_DAY,
            is_dated=is_dated,
        )

    return folder


def _cpu(parts: Sequence[Any]) -> list[float]:
    return [one["cpu"] for one in parts]


def _good_path(found: Mapping[str, Sequence[Any]], rows: int) -> Iterator[Figure]:
    """
    Give what a day takes, against plain Python and what an expert writes by hand.
    """
    at = f"{rows:,} rows"

    for name, label in (
        ("polars", "umfpay on Polars"),
        ("duckdb", "umfpay on DuckDB"),
        ("polars by hand", "Polars by hand"),
        ("duckdb by hand", "DuckDB by hand"),
        ("peer", "csv, Decimal, dict"),
    ):
        yield Figure(label=f"{label}, {at}", unit="CPU s", rounds=_cpu(found[name]))

    for name, label in ENGINES.items():
        yield ratio(
            f"CPU of umfpay on {label} / of {label} by hand, {at}",
            _cpu(found[name]),
            _cpu(found[f"{name} by hand"]),
            target=1,
            below=True,
        )

    yield ratio(
        f"csv, Decimal, dict / umfpay on Polars, {at}, seconds",
        *([one["seconds"] for one in found[name]] for name in ("peer", "polars")),
        target=10,
    )
    yield Figure(
        label="loading our modules and Polars, which is not in the times",
        unit="s",
        rounds=[one["loading"] for one in found["polars"]],
    )


def _off_the_path(found: Mapping[str, Sequence[Any]], rows: int) -> Iterator[Figure]:
    """
    Give what rows of 15 columns take, proofs, and reports of a day that half differs.
    """
    yield ratio(
        f"CPU with rows of 15 columns / of 14, Polars, {rows:,} rows",
        _cpu(found["dated"]),
        _cpu(found["polars"]),
        target=1.2,
        below=True,
    )
    yield Figure(
        label="a transaction file read and proven, nothing kept",
        unit="rows/s",
        rounds=[one["rows"] / one["cpu"] for one in found["prove"]],
        target=1_000_000,
    )

    for name, (label, target) in REPORTS.items():
        (one,) = found[name]
        yield Figure(
            label=f"{label}, {one['rows']:,} differences",
            unit="CPU s",
            rounds=_cpu(found[name]),
            target=target,
            below=True,
        )


def _sizes(
    found: Mapping[str, Sequence[Any]],
    rows: int,
    large: Mapping[int, Mapping[str, Any]],
) -> Iterator[Figure]:
    """
    Give memory and CPU of larger days: each row takes what it takes in a smaller one.
    """
    per_row = {
        engine: [cpu / rows for cpu in _cpu(found[name])]
        for name, engine in STAGED.items()
    }

    for size, of in large.items():
        for name, label in ENGINES.items():
            yield Figure(
                label=f"{label}, {size:,} rows", unit="CPU s", rounds=[of[name]["cpu"]]
            )
            yield Figure(
                label=f"peak memory on {label}, {size:,} rows",
                unit="MiB",
                rounds=[of[name]["peak"] / _MIB],
                target=_BUDGET,
                below=True,
            )
            yield ratio(
                f"CPU of a row on {label}: of {size:,} / of {rows:,} in two parts",
                [of[name]["cpu"] / size] * len(per_row[name]),
                per_row[name],
                target=1.15,
                below=True,
            )


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
    judged = [one for parts in found.values() for one in parts if "found" in one]

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

    ``UMFPAY_BENCH_DAYS`` is a folder where the days are kept for the next time, and
    ``UMFPAY_BENCH_HUGE`` adds a day of 50 million rows: a quarter of an hour to write.
    """
    huge = [HUGE] if os.environ.get("UMFPAY_BENCH_HUGE") else []
    kept = None if quick else os.environ.get("UMFPAY_BENCH_DAYS")

    with tempfile.TemporaryDirectory() as folder:
        figures = measure(
            Path(kept or folder),
            rows=5_000 if quick else ROWS,
            sizes=[10_000] if quick else [MANY, *huge],
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
                "All do the same work: each class, where each difference stands, the"
                " statement joined outside as well, totals of the files, and a bridge"
                " that is the same to the cent. csv, Decimal, dict: plain Python"
                " (benchmarks/reconciliation_peer.py). By hand: a script for these files"
                " alone that refuses and explains nothing"
                " (benchmarks/reconciliation_polars.py, reconciliation_duckdb.py)."
            ),
            (
                "HTML has the first rows and all sums, a workbook 50,000 rows; the rest"
                " of both is in the CSV beside them."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["reconciliation"])
