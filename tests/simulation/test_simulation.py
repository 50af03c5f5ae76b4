"""
Hundreds of bad days: no money moves twice, and nobody is told what is not true.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attrs
import pytest

from tests.simulation import __main__ as command
from tests.simulation.counts import broken_promises
from tests.simulation.runner import Report, be_quiet, first_caught, run_all
from tests.simulation.schedule import Result, run_schedule
from umfpay import Executed
from umfpay._session import _session as session_module
from umfpay.resources import _payment_evidence, _resolving
from umfpay.transport import CallEnd, CallVerdict, _httpx_adapter


ROOT = Path(__file__).parents[2]
# They run beside the other tests, and on machines with little to give.
SLOW = pytest.mark.timeout(420)


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("CRITICAL", logger="umfpay")


def _run(*arguments, **changes):
    """
    Run the simulation as a user does, without the slowness of measuring coverage.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV_", "COVERAGE_"))
    }

    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.simulation", *map(str, arguments)],
        cwd=ROOT,
        env={**clean, **changes},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def _counts(text):
    found = re.findall(r"^ +([\d,]+)  (.+)$", text, re.M)

    return {name: int(number.replace(",", "")) for number, name in found}


@SLOW
def test_hundreds_of_schedules_hold():
    """
    Paid once, told the truth, resolved in the end; three in ten struck after commit.
    """
    done = _run("--schedules", 400, "--workers", 2)
    counts = _counts(done.stdout)

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert 400 == counts["schedules"]
    assert counts["schedules with a fault after commit"] >= 120
    assert counts["schedules without a fault after the body began"] >= 20

    # Each part of it was there, or it proves nothing.
    for name in (
        "fault: cancelled call",
        "fault: crash",
        "fault: delay",
        "fault: drop_after",
        "fault: drop_before",
        "fault: error_after",
        "fault: late request",
        "customer: mistyped",
        "customer: typed again",
        "event: applied",
        "event: asking",
        "event: same",
        "fault: foreign notification",
        "fault: repeated answer",
        "fault: repeated request",
        "fault: stray answer",
        "fault: duplicate_notification",
        "fault: late_notification",
        "fault: lose_notification",
        "fault: reorder_notification",
        "purchase: done",
        "purchase: not done",
        "refund: done",
        "resolve execute: executed by notification",
        "resolve execute: executed by query",
        "resolve execute: not_executed by query",
        "resolve execute: unknown by query",
        "resolve refund: executed by notification",
        "resolve refund: executed by transactions",
        "resolve refund: unknown by transactions",
        "unknown: payments.create",
        "unknown: payments.execute",
        "unknown: refunds.create",
    ):
        assert counts.get(name, 0) >= 3, (name, counts)


@SLOW
def test_a_seed_gives_the_same_counts_every_time():
    """
    Whatever the hashes of this process are.
    """
    first, second = (
        _counts(_run("--schedules", 25, "--workers", 1, PYTHONHASHSEED=seed).stdout)
        for seed in ("1", "2")
    )

    assert 25 == first["schedules"]
    assert first == second


def test_one_seed_is_replayed_alone(monkeypatch, capsys):
    """
    With the very counts it had among the others.
    """
    monkeypatch.setattr(sys, "argv", ["simulation", "--seed", "7"])

    assert 0 == command.main()
    assert dict(+run_schedule(7).counts) == {
        name: count for name, count in _counts(capsys.readouterr().out).items() if count
    }


def test_the_counts_are_a_table_of_the_documentation(monkeypatch, capsys):
    """
    With each promise, and how often it was broken.
    """
    monkeypatch.setattr(
        sys,
        "argv",
        ["simulation", "--schedules", "2", "--workers", "1", "--markdown"],
    )

    assert 0 == command.main()

    lines = capsys.readouterr().out.splitlines()

    assert ["| what | count |", "| --- | ---: |", "| schedules | 2 |"] == lines[:3]
    assert "| broken: an SMS code is sent once | 0 |" in lines


