"""
Events that wait: for a question to the gateway, for a person, for their removal.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import MAX_PAUSE_SECONDS, pause_after
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._stored_events import (
    StoredEvent,
    as_moment,
    event_query,
    read_known,
    read_stored,
)
from umfpay.sql import Database


# Seconds.
_DAY: Final = 86400.0
# What `expect()` makes ready again.
WAITING_STATUSES: Final = (
    Status.HELD,
    Status.ASKING,
    Status.UNCONFIRMED,
    Status.CONFLICT,
    Status.WRONG_AMOUNT,
)
_UNCONFIRMED_STATUSES: Final = (Status.ASKING, Status.UNCONFIRMED)
_SETTLED_STATUSES: Final = (Status.APPLIED, Status.SAME, Status.DISMISSED)
BATCH: Final = 200
_MAX_PRUNED: Final = 1000


def is_due(due_at: Any, now: float) -> Any:
    """
    Tell of a moment, or of a column of them, whether it has come.

    One later than the longest pause was stored by another clock.
    """
    return (due_at <= as_moment(now)) | (due_at > as_moment(now + MAX_PAUSE_SECONDS))


class WaitingEvents:
    """
    The events of one merchant that are not applied.

    Args:
        seconds: That a transaction may take.
    """

    def __init__(self, database: Database, merchant: str, *, seconds: float) -> None:
        self._database = database
        self._merchant = merchant
        self._seconds = seconds
        self._events, self._objects = database.tables.events, database.tables.objects
        events = self._events.c
        self._is_ours = events.merchant == merchant
        self._has_failed = and_(events.status == Status.READY, events.attempts > 0)
        # What is reported once; what a question brings is no other reason.
        self._reported_as = case(
            (events.status.in_(_UNCONFIRMED_STATUSES), "asking"), else_=events.reason
        )
        self._query = event_query(database.tables).where(self._is_ours)

    async def _rows(self, query: Select[Any]) -> list[Any]:
        # Any: what the columns hold.
        async def work(connection: AsyncConnection) -> list[Any]:
            return [*await connection.execute(query)]

        return await self._database.run(work, timeout=self._seconds, read_only=True)

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> int:
        statement = update(self._events).where(self._is_ours, *conditions)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement.values(**values))).rowcount

        return await self._database.run(work, timeout=self._seconds)

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
        """
        query = self._query.where(self._events.c.event_key == key)

        async def work(connection: AsyncConnection) -> list[StoredEvent]:
            return await self._read(connection, query)

        found = await self._database.run(work, timeout=self._seconds, read_only=True)

        return found[0] if found else None

    async def _read(
        self, connection: AsyncConnection, query: Select[Any], **values: Any
    ) -> list[StoredEvent]:
        objects = self._objects.c
        stored = []

        for row in (await connection.execute(query, values)).all():
            number = row.own_number or row.mer_reference_id
            others: list[Any] = []

            # Only these are decided by the other ids of their number.
            if number is not None and row.own_kind is None and row.kind != "payment":
                is_of_number = objects.mer_reference_id == number
                found = await connection.execute(
                    select(objects.object_id, objects.kind)
                    .where(objects.merchant == self._merchant, is_of_number)
                    .order_by(objects.position)
                )
                others = [*found]

            stored.append(read_stored(row, read_known(row, others)))

        return stored

    async def due(
        self, status: Status, now: float, *, after: Row[Any] | None = None
    ) -> list[Row[Any]]:
        """
        Return the next events of *status* whose time has come, the longest due first:
        moment, position, key, id and name of their object (the key if it has no id).
        """
        events = self._events.c
        place = (events.due_at, events.position)
        query = select(
            *place,
            events.event_key.label("key"),
            events.object_id,
            func.coalesce(events.object_id, events.event_key).label("name"),
        ).where(self._is_ours, events.status == status, is_due(events.due_at, now))

        if after is not None:
            query = query.where(tuple_(*place) > (after.due_at, after.position))

        return await self._rows(query.order_by(*place).limit(BATCH))

    async def claim_question(self, key: str, now: float, until: float) -> bool:
        """
        Count a question about *key*, the next one not before *until*; False if another
        worker has asked meanwhile.
        """
        events = self._events.c
        changed = await self._change(
            events.event_key == key,
            events.status == Status.ASKING,
            is_due(events.due_at, now),
            questions=events.questions + 1,
            due_at=as_moment(until),
        )

        return changed == 1

    async def conclude(self, stored: StoredEvent, decision: Decision) -> None:
        """
        Keep what became of a question, unless the event was decided meanwhile.
        """

        async def work(connection: AsyncConnection) -> None:
            await self._move(connection, stored, decision)

        await self._database.run(work, timeout=self._seconds)

    async def _move(
        self, connection: AsyncConnection, stored: StoredEvent, decision: Decision
    ) -> bool:
        """
        Have *stored* as it was decided; False if it is no more as it was read.
        """
        events = self._events.c
        values: dict[str, Any] = {"status": decision.status, "reason": decision.reason}

        if decision.status is Status.READY:
            values["version"] = events.version + 1

        # A question that is open has its next moment already.
        if decision.status is not stored.status:
            asked = decision.status is Status.ASKING
            pause = pause_after(stored.questions) if asked else 0.0
            values["due_at"] = as_moment(time.time() + pause)

        moved = await connection.execute(
            update(self._events)
            .where(
                events.position == stored.position,
                events.status == stored.status,
                # What waits may be expected now.
                events.version == stored.version,
            )
            .values(values)
        )

        return moved.rowcount == 1

    async def postpone(self, key: str, until: float, reason: str) -> None:
        """
        Count a failed attempt of the handler; the event is not due before *until*.
        """
        events = self._events.c
        await self._change(
            events.event_key == key,
            events.status == Status.READY,
            attempts=events.attempts + 1,
            due_at=as_moment(until),
            reason=reason,
        )

    async def hasten(self, key: str | None = None) -> int:
        """
        Make all ready events and all questions due, or whatever waits with *key*.

        Returns:
            How many there are.
        """
        events = self._events.c
        now = as_moment(time.time())

        if key is not None:
            return await self._change(
                events.event_key == key,
                events.status.in_([*WAITING_STATUSES, Status.READY]),
                status=Status.READY,
                version=events.version + 1,
                due_at=now,
            )

        ready = await self._change(events.status == Status.READY, due_at=now)
        asked = await self._change(
            events.status.in_(_UNCONFIRMED_STATUSES), status=Status.ASKING, due_at=now
        )

        return ready + asked

    async def list_events(self, statuses: Collection[Status]) -> list[StoredEvent]:
        """
        Return the events in one of *statuses*, oldest first; ready ones that failed.
        """
        events = self._events.c

        return await self._list(
            events.status.in_(statuses),
            or_(events.status != Status.READY, self._has_failed),
        )

    async def unreported(self, now: float, *, questions: int) -> list[StoredEvent]:
        """
        Return what nobody was told of: each reason once, daily what is not confirmed.

        That is also what is asked about for a day: perhaps no worker has a session.

        Args:
            questions: What is asked about counts after that many questions.
        """
        events = self._events.c
        is_news = or_(
            events.reported_at.is_(None), events.reported_reason != self._reported_as
        )
        is_old_enough = or_(
            events.status != Status.ASKING, events.questions >= questions
        )
        is_of_yesterday = ~events.reported_at.between(
            as_moment(now - _DAY), as_moment(now)
        )
        is_unconfirmed = events.status.in_(_UNCONFIRMED_STATUSES)

        return await self._list(
            events.status.in_(WAITING_STATUSES),
            or_(and_(is_news, is_old_enough), and_(is_unconfirmed, is_of_yesterday)),
        )

    async def _list(self, *conditions: ColumnElement[bool]) -> list[StoredEvent]:
        query = select(self._events).where(self._is_ours, *conditions)
        rows = await self._rows(query.order_by(self._events.c.position))

        return [read_stored(row) for row in rows]

    async def mark_reported(self, event: StoredEvent, now: float) -> None:
        """
        Mark that somebody was told of *event*, as it was then.
        """
        events = self._events.c
        await self._change(
            events.position == event.position,
            events.status == event.status,
            events.reason == event.reason,
            reported_at=as_moment(now),
            reported_reason=self._reported_as,
        )

    async def dismiss(self, key: str) -> bool:
        """
        Have a person's word that nothing is to be done; False if it does not wait.
        """
        events = self._events.c
        changed = await self._change(
            events.event_key == key,
            or_(events.status.in_(WAITING_STATUSES), self._has_failed),
            status=Status.DISMISSED,
            due_at=as_moment(time.time()),
        )

        return changed == 1

    async def count(self, status: Status, *, limit: int) -> int:
        """
        Return how many events there are in *status*, *limit* at most.
        """
        events = self._events.c
        found = select(events.position).where(self._is_ours, events.status == status)
        query = select(func.count()).select_from(found.limit(limit).subquery())
        [row] = await self._rows(query)

        return int(row[0])

    async def prune(self, before: float) -> int:
        """
        Remove what was settled before that time; return how many.
        """
        events = self._events.c
        is_old = events.due_at < as_moment(before)
        is_settled = events.status.in_(_SETTLED_STATUSES)
        # MySQL deletes from no table that it selects from, but from what it has read.
        old = select(events.position).where(self._is_ours, is_settled, is_old)
        chosen = select(old.limit(_MAX_PRUNED).subquery().c.position)
        statement = delete(self._events).where(events.position.in_(chosen))

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        removed = 0

        # Short transactions let others in.
        while count := await self._database.run(work, timeout=self._seconds):
            removed += count

        return removed
