"""
The storm: ``python -m tests.stress.token_storm [--processes 64] [--coroutines 50] ...``.

The emulator enforces the gateway's rule: a new token ends the old one at once. All
processes share one store; nothing is measured before all of them are ready. Then lives
pass, and a leader is killed at each step of fetching a token.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table

from tests.servers.databases import MariaDB, PostgreSQL, fresh_database, running
from tests.servers.redis import redis_server
from tests.stress.token_storm._steps import Executioner, Step
from umfpay.emulator import Emulator, serve
from umfpay.sql import Database


_LOOK_SECONDS = 0.05
_SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
_STORES = ("file", "redis", "sqlite", *_SERVERS)

# A storm in which the machine had no time for the gateway is repeated.
_MAX_STORMS = 3


@attrs.frozen(kw_only=True)
class Storm:
    """
    How hard it blows.

    Args:
        life: Seconds that a token lives; it is renewed at nine tenths.
        pause: Seconds between two calls of one coroutine, on average; more where the
            emulator is slow.
        quiet_lives: Lives without a kill, besides one for each step.
        connections: Open at once, of all processes together. Who waits for a token
            calls as soon as there is one: with a server, where a killed leader's turn
            ends by itself, more than the emulator takes (half of the files it may open, a
            thousand at most).
    """

    processes: int
    coroutines: int
    life: int
    pause: float
    quiet_lives: int
    steps: Sequence[Step] = tuple(Step)
    token_timeout: float = 5.0
    connections: int = 256

    @property
    def pool(self) -> int:
        """
        How many connections one process may have.
        """
        return max(1, min(self.coroutines, self.connections // self.processes))


@attrs.frozen(kw_only=True)
class Damage:
    """
    What a storm did.

    Args:
        requests: Tokens that the gateway gave.
        lives: Tokens that let at least one call in, or lived out before one came.
        costly: Kills between the gateway's commit and our save.
        took: Seconds of an answered call, waiting for a token included, and how many
            calls took that long.
        errors: What callers saw, with counts.
        stalled: Seconds for which the emulator or a process did nothing, at most: the
            machine had no time for it.
        patience: Seconds that a token request, in which both take part, may take.
    """

    store: str
    requests: int
    lives: int
    kills: int
    costly: int
    took: Mapping[float, int]
    errors: Mapping[str, int]
    seconds: float
    stalled: float = 0.0
    patience: float = math.inf

    @property
    def calls(self) -> int:
        """
        How many calls were answered.
        """
        return sum(self.took.values())

    def percentile(self, share: float) -> float:
        """
        Return the seconds within which *share* of the calls were answered.
        """
        left = share * self.calls

        for seconds, count in sorted(self.took.items()):
            left -= count

            if left <= 0:
                return seconds

        return 0.0

    @property
    def shows_nothing(self) -> bool:
        """
        Whether one of two was away for so long that callers had to see it.
        """
        return not self.is_none and self.stalled >= self.patience / 2

    @property
    def verdict(self) -> str:
        """
        What a reader sees of it.
        """
        if self.is_none:
            return "as it must be"

        return (
            f"machine too busy: {self.stalled:.0f} s" if self.shows_nothing else "WRONG"
        )

    @property
    def is_none(self) -> bool:
        """
        Whether no token was fetched in vain and no caller saw an error.
        """
        return self.requests == self.lives + self.costly and not self.errors


@attrs.define
class Record:
    """
    When which token was given, which let a call in, and after which somebody was killed.
    """

    given: dict[int, float] = attrs.field(factory=dict)
    used: set[int] = attrs.field(factory=set)
    killed_after: list[int] = attrs.field(factory=list)
    stalled: float = 0.0

    @property
    def newest(self) -> int:
        """
        The number of the newest token that was given.
        """
        return max(self.given, default=0)

    @property
    def newest_used(self) -> int:
        """
        The number of the newest token that let a call in.
        """
        return max(self.used, default=0)

    def see(self, answer: Mapping[str, Any], now: float) -> None:
        """
        Note what the gateway tells of its tokens.
        """
        for number in range(self.newest + 1, answer["requests"] + 1):
            self.given[number] = now

        self.used.update(map(int, answer["calls"]))

    def lives(self, life: float) -> int:
        """
        Count the tokens of *life* seconds that were neither lost nor given in vain.

        On a busy machine a life may pass before anybody makes a call.
        """
        unused = sorted(self.given.keys() - self.used)

        for after in self.killed_after:
            lost = next((number for number in unused if number > after), None)

            if lost is not None:
                unused.remove(lost)

        return len(self.used) + sum(
            self.given.get(number + 1, math.inf) - self.given[number] > 0.85 * life
            for number in unused
        )


async def blow(storm: Storm, spec: str) -> Damage:
    """
    Let *storm* blow on the token store *spec*.
    """
    emulator = Emulator(key_bits=1024)
    emulator.control("PUT", "/settings", {"token_lifetime": storm.life})

    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(serve(emulator))
        made = emulator.credentials
        order = {
            "folder": str(folder),
            "base_url": server.base_url,
            "client_id": made.client_id,
            "client_secret": made.client_secret.reveal(),
            "merchant_key": base64.b64encode(made.merchant_key.to_der_pkcs8()).decode(),
            "gateway_certificate": base64.b64encode(made.gateway_certificate).decode(),
            "store": spec,
            "token_timeout": storm.token_timeout,
            "coroutines": storm.coroutines,
            "max_connections": storm.pool,
            "pause": storm.pause,
        }
        workers = [
            await stack.enter_async_context(_worker(order))
            for _ in range(storm.processes)
        ]

        for worker in workers:
            assert await _line(worker) == b'"ready"\n'

        started = time.monotonic()

        for worker in workers:
            _send_line(worker, "go")

        record = await _pass_lives(storm, emulator, Executioner(folder))
        (folder / "end").touch()
        results = [
            json.loads(line) for worker in workers if (line := await _line(worker))
        ]
        record.see(emulator.control("GET", "/token"), time.monotonic())

    errors: Counter[str] = Counter()
    took: Counter[float] = Counter()

    for one in results:
        errors.update(one["errors"])
        took.update({float(seconds): count for seconds, count in one["took"].items()})

    return Damage(
        store=re.split("[+:]", spec)[0] if "://" in spec else "file",
        requests=record.newest,
        lives=record.lives(storm.life),
        kills=storm.processes - len(results),
        costly=sum(step.costs_a_token for step in storm.steps),
        took=took,
        errors=errors,
        seconds=time.monotonic() - started,
        stalled=max([record.stalled, *(one["stalled"] for one in results)]),
        patience=storm.token_timeout,
    )


async def _pass_lives(
    storm: Storm, emulator: Emulator, executioner: Executioner
) -> Record:
    """
    Let the lives pass, and kill somebody at each step, one step a life.
    """
    record = Record()

    for step in (None, *storm.steps, *[None] * (storm.quiet_lives - 1)):
        record.see(emulator.control("GET", "/token"), time.monotonic())
        before = record.newest_used
        deadline = time.monotonic() + 10 * storm.life

        if step is not None:
            executioner.arm(step)

            if step.costs_a_token:
                record.killed_after.append(record.newest)

        # A life is over when a later token lets calls in.
        while record.newest_used <= before or (
            step is not None and not executioner.is_done(step)
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"nobody died where he {step}" if step else "no life"
                )

            slept = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
            # The emulator runs in this loop.
            late = time.monotonic() - slept - _LOOK_SECONDS
            record.stalled = max(record.stalled, late)
            record.see(emulator.control("GET", "/token"), time.monotonic())

    return record


@asynccontextmanager
async def _worker(
    order: Mapping[str, Any],
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.stress.token_storm.worker",
        cwd=Path(__file__).parents[3],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    _send_line(process, json.dumps(order))

    try:
        yield process
    except BaseException:
        # Otherwise it ends by itself, and must not be signalled while it does: asyncio
        # would lose its end.
        if process.returncode is None:
            process.terminate()

        raise
    finally:
        await process.wait()


def _send_line(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


async def _line(process: asyncio.subprocess.Process) -> bytes:
    """
    Return the next line that *process* says, nothing from one that was killed.
    """
    assert process.stdout is not None

    return await process.stdout.readline()


def show(storm: Storm, damages: Sequence[Damage]) -> Table:
    """
    Return the table of what the storms did.
    """
    table = Table(
        title=f"{storm.processes} processes of {storm.coroutines} coroutines, one token"
        f" of {storm.life} s",
        title_justify="left",
        show_edge=False,
    )

    for name in (
        "store",
        "requests",
        "lives",
        "killed",
        "lost by kills",
        "calls",
        "refused",
        "p50",
        "p99",
        "slowest",
        "seconds",
        "",
    ):
        table.add_column(name, justify="right")

    for damage in damages:
        table.add_row(
            damage.store,
            str(damage.requests),
            str(damage.lives),
            str(damage.kills),
            str(damage.costly),
            f"{damage.calls:,}",
            str(sum(damage.errors.values())),
            *(f"{damage.percentile(share):.2g} s" for share in (0.5, 0.99, 1.0)),
            f"{damage.seconds:.0f}",
            damage.verdict,
        )

    return table


@contextmanager
def _place(store: str) -> Iterator[str]:
    """
    Yield what a worker gives as ``token_store``.
    """
    with ExitStack() as stack:
        if store == "redis":
            yield stack.enter_context(redis_server()).connection_url
        elif store in _SERVERS:
            server = stack.enter_context(running(_SERVERS[store]))
            url = stack.enter_context(fresh_database(server))
            asyncio.run(_make_tables(url))

            yield url
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

            yield (
                f"sqlite+aiosqlite:///{folder}/shop.db"
                if store == "sqlite"
                else str(folder / "token.json")
            )


async def _make_tables(url: str) -> None:
    async with Database(url) as database:
        await database.create_tables()


def _blow_on(storm: Storm, store: str) -> Damage:
    with _place(store) as spec:
        return asyncio.run(blow(storm, spec))


def repeat(once: Callable[[], Damage]) -> list[Damage]:
    """
    Do *once* until it shows something, three times at most.
    """
    damages = [once()]

    while damages[-1].shows_nothing and len(damages) < _MAX_STORMS:
        damages.append(once())

    return damages


def main(arguments: Sequence[str]) -> int:
    """
    Let it blow on one store after another; print what it did.

    Returns:
        0 if no token was fetched in vain and no caller saw an error, else 1. What a storm
        did in which the machine had no time for the emulator is printed and not counted.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.stress.token_storm")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--coroutines", type=int, default=50)
    parser.add_argument("--life", type=int, default=15, help="seconds")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds")
    parser.add_argument("--quiet-lives", type=int, default=3)
    parser.add_argument("--stores", nargs="+", choices=_STORES, default=_STORES)
    chosen = vars(parser.parse_args(arguments))
    stores = chosen.pop("stores")
    storm = Storm(**chosen)
    storms = [repeat(partial(_blow_on, storm, store)) for store in stores]
    damages = [damage for of_store in storms for damage in of_store]
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(show(storm, damages))

    for damage in damages:
        for error, count in damage.errors.items():
            console.print(f"{damage.store}: {count} x {error}")

    return 0 if all(of_store[-1].is_none for of_store in storms) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
