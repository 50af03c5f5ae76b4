"""
One schedule, from its seed to what it showed.
"""

from __future__ import annotations

import asyncio
import functools
import random
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import attrs
import httpx

from tests import virtual_clock
from tests.simulation.calls import Caller
from tests.simulation.context import ScheduleContext
from tests.simulation.journal import Journal, ReportedOutcome
from tests.simulation.ledger import Ledger
from tests.simulation.network import Gateway, Line, receiver
from tests.simulation.orders import NOTIFY_URL
from tests.simulation.plan import Schedule, draw
from tests.simulation.shop import Shop
from umfpay import Config, UMFSession
from umfpay.emulator import Credentials, Emulator
from umfpay.errors import Intent


# Longer than any request is under way, and any refund is pending.
_AFTERMATH_SECONDS: Final = 300.0

Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


@attrs.frozen
class Result:
    """
    What a schedule showed.

    Attributes:
        violations: What must not be; empty if all is well.
    """

    seed: int
    violations: tuple[str, ...]
    counts: Counter[str]


def run_schedule(seed: int, *, wrap: Wrap | None = None) -> Result:
    """
    Run the schedule of *seed*: the same seed gives the same result.

    Args:
        wrap: Puts something between the stack and the network: a broken build.
    """
    schedule = draw(seed)
    counts: Counter[str] = Counter()
    # The waits between retries are drawn from the interpreter's own generator.
    state = random.getstate()
    random.seed(f"jitter {seed}")

    async def day() -> list[str]:
        return await _Day(schedule, counts, wrap).run()

    try:
        violations = virtual_clock.run(day)
    except Exception as error:
        counts["schedules"] = 1
        violations = ["".join(traceback.format_exception(error))]
    finally:
        random.setstate(state)

    return Result(seed, tuple(violations), counts)


@functools.cache
def credentials() -> Credentials:
    """
    Return the keys of all emulators of this process.
    """
    return Emulator(key_bits=1024).credentials


@functools.cache
def other_merchant() -> Credentials:
    """
    Return the keys of the stranger for whom the gateway works, too.
    """
    return Emulator(credentials=credentials()).other_merchant


@functools.cache
def config() -> Config:
    """
    Return the shop's settings.
    """
    made = credentials()

    return Config(
        client_id=made.client_id,
        client_secret=made.client_secret,
        merchant_key=made.merchant_key,
        gateway_certificate=made.gateway_certificate,
        base_url="http://127.0.0.1:8100/cberest/v1/",
        token_store="memory",
        notify_url=NOTIFY_URL,
    )


class _Day:
    """
    The parts of a schedule that runs.
    """

    def __init__(
        self, schedule: Schedule, counts: Counter[str], wrap: Wrap | None
    ) -> None:
        self._schedule = schedule
        self._counts = counts
        self._wrap = wrap
        self._rng = random.Random(f"events {schedule.seed}")
        self._journal = Journal(schedule, receiver(credentials()), counts)
        self._gateway = Gateway(
            schedule,
            credentials(),
            other_merchant(),
            self._journal,
            self._rng,
            counts,
        )
        self._ledger = Ledger(self._gateway.emulator)
        self._cut = 0

    async def run(self) -> list[str]:
        """
        Return what must not be.
        """
        loop = asyncio.get_running_loop()
        loop.call_later(self._schedule.heals, self._gateway.heal)

        for plan in self._schedule.purchases:
            if plan.stranger is not None:
                loop.call_later(
                    plan.stranger,
                    self._gateway.strange_payment,
                    f"{plan.name}-1",
                    str(plan.amount),
                )

        try:
            for age in (*self._schedule.crashes, None):
                await self._process(age)

            if not self._gateway.healthy:
                await asyncio.sleep(self._schedule.heals)

            await asyncio.sleep(_AFTERMATH_SECONDS)
            self._judge()
        finally:
            await self._gateway.aclose()

        return self._ledger.violations + self._gateway.sendings.violations

    async def _process(self, age: float | None) -> None:
        """
        Let one process of the shop work: for *age* seconds, or to its end.
        """
        line = Line(self._gateway, self._schedule, self._rng, self._counts)

        def on_unknown(intent: Intent) -> None:
            # The dead write nothing.
            if not line.dead:
                self._journal.unknown.append(intent)

        session = UMFSession(
            config(),
            transport=line if self._wrap is None else self._wrap(line),
            on_unknown=on_unknown,
        )
        caller = Caller(
            session,
            self._gateway,
            self._rng,
            self._counts,
            cancels=self._schedule.cancels,
        )
        shop = Shop(
            ScheduleContext(
                journal=self._journal,
                call=caller,
                gateway=self._gateway,
                ledger=self._ledger,
                rng=self._rng,
                counts=self._counts,
                options={"deadline": self._schedule.deadline},
            )
        )
        task: asyncio.Task[Any] = asyncio.create_task(shop.run())
        await asyncio.wait((task,), timeout=age)
        self._cut += caller.cut

        if task.done():
            await task
            await session.aclose()

            return

        self._counts["fault: crash"] += 1
        line.dead = self._journal.deaf = True
        caller.kill()
        task.cancel()

        with suppress(asyncio.CancelledError):
            await task

        await asyncio.sleep(self._rng.choice((0.1, 5.0, 60.0)) * self._rng.random())
        self._journal.deaf = False

    def _judge(self) -> None:
        ledger, counts = self._ledger, self._counts
        ledger.check(self._journal)
        begun, committed = ledger.faults()
        begun += self._gateway.struck + self._cut + counts["fault: deadline passed"]
        unsigned = self._schedule.settings.refusals == "unsigned"
        unknown = sum(
            count for name, count in counts.items() if name.startswith("unknown:")
        )
        # Of these nobody needs to have lost anything: refusals name nothing.
        unknown -= sum(
            count
            for name, count in counts.items()
            if name.startswith(
                ("unknown because two tokens", "unknown because the token was refused")
            )
        )
        ledger.must(
            bool(begun or unsigned) or not unknown,
            f"{unknown} unknown outcomes, and no fault after a body began",
        )

        for purchase in self._journal.purchases:
            counts[f"purchase: {purchase.reported}"] += 1

            if purchase.reported is ReportedOutcome.DONE:
                counts.update(f"refund: {one.reported}" for one in purchase.refunds)

        counts["schedules"] = 1
        counts["schedules with a fault after commit"] = int(committed > 0)
        counts["schedules without a fault after the body began"] = int(
            not begun and not unsigned
        )