@pytest.mark.parametrize(
    ("violation", "promise"),
    [
        ("p0: paid 2 times", "an order is charged once"),
        ("PAY_A: refund p0r0-1 was sent twice", "no request for money is repeated"),
        ("PAY_A: execute 123456 was sent twice", "an SMS code is sent once"),
        ("p0-1: told not paid (x), the ledger says paid", 'nobody is told "not done"'),
        ("p0r0: refunded 2 times", "nothing is refunded twice"),
        ("PAY_A: 12.00 refunded of 10.00", "nothing is refunded twice"),
        ("p0: has a payment of another merchant", "no payment of another merchant"),
        ("p0-1: told TRADE_SUCCESS, not in the ledger", "what is told as done"),
        ("p0-1: never resolved", "every outcome is resolved"),
        ("a traceback", "another"),
    ],
)
def test_a_violation_is_counted_with_the_promise_it_breaks(violation, promise):
    """
    Once.
    """
    report = Report()
    report.add(Result(1, (violation,), Counter(schedules=1)))
    broken = [name for name, count in broken_promises(report).items() if count]

    assert 1 == len(broken), broken
    assert broken[0].startswith(promise)


def test_a_failure_prints_its_seed():
    """
    And how to see it again.
    """
    report = Report()
    report.add(Result(4711, ("p0: paid 2 times",), Counter(schedules=1)))

    assert {4711: ("p0: paid 2 times",)} == report.failures
    assert [
        "FAILED: python -m tests.simulation --seed 4711",
        "    p0: paid 2 times",
    ] == list(report.lines())[-2:]


@SLOW
def test_a_build_that_sends_posts_again_is_caught(monkeypatch, capsys):
    """
    Within 200 schedules: money is taken twice, and the ledger knows.
    """
    caught = first_caught(range(200))

    assert caught is not None
    assert caught.violations
    assert first_caught(range(0)) is None

    monkeypatch.setattr(
        sys,
        "argv",
        ["simulation", "--broken", "--first", str(caught.seed), "--schedules", "1"],
    )

    assert 0 == command.main()
    assert f"caught by seed {caught.seed}:" in capsys.readouterr().out


def _forget_cancelled(monkeypatch):
    call_hook = session_module._call_hook

    def forget(name, hook, given, *, of):
        cancelled = isinstance(sys.exception(), asyncio.CancelledError)

        if name != "on_unknown" or not cancelled:
            call_hook(name, hook, given, of=of)

    monkeypatch.setattr(session_module, "_call_hook", forget)


def _believe_5xx(monkeypatch):
    classify = session_module.classify

    def believe(state, error=None):
        found = classify(state, error)

        if found.ending is CallEnd.UNCLEAR and (state.status or 0) >= 500:
            return CallVerdict(ending=CallEnd.FAILED, error=found.error)

        return found

    monkeypatch.setattr(session_module, "classify", believe)


def _believe_absence(monkeypatch):
    ask = _resolving.find_refund

    async def believe(*arguments):
        found = await ask(*arguments)

        return (
            attrs.evolve(found, outcome=Executed.NO)
            if found.outcome is Executed.UNKNOWN
            else found
        )

    monkeypatch.setattr(_resolving, "find_refund", believe)


def _believe_waiting(monkeypatch):
    ask = _payment_evidence._by_state

    def believe(*arguments, **keywords):
        found = ask(*arguments, **keywords)

        return (
            attrs.evolve(found, outcome=Executed.NO)
            if found.outcome is Executed.UNKNOWN
            else found
        )

    monkeypatch.setattr(_payment_evidence, "_by_state", believe)


def _lie_about_the_body(monkeypatch):
    watched_body_class = _httpx_adapter._watched_body_class

    def lie(family):
        class Lying(watched_body_class(family)):
            async def __aiter__(self):
                async for part in super().__aiter__():
                    self._state.body_started, self._state.body_tracked = False, True

                    yield part

        return Lying

    monkeypatch.setattr(_httpx_adapter, "_watched_body_class", lie)


@SLOW
@pytest.mark.parametrize(
    "mistake",
    [
        _forget_cancelled,
        _believe_5xx,
        _believe_absence,
        _believe_waiting,
        _lie_about_the_body,
    ],
)
def test_other_mistakes_are_caught_as_well(mistake, monkeypatch):
    """
    A cancelled call kept quiet, a 5xx or silence taken for "no", a lie about the body.
    """
    mistake(monkeypatch)

    assert any(run_schedule(seed).violations for seed in range(300))


def test_the_log_can_be_kept_off_the_screen():
    """
    Of the command line; a library would leave that to its user.
    """
    import logging

    logger = logging.getLogger("umfpay")
    before = logger.level

    try:
        be_quiet()

        assert not logger.isEnabledFor(logging.CRITICAL)
    finally:
        logger.setLevel(before)


def test_schedules_are_shared_out_to_processes():
    """
    The counts are those of one process.
    """
    assert run_all(range(4), workers=2).counts == run_all(range(4)).counts
