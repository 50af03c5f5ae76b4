"""
The shop's database in virtual time: aiosqlite whose worker is a task, not a thread.

Each statement is under way for a while, and so is its answer. What was sent is carried
out though nobody waits for it any more; a process that dies loses its connections, and
with them what was not committed.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import Context
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import aiosqlite
import attrs

from tests import virtual_clock
from tests.simulation.with_journal.process import Process, current
from umfpay.journal import _endings, _record
from umfpay.sql import _database


_JULIAN_EPOCH: Final = 2_440_587.5
_DAY_SECONDS: Final = 86_400.0
_BUSY_SECONDS: Final = 0.1
_BUSY_LOOKS: Final = 5
_WAYS: Final = (0.0, 0.0, 0.0003, 0.001, 0.004, 0.02)

Item = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


@attrs.frozen(kw_only=True)
class DatabasePlan:
    """
    How the database behaves until all is healthy.

    Args:
        lost: Probability that the answer to a commit is lost, whether it was kept or not.
        slow: Probability that a statement takes seconds.
        cut: Probability that a statement fails with an error of the disk.
        skew: Seconds by which its clock is ahead, always.
    """

    lost: float = 0.0
    slow: float = 0.0
    cut: float = 0.0
    skew: float = 0.0


@attrs.define(eq=False)
class VirtualDatabase:
    """
    One file, and what happens on the way to it.
    """

    plan: DatabasePlan
    rng: random.Random
    counts: Counter[str]
    healthy: Callable[[], bool]

    def now(self, _text: str = "now") -> float:
        """
        Return the time as SQLite's `julianday` does.
        """
        return _JULIAN_EPOCH + (virtual_clock.now() + self.plan.skew) / _DAY_SECONDS

    def strikes(self, probability: float, name: str) -> bool:
        """
        Draw whether something goes wrong now.
        """
        if not probability or self.healthy() or self.rng.random() >= probability:
            return False

        self.counts[f"fault: database {name}"] += 1

        return True

    def way(self) -> float:
        """
        Return how long a statement or its answer is under way.
        """
        if self.strikes(self.plan.slow, "slow"):
            return self.rng.choice((0.5, 3.0, 12.0)) * self.rng.random()

        return self.rng.choice(_WAYS)

    @contextmanager
    def in_place(self, *, checks_tables: bool = True) -> Iterator[None]:
        """
        Let aiosqlite connect to here, and the leases of senders follow the loop's time.

        Args:
            checks_tables: Whether tables are made and compared, or taken as they are.
        """

        def uptime() -> float:
            return asyncio.get_running_loop().time()

        def nothing(*_: Any) -> list[str]:
            return []

        with ExitStack() as stack:
            for module, name, value in (
                (aiosqlite, "connect", partial(VirtualConnection, self)),
                (_endings, "uptime", uptime),
                (_record, "uptime", uptime),
                *(
                    (_database, one, nothing)
                    for one in ("create", "differences")
                    if not checks_tables
                ),
            ):
                stack.enter_context(mock.patch.object(module, name, value))

            yield


class VirtualConnection(aiosqlite.Connection):
    """
    A connection of one process.
    """

    def __init__(
        self, database: VirtualDatabase, path: str, *, timeout: float = 0.0, **_: Any
    ) -> None:
        del timeout  # No time passes in SQLite itself.
        super().__init__(partial(self._open, path), 64)
        self._database = database
        self._process: Process | None = current.get()
        self._items: deque[Item] = deque()
        self._working = False
        self._lost = False
        # aiosqlite forgets its own before it is closed.
        self._inner: sqlite3.Connection | None = None
        self._thread: Any = SimpleNamespace(start=lambda: None, daemon=True)
        self._tx: Any = SimpleNamespace(put_nowait=self._put)

    def _open(self, path: str) -> sqlite3.Connection:
        if self._process is not None and self._process.dead:
            raise sqlite3.OperationalError("the process is dead")

        made = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        made.create_function("julianday", 1, self._database.now)

        self._inner = made

        if self._process is not None:
            self._process.connections[self] = None

        return made

    def __del__(self) -> None:
        self._close()

    def _put(self, item: Item) -> None:
        self._items.append(item)

        if not self._working:
            self._working = True
            # It belongs to no process, as the server does.
            asyncio.get_running_loop().create_task(self._work(), context=Context())

    async def _work(self) -> None:
        while self._items:
            future, function = self._items.popleft()
            database = self._database
            await asyncio.sleep(database.way())

            # What was sent may be carried out after its sender's death.
            if self._lost and (self._items or database.rng.random() < 0.5):
                break

            try:
                result, error = await self._do(function), None
            except Exception as raised:
                result, error = None, raised

            await asyncio.sleep(database.way())

            if future is None or future.done() or self._lost:
                continue

            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._working = False

        if self._lost:
            self._close()

    async def _do(self, function: Callable[[], Any]) -> Any:
        database = self._database
        name = getattr(getattr(function, "func", None), "__name__", "")

        if name == "commit" and database.strikes(database.plan.lost, "commit"):
            if database.rng.random() < 0.5:
                function()
            else:
                self._conn.rollback()

            raise _error("the answer was lost", sqlite3.SQLITE_IOERR)

        if name == "execute" and database.strikes(database.plan.cut, "cut"):
            raise _error("the disk does not answer", sqlite3.SQLITE_IOERR)

        for _ in range(_BUSY_LOOKS):
            try:
                return function()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise

                await asyncio.sleep(_BUSY_SECONDS / _BUSY_LOOKS)

        return function()

    def lose(self) -> None:
        """
        Roll back what was begun: the process is gone.
        """
        self._lost = True

        if not self._working:
            self._close()

    def _close(self) -> None:
        inner, self._inner = getattr(self, "_inner", None), None
        self._connection, self._running = None, False

        if self._process is not None:
            self._process.connections.pop(self, None)

        # A cursor that is still known keeps a closed connection, and its lock, alive.
        self._items.clear()

        if inner is not None:
            with suppress(sqlite3.Error):
                inner.rollback()

            inner.close()


def _error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_IOERR"

    return error
