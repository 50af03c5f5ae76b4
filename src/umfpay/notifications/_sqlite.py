"""
The inbox in a SQLite file, which may hold the shop's own tables, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, cast

import aiosqlite

from umfpay.notifications import _sqlite_statements as sql
from umfpay.notifications._decision import Decision, KnownFacts, Status
from umfpay.notifications._expectations import Binding, Expectation, Expected
from umfpay.notifications._receiver import Delivery, NotificationEvent
from umfpay.notifications._sqlite_file import SQLiteFile, translate_errors
from umfpay.notifications._store import (
    MAX_PAUSE_SECONDS,
    StoredEvent,
    Transaction,
    Work,
    pause_after,
)
from umfpay.sensitive import shows_itself_half_made


# Seconds.
_POLL_SECONDS: Final = 0.25
_DAY_SECONDS: Final = 86400.0
_WAITING_STATUSES: Final = (
    Status.HELD,
    Status.ASKING,
    Status.UNCONFIRMED,
    Status.CONFLICT,
    Status.WRONG_AMOUNT,
)
_SETTLED_STATUSES: Final = (Status.APPLIED, Status.SAME, Status.DISMISSED)


class SQLiteStore:
    """
    Events, objects, expectations and bound ids in four tables.

    Args:
        path: Of the file; it is made with mode 0600.
        patience: Seconds that a writer waits for the others: longer than a handler.
    """

    def __init__(self, path: str | os.PathLike[str], *, patience: float = 30.0) -> None:
        self._file = SQLiteFile(path, patience=patience)
        self._version = -1

    async def open(self) -> None:
        """
        Open the file; make its tables.

        Raises:
            ConfigError: The file cannot be used.
        """
        await self._file.open()

    async def aclose(self) -> None:
        """
        Close the file.
        """
        await self._file.aclose()

    async def add(self, what: Delivery | NotificationEvent) -> bool:
        """
        Keep *what*; it is on the disk when this returns.
        """
        return await self._file.change(sql.INSERT_EVENT, _values(what)) == 1

    async def expect(
        self, expected: Expectation | None, binding: Binding | None
    ) -> None:
        """
        Keep both, and make ready what waits for one of that number or id.
        """
        number = object_id = None

        async with self._file.transaction() as connection, translate_errors():
            if expected is not None:
                number = expected.mer_reference_id
                day = expected.mer_date
                await connection.execute(
                    sql.UPSERT_EXPECTATION,
                    (
                        expected.kind,
                        number,
                        str(expected.total),
                        expected.currency,
                        None if day is None else day.isoformat(),
                        expected.payment_id,
                    ),
                )

            if binding is not None:
                object_id = binding.object_id
                await _bind(connection, binding)

            await connection.execute(
                sql.RELEASE_WAITING, (number, object_id, object_id)
            )

    async def binding(self, object_id: str) -> Binding | None:
        """
        Return what is bound to that id.
        """
        rows = await self._file.rows(
            "SELECT kind, number, payment_id FROM umf_bound WHERE object_id = ?",
            (object_id,),
        )

        return _binding(object_id, rows)

    async def due(self, status: Status, now: float) -> list[str]:
        """
        Return the keys of events whose time has come.
        """
        rows = await self._file.rows(
            "SELECT key FROM umf_events WHERE status = ? AND (due <= ? OR due > ?)"
            " ORDER BY position",
            (status, now, now + MAX_PAUSE_SECONDS),
        )

        return [row[0] for row in rows]

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
        """
        for row in await self._file.rows(sql.SELECT_EVENT + "WHERE e.key = ?", (key,)):
            return _read_stored(row, await _read_known(self._file.rows, row))

        return None

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* inside the transaction that marks the event.
        """
        async with self._file.transaction() as connection:
            async with translate_errors():
                rows = await connection.execute_fetchall(
                    sql.SELECT_EVENT + sql.NEXT_CONDITION, (key,)
                )
                row = next(iter(rows), None)

                if row is None:
                    return None

                known = await _read_known(connection.execute_fetchall, row)

            stored = _read_stored(row, known)
            decision = await work(stored, Transaction(connection))

            async with translate_errors():
                await self._mark(connection, stored, decision)

                if decision.status is Status.APPLIED:
                    await _advance(connection, stored, row)

            return decision

    async def _mark(
        self, connection: aiosqlite.Connection, stored: StoredEvent, decision: Decision
    ) -> None:
        due = 0.0

        if decision.status is Status.ASKING:
            due = time.time() + pause_after(stored.questions)

        values = (decision.status, decision.reason, due, stored.key)
        await connection.execute(sql.UPDATE_STATUS, values)

    async def postpone(self, key: str, until: float, reason: str) -> None:
        """
        Count a failed attempt.
        """
        await self._file.change(
            "UPDATE umf_events SET attempts = attempts + 1, due = ?, reason = ?"
            " WHERE key = ? AND status = 'ready'",
            (until, reason, key),
        )

    async def hasten(self) -> None:
        """
        Make all ready events and all questions due.
        """
        await self._file.change(
            "UPDATE umf_events SET due = 0,"
            " status = CASE status WHEN 'ready' THEN status ELSE 'asking' END"
            " WHERE status IN ('ready', 'asking', 'unconfirmed')",
            (),
        )

    async def claim_question(self, key: str, now: float, until: float) -> bool:
        """
        Count a question, unless another worker asks already.
        """
        changed = await self._file.change(
            "UPDATE umf_events SET questions = questions + 1, due = ?"
            " WHERE key = ? AND status = ? AND (due <= ? OR due > ?)",
            (until, key, Status.ASKING, now, now + MAX_PAUSE_SECONDS),
        )

        return changed == 1

    async def conclude(self, key: str, decision: Decision) -> None:
        """
        Keep what became of a question.
        """
        await self._file.change(
            "UPDATE umf_events SET status = ?, reason = ?"
            " WHERE key = ? AND status = 'asking'",
            (decision.status, decision.reason, key),
        )

    async def confirm(
        self, key: str, answers: Sequence[NotificationEvent], binding: Binding | None
    ) -> None:
        """
        Put what queries say in the place of event *key*, and bind its id.
        """
        async with self._file.transaction() as connection, translate_errors():
            # A recorded query may be confirmed by its own words: it is applied itself.
            own = any(answer.key == key for answer in answers)
            cursor = await connection.execute(
                "UPDATE umf_events SET status = ?, reason = ?, due = 0"
                " WHERE key = ? AND status = 'asking'",
                (
                    Status.READY if own else Status.SAME,
                    "a query confirms it" if own else "a query was applied",
                    key,
                ),
            )

            if cursor.rowcount != 1:
                return

            if binding is not None:
                await _bind(connection, binding)
                released = (None, binding.object_id, binding.object_id)
                await connection.execute(sql.RELEASE_WAITING, released)

            for answer in answers:
                await connection.execute(sql.INSERT_EVENT, _values(answer))

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last.
        """
        column = "object_id" if object_id is not None else "number"
        rows = await self._file.rows(
            # A payment comes before a refund.
            f"SELECT key, body, signature, origin FROM umf_objects WHERE {column} = ?"  # noqa: S608 (one of two words)
            " ORDER BY kind, position DESC LIMIT 1",
            (object_id if object_id is not None else mer_reference_id,),
        )

        for key, body, signature, origin in rows:
            return StoredEvent(key=key, body=body, signature=signature, origin=origin)

        return None

    async def list_events(self, statuses: Collection[Status]) -> list[StoredEvent]:
        """
        Return the events in one of *statuses*; ready ones that failed.
        """
        marks = ", ".join("?" * len(statuses))

        return await self._list(
            f"WHERE e.status IN ({marks}) AND (e.status != 'ready' OR e.attempts > 0)"
            " ORDER BY e.position",
            tuple(statuses),
        )

    async def unreported(self, now: float, *, questions: int) -> list[StoredEvent]:
        """
        Return what nobody was told of.
        """
        return await self._list(
            sql.UNREPORTED_CONDITION, (questions, now - _DAY_SECONDS, now)
        )

    async def _list(self, condition: str, values: tuple[Any, ...]) -> list[StoredEvent]:
        rows = await self._file.rows(sql.SELECT_EVENT + condition, values)

        return [_read_stored(row, KnownFacts()) for row in rows]

    async def mark_reported(self, event: StoredEvent, now: float) -> None:
        """
        Mark that somebody was told.
        """
        decision = event.decision
        await self._file.change(
            sql.UPDATE_REPORTED, (now, decision.status, decision.reason, event.key)
        )

    async def dismiss(self, key: str) -> bool:
        """
        Have a person's word that nothing is to be done.
        """
        marks = ", ".join("?" * len(_WAITING_STATUSES))
        changed = await self._file.change(
            "UPDATE umf_events SET status = ? WHERE key = ? AND"  # noqa: S608 (marks)
            f" (status IN ({marks}) OR (status = 'ready' AND attempts > 0))",
            (Status.DISMISSED, key, *_WAITING_STATUSES),
        )

        return changed == 1

    async def counts(self) -> dict[Status, int]:
        """
        Return how many events there are in each status.
        """
        rows = await self._file.rows(
            "SELECT status, count(*) FROM umf_events GROUP BY status", ()
        )
        found = {Status(status): int(count) for status, count in rows}

        return {status: found.get(status, 0) for status in Status}

    async def prune(self, before: float) -> None:
        """
        Remove what was settled long ago.
        """
        await self._file.change(
            "DELETE FROM umf_events WHERE received < ? AND status IN (?, ?, ?)",
            (before, *_SETTLED_STATUSES),
        )

    async def wait_for_change(self, seconds: float) -> None:
        """
        Return when another connection has written.
        """
        end = asyncio.get_running_loop().time() + seconds

        while (left := end - asyncio.get_running_loop().time()) > 0:
            rows = await self._file.rows("PRAGMA data_version", ())
            version = next(iter(rows))[0]
            known, self._version = self._version, version

            if version != known:
                return

            await asyncio.sleep(min(_POLL_SECONDS, left))


