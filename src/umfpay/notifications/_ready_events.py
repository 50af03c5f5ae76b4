"""
Events that are ready: lock their objects, read them, mark what was decided.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, case, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._stored_events import StoredEvent, as_moment
from umfpay.notifications._waiting_events import WaitingEvents, is_due
from umfpay.sql import Database, Work, insert_if_absent


class ChangedError(Exception):
    """
    Raised to undo what was decided by facts that are older than an event's row.
    """


class ReadyEvents(WaitingEvents):
    """
    The events of one merchant that are to be applied.
    """

    def __init__(self, database: Database, merchant: str, *, seconds: float) -> None:
        super().__init__(database, merchant, seconds=seconds)
        self.has_one_writer = database.dialect == "sqlite"
        events, objects = self._events.c, self._objects.c
        ids: Any = bindparam("ids", expanding=True)
        positions: Any = bindparam("positions", expanding=True)
        is_ready = events.status == Status.READY
        older = self._events.alias("older").c
        self._lock = (
            select(objects.object_id)
            .where(objects.merchant == merchant, objects.object_id.in_(ids))
            # A claim per event would let two events of one object run side by side.
            .with_for_update(skip_locked=True)
        )
        self._oldest = self._query.where(
            is_ready,
            events.object_id.in_(ids),
            ~exists().where(
                older.merchant == merchant,
                older.object_id == events.object_id,
                older.status == Status.READY,
                older.position < events.position,
            ),
        )
        self._single = self._query.where(is_ready, events.position == bindparam("at"))
        # What is applied was true when it was decided.
        self._mark_applied = (
            update(self._events)
            .where(events.position.in_(positions), is_ready)
            .values(status=Status.APPLIED, reason="", due_at=bindparam("now"))
        )
        self._advance = (
            update(self._objects)
            .where(
                objects.merchant == merchant,
                objects.object_id == events.object_id,
                events.position.in_(positions),
            )
            .values(
                state=events.state,
                states=case(
                    (objects.states.is_(None), events.state),
                    else_=objects.states + "\n" + events.state,
                ),
                event_position=events.position,
                body=events.body,
                signature=events.signature,
                origin=events.origin,
                applied_at=bindparam("now"),
            )
        )

    async def run(self, work: Work[None], *, timeout: float) -> None:
        """
        Do *work* in a transaction.
        """
        await self._database.run(work, timeout=timeout)

    async def take(
        self, connection: AsyncConnection, some: Sequence[Row[Any] | StoredEvent]
    ) -> list[StoredEvent]:
        """
        Lock the objects of *some*, and return the oldest ready event of each.

        Those are missing on which somebody else works, or whose time has not come.

        Args:
            some: Of objects that differ.
        """
        ids = [one.object_id for one in some if one.object_id is not None]
        locked, found = {*ids}, list[StoredEvent]()

        if ids:
            if not self.has_one_writer:
                rows = await connection.execute(self._lock, {"ids": ids})
                locked = {row.object_id for row in rows}

            found = await self._read(connection, self._oldest, ids=ids)

        for one in some:
            if one.object_id is None:
                found += await self._read(connection, self._single, at=one.position)

        return [
            one
            for one in found
            if is_due(one.due_at, time.time())
            and (one.known.binding is None or one.object_id in locked)
        ]

    async def settle(
        self,
        connection: AsyncConnection,
        decided: Iterable[tuple[StoredEvent, Decision]],
    ) -> None:
        """
        Mark what was decided; what was applied becomes the state of its object.

        Raises:
            ChangedError: Somebody else has applied one of them.
        """
        positions = []

        for stored, decision in decided:
            if decision.status is Status.APPLIED:
                positions.append(stored.position)
                await self._bind_applied(connection, stored)
            else:
                await self._move(connection, stored, decision)

        if not positions:
            return

        values = {"positions": positions, "now": as_moment(time.time())}
        await connection.execute(self._advance, values)
        marked = await connection.execute(self._mark_applied, values)

        if marked.rowcount != len(positions):
            raise ChangedError

    async def _bind_applied(
        self, connection: AsyncConnection, stored: StoredEvent
    ) -> None:
        # What was applied is ours from now on.
        if stored.known.binding is None and not await insert_if_absent(
            connection,
            self._objects,
            {
                "merchant": self._merchant,
                "object_id": stored.object_id,
                "kind": stored.kind,
                "mer_reference_id": stored.mer_reference_id,
            },
        ):
            raise ChangedError
