"""
The caller dies at any await, and its journal knows what left.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests import virtual_clock
from tests.simulation import __main__ as command
from tests.simulation.runner import be_quiet, first_caught, run_all
from tests.simulation.with_journal.database import DatabasePlan, VirtualDatabase
from tests.simulation.with_journal.mistakes import run_unwritten
from tests.simulation.with_journal.process import Process, ProcessLoop, current
from tests.simulation.with_journal.schedule import run_with_journal
from umfpay.journal import Journal


SLOW = pytest.mark.timeout(420)


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("CRITICAL", logger="umfpay")
    caplog.set_level("CRITICAL", logger="sqlalchemy")


@SLOW
def test_days_with_crashes_hold():
    """
    Nothing leaves without a row or twice; every row ends, and says what was done.
    """
    report = run_all(range(20), workers=2, run=run_with_journal)

    assert {} == report.failures

    # Each part of it was there, or it proves nothing.
    for name in (
        "fault: crash",
        "fault: database commit",
        "fault: database cut",
        "fault: database slow",
        "handler: called",
        "handler: failed",
        "left: payments.create",
        "left: payments.execute",
        "left: refunds.create",
        "purchase: done",
        "row: payments.execute: executed by answer",
        "row: payments.execute: not_executed by query",
        "row: refunds.create: executed by answer",
        "shop: JournalError",
        "unknown: payments.execute",
    ):
        assert report.counts[name] >= 1, (name, report.counts)


@SLOW
def test_a_seed_takes_the_same_steps_every_time():
    first, again = (run_with_journal(seed) for seed in (7, 7))

    assert first == again


@SLOW
def test_a_build_without_the_commit_before_sending_is_caught(monkeypatch, capsys):
    """
    Within 200 schedules.
    """
    caught = first_caught(range(200), run_unwritten)

    assert caught is not None
    assert any("left without a committed row" in one for one in caught.violations)

    monkeypatch.setattr(
        "sys.argv",
        [
            *("tests.simulation", "--with-journal", "--broken", "--schedules", "1"),
            *("--first", str(caught.seed)),
        ],
    )

    assert 0 == command.main()
    assert f"caught by seed {caught.seed}:" in capsys.readouterr().out


def _run(work):
    return virtual_clock.run(work, loop_factory=ProcessLoop)


def test_a_process_dies_at_the_step_that_was_drawn():
    """
    With all its tasks; what others do goes on.
    """
    done = []

    async def count(name):
        for number in range(10):
            done.append((name, number))
            await asyncio.sleep(0)

    async def day():
        process = Process(dies_at=4)
        others = asyncio.create_task(count("other"))
        token = current.set(process)
        asyncio.create_task(count("mine")).add_done_callback(lambda _: None)
        current.reset(token)
        await process.died.wait()
        await process.bury()
        await others

    _run(day)

    assert [("other", number) for number in range(10)] == [
        one for one in done if one[0] == "other"
    ]
    assert 2 <= sum(name == "mine" for name, _ in done) <= 4


def test_a_process_that_stands_still_goes_on_later():
    """
    As after SIGSTOP and SIGCONT: time has passed meanwhile.
    """
    process = Process(stops_at=3, stops_for=60.0)

    async def work():
        for _ in range(5):
            await asyncio.sleep(0)

        return asyncio.get_running_loop().time()

    async def day():
        token = current.set(process)
        task = asyncio.create_task(work())
        current.reset(token)

        return await task

    assert 60.0 == _run(day)


def test_what_a_dead_process_had_not_committed_is_rolled_back(tmp_path):
    """
    And the database follows the virtual clock.
    """
    database = VirtualDatabase(DatabasePlan(), random.Random(1), Counter(), bool)
    process = Process()
    inside = asyncio.Event()

    async def begin(journal):
        async def work(connection):
            await connection.exec_driver_sql("INSERT INTO note VALUES (1)")
            inside.set()
            await asyncio.Event().wait()

        await journal.database.run(work)

    async def day():
        with database.in_place():
            async with Journal(tmp_path / "shop.db") as journal:

                async def make(connection):
                    await connection.exec_driver_sql("CREATE TABLE note (number)")

                await journal.database.run(make)

            token = current.set(process)
            task = asyncio.create_task(begin(Journal(tmp_path / "shop.db")))
            current.reset(token)
            await inside.wait()
            process.die()
            await process.bury()

            async def read(connection):
                found = await connection.exec_driver_sql("SELECT count(*) FROM note")
                moment = await connection.scalar(journal.database.now.select())

                return found.scalar_one(), moment

            async with Journal(tmp_path / "shop.db") as journal:
                count, moment = await journal.database.run(read)
                expected = virtual_clock.now() * 1_000_000

            return task.cancelled(), count, abs(moment - expected)

    is_cancelled, count, difference = _run(day)

    assert is_cancelled
    assert 0 == count
    assert difference < 1_000_000


def test_the_log_of_the_database_can_be_kept_off_the_screen():
    import logging

    logger = logging.getLogger("sqlalchemy")
    before = logger.level

    try:
        be_quiet()

        assert not logger.isEnabledFor(logging.CRITICAL)
    finally:
        logger.setLevel(before)
