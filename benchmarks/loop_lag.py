"""
How late is an event loop while it makes 500 signed calls a second, for whoever shares it
with us? And how long does one of those calls take?

A timer notes how late it fires: that is the lag of the loop. The time of the calls
themselves is another thing, and has lines of its own: a call whose signature is made in
a thread takes long while the loop is free. The peer is the same loop without calls.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import attrs

from benchmarks._result import Figure, Result
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
# No multiple of the time between two calls: the timer must not fire with them.
_EVERY: Final = 0.0013
_LATEST: Final = 5.0


@attrs.frozen(kw_only=True)
class Lag:
    """
    How late the timer was in one round, and how long the calls took, in ms.

    Args:
        late: Each time of the timer.
        took: Each call that was started, until it had ended; none without calls.
        ended: Calls that ended, per second.
    """

    late: Sequence[float]
    took: Sequence[float]
    ended: float


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
    calls that ended. A call's time begins when it was due.
    """

    def __init__(self, session: Ours) -> None:
        super().__init__(1 / RATE)
        self._session = session
        self._running: set[asyncio.Task[None]] = set()
        self._number = 0
        self.took: list[float] = []
        self.ended = 0

    def do(self, late: float) -> None:
        """
        Start a call.
        """
        if len(self._running) >= MAX_RUNNING:
            return

        self._number = (self._number + 1) % POOL
        task = self._loop.create_task(self._call(self._loop.time() - late))
        self._running.add(task)
        task.add_done_callback(self._done)

    async def _call(self, due: float) -> None:
        await self._session.create(self._number)
        self.took.append(self._loop.time() - due)

    def _done(self, task: asyncio.Task[None]) -> None:
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
    took: list[float] = []
    ended = 0

    if load is not None:
        load.stop()
        ended = load.ended
        await load.rest()
        took = [1e3 * x for x in load.took]

    late = [1e3 * x for x in watching.late]

    return Lag(late=late, took=took, ended=ended / seconds)


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


def figures(found: Mapping[str, Sequence[Lag]]) -> list[Figure]:
    """
    Return the table.
    """
    rows: list[Figure] = []

    for name, lags in found.items():
        busy = name in BACKENDS
        late = [lag.late for lag in lags]
        rows += [
            _percentile(f"lag of the loop, p50, {name}", late, 50),
            _percentile(
                f"lag of the loop, p99, {name}",
                late,
                99,
                target=_LATEST if busy else None,
            ),
            Figure(
                label=f"lag of the loop, longest, {name}",
                unit="ms",
                rounds=[max(one) for one in late],
            ),
        ]

        if busy:
            took = [lag.took for lag in lags]
            rows += [
                _percentile(f"a call itself, p50, {name}", took, 50),
                _percentile(f"a call itself, p99, {name}", took, 99),
                Figure(
                    label=f"calls that ended, {name}",
                    unit="calls/s",
                    rounds=[lag.ended for lag in lags],
                ),
            ]

    return rows


def _percentile(
    label: str,
    rounds: Sequence[Sequence[float]],
    percent: int,
    *,
    target: float | None = None,
) -> Figure:
    cuts = [statistics.quantiles(one, n=100, method="inclusive") for one in rounds]

    return Figure(
        label=label,
        unit="ms",
        rounds=[one[percent - 1] for one in cuts],
        target=target,
        below=True,
    )


def run(*, quick: bool) -> Result:
    """
    Measure the lag; *quick* takes a few seconds and proves nothing.
    """
    with gateway(Keys.make(_BITS)) as place:
        found = asyncio.run(
            measure(place, rounds=1 if quick else 15, seconds=0.6 if quick else 1.0)
        )

    return Result(
        name="loop_lag",
        title=f"The event loop and the calls at {RATE} signed calls a second",
        figures=figures(found),
        notes=[
            (
                f"RSA-{_BITS}; every call is a create, signed, its answer verified. The"
                " gateway runs in another process on the same cores."
            ),
            (
                "The lag is how late a timer fires that has nothing to do with the calls:"
                " what others on the loop feel. An idle loop is half a millisecond late,"
                " because it waits in whole milliseconds."
            ),
            (
                "cryptography signs on the loop at this size, pycryptodome in threads, one"
                " for each core, which share interpreter and cores with the loop. Where"
                " signatures are made more slowly than calls come, no more than"
                f" {MAX_RUNNING} calls wait, and fewer end."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["loop_lag"])
