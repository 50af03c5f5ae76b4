"""
What `benchmarks.reconciliation` measures, each in a process of its own: ``python -m
benchmarks._reconciliation_parts NAME FOLDER``; the answer is JSON on standard output.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.reconciliation_day import Day


if TYPE_CHECKING:
    from umfpay.reconciliation import Report


_KIB: Final = 1024

Key = tuple[str, str, str]
Found = dict[str, set[Key]]

SCRIPTS: Final = {
    "peer": "reconciliation_peer",
    "polars by hand": "reconciliation_polars",
    "duckdb by hand": "reconciliation_duckdb",
}
ENGINES: Final = {"polars": "Polars", "duckdb": "DuckDB"}
# Reports of many differences: what it is called, and what it may take, in seconds.
REPORTS: Final = {
    "csv": ("CSV", 3),
    "html": ("HTML", 3),
    "xlsx": ("xlsx, 50,000 rows", 4),
    "json": ("JSON", None),
}
# The ledger's own names, as the generator writes them.
COLUMNS: Final = {
    "mer_reference_id": "order_no",
    "mer_date": "biz_date",
    "kind": "kind",
    "refund_id": "refund_no",
    "currency": "currency",
    "total": "amount",
    "total_cny": "amount_cny",
    "state": "status",
    "service_fee": "fee",
}


# Of a day that is divided as a larger one is.
STAGED: Final = {f"{engine} staged": engine for engine in ENGINES}


def reconciled(day: Day, *, engine: str, buckets: int | None = None) -> Report:
    """
    Reconcile the day with us.
    """
    from umfpay.reconciliation import Ledger, reconcile

    return reconcile(
        day.transactions,
        day.statement,
        ledger=Ledger.csv(day.ledger, columns=COLUMNS),
        settle_after=1,
        opening=Decimal(0),
        buckets=buckets,
        engine=engine,  # type: ignore[arg-type]  # it comes from our own command line
    )


def ours(day: Day, *, name: str) -> tuple[Found, dict[str, int]]:
    """
    Return the keys of each class and the bridge in CNY.
    """
    report = reconciled(
        day, engine=STAGED.get(name, name), buckets=2 if name in STAGED else None
    )
    found: Found = defaultdict(set)

    for row in report.rows():
        found[row.difference].add((row.order_id, row.kind, row.refund_id))

    assert report.bridge is not None

    return found, {
        str(line.item): int((line.amount or 0) * 100) for line in report.bridge.lines
    }


def by_hand(day: Day, name: str) -> tuple[Found, dict[str, int]]:
    """
    Reconcile it with a script: of csv, Decimal and dict, of Polars, or of DuckDB.
    """
    script = importlib.import_module(f"benchmarks.{SCRIPTS[name]}")
    found: tuple[Found, dict[str, int]] = script.compare_books(
        day.transactions, day.statement, day.ledger
    )

    return found


def prove(day: Day) -> int:
    """
    Read the transaction file alone and keep nothing; return its rows.
    """
    from umfpay.reconciliation import read_transactions

    read_transactions(day.transactions).prove()

    with day.transactions.open("rb") as file:
        return sum(1 for _ in file) - 2


def written(report: Report, name: str) -> dict[str, Any]:
    """
    Write the report in one form; return what that took.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        report.write(Path(folder) / f"report.{name}")

        return {"cpu": time.process_time() - started, "rows": report.frame.height}


def scored(found: Mapping[str, set[Key]], expected: Mapping[str, Iterable[Key]]) -> Any:
    """
    Return how many injected differences were found, and how many false alarms.
    """
    wanted = {(name, tuple(key)) for name, keys in expected.items() for key in keys}
    given = {(name, key) for name, keys in found.items() for key in keys}

    return {
        "injected": len(wanted),
        "found": len(wanted & given),
        "false": len(given - wanted),
    }


def load_modules(name: str) -> None:
    """
    Import what the part *name* uses.
    """
    modules = {
        "polars": ["umfpay.reconciliation.runs._reconcile", "narwhals"],
        "duckdb": ["umfpay.reconciliation.runs._reconcile", "narwhals", "duckdb"],
        "prove": ["umfpay.reconciliation", "polars"],
        **{script: [f"benchmarks.{module}"] for script, module in SCRIPTS.items()},
    }

    for module in modules.get(STAGED.get(name, name), []):
        importlib.import_module(module)


def main(name: str, folder: str) -> None:
    """
    Run one part on the day in *folder*.
    """
    day = Day.load(Path(folder))
    # Of nobody the modules are loaded within the time: csv and decimal are there, too.
    loading = time.perf_counter()
    load_modules(name)
    loading = time.perf_counter() - loading

    if name in REPORTS:
        print(json.dumps(written(reconciled(day, engine="polars"), name)))

        return

    started, cpu = time.perf_counter(), time.process_time()
    result: dict[str, Any] = {"loading": loading}

    if name == "prove":
        result["rows"] = prove(day)
    else:
        found, bridge = by_hand(day, name) if name in SCRIPTS else ours(day, name=name)
        result |= {**scored(found, day.expected), "bridge": bridge}

    result["seconds"] = time.perf_counter() - started
    result["cpu"] = time.process_time() - cpu
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
