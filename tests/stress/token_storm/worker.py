"""
One process of the storm: ``python -m tests.stress.token_storm.worker``, its order as a line of JSON.

It says "ready", waits for a line, calls until the file *end* appears, and reports how
long its calls took, each error that a caller saw, and how long it stood still at most.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks._in_process import wrapped_connections
from tests.stress.token_storm._pace import Pace, TimedEdge
from tests.stress.token_storm._steps import Executioner, WatchedEdge, WatchedStore
from umfpay import Config, UMFError, UMFSession
from umfpay.tokens import open_store, store_key


LOOK_SECONDS = 0.1


def say(value: object) -> None:
    """
    Write a line of JSON.
    """
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def open_session(
    config: Config, executioner: Executioner, pace: Pace
) -> AsyncIterator[UMFSession]:
    """
    Enter a session that may die at each step of a token request.
    """
    with wrapped_connections(
        lambda edge: WatchedEdge(TimedEdge(edge, pace), executioner)
    ):
        async with UMFSession(config) as session:
            yield session


async def main(order: dict[str, Any]) -> None:
    """
    Do what *order* says.
    """
    executioner = Executioner(Path(order["folder"]))
    pace = Pace(order["pause"])
    key = store_key(order["base_url"], order["client_id"])
    config = Config(
        client_id=order["client_id"],
        client_secret=order["client_secret"],
        merchant_key=base64.b64decode(order["merchant_key"]),
        gateway_certificate=base64.b64decode(order["gateway_certificate"]),
        base_url=order["base_url"],
        token_store=WatchedStore(open_store(order["store"], key=key), executioner),
        token_timeout=order["token_timeout"],
        max_connections=order["max_connections"],
    )
    # Seconds of a call, to two digits, and how many took that long.
    took: Counter[str] = Counter()
    stalled = 0.0
    errors: Counter[str] = Counter()
    end = Path(order["folder"]) / "end"

    async with open_session(config, executioner, pace) as session:
        ended = asyncio.Event()

        async def work() -> None:
            wait = pace.first_wait()

            while True:
                try:
                    async with asyncio.timeout(wait):
                        await ended.wait()

                    return
                except TimeoutError:
                    pass

                started = time.monotonic()

                try:
                    await session.exchange_rates.get("USD", deadline=60, timeout=30)
                    took[f"{time.monotonic() - started:.2g}"] += 1
                except UMFError as error:
                    errors[f"{type(error).__name__}: {error}"] += 1

                wait = pace.next_wait()

        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        working = [asyncio.ensure_future(work()) for _ in range(order["coroutines"])]

        # Another process makes the file; there is no event to wait for.
        while not end.exists():
            slept = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            stalled = max(stalled, time.monotonic() - slept - LOOK_SECONDS)

        ended.set()
        await asyncio.gather(*working)

    say({"took": took, "errors": errors, "stalled": stalled})


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