@shows_itself_half_made
class _UnloggedBody:
    """
    A body on its way into the file: phone numbers stand in it, and aiosqlite writes the
    values of each statement to its log.
    """

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __conform__(self, protocol: object) -> bytes:
        # sqlite3 asks for it.
        return self._body

    def __repr__(self) -> str:
        return f"({len(self._body)} bytes)"


def _values(what: Delivery | NotificationEvent) -> tuple[Any, ...]:
    event = what if isinstance(what, NotificationEvent) else what.event
    number = what.number if isinstance(what, Delivery) else what.mer_reference_id

    return (
        what.key,
        None if event is None else event.kind,
        None if event is None else event.object_id,
        number,
        None if event is None else event.payment_id,
        None if event is None else event.state,
        _UnloggedBody(what.body),
        what.signature,
        "notification" if event is None else event.origin,
        time.time(),
    )


async def _bind(connection: aiosqlite.Connection, binding: Binding) -> None:
    values = (
        binding.object_id,
        binding.kind,
        binding.mer_reference_id,
        binding.payment_id,
    )
    await connection.execute(sql.UPSERT_BINDING, values)


async def _advance(
    connection: aiosqlite.Connection, stored: StoredEvent, row: Any
) -> None:
    state = await connection.execute_fetchall(
        "SELECT state FROM umf_events WHERE key = ?", (stored.key,)
    )
    states = json.dumps([*stored.known.states, next(iter(state))[0]])
    binding = stored.known.binding
    number = stored.number

    # A refund names the number of its order, too (gateway.md, trap 15): that is not its
    # own, and would be evidence about another refund.
    if binding is not None and (binding.mer_reference_id or binding.kind == "refund"):
        number = binding.mer_reference_id

    await connection.execute(sql.REPLACE_NEWEST, (number, states, stored.key))

    # What was applied is ours from now on.
    if binding is None:
        kind, object_id = row[10:12]
        await connection.execute(
            sql.UPSERT_BINDING, (object_id, kind, stored.number, None)
        )


