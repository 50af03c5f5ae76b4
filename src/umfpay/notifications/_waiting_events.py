"""
Events that wait: for a question to the gateway, for a person, for their removal.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final

import attrs
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._stored_events import (
    MAX_PAUSE_SECONDS,
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


@attrs.frozen
class Candidate:
    """
    An event whose time has come, perhaps one behind others of its object.
    """

    due_at: int
    position: int
    key: str
    object_id: str | None

    @property
    def name(self) -> str:
        """
        Of its object; its own key if it names none.
        """
        return self.object_id or self.key


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
        self._events = database.tables.events
        self._objects = database.tables.objects
        self._is_ours = self._events.c.merchant == merchant
        self._query = event_query(database.tables).where(self._is_ours)
        self._one = self._query.where(self._events.c.event_key == bindparam("key"))

    async def _rows(self, query: Select[Any], **values: Any) -> list[Any]:
        # Any: what the columns hold.
        async def work(connection: AsyncConnection) -> list[Any]:
            return [*await connection.execute(query, values)]

        return await self._database.run(work, timeout=self._seconds, read_only=True)

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> int:
        statement = update(self._events).where(self._is_ours, *conditions)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement.values(**values))).rowcount

        return await self._database.run(work, timeout=self._seconds)

    def _is_due(self, now: float) -> ColumnElement[bool]:
        # One that is due later than the longest pause was stored by another clock.
        due_at = self._events.c.due_at

        return or_(
            due_at <= as_moment(now), due_at > as_moment(now + MAX_PAUSE_SECONDS)
        )

    @property
    def _failed(self) -> ColumnElement[bool]:
        events = self._events.c

        return and_(events.status == Status.READY, events.attempts > 0)

    @property
    def _reported_as(self) -> ColumnElement[str]:
        """
        What is reported once; what a question brings is no other reason.
        """
        events = self._events.c

        return case(
            (events.status.in_(_UNCONFIRMED_STATUSES), "asking"),
            else_=events.reason,
        )

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
        """

        async def work(connection: AsyncConnection) -> list[StoredEvent]:
            return await self._read(connection, self._one, key=key)

        found = await self._database.run(work, timeout=self._seconds, read_only=True)

        return found[0] if found else None

    async def _read(
        self, connection: AsyncConnection, query: Select[Any], **values: Any
    ) -> list[StoredEvent]:
        stored = []

        for row in (await connection.execute(query, values)).all():
            number = row.own_number or row.mer_reference_id
            others: list[Any] = []

            # Only these are decided by the other ids of their number.
            if number is not None and row.own_kind is None and row.kind != "payment":
                objects = self._objects.c
                found = await connection.execute(
                    select(objects.object_id, objects.kind)
                    .where(
                        objects.merchant == self._merchant,
                        objects.mer_reference_id == number,
                    )
                    .order_by(objects.position)
                )
                others = [*found]

            stored.append(read_stored(row, read_known(row, others)))

        return stored

    async def due(
        self, status: Status, now: float, *, after: Candidate | None = None
    ) -> list[Candidate]:
        """
        Return the next events of *status* whose time has come, the longest due first.
        """
        events = self._events.c
        query = select(
            events.due_at, events.position, events.event_key, events.object_id
        ).where(self._is_ours, events.status == status, self._is_due(now))

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

    async def claim_question(self, key: str, now: float, until: float) -> bool:
        """
        Count a question about *key*, the next one not before *until*; False if another
        worker has asked meanwhile.
        """
        events = self._events.c
        changed = await self._change(
            events.event_key == key,
            events.status == Status.ASKING,
            self._is_due(now),
            questions=events.questions + 1,
            due_at=as_moment(until),
        )

        return changed == 1

    async def conclude(self, stored: StoredEvent, decision: Decision) -> None:
        """
        Keep what became of a question, unless the event was decided meanwhile.
        """
        events = self._events.c
        await self._change(
            events.position == stored.position,
            events.status == Status.ASKING,
            events.version == stored.version,
            status=decision.status,
            reason=decision.reason,
        )

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
            or_(events.status != Status.READY, self._failed),
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
        is_of_yesterday = or_(
            events.reported_at < as_moment(now - _DAY),
            events.reported_at > as_moment(now),
        )

        return await self._list(
            events.status.in_(WAITING_STATUSES),
            or_(
                and_(
                    is_news,
                    or_(events.status != Status.ASKING, events.questions >= questions),
                ),
                and_(events.status.in_(_UNCONFIRMED_STATUSES), is_of_yesterday),
            ),
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
            or_(events.status.in_(WAITING_STATUSES), self._failed),
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
        # MySQL deletes from no table that it selects from; and short transactions let
        # others in.
        old = (
            select(events.position)
            .where(
                self._is_ours,
                events.status.in_(_SETTLED_STATUSES),
                events.due_at < as_moment(before),
            )
            .limit(_MAX_PRUNED)
        )
        removed = 0

        while rows := await self._rows(old):
            chosen = events.position.in_([row.position for row in rows])

            async def work(
                connection: AsyncConnection, chosen: ColumnElement[bool] = chosen
            ) -> None:
                await connection.execute(delete(self._events).where(chosen))

            await self._database.run(work, timeout=self._seconds)
            removed += len(rows)

        return removed
