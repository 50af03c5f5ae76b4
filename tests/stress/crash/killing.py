"""
Processes are started and killed until all lives are over.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import attrs

from tests.stress.crash.life import Life, run
from tests.stress.crash.moments import ELSEWHERE, Board


# More than a lease: the deadline of a call and its margin.
STOP_SECONDS = 19.5
_LAST_SECONDS = 2.0
_MAX_ENDED = 5
_START_SECONDS = 30.0
_TICK_SECONDS = 0.004
_ROOT = Path(__file__).parents[3]


@attrs.define(kw_only=True)
class Killed:
    """
    What was done to how many processes, and where they were.
    """

    forked: int = 0
    fresh: int = 0
    stopped: int = 0
    moments: Counter[str] = attrs.field(factory=Counter)
    stopped_moments: Counter[str] = attrs.field(factory=Counter)
    # Those that ended by themselves: that must not be.
    ended: list[str] = attrs.field(factory=list)

    @property
    def kills(self):
        return self.forked + self.fresh


@attrs.define(kw_only=True)
class _Process:
    life: Life
    pid: int
    started: float
    ready_at: float | None = None
    resume_at: float | None = None
    kill_at: float | None = None


class Killer:
    """
    Starts *workers* processes at a time, and ends each as its life says.

    Args:
        kills: By SIGKILL; one of ten besides is stopped by SIGSTOP and goes on.
        stops: Whether there are such.
        patience: Seconds after which one whose moment does not come is killed anywhere.
    """

    def __init__(
        self, setup, place, *, kills, workers=8, stops=True, restarts=1, patience=6.0
    ):
        self._setup = setup
        self._place = place
        self._patience = patience
        self._workers = workers
        self._lives = list(_lives(setup.seed, kills, place, stops=stops))
        self._restart_after = {
            len(self._lives) * (one + 1) // (restarts + 1) for one in range(restarts)
        }
        self._rng = random.Random(f"{setup.seed} killer")
        self._board = Board.make(setup.board, len(self._lives))
        self._running: list[_Process] = []
        self._stopped: list[_Process] = []
        self.killed = Killed()

    def run(self):
        """
        Return what was done when all is over.
        """
        lives = iter(self._lives)
        disturb_at = time.monotonic() + 2.0

        try:
            more = True

            while more or self._running or self._stopped:
                while more and len(self._running) < self._workers:
                    life = next(lives, None)
                    more = life is not None

                    if more:
                        self._start(life)

                now = time.monotonic()

                if now >= disturb_at:
                    self._place.disturb(self._rng)
                    disturb_at = now + self._rng.uniform(0.5, 2.0)

                self._look(now)
                time.sleep(_TICK_SECONDS)
        finally:
            self._end_all()

        return self.killed

    def _start(self, life):
        if self._place.has_server and life.number in self._restart_after:
            self._place.restart()

        self._running.append(
            _Process(life=life, pid=_born(self._setup, life), started=time.monotonic())
        )

    def _look(self, now):
        for one in [*self._running]:
            pid, status = os.waitpid(one.pid, os.WNOHANG)

            if pid:
                self._running.remove(one)
                self._count(one)

                if not os.WIFSIGNALED(status):
                    self.killed.ended.append(one.life.seed)
                    assert len(self.killed.ended) < _MAX_ENDED, self._log()
            elif self._is_due(one, now):
                self._strike(one, now)

        for one in [*self._stopped]:
            if one.kill_at is None and now >= one.resume_at:
                os.kill(one.pid, signal.SIGCONT)
                one.kill_at = now + _LAST_SECONDS
            elif one.kill_at is not None and now >= one.kill_at:
                self._stopped.remove(one)
                _kill(one.pid)

    def _is_due(self, one, now):
        if one.ready_at is None:
            if self._board.is_ready(one.life.number):
                one.ready_at = now

            return now - one.started > _START_SECONDS

        return now - one.ready_at > (
            self._patience if one.life.aim else min(one.life.delay, self._patience)
        )

    def _strike(self, one, now):
        self._running.remove(one)

        if not one.life.is_stopped:
            _kill(one.pid)
            self._count(one)

            return

        os.kill(one.pid, signal.SIGSTOP)
        os.waitpid(one.pid, os.WUNTRACED)
        self.killed.stopped += 1
        self.killed.stopped_moments.update(self._moments(one))
        one.resume_at = now + STOP_SECONDS
        self._stopped.append(one)

    def _moments(self, one):
        return self._board.moments(one.life.number) or [ELSEWHERE]

    def _count(self, one):
        if one.life.is_fresh:
            self.killed.fresh += 1
        else:
            self.killed.forked += 1

        self.killed.moments.update(self._moments(one))

    def _log(self):
        return (Path(self._setup.folder) / "log").read_text()[-3000:]

    def _end_all(self):
        for one in (*self._running, *self._stopped):
            _kill(one.pid)


def _kill(pid):
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _lives(seed, kills, place, *, stops):
    made = 0
    number = 0

    while made < kills:
        is_stopped = stops and number % 11 == 7
        made += not is_stopped

        yield Life.draw(
            number,
            seed,
            is_stopped=is_stopped,
            is_fresh=not is_stopped and number % 9 == 4,
            has_full_disk=not place.has_server and number % 10 == 3,
        )

        number += 1


def _born(setup, life):
    if life.is_fresh:
        log = (Path(setup.folder) / "log").open("a")

        with log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.stress.crash.life", setup.to_json()),
                    life.to_json(),
                ],
                cwd=_ROOT,
                stderr=log,
            )

        # Its end is waited for by its number.
        process.returncode = 0

        return process.pid

    child = os.fork()

    if child:
        return child

    try:
        run(setup, life)
    finally:
        os._exit(1)
