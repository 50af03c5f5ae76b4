"""
Keep events and expectations, and apply each event once, in one transaction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import and_, bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import CommitUnknownError, NotificationError, Text
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import Delivery, NotificationEvent
from umfpay.notifications._store import (
    MAX_PAUSE_SECONDS,
    StoredEvent,
    Work,
    pause_after,
)
from umfpay.notifications._waiting_events import (
    WAITING_STATUSES,
    WaitingEvents,
    as_moment,
    reason_to_report,
)
from umfpay.sql import Database, Transaction, insert_if_absent


BATCH: Final = 200
_MAX_ID_CHARACTERS: Final = 128
_MAX_STATE_CHARACTERS: Final = 64


class _ChangedError(Exception):
    """
    Raised to undo what was decided by facts that are older than the event's row.
    """


@attrs.frozen
class Candidate:
    """
    An event whose time has come, perhaps one behind others of its object.
    """

    due_at: int
    position: int
    key: str
    object_id: str | None


class EventStore(WaitingEvents):
    """
    Events, objects and orders of one merchant.

    Args:
        applying: Where events are applied: its connections are not those of others.
        seconds: That a transaction may take.
    """

    def __init__(
        self,
        database: Database,
        merchant: str,
        *,
        applying: Database,
        seconds: float,
    ) -> None:
        super().__init__(database, merchant, seconds=seconds)
        self._applying = applying
        objects_table = self._objects
        events, objects = self._events.c, objects_table.c
        self._lock = (
            select(objects.position)
            .where(
                objects.merchant == merchant,
                objects.object_id == bindparam("object_id"),
            )
            # SQLite has one writer.
            .with_for_update(skip_locked=True)
        )
        ready = self._query.where(events.status == Status.READY.value)
        self._oldest = (
            ready.where(events.object_id == bindparam("object_id"))
            # Not by the primary key: a planner would walk over all that was applied.
            .order_by(events.position + 0)
            .limit(1)
        )
        self._single = ready.where(events.position == bindparam("position"))
        mark = (
            update(self._events)
            .where(
                events.position == bindparam("at"),
                events.status == Status.READY.value,
            )
            .values(
                status=bindparam("status"),
                reason=bindparam("reason"),
                due_at=bindparam("due_at"),
            )
        )
        self._mark_applied = mark
        # What waits may be expected now; what is applied was true when it was decided.
        self._mark_waiting = mark.where(events.version == bindparam("seen")).values(
            reported_at=self._unless_reported(bindparam("reported"))
        )
        self._replace = (
            update(objects_table)
            .where(
                objects.merchant == merchant,
                objects.object_id == bindparam("named"),
            )
            .values(
                {
                    name: bindparam(name)
                    for name in (
                        "state",
                        "states",
                        "event_position",
                        "body",
                        "signature",
                        "origin",
                        "applied_at",
                    )
                }
            )
        )

    async def open(self) -> None:
        """
        Look whether the database is there, and its tables.
        """
        await self.count(Status.READY, limit=1)

    async def add(
        self,
        what: Delivery | NotificationEvent,
        *,
        connection: AsyncConnection | None = None,
        only_known: bool = False,
    ) -> None:
        """
        Keep *what* as ready, unless it is there already: it is durable afterwards.

        Args:
            connection: In whose transaction; it is durable when that is committed.
            only_known: Refuse what names neither a number nor an id that is known.

        Raises:
            NotificationError: It was refused.
        """
        values = self._values(what)

        async def work(connection: AsyncConnection) -> None:
            if only_known and not await self._is_known(connection, values):
                raise _full_error()

            await insert_if_absent(connection, self._events, values)

        if connection is None:
            await self._keep(work)
        else:
            await work(connection)

    def _values(self, what: Delivery | NotificationEvent) -> dict[str, Any]:
        event = what if isinstance(what, NotificationEvent) else what.event
        number = what.number if isinstance(what, Delivery) else what.mer_reference_id
        now = as_moment(time.time())
        names: dict[str, str | None] = {"mer_reference_id": number}

        if event is not None:
            names |= {
                "kind": event.kind,
                "object_id": event.object_id,
                "payment_id": event.payment_id,
                "state": event.state,
            }

        # What no column holds counts as unreadable: the bytes are kept.
        if not all(_fits(name, value) for name, value in names.items()):
            names = {}

        return {
            **names,
            "merchant": self._merchant,
            "event_key": what.key,
            "body": what.body,
            "signature": what.signature,
            "origin": "notification" if event is None else event.origin,
            "status": Status.READY.value,
            "reason": "",
            "reported_reason": "",
            "received_at": now,
            "due_at": now,
        }

    async def _is_known(
        self, connection: AsyncConnection, values: dict[str, Any]
    ) -> bool:
        orders, objects = self._database.tables.orders.c, self._objects.c
        number = values.get("mer_reference_id")
        ids = [values.get("object_id"), values.get("payment_id")]

        for query in (
            select(orders.kind).where(
                orders.merchant == self._merchant, orders.mer_reference_id == number
            ),
            select(objects.kind).where(
                objects.merchant == self._merchant,
                objects.object_id.in_([one for one in ids if one is not None]),
            ),
        ):
            if (await connection.execute(query.limit(1))).first() is not None:
                return True

        return False

    async def _keep(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        # Done twice, it is done once.
        for last in (False, True):
            try:
                await self._database.run(work, timeout=self._seconds, repeatable=True)

                return
            except CommitUnknownError:
                if last:
                    raise

    async def expect(
        self, expected: Expectation | None, binding: Binding | None
    ) -> None:
        """
        Keep both, and make ready what waits for one of that number or id.

        That are events that are held, asked about, unconfirmed or in conflict.
        """

        async def work(connection: AsyncConnection) -> None:
            if expected is not None:
                await self._keep_order(connection, expected)

            if binding is not None:
                await self._bind(connection, binding)

            number = None if expected is None else expected.mer_reference_id
            await self._release(connection, number, binding)

        await self._keep(work)

    async def _keep_order(
        self, connection: AsyncConnection, expected: Expectation
    ) -> None:
        orders = self._database.tables.orders
        day = expected.mer_date
        money = {"total": str(expected.total), "currency": expected.currency}
        # What is known stays known: who tells it again may tell less.
        more = {
            "mer_date": None if day is None else day.isoformat(),
            "payment_id": expected.payment_id,
        }
        names = {
            "merchant": self._merchant,
            "kind": expected.kind,
            "mer_reference_id": expected.mer_reference_id,
        }
        now = as_moment(time.time())

        if not await insert_if_absent(
            connection, orders, {**names, **money, **more, "created_at": now}
        ):
            known = {name: one for name, one in more.items() if one is not None}
            await connection.execute(
                update(orders)
                .where(*(orders.c[name] == one for name, one in names.items()))
                .values(**money, **known)
            )

    async def _bind(self, connection: AsyncConnection, binding: Binding) -> None:
        objects = self._objects
        names = {"merchant": self._merchant, "object_id": binding.object_id}
        more = {
            "mer_reference_id": binding.mer_reference_id,
            "payment_id": binding.payment_id,
        }
        is_it = [objects.c[name] == one for name, one in names.items()]
        query = select(objects).where(*is_it)
        row = (await connection.execute(query)).first()

        if row is None and await insert_if_absent(
            connection, objects, {**names, **more, "kind": binding.kind}
        ):
            return

        # A handler may hold the row: nobody waits for it to write what stands there.
        new = {
            name: one
            for name, one in more.items()
            if one is not None and (row is None or getattr(row, name) != one)
        }

        if new:
            await connection.execute(update(objects).where(*is_it).values(**new))

    async def _release(
        self, connection: AsyncConnection, number: str | None, binding: Binding | None
    ) -> None:
        events = self._events.c
        named = [] if number is None else [events.mer_reference_id == number]

        if binding is not None:
            named += [
                events.object_id == binding.object_id,
                events.payment_id == binding.object_id,
            ]

        now = as_moment(time.time())

        for one in named:
            # A ready one, too: somebody may just decide about it by what was known.
            await connection.execute(
                update(self._events)
                .where(
                    self._is_ours,
                    one,
                    events.status.in_([*WAITING_STATUSES, Status.READY.value]),
                )
                # In this order: MySQL sees a new value at once.
                .ordered_values(
                    (
                        events.due_at,
                        case(
                            (events.status == Status.READY.value, events.due_at),
                            else_=now,
                        ),
                    ),
                    (events.status, Status.READY.value),
                    (events.version, events.version + 1),
                )
            )

    async def confirm(
        self,
        stored: StoredEvent,
        answers: Sequence[NotificationEvent],
        binding: Binding | None,
    ) -> None:
        """
        Put what queries say in the place of *stored*, and bind its id.
        """
        # A recorded query may be confirmed by its own words: it is applied itself.
        own = any(answer.key == stored.key for answer in answers)
        events = self._events.c
        end = (
            update(self._events)
            .where(
                events.position == stored.position, events.status == Status.ASKING.value
            )
            .values(
                status=Status.READY.value if own else Status.SAME.value,
                reason="a query confirms it" if own else "a query was applied",
                due_at=as_moment(time.time()),
                version=events.version + 1,
            )
        )

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(end)).rowcount != 1:
                return

            if binding is not None:
                await self._bind(connection, binding)
                await self._release(connection, None, binding)

            for answer in answers:
                await insert_if_absent(connection, self._events, self._values(answer))

        await self._keep(work)

    async def due(
        self, status: Status, now: float, *, after: Candidate | None = None
    ) -> list[Candidate]:
        """
        Return the next events of *status* whose time has come, the longest due first.
        """
        events = self._events.c
        query = select(
            events.due_at, events.position, events.event_key, events.object_id
        ).where(self._is_ours, events.status == status.value, self._is_due(now))

        if after is not None:
            query = query.where(
                or_(
                    events.due_at > after.due_at,
                    and_(
                        events.due_at == after.due_at, events.position > after.position
                    ),
                )
            )

        rows = await self._rows(
            query.order_by(events.due_at, events.position).limit(BATCH)
        )

        return [Candidate(*row) for row in rows]

    async def apply(
        self, candidate: Candidate, work: Work, *, timeout: float
    ) -> Decision | None:
        """
        Do *work* once with the oldest ready event of the candidate's object, and commit
        what it wrote together with its decision.

        Returns:
            None if there is none any more, its time has not come, or somebody else
            works on the object.

        Raises:
            Exception: What *work* raised; nothing was committed.
        """

        async def transact(connection: AsyncConnection) -> Decision | None:
            is_locked = False

            if candidate.object_id is None:
                stored = await self._read(
                    connection, self._single, position=candidate.position
                )
            else:
                place = {"object_id": candidate.object_id}
                locked = await self._execute(connection, self._lock, place)
                is_locked = locked.first() is not None
                stored = await self._read(connection, self._oldest, **place)

            if stored is None or not self._has_come(stored):
                return None

            bound = stored.known.binding is not None

            if bound and not is_locked:
                return None

            if is_locked and not bound:
                decision = Decision(Status.CONFLICT, "its id is that of another kind")
            else:
                decision = await work(stored, Transaction(connection))

            if decision.status is Status.APPLIED:
                await self._advance(connection, stored, is_locked=is_locked)

            await self._mark(connection, stored, decision)

            return decision

        try:
            return await self._applying.run(transact, timeout=timeout)
        except _ChangedError:
            return None

    @staticmethod
    def _has_come(stored: StoredEvent) -> bool:
        now = time.time()

        return stored.due <= now or stored.due > now + MAX_PAUSE_SECONDS

    async def _mark(
        self, connection: AsyncConnection, stored: StoredEvent, decision: Decision
    ) -> None:
        now = time.time()
        asked = decision.status is Status.ASKING
        due = now + pause_after(stored.questions) if asked else now
        values: dict[str, Any] = {
            "at": stored.position,
            "status": decision.status.value,
            "reason": decision.reason,
            "due_at": as_moment(due),
        }
        mark = self._mark_applied

        if decision.status is not Status.APPLIED:
            mark = self._mark_waiting
            values |= {
                "seen": stored.version,
                "reported": reason_to_report(decision),
            }

        changed = await connection.execute(mark, values)

        if changed.rowcount != 1:
            raise _ChangedError

    async def _advance(
        self, connection: AsyncConnection, stored: StoredEvent, *, is_locked: bool
    ) -> None:
        objects = self._objects
        names = {"merchant": self._merchant, "object_id": stored.object_id}
        values = {
            "state": stored.state,
            "states": json.dumps([*stored.known.states, stored.state]),
            "event_position": stored.position,
            "body": stored.body,
            "signature": stored.signature,
            "origin": stored.origin,
            "applied_at": as_moment(time.time()),
        }

        if is_locked:
            await connection.execute(
                self._replace, {**values, "named": stored.object_id}
            )

            return

        # What was applied is ours from now on.
        inserted = await insert_if_absent(
            connection,
            objects,
            {
                **names,
                **values,
                "kind": stored.kind,
                "mer_reference_id": stored.number,
            },
        )

        if not inserted:
            raise _ChangedError

    async def binding(self, object_id: str) -> Binding | None:
        """
        Return what is bound to that id.
        """
        objects = self._objects.c

        for row in await self._rows(
            select(objects.kind, objects.mer_reference_id, objects.payment_id).where(
                objects.merchant == self._merchant, objects.object_id == object_id
            )
        ):
            return Binding(
                kind=row.kind,
                object_id=object_id,
                mer_reference_id=row.mer_reference_id,
                payment_id=row.payment_id,
            )

        return None

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last to that object or number.

        Of a number that an order and a refund have: the payment's.
        """
        objects = self._objects.c
        named = (
            objects.object_id == object_id
            if object_id is not None
            else objects.mer_reference_id == mer_reference_id
        )

        for row in await self._rows(
            select(objects.body, objects.signature, objects.origin)
            .where(objects.merchant == self._merchant, named, objects.body.is_not(None))
            # A payment comes before a refund; a clock may be set back.
            .order_by(objects.kind, objects.event_position.desc())
            .limit(1)
        ):
            return StoredEvent(
                key="", body=row.body, signature=row.signature, origin=row.origin
            )

        return None

    async def newest_positions(self, object_ids: Collection[str]) -> dict[str, int]:
        """
        Return which event was applied last to each of these objects.
        """
        objects = self._objects.c
        rows = await self._rows(
            select(objects.object_id, objects.event_position).where(
                objects.merchant == self._merchant,
                objects.object_id.in_(object_ids),
                objects.event_position.is_not(None),
            )
        )

        return {row.object_id: row.event_position for row in rows}


def _fits(name: str, value: str | None) -> bool:
    limit = _MAX_STATE_CHARACTERS if name == "state" else _MAX_ID_CHARACTERS

    return value is None or (len(value) <= limit and "\0" not in value)


def _full_error() -> NotificationError:
    return NotificationError(
        "Too many events are held, and this one names no order or id that is known.",
        "暂存的事件过多，且该事件未涉及任何已知的订单或编号。",
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Look at inbox.held(),"
            " and dismiss what is not yours.",
            "未确认任何通知，网关会重发。请查看 inbox.held()，并忽略与您无关的事件。",
        ),
    )
