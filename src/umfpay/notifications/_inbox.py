"""
The inbox: no webhook is acknowledged before it is stored, none applied twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from umfpay.errors import (
    ConfigError,
    NotificationError,
    NotificationSignatureError,
)
from umfpay.models import Money
from umfpay.notifications._asking import Asker, Gateway
from umfpay.notifications._decision import Status
from umfpay.notifications._expectations import Expectable, Expected, read_expectation
from umfpay.notifications._handlers import check_callback
from umfpay.notifications._query_events import event_of, stored_event
from umfpay.notifications._receiver import (
    Entity,
    Headers,
    NotificationEvent,
    NotificationReceiver,
    NotificationReply,
)
from umfpay.notifications._sqlite import SQLiteStore
from umfpay.notifications._store import InboxStore, StoredEvent
from umfpay.notifications._unapplied import OnConflict, Reporter, UnappliedEvent
from umfpay.notifications._worker import Applier, Handler
from umfpay.sensitive import looks_like_address


# Seconds.
_IDLE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.25
# What a worker needs besides its handler.
_LEASE_MARGIN_SECONDS: Final = 20.0

_log = logging.getLogger("umfpay")


class NotificationInbox:
    """
    Keeps notifications, and applies each once, in the order of its states.

        inbox = NotificationInbox("shop.sqlite3", NotificationReceiver.from_config(c))

        @inbox.handler
        async def paid(event, transaction):
            await transaction.connection.execute("UPDATE orders SET ...")

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
    behind it wait.

    Let a handler only write, and soon. A SQLite file has one writer at a time, and the
    commit-once needs it from the handler's beginning to its end: meanwhile `receive()`
    and `expect()` wait, in every process, at most *handler_timeout* and 20 seconds
    more; so give the shop's own connections that ``timeout``.

    Args:
        place: The path of a SQLite file; the shop's own tables may be in it.
        receiver: Verifies.
        gateway: The session that asks about what proves nothing by itself. Without one,
            another process on the same file must have it.
        on_conflict: Awaited with each conflict; it may be told twice. By default the
            gateway is asked and the answer logged.
        keep: How long applied events are kept against duplicates.
        handler_timeout: Seconds that a handler may take.
    """

    def __init__(
        self,
        place: str | os.PathLike[str],
        receiver: NotificationReceiver,
        *,
        gateway: Gateway | None = None,
        on_conflict: OnConflict | None = None,
        keep: timedelta = timedelta(days=30),
        handler_timeout: float = 10.0,
    ) -> None:
        try:
            self._store = _open_store(
                place, patience=handler_timeout + _LEASE_MARGIN_SECONDS
            )
        finally:
            del place

        if on_conflict is not None:
            check_callback("on_conflict", on_conflict, arguments=1)

        self._receiver = receiver
        self._work = asyncio.Event()
        self._reporter = Reporter(
            self._store, self._read, gateway=gateway, on_conflict=on_conflict
        )
        self._asker = None

        if gateway is not None:
            self._asker = Asker(
                self._store,
                self._read,
                gateway,
                on_answer=self._work.set,
                on_waiting=self._reporter.look,
            )

        self._applier = Applier(
            self._store,
            self._read,
            handler_timeout=handler_timeout,
            on_applied=self._wake,
            on_waiting=self._look,
        )
        self._keep = keep
        self._is_open = False
        self._tasks: list[asyncio.Task[None]] = []
        self._arrived: dict[str, set[asyncio.Event]] = {}

    def handler(self, handler: Handler) -> Handler:
        """
        Have *handler* called with each event that is applied; a decorator.

        A process without a handler applies nothing: its events wait for one that has.

        Raises:
            ConfigError: It is no coroutine function of event and transaction.
        """
        check_callback("inbox.handler", handler, arguments=2)
        self._applier.add_handler(handler)
        self._work.set()

        return handler

    async def __aenter__(self) -> Self:
        """
        Open it; it may be opened again after `aclose()`.

        Raises:
            ConfigError: It is open already, or the file cannot be used.
        """
        if self._is_open:
            raise ConfigError(
                "inbox: it is open already; one inbox is opened once.",
                "inbox：已经打开；同一收件箱只能打开一次。",
            )

        self._is_open = True

        try:
            await self._store.open()
        except BaseException:
            self._is_open = False

            raise

        self._work.set()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._apply_for_ever()),
            loop.create_task(self._listen_for_ever()),
            loop.create_task(self._reporter.report_for_ever()),
        ]

        if self._asker is not None:
            self._tasks.append(loop.create_task(self._asker.ask_for_ever()))

        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Stop; what is stored is applied at the next start.
        """
        tasks, self._tasks = self._tasks, []

        try:
            # `asyncio.wait_for` before Python 3.12, in a library, may lose a
            # cancellation.
            while tasks:
                for task in tasks:
                    task.cancel()

                _, left = await asyncio.wait(tasks, timeout=_RETRY_SECONDS)
                tasks = list(left)
        finally:
            # Also when Ctrl-C comes just now: threads would keep the process alive.
            await self._store.aclose()
            self._is_open = False
            # Who still waits hears now that nothing comes any more.
            self._wake_all()

    async def receive(self, body: bytes, headers: Headers) -> NotificationReply:
        """
        Verify and store one notification; return the acknowledgement.

        It is decided about soon after, by a task of the inbox. What the gateway signed
        is kept, also if it cannot be read.

        Args:
            body: The bytes as received.

        Raises:
            NotificationSignatureError: Do not acknowledge.
            NotificationBodyError: Not the bytes as received: do not acknowledge.
            NotificationError: It could not be stored: do not acknowledge.
        """
        delivery = self._receiver.verify(body, headers)
        await self._store.add(delivery)
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
            NotificationError: It could not be stored.
        """
        expected, binding = read_expectation(
            what, amount=amount, kind=kind, payment_id=payment_id, refund_id=refund_id
        )
        await self._store.expect(expected, binding)
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
            NotificationError: It could not be stored.
        """
        object_id = entity.id

        if object_id is None or entity.state is None:
            return None

        event = event_of(entity, await self._store.binding(object_id))
        await self._store.add(event)
        self._work.set()
        arrived = asyncio.Event()
        self._arrived.setdefault(object_id, set()).add(arrived)

        try:
            while True:
                arrived.clear()
                stored = await self._store.find(event.key)
                status = None if stored is None else stored.decision.status

                if status in (None, Status.APPLIED, Status.SAME):
                    return await self._applied(entity, object_id)

                # Whoever waits need not know that the gateway is asked meanwhile.
                asking = status is Status.ASKING and self._asker is not None

                if status is not Status.READY and not asking:
                    return None

                try:
                    async with asyncio.timeout_at(deadline):
                        await arrived.wait()
                except TimeoutError:
                    return None
        finally:
            self._forget(object_id, arrived)

    async def wait(self, object_id: str, *, deadline: float) -> Entity | None:
        """
        Return the object of *object_id* as the next applied event tells it.

        One that was applied is returned at once if its state is final.

        Args:
            deadline: In the running loop's time; None is returned when it has passed.
        """
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        self._arrived.setdefault(object_id, set()).add(arrived)

        try:
            known = await self._newest(object_id=object_id)

            if known is not None and _is_final(known.object):
                return known.object

            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await arrived.wait()

                arrived.clear()
                found = await self._newest(object_id=object_id)

                if found is not None and (known is None or found.key != known.key):
                    return found.object

                if loop.time() >= deadline:
                    return None
        finally:
            self._forget(object_id, arrived)

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
        found = await self._newest(
            object_id=object_id, mer_reference_id=mer_reference_id
        )

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
        return await self._reporter.list_events({Status.CONFLICT, Status.WRONG_AMOUNT})

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

    async def replay(self) -> int:
        """
        Apply now what waits for another attempt; return how many were applied.

        The gateway is asked again about what is unconfirmed.
        """
        return await self._applier.apply_due(hasten=True)

    async def _applied(self, entity: Entity, object_id: str) -> Entity | None:
        try:
            return await self.notified(object_id=object_id)
        except NotificationSignatureError:
            # What was applied last was signed by a key that is gone: this was as well.
            return entity

    async def _newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> NotificationEvent | None:
        stored = await self._store.newest(
            object_id=object_id, mer_reference_id=mer_reference_id
        )

        return None if stored is None else self._read(stored)

    def _read(self, stored: StoredEvent) -> NotificationEvent | None:
        # Verified when it was asked: the file keeps no answer of the gateway.
        if stored.origin == "query":
            return stored_event(stored.body)

        # Verified again: bytes from a disk are not better than bytes from a network.
        headers = {"Signature": stored.signature}

        return self._receiver.verify(stored.body, headers).event

    def _forget(self, object_id: str, arrived: asyncio.Event) -> None:
        waiting = self._arrived[object_id]
        waiting.discard(arrived)

        if not waiting:
            del self._arrived[object_id]

    async def _apply_for_ever(self) -> None:
        pruned = 0.0

        while True:
            try:
                await self._applier.apply_due()

                if time.time() - pruned > _IDLE_SECONDS:
                    pruned = time.time()
                    await self._store.prune(pruned - self._keep.total_seconds())
            except NotificationError as error:
                _log.warning("the inbox cannot work now: %s", error.what.en)
                await asyncio.sleep(_POLL_SECONDS)
            except Exception:  # noqa: BLE001 (logged; nobody else would apply)
                _log.exception("the inbox failed; it goes on")
                await asyncio.sleep(_POLL_SECONDS)

            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._work.wait()

            self._work.clear()

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._store.wait_for_change(_IDLE_SECONDS)
            except NotificationError:
                await asyncio.sleep(_POLL_SECONDS)

            # A wake-up for nothing costs a look into the store.
            self._wake_all()

    def _look(self) -> None:
        self._reporter.look()
        # Who has recorded it hears that it is not applied.
        self._wake_all()

    def _wake_all(self) -> None:
        for waiting in self._arrived.values():
            for arrived in waiting:
                arrived.set()

    def _wake(self, object_id: str) -> None:
        for arrived in self._arrived.get(object_id, ()):
            arrived.set()


def _open_store(place: str | os.PathLike[str], *, patience: float) -> InboxStore:
    # What is kept in memory only may not be acknowledged.
    usable = isinstance(place, str | os.PathLike) and (
        str(place) not in ("", ":memory:") and not looks_like_address(str(place))
    )

    if not usable:
        # An address may hold a password, and a traceback shows locals.
        del place

        raise ConfigError(
            "inbox: the path of a SQLite file is needed, not an address.",
            "inbox：需要 SQLite 文件的路径，而不是地址。",
        )

    return SQLiteStore(place, patience=patience)


def _is_final(entity: Entity) -> bool:
    return entity.state is not None and entity.state.final
