"""
Keep events, what was ordered, and which ids are the shop's own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import MAX_PAUSE_SECONDS, pause_after
from umfpay.errors import CommitUnknownError
from umfpay.errors.notification_errors import full_error
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._expectations import Expectation, OwnObject
from umfpay.notifications._receiver import Delivery, NotificationEvent
from umfpay.notifications._stored_events import (
    StoredEvent,
    as_moment,
    event_query,
    read_stored,
)
from umfpay.sql import Database, Work, insert_if_absent


_T = TypeVar("_T")

# What `expect()` makes ready again.
WAITING_STATUSES: Final = (
    Status.HELD,
    Status.ASKING,
    Status.UNCONFIRMED,
    Status.CONFLICT,
)
_SETTLED_STATUSES: Final = (Status.APPLIED, Status.SAME, Status.DISMISSED)
BATCH: Final = 200
_MAX_PRUNED: Final = 1000
_MAX_ID_CHARACTERS: Final = 128
_MAX_STATE_CHARACTERS: Final = 64


def is_due(due_at: Any) -> Any:
    """
    Tell of a moment, or of a column of them, whether it has come.

    One later than the longest pause was stored by another clock.
    """
    now = time.time()

    return (due_at <= as_moment(now)) | (due_at > as_moment(now + MAX_PAUSE_SECONDS))


class EventStore:
    """
    Events, objects and orders of one merchant.

    Args:
        seconds: That a transaction may take.
    """

    def __init__(self, database: Database, merchant: str, *, seconds: float) -> None:
        self.database = database
        self.merchant = merchant
        self._seconds = seconds
        self.events, self.objects = database.tables.events, database.tables.objects
        self._orders = database.tables.orders
        self.query = event_query(database.tables, merchant)
        events = self.events.c
        is_failed = (events.status == Status.READY) & (events.attempts > 0)
        self._waits = events.status.in_(WAITING_STATUSES) | is_failed

    # Transactions

    async def _run(self, work: Work[_T], *, read_only: bool = False) -> _T:
        # Any: each has its own type.
        options: dict[str, Any] = {"timeout": self._seconds, "read_only": read_only}
        run = partial(self.database.run, work, repeatable=True, **options)

        with suppress(CommitUnknownError):
            return await run()

        # Done twice, it is done once.
        return await run()

    async def _rows(self, query: Select[Any]) -> list[Any]:
        # Any: what the columns hold.
        async def work(connection: AsyncConnection) -> list[Any]:
            return [*await connection.execute(query)]

        return await self._run(work, read_only=True)

    async def _change(
        self,
        *conditions: ColumnElement[bool],
        connection: AsyncConnection | None = None,
        **values: Any,
    ) -> int:
        is_ours = self.events.c.merchant == self.merchant
        statement = update(self.events).where(is_ours, *conditions).values(**values)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await (self._run(work) if connection is None else work(connection))

    async def _make_ready(
        self,
        is_it: ColumnElement[bool],
        connection: AsyncConnection | None = None,
        **values: Any,
    ) -> int:
        events = self.events.c
        now = as_moment(time.time())
        # What has failed keeps its pause.
        due_at = case((events.attempts > 0, events.due_at), else_=now)

        # A ready one, too: somebody may just decide about it by what was known.
        return await self._change(
            is_it,
            events.status.in_([*WAITING_STATUSES, Status.READY]),
            connection=connection,
            status=Status.READY,
            version=events.version + 1,
            **{"due_at": due_at, **values},
        )

    # Reading

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
        """
        return next(iter(await self._select(self.events.c.event_key == key)), None)

    async def list_events(self, statuses: Collection[Status]) -> list[StoredEvent]:
        """
        Return the events in one of *statuses*, oldest first; ready ones that failed.
        """
        return await self._select(self._waits, self.events.c.status.in_(statuses))

    async def _select(self, *conditions: ColumnElement[bool]) -> list[StoredEvent]:
        query = self.query.where(*conditions).order_by(self.events.c.position)

        return [read_stored(row) for row in await self._rows(query)]

    async def due(
        self, status: Status, *, after: Row[Any] | None = None, limit: int = BATCH
    ) -> list[Row[Any]]:
        """
        Return the next events of *status* whose time has come, the longest due first:
        moment, position, key, id and name of their object (the key if it has no id).
        """
        events = self.events.c
        place = (events.due_at, events.position)
        query = select(
            *place,
            events.event_key.label("key"),
            events.object_id,
            func.coalesce(events.object_id, events.event_key).label("name"),
        ).where(
            events.merchant == self.merchant,
            events.status == status,
            is_due(events.due_at),
        )

        if after is not None:
            query = query.where(tuple_(*place) > (after.due_at, after.position))

        return await self._rows(query.order_by(*place).limit(limit))

    async def count_waiting(self) -> dict[Status, int]:
        """
        Return how many events wait in each status; ready are those that failed.
        """
        events = self.events.c
        rows = await self._rows(
            select(events.status, func.count())
            .where(events.merchant == self.merchant, self._waits)
            .group_by(events.status)
        )

        return {Status(status): int(count) for status, count in rows}

    async def own_objects(self, **named: str) -> list[OwnObject]:
        """
        Return the objects of the shop's own whose columns have these values.
        """
        columns = [self.objects.c[one.name] for one in attrs.fields(OwnObject)]
        rows = await self._rows(select(*columns).where(*self._objects_named(named)))

        return [OwnObject(**row._mapping) for row in rows]

    async def newest(self, **named: str) -> StoredEvent | None:
        """
        Return the event that was applied last to the object whose columns have these
        values.

        Of a number that an order and a refund have: the payment's.
        """
        objects = self.objects.c
        rows = await self._rows(
            select(objects.body, objects.signature, objects.origin)
            .where(*self._objects_named(named), objects.body.is_not(None))
            # A payment comes before a refund; a clock may be set back.
            .order_by(objects.kind, objects.event_position.desc())
            .limit(1)
        )

        return StoredEvent(**rows[0]._mapping) if rows else None

    def _objects_named(self, named: Mapping[str, str]) -> list[ColumnElement[bool]]:
        values = {"merchant": self.merchant, **named}

        return [self.objects.c[name] == one for name, one in values.items()]

    # What comes

    async def add(
        self,
        what: Delivery | NotificationEvent,
        *,
        connection: AsyncConnection | None = None,
        max_held: int | None = None,
    ) -> None:
        """
        Keep *what* as ready, unless it is there already: it is durable afterwards.

        Args:
            connection: In whose transaction; it is durable when that is committed.
            max_held: While so many are held, refuse what names neither a number nor an
                id that is known.

        Raises:
            NotificationError: It was refused.
        """
        values = self._values(what)

        async def work(connection: AsyncConnection) -> None:
            if max_held is not None and not await connection.scalar(
                self._has_room(values, max_held)
            ):
                raise full_error()

            await insert_if_absent(connection, self.events, values)

        await (self._run(work) if connection is None else work(connection))

    def _values(self, what: Delivery | NotificationEvent) -> dict[str, Any]:
        event = what if isinstance(what, NotificationEvent) else what.event
        now = as_moment(time.time())
        names: dict[str, str | None] = {"mer_reference_id": what.mer_reference_id}

        for name in ("kind", "object_id", "payment_id", "state"):
            names[name] = getattr(event, name, None)

        # What no column holds counts as unreadable: the bytes are kept.
        if not all(_fits(name, value) for name, value in names.items()):
            names = {}

        return {
            **names,
            "merchant": self.merchant,
            "event_key": what.key,
            "body": what.body,
            "signature": what.signature,
            "origin": "notification" if event is None else event.origin,
            "status": Status.READY,
            "reason": "",
            "received_at": now,
            "due_at": now,
        }

    def _has_room(self, values: Mapping[str, Any], max_held: int) -> Select[Any]:
        events, objects, orders = self.events.c, self.objects.c, self._orders.c
        ids = {values.get("object_id"), values.get("payment_id")} - {None}
        held = select(events.position).where(
            events.merchant == self.merchant, events.status == Status.HELD
        )
        count = select(func.count()).select_from(held.limit(max_held).subquery())

        return select(
            or_(
                exists().where(
                    orders.merchant == self.merchant,
                    orders.mer_reference_id == values.get("mer_reference_id"),
                ),
                exists().where(
                    objects.merchant == self.merchant, objects.object_id.in_(ids)
                ),
                count.scalar_subquery() < max_held,
            )
        )

    # What is expected

    async def expect(self, expected: Expectation | None, own: OwnObject | None) -> None:
        """
        Keep both, and make ready what waits for one of that number or id.

        That are events that are held, asked about, unconfirmed or in conflict.
        """

        async def work(connection: AsyncConnection) -> None:
            if expected is not None:
                key = ("kind", "mer_reference_id")
                await self._remember(connection, self._orders, expected, key)

            # In the order of the workers: objects are locked before events.
            if own is not None:
                await self._keep_own(connection, own)

            if expected is not None:
                is_it = self.events.c.mer_reference_id == expected.mer_reference_id
                await self._make_ready(is_it, connection)

        await self._run(work)

    async def _keep_own(self, connection: AsyncConnection, own: OwnObject) -> None:
        await self._remember(connection, self.objects, own, ("kind", "object_id"))

        for column in (self.events.c.object_id, self.events.c.payment_id):
            await self._make_ready(column == own.object_id, connection)

    async def _remember(
        self,
        connection: AsyncConnection,
        table: Table,
        what: Expectation | OwnObject,
        key: tuple[str, str],
    ) -> None:
        """
        Keep *what* under *key*; what is known stays known, whoever tells less.
        """
        given = {
            name: str(one)
            for name, one in attrs.asdict(what).items()
            if one is not None
        }
        is_it = [
            table.c.merchant == self.merchant,
            *(table.c[name] == given[name] for name in key),
        ]
        row = (await connection.execute(select(table).where(*is_it))).first()

        if row is None and await insert_if_absent(
            connection, table, {"merchant": self.merchant, **given}
        ):
            return

        # A handler may hold the row: nobody waits for it to write what stands there.
        new = {
            name: one
            for name, one in given.items()
            if row is None or getattr(row, name) != one
        }

        if new:
            await connection.execute(update(table).where(*is_it).values(**new))

    # What is decided

    async def claim_question(self, stored: StoredEvent) -> bool:
        """
        Count a question about *stored*; False if another worker has asked meanwhile.
        """
        events = self.events.c
        pause = pause_after(stored.questions + 1)
        changed = await self._change(
            events.position == stored.position,
            events.status == Status.ASKING,
            is_due(events.due_at),
            questions=events.questions + 1,
            due_at=as_moment(time.time() + pause),
        )

        return changed == 1

    async def conclude(self, stored: StoredEvent, decision: Decision) -> bool:
        """
        Keep what became of a question, and the answers in the place of *stored*.

        Returns:
            False if it was decided meanwhile.
        """
        end = decision

        # A recorded query may be confirmed by its own words: it is applied itself.
        if any(answer.key == stored.event_key for answer in decision.answers):
            end = Decision(Status.READY)

        async def work(connection: AsyncConnection) -> bool:
            if not await self.move(connection, stored, end):
                return False

            if decision.own is not None:
                await self._keep_own(connection, decision.own)

            for answer in decision.answers:
                await insert_if_absent(connection, self.events, self._values(answer))

            return True

        return await self._run(work)

    async def move(
        self, connection: AsyncConnection, stored: StoredEvent, decision: Decision
    ) -> bool:
        """
        Have *stored* as it was decided; False if it is no more as it was read.
        """
        events = self.events.c
        values: dict[str, Any] = {"status": decision.status, "reason": decision.reason}

        # A question that is open has its next moment already.
        if decision.status is not stored.status:
            pause = pause_after(0) if decision.status is Status.ASKING else 0.0
            values["due_at"] = as_moment(time.time() + pause)

        changed = await self._change(
            events.position == stored.position,
            events.status == stored.status,
            # What waits may be expected now.
            events.version == stored.version,
            connection=connection,
            **values,
        )

        return changed == 1

    async def postpone(self, stored: StoredEvent, error: Exception) -> None:
        """
        Count a failed attempt of the handler; the next one is made after a while.
        """
        events = self.events.c
        await self._change(
            events.position == stored.position,
            events.status == Status.READY,
            attempts=events.attempts + 1,
            due_at=as_moment(time.time() + pause_after(stored.attempts)),
            reason=f"failed: {type(error).__name__}",
        )

    async def hasten(self, key: str | None = None) -> int:
        """
        Have decided anew what waits with *key*, or all that failed or is unconfirmed.

        Returns:
            How many there are.
        """
        events = self.events.c
        is_it = events.event_key == key

        if key is None:
            is_it = events.status.in_([Status.READY, Status.ASKING, Status.UNCONFIRMED])

        return await self._make_ready(is_it, due_at=as_moment(time.time()))

    async def dismiss(self, key: str) -> bool:
        """
        Have a person's word that nothing is to be done; False if it does not wait.
        """
        events, now = self.events.c, as_moment(time.time())
        changed = await self._change(
            events.event_key == key,
            # Done again after a commit whose answer was lost, it meets its own word.
            self._waits | (events.status == Status.DISMISSED) & (events.due_at == now),
            status=Status.DISMISSED,
            due_at=now,
        )

        return changed == 1

    async def prune(self, before: float) -> int:
        """
        Remove what was settled before that time; return how many.
        """
        events = self.events.c
        old = select(events.position).where(
            events.merchant == self.merchant,
            events.status.in_(_SETTLED_STATUSES),
            events.due_at < as_moment(before),
        )
        # MySQL deletes from no table that it selects from, but from what it has read.
        chosen = select(old.limit(_MAX_PRUNED).subquery().c.position)
        statement = delete(self.events).where(events.position.in_(chosen))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        removed = 0

        # Short transactions let others in.
        while count := await self._run(work):
            removed += count

        return removed


def _fits(name: str, value: str | None) -> bool:
    limit = _MAX_STATE_CHARACTERS if name == "state" else _MAX_ID_CHARACTERS

    # A line of `umf_objects.states` is a state.
    return value is None or (len(value) <= limit and not {"\0", "\n"} & {*value})
