"""
How late an event loop is while it signs: for whoever shares it with us.

A timer notes how late it fires; the peer is the same loop, with the same session open,
and no calls.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from typing import Final, Literal

import attrs

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.orders import POOL
from benchmarks.peers import Ours


RATE: Final = 500
MAX_RUNNING: Final = 100
BACKENDS: Final[tuple[Literal["cryptography", "pycryptodome"], ...]] = (
    "cryptography",
    "pycryptodome",
)
_BITS: Final = 2048
_EVERY: Final = 0.002
_LATEST: Final = 5.0


@attrs.frozen(kw_only=True)
class Lag:
    """
    How late the timer was in one round, in ms.

    Args:
        calls: That ended, per second; 0 without any.
    """

    p50: float
    p99: float
    longest: float
    calls: float


class Every:
    """
    Does something at fixed times, however late the loop is.

    Args:
        seconds: Between two times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds
        self._handle = self._loop.call_at(self._due, self._fire)

    def _fire(self) -> None:
        now = self._loop.time()

        while self._due <= now:
            self.do(now - self._due)
            self._due += self._seconds

        self._handle = self._loop.call_at(self._due, self._fire)

    def do(self, late: float) -> None:
        """
        What is done, *late* seconds after its time.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """
        Do it no more.
        """
        self._handle.cancel()


class Watch(Every):
    """
    Notes how late the loop is.
    """

    def __init__(self) -> None:
        super().__init__(_EVERY)
        self.late: list[float] = []

    def do(self, late: float) -> None:
        """
        Note it.
        """
        self.late.append(late)


class Load(Every):
    """
    Starts `RATE` signed calls a second, whether earlier ones have ended or not.

    No more than `MAX_RUNNING` at a time: a machine that cannot keep up shows it in the
    calls that ended.
    """

    def __init__(self, session: Ours) -> None:
        super().__init__(1 / RATE)
        self._session = session
        self._running: set[asyncio.Task[object]] = set()
        self._number = 0
        self.ended = 0

    def do(self, late: float) -> None:  # noqa: ARG002 (a call is started all the same)
        """
        Start a call.
        """
        if len(self._running) >= MAX_RUNNING:
            return

        self._number = (self._number + 1) % POOL
        task = self._loop.create_task(self._session.create(self._number))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        task.result()
        self.ended += 1

    async def rest(self) -> None:
        """
        Wait for the calls that run.
        """
        await asyncio.gather(*self._running)


async def watch(session: Ours, *, seconds: float, calls: bool) -> Lag:
    """
    Watch the loop for a while, with or without *calls*.
    """
    load = Load(session) if calls else None
    watching = Watch()
    await asyncio.sleep(seconds)
    watching.stop()
    ended = 0

    if load is not None:
        load.stop()
        ended = load.ended
        await load.rest()

    late = [1e3 * x for x in watching.late]
    percentiles = statistics.quantiles(late, n=100, method="inclusive")

    return Lag(
        p50=percentiles[49],
        p99=percentiles[98],
        longest=max(late),
        calls=ended / seconds,
    )


async def measure(
    place: Gateway, *, rounds: int, seconds: float
) -> dict[str, list[Lag]]:
    """
    Let the loop be idle and both backends work, in turns.
    """
    found: dict[str, list[Lag]] = {name: [] for name in ("no calls", *BACKENDS)}
    sessions = {name: Ours(place, rsa_backend=name) for name in BACKENDS}

    try:
        for session in sessions.values():
            # Tokens, connections and code that runs for the first time.
            await watch(session, seconds=seconds / 4, calls=True)

        for turn in range(rounds):
            for name in list(found) if turn % 2 else reversed(list(found)):
                session = sessions.get(name, sessions["cryptography"])
                lag = await watch(session, seconds=seconds, calls=name in sessions)
                found[name].append(lag)
    finally:
        for session in sessions.values():
            await session.aclose()

    return found


def figures(found: dict[str, Sequence[Lag]]) -> list[Figure]:
    """
    Return the table.
    """
    idle = [lag.p99 for lag in found["no calls"]]
    rows: list[Figure] = []

    for name, lags in found.items():
        busy = name in BACKENDS
        p99 = [lag.p99 for lag in lags]
        rows += [
            Figure(label=f"p50, {name}", unit="ms", rounds=[lag.p50 for lag in lags]),
            Figure(
                label=f"p99, {name}",
                unit="ms",
                rounds=p99,
                target=_LATEST if busy else None,
                below=True,
            ),
            Figure(
                label=f"longest, {name}",
                unit="ms",
                rounds=[lag.longest for lag in lags],
            ),
        ]

        if busy:
            rows += [
                Figure(
                    label=f"calls that ended, {name}",
                    unit="calls/s",
                    rounds=[lag.calls for lag in lags],
                ),
                ratio(f"p99, {name} / no calls", p99, idle),
            ]

    return rows


def run(*, quick: bool) -> Result:
    """
    Measure the lag; *quick* takes a few seconds and proves nothing.
    """
    with gateway(Keys.make(_BITS)) as place:
        found = asyncio.run(
            measure(place, rounds=1 if quick else 9, seconds=0.6 if quick else 3.0)
        )

    return Result(
        name="loop_lag",
        title=f"Lag of the event loop during {RATE} signed calls a second",
        figures=figures(found),
        notes=[
            (
                f"RSA-{_BITS}; every call is a create, signed, its answer verified. The"
                " gateway runs in another process on the same cores."
            ),
            (
                "The loop waits in whole milliseconds, so that an idle one is half a"
                " millisecond late."
            ),
            (
                "cryptography signs on the loop at this size, pycryptodome in threads, one"
                " for each core: where it cannot sign as fast as calls come, the threads"
                " take the loop's core, too."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["loop_lag"])
