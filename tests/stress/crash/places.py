"""
The three databases, and what goes wrong with each of them besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.servers.cable import Cable
from tests.servers.databases import MariaDB, PostgreSQL, running
from tests.stress.crash.life import TOTALS
from umfpay.sql import Database


NAME = "shop"
_LOG_AT = "terminating connection due to idle-in-transaction timeout"
_DISK_BYTES = 600_000_000
_FILLER = "filler"
_FULL_AGAIN = 0.3


class SQLitePlace:
    """
    A file. It has no server: one process in ten finds the disk full.
    """

    name = "SQLite"
    has_server = False

    def __init__(self, folder):
        self.folder = folder
        self.path = Path(folder) / "shop.db"
        self.url = f"sqlite+aiosqlite:///{self.path}"

    @contextlib.contextmanager
    def running(self, seed):
        _prepare(self)

        yield

    def run(self, statement):
        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            connection.execute(statement)

    def disturb(self, rng):
        """
        Nothing: a file has no connections that others end.
        """

    def counts(self):
        """
        Return what went wrong besides the kills, with numbers.
        """
        count = _errors(self.folder).count("SQLITE_FULL")

        return {"calls not sent: the disk is full": count}


class ServerPlace:
    """
    A server behind a cable that loses the answer of a commit, and may be cut. Its disk
    is small, and now and then full for a second.
    """

    has_server = True

    def __init__(self, folder):
        self.folder = folder
        self.killed = self.restarts = self.filled = 0

    @contextlib.contextmanager
    def running(self, seed):
        with (
            _small_disk() as self._disk,
            running(self.make, durable=True, disk=self._disk) as self.server,
        ):
            self.server.make_database(NAME)
            self.url = self.server.url(NAME)
            _prepare(self)
            self.prepare()
            self._cable = Path(self.folder) / "cable"
            child = _start_cable(self.server.port, self._cable, seed)
            self.url = self.server.url(NAME, port=int(self._cable.read_text()))

            try:
                yield
            finally:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def run(self, statement):
        return self.server.sql(statement, NAME)

    def disturb(self, rng):
        """
        End some of its connections, in a transaction or not; or have its disk full until
        the next time.
        """
        was_full = self._make_room()

        # It may not have survived that.
        if self.server.has_ended:
            self.restart()

        if was_full or rng.random() > _FULL_AGAIN:
            self.killed += self.kill_connections(rng.randrange(1, 4))
        elif self._disk is not None:
            self.filled += 1
            _fill(self._disk)

    def _make_room(self):
        """
        Tell whether the disk was full until now.
        """
        was_full = self._disk is not None and self._filler.exists()

        if was_full:
            self._filler.unlink()

        return was_full

    @property
    def _filler(self):
        return Path(self._disk, _FILLER)

    def restart(self):
        """
        End it as a power cut would, and start it again.
        """
        self._make_room()
        self.restarts += 1

        if not self.server.has_ended:
            self.power_off()

        self.server.start()

    def counts(self):
        self._make_room()
        cut, lost = self._cable.with_suffix(".counts").read_text().split()

        return {
            "commits whose answer was lost": int(lost),
            "all connections cut at once": int(cut),
            "connections ended by the server": self.killed,
            "server killed and started again": self.restarts,
            "times the disk was full for a second": self.filled,
            "calls not sent: the disk is full": _errors(self.folder).count(self.full),
            **self.server_counts(),
        }


class PostgreSQLPlace(ServerPlace):
    """
    PostgreSQL with fsync and synchronous_commit.
    """

    name = "PostgreSQL"
    full = "DiskFull"
    make = PostgreSQL

    def prepare(self):
        for setting in (
            "idle_in_transaction_session_timeout = '1s'",
            "deadlock_timeout = '100ms'",
        ):
            self.server.sql(f"ALTER DATABASE {NAME} SET {setting}")

    def power_off(self):
        # At once, without a checkpoint: it begins with its log.
        self.server.stop(signal.SIGQUIT)

    def kill_connections(self, count):
        return int(
            self.server.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM"
                f" pg_stat_activity WHERE datname = '{NAME}'"
                f" AND pid <> pg_backend_pid() ORDER BY random() LIMIT {count}) AS chosen"
            )
        )

    def server_counts(self):
        log = (self.server.folder / "log").read_text(errors="replace")

        return {
            "deadlocks": log.count("deadlock detected"),
            "ended while idle in a transaction": log.count(_LOG_AT),
        }


class MariaDBPlace(ServerPlace):
    """
    MariaDB that writes its log with each commit.
    """

    name = "MariaDB"
    full = "1114"
    make = MariaDB
    deadlocks = 0

    def prepare(self):
        self._limit_idling()

    def _limit_idling(self):
        self.server.sql("SET GLOBAL idle_transaction_timeout = 1")

    def power_off(self):
        self.deadlocks = self._deadlocks()
        self.server.kill()

    def restart(self):
        super().restart()
        self._limit_idling()

    def kill_connections(self, count):
        ids = self.server.sql(
            "SELECT id FROM information_schema.processlist"
            f" WHERE db = '{NAME}' ORDER BY rand() LIMIT {count}"
        ).split()
        killed = 0

        for one in ids:
            # It may have ended by itself.
            with contextlib.suppress(subprocess.CalledProcessError):
                self.server.sql(f"KILL {one}")
                killed += 1

        return killed

    def _deadlocks(self):
        shown = self.server.sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")

        # Those before it was started again are counted, too.
        return self.deadlocks + int(shown.split()[-1])

    def server_counts(self):
        return {"deadlocks": self._deadlocks()}


PLACES = {
    "sqlite": SQLitePlace,
    "postgresql": PostgreSQLPlace,
    "mariadb": MariaDBPlace,
}


def _errors(folder):
    errors = Path(folder) / "errors"

    return errors.read_text() if errors.exists() else ""


@contextlib.contextmanager
def _small_disk():
    """
    Mount a disk in memory; None where that is not allowed.
    """
    disk = Path(tempfile.mkdtemp(prefix="umf-disk-"))
    options = f"size={_DISK_BYTES},mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "umfpay-crash", str(disk)]

    is_there = not subprocess.run(mount, capture_output=True, check=False).returncode

    try:
        yield disk if is_there else None
    finally:
        if is_there:
            subprocess.run(["umount", "-l", str(disk)], check=True)

        disk.rmdir()


def _fill(disk):
    file = os.open(disk / _FILLER, os.O_WRONLY | os.O_CREAT)

    with contextlib.suppress(OSError):
        os.posix_fallocate(file, 0, shutil.disk_usage(disk).free)
        os.lseek(file, 0, os.SEEK_END)

        # What became free meanwhile.
        while True:
            os.write(file, bytes(4096))

    os.close(file)


def _prepare(place):
    async def work():
        async with Database(place.url) as database:
            await database.create_tables()

    asyncio.run(work())

    for statement in (
        "CREATE TABLE shop_effects (what VARCHAR(200), process INTEGER)",
        "CREATE TABLE shop_totals (number INTEGER PRIMARY KEY, total INTEGER)",
        *(f"INSERT INTO shop_totals VALUES ({number}, 0)" for number in range(TOTALS)),
    ):
        place.run(statement)


def _start_cable(port, place, seed):
    child = os.fork()

    if child == 0:
        try:
            asyncio.run(_disturb_for_ever(port, place, random.Random(f"{seed} cable")))
        finally:
            os._exit(1)

    while not place.exists():
        time.sleep(0.01)

    return child


async def _disturb_for_ever(port, place, rng):
    cable, cut = Cable(port), 0
    counts = place.with_suffix(".counts")
    counts.write_text("0 0")
    await cable.start()
    part = place.with_suffix(".part")
    part.write_text(str(cable.port))
    part.rename(place)

    while True:
        await asyncio.sleep(rng.uniform(0.3, 1.0))
        cable.lose_commits = not (Path(place.parent) / "calm").exists()

        if cable.lose_commits and rng.random() < 0.05:
            cable.cut()
            cut += 1

        part.write_text(f"{cut} {cable.lost}")
        part.rename(counts)
