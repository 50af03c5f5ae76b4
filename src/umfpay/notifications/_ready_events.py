"""
Events that are ready: lock their objects, read them, mark what was decided.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._stored_events import (
    MAX_PAUSE_SECONDS,
    StoredEvent,
    as_moment,
    pause_after,
)
from umfpay.notifications._waiting_events import Candidate, WaitingEvents
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
        self.has_one_writer = not database.supports_skip_locked
        events, objects = self._events.c, self._objects.c
        ids: BindParameter[Any] = bindparam("ids", expanding=True)
        positions: BindParameter[Any] = bindparam("positions", expanding=True)
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
        self._mark_waiting = (
            update(self._events)
            # What waits may be expected now.
            .where(events.position == bindparam("at"), is_ready)
            .where(events.version == bindparam("seen"))
            .values(
                {
                    name: bindparam(f"new_{name}")
                    for name in ("status", "reason", "due_at")
                }
            )
        )
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
        self, connection: AsyncConnection, some: Sequence[Candidate]
    ) -> list[StoredEvent]:
        """
        Lock the objects of *some*, and return the oldest ready event of each.

        Those are missing on which somebody else works, or whose time has not come.

        Args:
            some: Of objects that differ, or one that names none.
        """
        ids = [one.object_id for one in some if one.object_id is not None]

        if not ids:
            return await self._read(connection, self._single, at=some[0].position)

        locked = {*ids}

        if not self.has_one_writer:
            rows = await connection.execute(self._lock, {"ids": ids})
            locked = {row.object_id for row in rows}

        return [
            one
            for one in await self._read(connection, self._oldest, ids=ids)
            if _has_come(one) and (one.known.binding is None or one.object_id in locked)
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
        now = time.time()
        positions = []

        for stored, decision in decided:
            if decision.status is Status.APPLIED:
                positions.append(stored.position)
                await self._bind_applied(connection, stored)
            else:
                asked = decision.status is Status.ASKING
                due = now + pause_after(stored.questions) if asked else now
                values: dict[str, Any] = {
                    "at": stored.position,
                    "seen": stored.version,
                    "new_status": decision.status,
                    "new_reason": decision.reason,
                    "new_due_at": as_moment(due),
                }
                await connection.execute(self._mark_waiting, values)

        if not positions:
            return

        values = {"positions": positions, "now": as_moment(now)}
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


def _has_come(stored: StoredEvent) -> bool:
    now = as_moment(time.time())

    return not now < stored.due_at <= now + as_moment(MAX_PAUSE_SECONDS)
