"""
One process of the shop: ``python -m tests.stress.crash.life SETUP LIFE``, or forked.

It has no memory: it pays and refunds orders of which it knows nothing, each time under a
new number. What keeps an order from being paid twice is the journal alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import secrets
import signal
import socket
import sys
import traceback
from contextlib import AsyncExitStack
from datetime import date, timedelta
from pathlib import Path

import aiohttp
import attrs
from aiohttp import web
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from tests import orders
from tests.stress.crash.broken import break_apply, break_journal
from tests.stress.crash.moments import Board, Moment, watch
from tests.stress.crash.setup import Setup
from umfpay import UMFSession
from umfpay.errors import ConfigError, DuplicateIntentError, UMFError
from umfpay.journal import Journal, Recovery
from umfpay.models import (
    Money,
    NewRefund,
)
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.notifications.aiohttp import notification_routes
from umfpay.sql import Database


PRICE = Money("10.00", "USD")
# A second one would fit into the payment.
RETURNED = Money("4.00", "USD")
# A row's lease is that and a margin of 15 s.
DEADLINE = 3.0
TOTALS = 3
DEBIT = "DEBIT_CARD"
_ORDERS_A_DAY = 10
# So many of all that are killed choose the moment; the others are killed at any.
_AIMED = 0.6
_LIFE_SECONDS = 2.5
# Late in a life, and short: chosen more often.
_SELDOM = [Moment.EXECUTE_LEFT, Moment.REFUND_LEFT, Moment.HANDLING]
# A handler that dozes for so long loses its transaction: the servers end idle ones
# after a second.
_DOZE_SECONDS = 1.7


@attrs.frozen(kw_only=True)
class Life:
    """
    What one process does, and when it dies.

    Args:
        aim: The moment after whose begin it kills itself; None: others kill it.
        skip: Of these moments, which are spared.
        delay: Seconds from that begin, or from its own, until it is killed.
        is_fresh: It is an interpreter of its own, not forked.
        is_stopped: By SIGSTOP, and goes on after its leases are over.
        has_full_disk: Nothing can be added to the SQLite file.
    """

    number: int
    seed: str
    aim: str | None
    skip: int
    delay: float
    is_fresh: bool
    is_stopped: bool
    has_full_disk: bool

    def to_json(self):
        return json.dumps(attrs.asdict(self))

    @classmethod
    def draw(cls, number, seed, *, is_stopped, is_fresh, has_full_disk):
        """
        Draw it from *seed*.
        """
        seed = f"{seed}/{number}"
        rng = random.Random(seed)
        moments = [*Moment, *_SELDOM * 3]
        is_aimed = rng.random() < _AIMED and not (is_stopped or has_full_disk)
        # Each step takes some milliseconds.
        delay = rng.choice([0.0, rng.uniform(0, 0.02)])

        return cls(
            number=number,
            seed=seed,
            aim=rng.choice(moments) if is_aimed else None,
            skip=rng.randrange(2),
            delay=delay if is_aimed else rng.uniform(0.0, _LIFE_SECONDS),
            is_fresh=is_fresh,
            is_stopped=is_stopped,
            has_full_disk=has_full_disk,
        )


def run(setup, life):
    """
    Live in this process, until it is killed.
    """
    log = os.open(f"{setup.folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 2)
    logging.basicConfig(
        level=logging.ERROR, format=f"{life.number} %(message)s", force=True
    )
    line = Board(setup.board).line(life.number)
    watch(line)
    _aim(line, life)
    {"journal": break_journal, "apply": break_apply}.get(setup.broken, lambda: None)()

    if life.has_full_disk:
        event.listen(Engine, "connect", _fill_disk)

    asyncio.run(live(setup, life, line))


def _aim(line, life):
    left = life.skip

    def on_enter(moment):
        nonlocal left

        if moment != life.aim:
            return

        left -= 1

        if left == -1:
            asyncio.get_running_loop().call_later(
                life.delay, os.kill, os.getpid(), signal.SIGKILL
            )

    line.on_enter = on_enter


def _fill_disk(connection, _record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_count")
    (pages,) = cursor.fetchone()
    cursor.execute(f"PRAGMA max_page_count = {pages}")
    cursor.close()


async def live(setup, life, line):
    """
    Open everything, sell and refund.
    """
    rng = random.Random(life.seed)

    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(Shop(setup, rng, on_order=line.ready))
        await asyncio.gather(*(_work(shop, life, rng, setup) for _ in range(2)))


async def _work(shop, life, rng, setup):
    while True:
        # Others try the same ones at the same time.
        order = max(0, life.number + rng.randrange(-5, 3))

        try:
            await shop.sell(order)
        except UMFError as error:
            _note(setup, error)

            if isinstance(error, ConfigError):
                report(setup, life)

            # As it must be where something goes wrong: nothing more is done for now.
            await asyncio.sleep(0.02)
        except Exception:
            report(setup, life)
            await asyncio.sleep(0.1)


def _note(setup, error):
    with (Path(setup.folder) / "errors").open("a") as file:
        file.write(f"{type(error).__name__}: {error.what.en}\n")


def report(setup, life):
    """
    Write down an error that no shop expects.
    """
    with (Path(setup.folder) / "unexpected").open("a") as file:
        file.write(f"seed {life.seed}\n{traceback.format_exc()}\n")


class Shop:
    """
    Journal, inbox, recovery and an endpoint of one process.

    Args:
        recovers: Whether a worker of `Recovery` runs.
        on_order: Called when a payment was created, or was not: on a slow machine
            nobody is killed before anything has happened.
    """

    def __init__(self, setup, rng, *, recovers=True, on_order=None):
        self._setup = setup
        self._rng = rng
        self._recovers = recovers
        self._on_order = on_order or (lambda: None)
        self._stack = AsyncExitStack()
        config = setup.config()
        self._databases = [Database(setup.url, pool_size=3) for _ in range(2)]
        self.journal = Journal(self._databases[0])
        self.session = UMFSession(config, journal=self.journal)
        self.inbox = NotificationInbox(
            self._databases[1],
            NotificationReceiver.from_config(config),
            gateway=self.session,
            handler_timeout=3.0,
        )
        self.inbox.handler(self._handle)
        self.journal.settled(self._settled)

    async def __aenter__(self):
        for one in self._databases:
            self._stack.push_async_callback(one.aclose)

        await _patiently(self.journal.__aenter__)
        self._stack.push_async_callback(self.journal.aclose)
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        await self._stack.enter_async_context(self.session)
        await _patiently(self.inbox.__aenter__)
        self._stack.push_async_callback(self.inbox.aclose)
        await self._listen()

        if self._recovers:
            recovery = Recovery(
                self.session, self.journal, inbox=self.inbox, look_every=0.3
            )
            await self._stack.enter_async_context(recovery)

        return self

    async def __aexit__(self, *error):
        await self._stack.aclose()

    async def _listen(self):
        app = web.Application()
        app.add_routes(notification_routes(self.inbox))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.SockSite(runner, reusing_socket(self._setup.port))
        await site.start()

    async def _handle(self, received, transaction):
        connection = transaction.connection
        # A SQLite file has one writer at a time.
        pause = 0.002 if connection.dialect.name == "sqlite" else 0.03
        effect = f"{received.object_id} {received.state}"
        await _add_effect(connection, effect)

        # In any order: two that do so at the same time meet in a deadlock.
        for number in self._rng.sample(range(TOTALS), 2):
            await connection.execute(
                text("UPDATE shop_totals SET total = total + 1 WHERE number = :number"),
                {"number": number},
            )
            await asyncio.sleep(self._rng.uniform(0.0, pause))

        # Not when nobody is killed any more: what is left is applied then.
        may_doze = self._recovers and connection.dialect.name != "sqlite"

        if may_doze and self._rng.random() < 0.03:
            await asyncio.sleep(_DOZE_SECONDS)

    async def _settled(self, entry, found, transaction):
        await _add_effect(transaction.connection, f"row {entry.position}")

    async def sell(self, order):
        """
        Have *order* paid, if it is not, and a part of it given back.
        """
        number = f"{order}-{secrets.token_hex(4)}"
        day = date.today() - timedelta(days=order // _ORDERS_A_DAY % 300)

        try:
            payment = await self.session.payments.create(
                orders.card_payment(DEBIT, reference=number, day=day),
                arrivals=self.inbox,
                deadline=DEADLINE,
            )
        finally:
            self._on_order()

        await self.session.payments.verify(
            payment.id, orders.card(method=DEBIT), deadline=DEADLINE
        )
        payment_id = payment.id

        try:
            await self.session.payments.execute(
                payment.id,
                orders.card(await self._sms_code(payment.id), DEBIT),
                intent_id=f"pay {order}",
                deadline=DEADLINE,
            )
        except DuplicateIntentError as error:
            if error.outcome != "executed":
                raise

            payment_id = error.payment_id

        new = NewRefund(
            mer_reference_id=f"{order}-r{secrets.token_hex(4)}",
            mer_date=day,
            amount=RETURNED,
        )
        await self.session.refunds.create(
            payment_id,
            new,
            all_known=True,
            arrivals=self.inbox,
            intent_id=f"refund {order}",
            deadline=DEADLINE,
        )

    async def _sms_code(self, payment_id):
        url = f"{self._setup.origin}/_emulator/payments/{payment_id}/sms_code"

        async with self._http.get(url) as answer:
            return (await answer.json())["sms_code"]


async def _add_effect(connection, effect):
    # Nothing is unique there: a second one would be seen.
    await connection.execute(
        text("INSERT INTO shop_effects (what, process) VALUES (:what, :process)"),
        {"what": effect, "process": os.getpid()},
    )


async def _patiently(enter):
    while True:
        try:
            return await enter()
        except UMFError:
            # The database is being restarted.
            await asyncio.sleep(0.1)


def reusing_socket(port=0):
    """
    Return a socket on *port*, on which other processes listen, too.
    """
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))

    return one


if __name__ == "__main__":
    run(Setup(**json.loads(sys.argv[1])), Life(**json.loads(sys.argv[2])))
