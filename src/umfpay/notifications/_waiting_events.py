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
    CursorResult,
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
from umfpay.notifications._store import (
    MAX_PAUSE_SECONDS,
    MICROSECONDS,
    StoredEvent,
    event_query,
    read_known,
    read_stored,
)
from umfpay.sql import Database


# Seconds.
_DAY: Final = 86400.0
# What `expect()` makes ready again.
WAITING_STATUSES: Final = (
    Status.HELD.value,
    Status.ASKING.value,
    Status.UNCONFIRMED.value,
    Status.CONFLICT.value,
    Status.WRONG_AMOUNT.value,
)
_UNCONFIRMED_STATUSES: Final = (Status.ASKING.value, Status.UNCONFIRMED.value)
_SETTLED_STATUSES: Final = (
    Status.APPLIED.value,
    Status.SAME.value,
    Status.DISMISSED.value,
)
_MAX_PRUNED: Final = 1000


def as_moment(seconds: float) -> int:
    """
    Return a Unix time in microseconds, as it is kept.
    """
    return int(seconds * MICROSECONDS)


def reason_to_report(decision: Decision) -> str:
    """
    Return what is reported once; what a question brings is no other reason.
    """
    if decision.status in _UNCONFIRMED_STATUSES:
        return "asking"

    return f"{decision.status} {decision.reason}"


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
        self._query = event_query(database.tables).where(self._is_ours)
        self._one = self._query.where(self._events.c.event_key == bindparam("key"))
        self._compiled: dict[Select[Any], Any] = {}

    @property
    def _is_ours(self) -> ColumnElement[bool]:
        return self._events.c.merchant == self._merchant

    async def _rows(self, query: Select[Any]) -> list[Any]:
        async def work(connection: AsyncConnection) -> list[Any]:
            return [*await connection.execute(query)]

        return await self._database.run(work, timeout=self._seconds, read_only=True)

    async def _change(self, *conditions: ColumnElement[bool], **values: Any) -> int:
        # Any: what the columns hold.
        statement = update(self._events).where(self._is_ours, *conditions)

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement.values(**values))).rowcount

        return await self._database.run(work, timeout=self._seconds)

    def _decided(self, decision: Decision) -> dict[str, Any]:
        # A reason that was reported is not reported again.
        return {
            "status": decision.status.value,
            "reason": decision.reason,
            "reported_at": self._unless_reported(reason_to_report(decision)),
        }

    def _unless_reported(self, reason: Any) -> Any:
        # Any: a text, or a parameter; an expression.
        events = self._events.c

        return case((events.reported_reason == reason, events.reported_at))

    def _is_due(self, now: float) -> ColumnElement[bool]:
        # One that is due later than the longest pause was stored by another clock.
        due_at = self._events.c.due_at

        return or_(
            due_at <= as_moment(now), due_at > as_moment(now + MAX_PAUSE_SECONDS)
        )

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
        """

        async def work(connection: AsyncConnection) -> StoredEvent | None:
            return await self._read(connection, self._one, key=key)

        return await self._database.run(work, timeout=self._seconds, read_only=True)

    async def _read(
        self, connection: AsyncConnection, query: Select[Any], **values: Any
    ) -> StoredEvent | None:
        row = (await self._execute(connection, query, values)).first()

        if row is None:
            return None

        known = read_known(row)
        number = row.own_number or row.mer_reference_id

        # Only these are decided by the other ids of their number.
        if number is not None and row.own_kind is None and row.kind != "payment":
            objects = self._objects.c
            ids = [
                *await connection.execute(
                    select(objects.object_id, objects.kind)
                    .where(
                        objects.merchant == self._merchant,
                        objects.mer_reference_id == number,
                    )
                    .order_by(objects.position)
                )
            ]
            known = attrs.evolve(
                known,
                payment_ids=tuple(one for one, kind in ids if kind == "payment"),
                refund_ids=tuple(one for one, kind in ids if kind == "refund"),
            )

        return read_stored(row, known)

    async def _execute(
        self, connection: AsyncConnection, query: Select[Any], values: dict[str, Any]
    ) -> CursorResult[Any]:
        """
        Execute a query that is kept: SQLAlchemy would look at its parts each time.
        """
        compiled = self._compiled.get(query)

        if compiled is None:
            compiled = query.compile(
                dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
            )
            self._compiled[query] = compiled

        parameters = compiled.construct_params(values)
        names = compiled.positiontup

        return await connection.exec_driver_sql(
            compiled.string, tuple(parameters[name] for name in names or ())
        )

    async def claim_question(self, key: str, now: float, until: float) -> bool:
        """
        Count a question about *key*, the next one not before *until*; False if another
        worker has asked meanwhile.
        """
        events = self._events.c
        changed = await self._change(
            events.event_key == key,
            events.status == Status.ASKING.value,
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
            events.status == Status.ASKING.value,
            events.version == stored.version,
            **self._decided(decision),
        )

    async def postpone(self, key: str, until: float, reason: str) -> None:
        """
        Count a failed attempt of the handler; the event is not due before *until*.
        """
        events = self._events.c
        await self._change(
            events.event_key == key,
            events.status == Status.READY.value,
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
                events.status.in_([*WAITING_STATUSES, Status.READY.value]),
                status=Status.READY.value,
                version=events.version + 1,
                due_at=now,
            )

        ready = await self._change(events.status == Status.READY.value, due_at=now)
        asked = await self._change(
            events.status.in_(_UNCONFIRMED_STATUSES),
            status=Status.ASKING.value,
            due_at=now,
        )

        return ready + asked

    async def list_events(self, statuses: Collection[Status]) -> list[StoredEvent]:
        """
        Return the events in one of *statuses*, oldest first; ready ones that failed.
        """
        events = self._events.c
        rows = await self._rows(
            select(self._events)
            .where(
                self._is_ours,
                events.status.in_([one.value for one in statuses]),
                or_(events.status != Status.READY.value, events.attempts > 0),
            )
            .order_by(events.position)
        )

        return [read_stored(row) for row in rows]

    async def unreported(self, now: float, *, questions: int) -> list[StoredEvent]:
        """
        Return what nobody was told of: each reason once, daily what is not confirmed.

        That is also what is asked about for a day: perhaps no worker has a session.

        Args:
            questions: What is asked about counts after that many questions.
        """
        events = self._events.c
        rows = await self._rows(
            select(self._events)
            .where(
                self._is_ours,
                events.status.in_(WAITING_STATUSES),
                or_(
                    and_(
                        events.reported_at.is_(None),
                        or_(
                            events.status != Status.ASKING.value,
                            events.questions >= questions,
                        ),
                    ),
                    and_(
                        events.status.in_(_UNCONFIRMED_STATUSES),
                        or_(
                            events.reported_at < as_moment(now - _DAY),
                            events.reported_at > as_moment(now),
                        ),
                    ),
                ),
            )
            .order_by(events.position)
        )

        return [read_stored(row) for row in rows]

    async def mark_reported(self, event: StoredEvent, now: float) -> None:
        """
        Mark that somebody was told of *event*, as it was then.
        """
        await self._change(
            self._events.c.position == event.position,
            reported_at=as_moment(now),
            reported_reason=reason_to_report(event.decision),
        )

    async def dismiss(self, key: str) -> bool:
        """
        Have a person's word that nothing is to be done; False if it does not wait.
        """
        events = self._events.c
        changed = await self._change(
            events.event_key == key,
            or_(
                events.status.in_(WAITING_STATUSES),
                and_(events.status == Status.READY.value, events.attempts > 0),
            ),
            status=Status.DISMISSED.value,
            due_at=as_moment(time.time()),
        )

        return changed == 1

    async def count(self, status: Status, *, limit: int) -> int:
        """
        Return how many events there are in *status*, *limit* at most.
        """
        found = (
            select(self._events.c.position)
            .where(self._is_ours, self._events.c.status == status.value)
            .limit(limit)
            .subquery()
        )
        [row] = await self._rows(select(func.count()).select_from(found))

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
