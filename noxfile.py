"""
What CI runs: ``nox`` with no arguments runs it all.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox


nox.needs_version = ">=2025.5"
nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")

# Much of a test is waiting, for a socket or another process: more than the cores.
_IN_PARALLEL = [
    "-n",
    str(min(8, 3 * (os.cpu_count() or 1))),
    # A module's fixtures are made once, and what it measures is measured once.
    "--dist=loadscope",
    "--no-loadscope-reorder",
    "--ignore=tests/browser",
    "--ignore=tests/httpx2",
    "--ignore=tests/spark",
]
# Traced, they take ten times as long and show nothing new.
_NOT_TRACED = [
    "--ignore=tests/benchmarks",
    "--ignore=tests/cases",
    "--ignore=tests/stress",
    "--ignore=tests/simulation",
    "--ignore=tests/test_exports.py",
    "--ignore=tests/end_to_end/test_cancellations.py",
]


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """
    Check style and the direction of imports.
    """
    session.install("-e", ".[all]", *_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """
    Check types: mypy strict on the sources, pyright on the public API.
    """
    session.install("-e", ".[all,testing]", *_group("types"), "nox")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "umfpay", "--ignoreexternal")


@nox.session
def tests(session: nox.Session) -> None:
    """
    Run the whole test suite, but for what needs a browser, Java or httpx2.
    """
    session.install("-e", ".[all,testing]", *_group("tests"))
    session.run("pytest", *_IN_PARALLEL, "--durations=40", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """
    Fail under 95 % branch coverage by the tests that measure nothing themselves.
    """
    session.install("-e", ".[all,testing]", *_group("tests"))
    session.run("coverage", "erase")
    session.run(
        "coverage", "run", "-m", "pytest", *_IN_PARALLEL, *_NOT_TRACED, *session.posargs
    )
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def browser(session: nox.Session) -> None:
    """
    Pay in headless Chromium as a person would; needs chromium and chromium-driver.
    """
    session.install("-e", ".[all,testing]", *_group("browser"))
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def httpx2(session: nox.Session) -> None:
    """
    Use transports and clients of httpx2, which most people do not have beside httpx.
    """
    session.install("-e", ".[all,testing]", *_group("httpx2"))
    session.run("pytest", "tests/httpx2", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """
    Run 20,000 schedules of faults on a virtual clock and print what happened.
    """
    session.install("-e", ".[all,testing]", *_group("simulation"))
    session.run(
        "python",
        "-m",
        "tests.simulation",
        *(session.posargs or ["--schedules", "20000"]),
    )


@nox.session
def oracle(session: nox.Session) -> None:
    """
    Compare 300 random runs of days, and 100 of nights, with an independent oracle.
    """
    session.install("-e", ".[all,testing]", *_group("tests"))
    session.run(
        *("pytest", "-q", *_IN_PARALLEL[:2], "--timeout=900"),
        "tests/reconciliation/runs/test_oracle.py",
        "tests/reconciliation/nights/test_oracle.py",
        *session.posargs,
        env={"UMFPAY_ORACLE_RUNS": "300"},
    )


@nox.session
def cancellations(session: nox.Session) -> None:
    """
    Cancel receive, apply and journal 4,050 times at random moments, on each database.
    """
    session.install("-e", ".[all,testing]", *_group("tests"))
    session.run(
        *("pytest", "-k", "cancellations", "--timeout=900", "--durations=9"),
        *("-o", "faulthandler_timeout=1000"),
        "tests/sql/test_cancellations.py",
        "tests/journal/test_cancellations.py",
        "tests/notifications/test_each_database.py",
        *session.posargs,
        env={"UMFPAY_CANCELLATIONS": "450"},
    )


@nox.session
def bench(session: nox.Session) -> None:
    """
    Compare us with our peers and print the ratios; ten minutes on two idle cores.
    """
    session.install("-e", ".[all,testing]", *_group("bench"))
    # What is compared accepts its answers: the tests alone do not install it.
    session.run("pytest", "-q", "tests/benchmarks/test_rivals.py")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def token_storm(session: nox.Session) -> None:
    """
    64 processes, one token, leaders killed at each step; print what it cost.
    """
    session.install("-e", ".[all,testing]", *_group("bench"))
    session.run("python", "-m", "tests.stress.token_storm", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """
    Kill 500 processes of a shop on three databases and compare the books.
    """
    session.install("-e", ".[all,testing]", *_group("tests"))
    session.run("python", "-m", "tests.stress.crash", *session.posargs)


@nox.session
def spark(session: nox.Session) -> None:
    """
    Compare on PySpark in local mode what the embedded engines compare; needs Java 17.
    """
    session.install("-e", ".[all,testing]", *_group("spark"))
    session.run("pytest", "tests/spark", "--timeout=1200", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """
    Run every code block of README and docs.
    """
    session.install("-e", ".[all,testing]", *_group("docs"))
    pages = [str(page) for page in sorted(Path("docs").rglob("*.md"))]
    session.run("pytest", "README.md", "README.zh-CN.md", *pages)
