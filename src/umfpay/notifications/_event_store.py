"""
Keep events and expectations: what comes, what is ordered, which ids are the shop's own.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import Table, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import CommitUnknownError
from umfpay.errors.inbox_errors import full_error, not_expected_error
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import Delivery, NotificationEvent
from umfpay.notifications._stored_events import StoredEvent, as_moment
from umfpay.notifications._waiting_events import WAITING_STATUSES, WaitingEvents
from umfpay.sql import insert_if_absent


_MAX_ID_CHARACTERS: Final = 128
_MAX_STATE_CHARACTERS: Final = 64


class EventStore(WaitingEvents):
    """
    Events, objects and orders of one merchant.
    """

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
                raise full_error()

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
            "status": Status.READY,
            "reason": "",
            "reported_reason": "",
            "received_at": now,
            "due_at": now,
        }

    async def _is_known(
        self, connection: AsyncConnection, values: dict[str, Any]
    ) -> bool:
        orders, objects = self._database.tables.orders.c, self._objects.c
        ids = {values.get("object_id"), values.get("payment_id")} - {None}
        numbers = select(orders.kind).where(
            orders.merchant == self._merchant,
            orders.mer_reference_id == values.get("mer_reference_id"),
        )
        bound = select(objects.kind).where(
            objects.merchant == self._merchant, objects.object_id.in_(ids)
        )

        return bool(await connection.scalar(select(numbers.exists() | bound.exists())))

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

    async def _remember(
        self,
        connection: AsyncConnection,
        table: Table,
        key: dict[str, str],
        values: dict[str, str | None],
        **at_first: Any,
    ) -> None:
        """
        Keep *values* under *key*; what is known stays known, whoever tells less.

        Args:
            at_first: What stays as it was inserted. Any: what the columns hold.
        """
        key = {"merchant": self._merchant, **key}
        is_it = [table.c[name] == one for name, one in key.items()]
        row = (await connection.execute(select(table).where(*is_it))).first()

        if row is None and await insert_if_absent(
            connection, table, {**key, **values, **at_first}
        ):
            return

        # A handler may hold the row: nobody waits for it to write what stands there.
        new = {
            name: one
            for name, one in values.items()
            if one is not None and (row is None or getattr(row, name) != one)
        }

        if new:
            await connection.execute(update(table).where(*is_it).values(**new))

    async def _keep_order(
        self, connection: AsyncConnection, expected: Expectation
    ) -> None:
        day = expected.mer_date
        await self._remember(
            connection,
            self._database.tables.orders,
            {"kind": expected.kind, "mer_reference_id": expected.mer_reference_id},
            {
                "total": str(expected.total),
                "currency": expected.currency,
                "mer_date": None if day is None else day.isoformat(),
                "payment_id": expected.payment_id,
            },
            created_at=as_moment(time.time()),
        )

    async def _bind(self, connection: AsyncConnection, binding: Binding) -> None:
        await self._remember(
            connection,
            self._objects,
            {"object_id": binding.object_id},
            {
                "mer_reference_id": binding.mer_reference_id,
                "payment_id": binding.payment_id,
            },
            kind=binding.kind,
        )

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
                    events.status.in_([*WAITING_STATUSES, Status.READY]),
                )
                # In this order: MySQL sees a new value at once.
                .ordered_values(
                    (
                        events.due_at,
                        case((events.status == Status.READY, events.due_at), else_=now),
                    ),
                    (events.status, Status.READY),
                    (events.version, events.version + 1),
                )
            )

    async def release(self, stored: StoredEvent, event: NotificationEvent) -> None:
        """
        Bind the id that *event* names by a person's word, and make it ready.

        Raises:
            NotificationError: Its order is not expected.
        """
        orders = {"payment": stored.known.order, "refund": stored.known.refund}
        expected = orders.get(event.kind)

        if event.kind == "payment" and expected is None:
            raise not_expected_error()

        binding = Binding(
            kind=event.kind,
            object_id=event.object_id,
            mer_reference_id=None if expected is None else expected.mer_reference_id,
            payment_id=event.payment_id,
        )
        await self.expect(None, binding)

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
        end = Decision(Status.SAME, "a query was applied")

        if any(answer.key == stored.event_key for answer in answers):
            end = Decision(Status.READY, "a query confirms it")

        async def work(connection: AsyncConnection) -> None:
            if not await self._move(connection, stored, end):
                return

            if binding is not None:
                await self._bind(connection, binding)
                await self._release(connection, None, binding)

            for answer in answers:
                await insert_if_absent(connection, self._events, self._values(answer))

        await self._keep(work)

    async def binding(self, object_id: str) -> Binding | None:
        """
        Return what is bound to that id.
        """
        objects = self._objects.c
        columns = [objects[one.name] for one in attrs.fields(Binding)]
        is_it = objects.object_id == object_id

        for row in await self._rows(
            select(*columns).where(objects.merchant == self._merchant, is_it)
        ):
            return Binding(**row._mapping)

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
            return StoredEvent(**row._mapping)

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

    # A line of `umf_objects.states` is a state.
    return value is None or (len(value) <= limit and not {"\0", "\n"} & {*value})
