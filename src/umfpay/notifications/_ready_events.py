"""
Ready events: taken with their objects locked, and settled once, in a transaction.

If somebody else has applied one of them meanwhile, all of it is undone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, case, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._event_store import EventStore, is_due
from umfpay.notifications._stored_events import StoredEvent, as_moment, read_stored
from umfpay.sql import insert_if_absent


class ChangedError(Exception):
    """
    Raised to undo what was decided by facts that are older than an event's row.
    """


class ReadyEvents:
    """
    The events of a store that are to be applied, inside of a transaction.

    The statements are made once: they are what applying costs.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._locks_rows = store.database.dialect != "sqlite"
        events, objects = store.events.c, store.objects.c
        ids: Any = bindparam("ids", expanding=True)
        positions: Any = bindparam("positions", expanding=True)
        is_ready = events.status == Status.READY
        older = store.events.alias("older").c
        self._lock = (
            select(objects.object_id)
            .where(objects.merchant == store.merchant, objects.object_id.in_(ids))
            # A claim per event would let two events of one object run side by side.
            .with_for_update(skip_locked=True)
        )
        self._oldest = store.query.where(
            is_ready,
            events.object_id.in_(ids),
            ~exists().where(
                older.merchant == store.merchant,
                older.object_id == events.object_id,
                older.status == Status.READY,
                older.position < events.position,
            ),
        )
        self._nameless = store.query.where(
            is_ready, events.object_id.is_(None), events.position.in_(positions)
        )
        # What is applied was true when it was decided.
        self._mark_applied = (
            update(store.events)
            .where(events.position.in_(positions), is_ready)
            .values(status=Status.APPLIED, reason="", due_at=bindparam("now"))
        )
        self._advance = (
            update(store.objects)
            .where(
                objects.merchant == store.merchant,
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

    async def take(
        self, connection: AsyncConnection, some: Sequence[Row[Any]]
    ) -> list[StoredEvent]:
        """
        Lock the objects of *some*, and return the oldest ready event of each.

        Those are missing on which somebody else works, or whose time has not come.

        Args:
            some: Of objects that differ.
        """
        ids = [one.object_id for one in some if one.object_id is not None]
        nameless = [one.position for one in some if one.object_id is None]
        locked, rows = {*ids}, list[Row[Any]]()

        if ids and self._locks_rows:
            found = await connection.execute(self._lock, {"ids": ids})
            locked = {row.object_id for row in found}

        if ids:
            rows += await connection.execute(self._oldest, {"ids": ids})

        if nameless:
            rows += await connection.execute(self._nameless, {"positions": nameless})

        return [
            one
            for one in map(read_stored, rows)
            if is_due(one.due_at) and (one.known.own is None or one.object_id in locked)
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
                await self._keep_applied(connection, stored)
            else:
                await self._store.move(connection, stored, decision)

        if not positions:
            return

        values = {"positions": positions, "now": as_moment(time.time())}
        await connection.execute(self._advance, values)
        marked = await connection.execute(self._mark_applied, values)

        if marked.rowcount != len(positions):
            raise ChangedError

    async def _keep_applied(
        self, connection: AsyncConnection, stored: StoredEvent
    ) -> None:
        # What was applied is ours from now on.
        if stored.known.own is None and not await insert_if_absent(
            connection,
            self._store.objects,
            {
                "merchant": self._store.merchant,
                "object_id": stored.object_id,
                "kind": stored.kind,
                "mer_reference_id": stored.mer_reference_id,
            },
        ):
            raise ChangedError