async def _read_known(rows: Any, row: Any) -> KnownFacts:
    number: str | None = row[4]
    kind, object_id, parent_id = row[10:13]
    bound = await rows(
        "SELECT kind, number, payment_id FROM umf_bound WHERE object_id = ?",
        (object_id,),
    )
    binding = _binding(object_id, bound)

    # An id is bound to an object of one kind.
    if binding is not None and binding.kind != kind:
        binding = None

    if binding is not None and binding.mer_reference_id is not None:
        number = binding.mer_reference_id

    expected = await rows(
        "SELECT kind, number, total, currency, mer_date, payment_id FROM umf_expected"
        " WHERE number = ?",
        (number,),
    )
    expected_by_kind = {one.kind: one for one in map(_read_expectation, expected)}
    states = await rows(
        "SELECT states FROM umf_objects WHERE object_id = ?", (object_id,)
    )
    paid_by = await rows(sql.SELECT_PAID_BY, (number, object_id))
    ids = await rows(
        "SELECT object_id, kind FROM umf_bound WHERE number = ?",
        (number,),
    )

    if parent_id is None and binding is not None:
        parent_id = binding.payment_id

    parents = await rows(
        "SELECT number FROM umf_bound WHERE object_id = ? AND kind = 'payment'",
        (parent_id,),
    )

    return KnownFacts(
        states=tuple(json.loads(next((one[0] for one in states), "[]"))),
        binding=binding,
        order=expected_by_kind.get("payment"),
        refund=expected_by_kind.get("refund"),
        parent=next((one[0] for one in parents), None),
        paid_by=next((one[0] for one in paid_by), None),
        payment_ids=tuple(one for one, kind in ids if kind == "payment"),
        refund_ids=tuple(one for one, kind in ids if kind == "refund"),
    )


def _binding(object_id: str, rows: Any) -> Binding | None:
    for kind, number, payment_id in rows:
        return Binding(
            kind=kind,
            object_id=object_id,
            mer_reference_id=number,
            payment_id=payment_id,
        )

    return None


def _read_expectation(row: Any) -> Expectation:
    kind, number, total, currency, day, payment_id = row

    return Expectation(
        kind=cast("Expected", kind),
        mer_reference_id=number,
        total=Decimal(total),
        currency=currency,
        mer_date=None if day is None else date.fromisoformat(day),
        payment_id=payment_id,
    )


def _read_stored(row: Any, known: KnownFacts) -> StoredEvent:
    return StoredEvent(
        key=row[0],
        body=row[1],
        signature=row[2],
        origin=row[3],
        number=row[4],
        received=row[5],
        decision=Decision(Status(row[6]), row[7]),
        attempts=row[8],
        questions=row[9],
        known=known,
    )
