"""
The inbox: no webhook is acknowledged before it is stored, none applied twice.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Any, Final, Self
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import end, repeat, rest, run_to_end
from umfpay._callbacks import check_callback
from umfpay.errors import NotificationSignatureError
from umfpay.errors.notification_errors import (
    closed_error,
    no_event_error,
    not_expected_error,
    not_stored_error,
    open_already_error,
)
from umfpay.models import Money
from umfpay.notifications._decision import Status
from umfpay.notifications._event_queries import EventQueries, Gateway
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import (
    Expectable,
    Expected,
    own_object,
    read_expectation,
)
from umfpay.notifications._receiver import (
    Entity,
    Headers,
    NotificationEvent,
    NotificationReceiver,
    NotificationReply,
)
from umfpay.notifications._stored_events import StoredEvent, event_of, stored_event
from umfpay.notifications._unapplied import OnConflict, Reporter, UnappliedEvent
from umfpay.notifications._worker import MARGIN_SECONDS, Applier, Handler
from umfpay.sensitive import Secret, looks_like_address
from umfpay.sql import Database


# Seconds.
_PRUNE_SECONDS: Final = 600.0
_REMIND_SECONDS: Final = 86400.0
_POLL_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 10.0


class NotificationInbox:
    """
    Keeps notifications, and applies each once, in the order of its states.

        inbox = NotificationInbox(
            "postgresql+asyncpg://...", NotificationReceiver.from_config(config)
        )

        @inbox.on_payment
        async def paid(event, transaction):
            await transaction.connection.execute(text("UPDATE orders SET ..."), ...)

        async with inbox:
            await inbox.expect(order)
            payment = await session.payments.create(new, arrivals=inbox)
            reply = await inbox.receive(body, headers)

    The gateway signs for all its merchants with one key, so a signature does not make
    an event the shop's own. One is applied on its own word only if its id was told with
    `expect()` and its number and money are those expected. Of what remains in doubt
    *gateway* is asked, after 1, 2, 4 ... 300 seconds and for a day; what nobody expects
    is held. Both are logged and listed: `held()`, `unconfirmed()`, `conflicts()` and
    `failed()` are to be looked at.

    What the handler writes through *transaction* is committed together with the mark
    that it was applied: once, whatever comes twice, late, or crashes. Events of one
    object are applied one at a time, in the order they came: while one fails, those
    behind it wait. Any number of processes may do so.

    Let a handler only write, and soon. A SQLite file has one writer at a time: meanwhile
    `receive()` and `expect()` wait, in every process, at most *handler_timeout* and 20
    seconds more; so give the shop's own connections that ``timeout``. In PostgreSQL and
    MySQL only the row of the object is locked.

    Args:
        place: What `umfpay.sql.Database` takes: a URL, the path of a SQLite file, the
            shop's own `AsyncEngine`; or a `Database`, which stays open. The shop's own
            tables may be in it.
        receiver: Verifies.
        gateway: The session that asks about what proves nothing by itself. Without one,
            another process on the same database must have it.
        on_conflict: Awaited with each conflict, in the process that has found it; what
            it raises is logged, and the conflict stays in the list.
        keep: How long applied events are kept against duplicates.
        handler_timeout: Seconds that the handlers of an event may take.
        workers: Of how many objects events are applied at the same time.
        max_held: With so many held events, another one that names no known number or id
            is not acknowledged: strangers cannot fill the database.
    """

    def __init__(
        self,
        place: Any,  # a setting is whatever the user gave
        receiver: NotificationReceiver,
        *,
        gateway: Gateway | None = None,
        on_conflict: OnConflict | None = None,
        keep: timedelta = timedelta(days=30),
        handler_timeout: float = 10.0,
        workers: int = 1,
        max_held: int = 10_000,
    ) -> None:
        # A traceback may show what stands in this frame.
        if isinstance(place, str) and looks_like_address(place):
            place = Secret(place)

        if on_conflict is not None:
            check_callback("on_conflict", on_conflict, arguments=1)

        self._databases: list[Database] = []

        if isinstance(place, Database):
            keeping = applying = place
        else:
            keeping = applying = Database(place)
            self._databases.append(keeping)

            # Handlers take no connection of those who receive.
            if keeping.dialect != "sqlite":
                applying = Database(place, pool_size=workers)
                self._databases.append(applying)

        # In a file, whoever writes waits for a handler that does.
        in_file = keeping.dialect == "sqlite"
        seconds = handler_timeout + MARGIN_SECONDS if in_file else _PATIENCE_SECONDS
        merchant = receiver.merchant
        self._store = EventStore(keeping, merchant, seconds=seconds)
        self._receiver = receiver
        self._reporter = Reporter(
            self._store, self._read, on_conflict, asks=gateway is not None
        )
        report, self._queries = self._reporter.report, None

        if gateway is not None:
            self._queries = EventQueries(self._store, self._read, gateway, report)

        self._applier = Applier(
            store=EventStore(applying, merchant, seconds=seconds),
            read=self._read,
            handler_timeout=handler_timeout,
            workers=workers,
            on_applied=self._wake,
            on_waiting=report,
        )
        self._keep = keep
        self._max_held = max_held
        self._is_open = False
        self._tasks: list[asyncio.Task[None]] = []
        self._work = asyncio.Event()
        # By the id that somebody waits for.
        self._arrived = WeakValueDictionary[str, asyncio.Event]()

    def handler(self, handler: Handler) -> Handler:
        """
        Have *handler* called with each event that is applied; a decorator.

        An event without a handler is not applied: it waits for a process that has one.

        Raises:
            ConfigError: It is no coroutine function of event and transaction.
        """
        return self._applier.add_handler("inbox.handler", handler, None)

    def on_payment(self, handler: Handler) -> Handler:
        """
        Have *handler* called with each event of a payment; a decorator.
        """
        return self._applier.add_handler("inbox.on_payment", handler, "payment")

    def on_refund(self, handler: Handler) -> Handler:
        """
        Have *handler* called with each event of a refund; a decorator.
        """
        return self._applier.add_handler("inbox.on_refund", handler, "refund")

    def on_customs(self, handler: Handler) -> Handler:
        """
        Have *handler* called with each event of a customs declaration; a decorator.
        """
        return self._applier.add_handler(
            "inbox.on_customs", handler, "customs_declaration"
        )

    async def __aenter__(self) -> Self:
        """
        Open it; it may be opened again after `aclose()`.

        Raises:
            ConfigError: It is open already.
            DatabaseError: The database cannot be used, or tables are missing.
        """
        if self._is_open:
            raise open_already_error()

        self._is_open = True

        try:
            # Whether the database is there, and its tables.
            await self._store.count_waiting()
        except BaseException:
            self._is_open = False
            await self._close_databases()

            raise

        # Perhaps in another loop than before.
        self._work = asyncio.Event()
        self._applier.start()
        apply, count = self._applier.apply_due, self._reporter.remind
        prune = partial(self.prune, older_than=self._keep)
        works = [
            repeat("applying events", apply, self._work, seconds=_POLL_SECONDS),
            repeat("removing old events", prune, seconds=_PRUNE_SECONDS),
            repeat("counting what waits", count, seconds=_REMIND_SECONDS),
        ]

        if self._queries is not None:
            ask = self._queries.query_due
            works.append(repeat("asking about events", ask, seconds=_POLL_SECONDS))

        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work) for work in works]

        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Stop; what is stored is applied at the next start.

        A handler that runs is stopped, and leaves nothing.
        """
        # Also when Ctrl-C comes just now: threads would keep the process alive.
        await run_to_end(self._close())

    async def _close(self) -> None:
        # The handler's transaction ends before its connection is closed.
        await self._applier.stop()
        tasks, self._tasks = self._tasks, []
        await end(*tasks, *self._reporter.calls)
        # Who comes now would open the databases again, and nobody would close them.
        self._is_open = False
        await self._close_databases()

        # Who still waits hears now that nothing comes any more.
        for arrived in [*self._arrived.values()]:
            arrived.set()

    async def _close_databases(self) -> None:
        for database in self._databases:
            await database.aclose()

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise closed_error()

    async def receive(
        self,
        body: bytes,
        headers: Headers,
        *,
        connection: AsyncConnection | None = None,
    ) -> NotificationReply:
        """
        Verify and store one notification; return the acknowledgement.

        It is decided about soon after, by a task of an inbox. What the gateway signed
        is kept, also if it cannot be read.

        Args:
            body: The bytes as received.
            connection: In whose transaction it is stored: commit it before the reply is
                sent. It is looked at a second after that at the latest.

        Raises:
            NotificationSignatureError: Do not acknowledge.
            NotificationBodyError: Not the bytes as received: do not acknowledge.
            NotificationError: The inbox is closed or full: do not acknowledge.
            DatabaseError: It could not be stored: do not acknowledge.
        """
        delivery = self._receiver.verify(body, headers)
        self._must_be_open()
        failure = None

        try:
            await self._store.add(
                delivery, connection=connection, max_held=self._max_held
            )
        except SQLAlchemyError as error:
            # Of the shop's own connection; its text may hold what is stored.
            failure = not_stored_error(type(getattr(error, "orig", None) or error))

        if failure is not None:
            raise failure

        self._work.set()

        return delivery.ack()

    async def expect(
        self,
        what: Expectable,
        *,
        amount: Money | None = None,
        kind: Expected = "payment",
        payment_id: str | None = None,
        refund_id: str | None = None,
    ) -> None:
        """
        Tell what was ordered, and which ids of the gateway are its own.

        Call it before the payment is created, and once more with the *payment_id* that
        `payments.create()` gave: an order may have several. Calls that are given
        ``arrivals=inbox`` do both. An event that came first has waited for it.

        Call it again to correct the amount: what did not fit is compared again. A
        refund is compared with what was told of refunds only; one whose total is a
        whole number, and so may be CNY cents, is not (gateway.md, trap 15).

        Args:
            what: The order or refund, or its mer_reference_id, or the declaration that
                `customs.apply()` gave.
            amount: With a mer_reference_id: what it costs.
            kind: With a mer_reference_id: ``"payment"`` or ``"refund"``.
            payment_id: Of the order; with a refund, of the payment that is given back.
            refund_id: With a refund: the id that `refunds.create()` gave.

        Raises:
            ConfigError: *what* is none of these, or *amount* is missing.
            DatabaseError: It could not be stored.
        """
        self._must_be_open()
        expected, own = read_expectation(
            what, amount=amount, kind=kind, payment_id=payment_id, refund_id=refund_id
        )
        await self._store.expect(expected, own)
        self._work.set()

    async def record(self, entity: Entity, *, deadline: float) -> Entity | None:
        """
        Keep what a signed query says as an event, and return when it is applied.

        So the handler runs once, for the notification or the query, whichever came
        first, and also when the notification is lost.

        Args:
            entity: As `payments.get()` and its like return it, with its state.
            deadline: In the running loop's time.

        Returns:
            The object as it was applied last; None if this state was not applied: it
            is a conflict, waits for another proof, or the deadline has passed.

        Raises:
            DatabaseError: It could not be stored.
        """
        self._must_be_open()
        object_id = entity.id

        if object_id is None or entity.state is None:
            return None

        own_objects = await self._store.own_objects(object_id=object_id)
        event = event_of(entity, own_objects[0] if own_objects else None)
        self._must_be_open()
        await self._store.add(event)
        self._work.set()
        loop = asyncio.get_running_loop()

        while True:
            arrived = self._arrival(object_id)
            stored = await self._store.find(event.key)

            if stored is None or stored.status in (Status.APPLIED, Status.SAME):
                break

            # Whoever waits need not know that the gateway is asked meanwhile.
            asking = stored.status is Status.ASKING and self._queries is not None

            if not (asking or stored.status is Status.READY) or loop.time() >= deadline:
                return None

            # Another process may decide.
            await rest(arrived, min(deadline, loop.time() + _POLL_SECONDS))
            self._must_be_open()

        try:
            return await self.notified(object_id=object_id)
        except NotificationSignatureError:
            # What was applied last was signed by a key that is gone: this was as well.
            return entity

    async def wait(self, object_id: str, *, deadline: float) -> Entity | None:
        """
        Return the object of *object_id* as the next applied event tells it.

        One that was applied is returned at once if its state is final. What another
        process applies is seen at the deadline: have a short one, and ask the gateway.

        Args:
            deadline: In the running loop's time; None is returned when it has passed.
        """
        loop = asyncio.get_running_loop()
        known = await self._newest(object_id=object_id)

        if known is not None and known.object.final:
            return known.object

        while True:
            arrived = self._arrival(object_id)
            found = await self._newest(object_id=object_id)

            if found is not None and (known is None or found.key != known.key):
                return found.object

            if loop.time() >= deadline:
                return None

            await rest(arrived, deadline)

    async def notified(
        self,
        *,
        object_id: str | None = None,
        mer_reference_id: str | None = None,
    ) -> Entity | None:
        """
        Return the object as the last applied event tells it, None if there is none.

        Args:
            mer_reference_id: In place of the id: the order's number, or the refund's;
                if both have it, the payment is returned.
        """
        given = {"object_id": object_id, "mer_reference_id": mer_reference_id}
        named = {name: one for name, one in given.items() if one is not None}
        found = await self._newest(**named) if named else None

        return None if found is None else found.object

    async def held(self) -> list[UnappliedEvent]:
        """
        Return the events of orders that nobody has told the inbox about: `expect()`.
        """
        return await self._reporter.list_events({Status.HELD})

    async def unconfirmed(self) -> list[UnappliedEvent]:
        """
        Return the events that the gateway is asked about, or was for a day.

        `expect()` with the *payment_id* releases one that is the shop's own.
        """
        return await self._reporter.list_events({Status.ASKING, Status.UNCONFIRMED})

    async def conflicts(self) -> list[UnappliedEvent]:
        """
        Return the events that go back, contradict, or tell of something else.
        """
        return await self._reporter.list_events({Status.CONFLICT})

    async def failed(self) -> list[UnappliedEvent]:
        """
        Return the events whose handler has failed; it is tried again.
        """
        return await self._reporter.list_events({Status.READY})

    async def dismiss(self, key: str) -> bool:
        """
        Take an event off the lists for ever: a person has seen to it.

        Args:
            key: Of an `UnappliedEvent`.

        Returns:
            False if it is on no list.
        """
        return await self._store.dismiss(key)

    async def replay(self, key: str | None = None) -> int:
        """
        Apply now what is due; return how many were applied.

        The gateway is asked again about what is unconfirmed.

        Args:
            key: Of an `UnappliedEvent`: whose pause is over, in place of all.
        """
        self._must_be_open()
        await self.hasten(key)

        return await self._applier.apply_due()

    async def hasten(self, key: str | None = None) -> int:
        """
        Have applied soon what waits for another attempt, by whichever process has its
        handler; return how many there are.

        Args:
            key: Of an `UnappliedEvent`: of this one only.
        """
        return await self._store.hasten(key)

    async def release(self, key: str) -> None:
        """
        Take a person's word that the id of a held or unconfirmed event is the shop's own.

        Look it up in the merchant's portal first: the gateway signs for all merchants.

        Args:
            key: Of an `UnappliedEvent`.

        Raises:
            NotificationError: There is none, it names no id, or its order is not
                expected: `expect()` it.
        """
        stored = await self._store.find(key)
        event = None if stored is None else self._read(stored)

        if stored is None or event is None:
            raise no_event_error()

        expected = stored.known.expected(event.kind)

        if event.kind == "payment" and expected is None:
            raise not_expected_error()

        await self._store.expect(None, own_object(event, expected))
        self._work.set()

    async def prune(self, *, older_than: timedelta) -> int:
        """
        Remove events that were applied or dismissed that long ago; return how many.

        What was applied last to each object stays known. It is done by itself: *keep*.
        """
        return await self._store.prune(time.time() - older_than.total_seconds())

    async def _newest(self, **named: str) -> NotificationEvent | None:
        self._must_be_open()
        stored = await self._store.newest(**named)

        return None if stored is None else self._read(stored)

    def _read(self, stored: StoredEvent) -> NotificationEvent | None:
        # Verified when it was asked: the file keeps no answer of the gateway.
        if stored.origin == "query":
            return stored_event(stored.body)

        # Verified again: bytes from a disk are not better than bytes from a network.
        headers = {"Signature": stored.signature}

        return self._receiver.verify(stored.body, headers).event

    def _arrival(self, object_id: str) -> asyncio.Event:
        # Taken before a look at what is stored: nothing that comes after it is missed.
        return self._arrived.setdefault(object_id, asyncio.Event())

    def _wake(self, object_id: str) -> None:
        self._arrived.pop(object_id, asyncio.Event()).set()
