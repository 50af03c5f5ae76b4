"""
One schedule with a journal, from its seed to what it showed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import itertools
import random
import sqlite3
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from pathlib import Path
from typing import Final

from tests import virtual_clock
from tests.simulation.journal import Journal as Books
from tests.simulation.journal import Purchase, ReportedOutcome
from tests.simulation.ledger import Ledger
from tests.simulation.network import Gateway, Line, receiver
from tests.simulation.plan import Schedule, draw
from tests.simulation.schedule import Result, config, credentials, other_merchant
from tests.simulation.with_journal.database import DatabasePlan, VirtualDatabase
from tests.simulation.with_journal.judge import Judge
from tests.simulation.with_journal.plan import (
    CLOSE_AFTER,
    GIVE_UP_AFTER,
    JournalPlan,
    ProcessPlan,
    draw_processes,
)
from tests.simulation.with_journal.process import Process, ProcessLoop, current
from tests.simulation.with_journal.shop import Shop
from tests.simulation.with_journal.wiretap import TappedLine, Wiretap, outside
from umfpay import UMFSession
from umfpay.errors import UMFError
from umfpay.journal import Journal, Recovery


_LOOK_SECONDS: Final = 20.0
_FIRST_LOOK_SECONDS: Final = 5.0
_MAX_LOOK_SECONDS: Final = 600.0
_LAST_SECONDS: Final = 6 * 3600.0
# Longer than any request is under way, and any refund is pending.
_AFTERMATH_SECONDS: Final = 300.0
# A file that no disk is asked for.
_MEMORY: Final = Path("/dev/shm")


def run_with_journal(seed: int) -> Result:
    """
    Run the schedule of *seed*: the same seed gives the same result.
    """
    # The first one in a process takes other steps: keys are read, caches are empty.
    _warm_up()

    return _run(seed)


@functools.cache
def _warm_up() -> None:
    _run(-1)


def _run(seed: int) -> Result:
    schedule, plan = draw(seed), draw_processes(seed)
    counts: Counter[str] = Counter()
    state = random.getstate()
    random.seed(f"jitter {seed}")

    with _directory() as directory:
        path = directory / "shop.db"
        path.write_bytes(_empty_database())

        async def day() -> list[str]:
            return await _Day(schedule, plan, counts, path).run()

        # What is collected gives its connection back: at the same step every time.
        gc.disable()

        try:
            violations = virtual_clock.run(day, loop_factory=ProcessLoop)
        except Exception as error:
            violations = ["".join(traceback.format_exception(error))]
        finally:
            random.setstate(state)
            gc.enable()

    counts["schedules"] = 1

    return Result(seed, tuple(violations), counts)


@contextmanager
def _directory() -> Iterator[Path]:
    parent = _MEMORY if _MEMORY.is_dir() else None

    with tempfile.TemporaryDirectory(prefix="umfpay-", dir=parent) as made:
        yield Path(made)


@functools.cache
def _empty_database() -> bytes:
    """
    Return a file with all tables, those of the shop as well.
    """
    with _directory() as directory:
        path = directory / "shop.db"
        database = VirtualDatabase(DatabasePlan(), random.Random(0), Counter(), bool)

        async def make() -> None:
            with database.in_place():
                async with Journal(path):
                    pass

        virtual_clock.run(make)

        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TABLE shop_settled (position INTEGER, outcome TEXT)"
            )
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        return path.read_bytes()


class _Day:
    """
    The parts of a schedule that runs.
    """

    def __init__(
        self, schedule: Schedule, plan: JournalPlan, counts: Counter[str], path: Path
    ) -> None:
        self._schedule = schedule
        self._plan = plan
        self._counts = counts
        self._path = path
        self._rng = random.Random(f"events {schedule.seed}")
        self._books = Books(schedule, receiver(credentials()), counts)
        self._gateway = Gateway(
            schedule,
            credentials(),
            other_merchant(),
            self._books,
            self._rng,
            counts,
        )
        self._ledger = Ledger(self._gateway.emulator)
        self._database = VirtualDatabase(
            plan.database, self._rng, counts, lambda: self._gateway.healthy
        )
        self._over = asyncio.Event()

    async def run(self) -> list[str]:
        """
        Return what must not be.
        """
        loop = asyncio.get_running_loop()
        loop.call_later(self._schedule.heals, self._gateway.heal)

        for purchase in self._schedule.purchases:
            if purchase.stranger is not None:
                loop.call_later(
                    purchase.stranger,
                    self._gateway.strange_payment,
                    f"{purchase.name}-1",
                    str(purchase.amount),
                )

        with (
            contextlib.closing(sqlite3.connect(self._path)) as books,
            self._database.in_place(checks_tables=self._plan.checks_tables),
        ):
            books.create_function("julianday", 1, self._database.now)
            self._wiretap = Wiretap(books, counts=self._counts)
            self._judge = Judge(books, self._ledger)

            try:
                async with asyncio.TaskGroup() as group:
                    for lives in self._plan.workers:
                        group.create_task(self._work(lives))

                    group.create_task(self._end())

                self._forget_numbers()
                self._ledger.check(self._books)
                self._judge.check()
                self._count()
            finally:
                await self._gateway.aclose()

        return self._ledger.violations + self._wiretap.violations

    async def _end(self) -> None:
        """
        Wait until nothing is left to be done.
        """
        loop = asyncio.get_running_loop()

        while loop.time() < _LAST_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)

            if (
                self._gateway.healthy
                and all(_is_settled(one) for one in self._books.purchases)
                and self._judge.is_over()
            ):
                await asyncio.sleep(_AFTERMATH_SECONDS)

                if self._judge.is_over():
                    break

        self._over.set()

    async def _work(self, lives: tuple[ProcessPlan, ...]) -> None:
        """
        Let one process live after the other, until one has begun that does not die.
        """
        for plan in itertools.chain(lives, itertools.repeat(ProcessPlan())):
            process = Process(
                dies_at=plan.dies_at, stops_at=plan.stops_at, stops_for=plan.stops_for
            )
            context = copy_context()
            context.run(current.set, process)
            task = asyncio.get_running_loop().create_task(
                self._process(process), context=context
            )
            task.add_done_callback(self._note_end, context=Context())
            over = asyncio.create_task(self._over.wait())
            died = asyncio.create_task(process.died.wait())
            await asyncio.wait((task, over, died), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            died.cancel()
            self._counts["steps"] += process.steps

            if not process.dead:
                # Closed as a shop closes.
                task.cancel()
                await asyncio.wait((task,))

            self._counts["fault: crash"] += process.dead
            process.die()
            await process.bury()
            self._judge.look("after a process")

            if self._over.is_set():
                return

            await asyncio.sleep(plan.rests)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()

        if isinstance(error, UMFError):
            # The database is away: whoever watches over it starts it again.
            self._counts[f"shop: did not start: {type(error).__name__}"] += 1
        elif error is not None:
            self._ledger.violations.append("".join(traceback.format_exception(error)))

    async def _process(self, process: Process) -> None:
        """
        Be one process of the shop until it is ended.
        """
        line = Line(
            self._gateway, self._schedule, self._rng, self._counts, wrap=outside
        )

        async with (
            Journal(self._path) as journal,
            UMFSession(
                config(),
                transport=TappedLine(line, self._wiretap, process),
                journal=journal,
            ) as session,
        ):
            shop = Shop(
                session=session,
                journal=journal,
                books=self._books,
                gateway=self._gateway,
                rng=self._rng,
                counts=self._counts,
                deadline=self._schedule.deadline,
                handler_fails=self._plan.handler_fails,
            )
            journal.settled(shop.note_settled)

            recovery = Recovery(
                session,
                journal,
                inbox=self._books,
                give_up_after=GIVE_UP_AFTER,
                close_after=CLOSE_AFTER,
            )

            async with asyncio.TaskGroup() as group:
                group.create_task(shop.run())
                group.create_task(self._recover(recovery))

    async def _recover(self, recovery: Recovery) -> None:
        """
        Look at what is due, ever more rarely: to look each second would take hours.
        """
        pause = _FIRST_LOOK_SECONDS * self._rng.random()

        while True:
            await asyncio.sleep(pause)
            pause = min(1.7 * pause + 0.1, _MAX_LOOK_SECONDS)

            try:
                await recovery.run_once()
            except UMFError as error:
                self._counts[f"recovery waits: {type(error).__name__}"] += 1

    def _forget_numbers(self) -> None:
        """
        What a process thinks of a number is no promise: the rows are.
        """
        for purchase in self._books.purchases:
            for attempt in purchase.attempts:
                attempt.reported = None

            for owed in purchase.refunds:
                for tried in owed.attempts:
                    tried.reported = None

    def _count(self) -> None:
        _, committed = self._ledger.faults()
        self._counts["schedules with a fault after commit"] = int(committed > 0)

        for purchase in self._books.purchases:
            self._counts[f"purchase: {purchase.reported}"] += 1

            for owed in purchase.refunds:
                if owed.reported is not None:
                    self._counts[f"refund: {owed.reported}"] += 1

        for row in self._judge.rows():
            end = row["outcome"] or row["state"]
            by = f" by {row['decided_by']}" if row["decided_by"] else ""
            self._counts[f"row: {row['call']}: {end}{by}"] += 1


def _is_settled(purchase: Purchase) -> bool:
    if purchase.reported is not ReportedOutcome.DONE:
        return purchase.reported is not None

    return all(one.reported is not None for one in purchase.refunds)
