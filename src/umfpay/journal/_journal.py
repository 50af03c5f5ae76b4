"""
`Journal`: the calls of one merchant, in the merchant's own database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._callbacks import check_callback
from umfpay.errors import ConfigError, Intent
from umfpay.journal._columns import default_intent_id, short
from umfpay.journal._endings import Ending, EndingWriter
from umfpay.journal._entry import (
    MICROSECOND,
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
)
from umfpay.journal._record import (
    ROW_DETAIL,
    JournaledCall,
    RecordedIntent,
    new_owner,
)
from umfpay.journal._rows import Condition, Rows
from umfpay.journal._sealed import SealedCards
from umfpay.sql import Database, Transaction, now
from umfpay.tokens import store_key
from umfpay.transport import Call


T = TypeVar("T")
SettledHandler = Callable[[JournalEntry, Any, Transaction], Awaitable[None]]
"""Called with a row, the object it is about or None, and its transaction; see `settled`."""

# So that neither receiving nor handlers starve it.
_POOL_SIZE: Final = 5
_DRAIN_SECONDS: Final = 5.0

_log = logging.getLogger("umfpay")
_recorded: ContextVar[RecordedIntent | None] = ContextVar("recorded", default=None)


class Journal:
    """
    Writes each call that moves or makes something down before it is sent.

        async with Journal("postgresql+asyncpg://...") as journal:
            async with UMFSession(config, journal=journal) as session:
                await session.refunds.create(payment_id, new, intent_id="return-42")

    A row is committed before the first byte leaves; a call that cannot be written down
    is not sent (`JournalError`). While the intent of a call is open, or was carried out,
    no other process sends it (`DuplicateIntentError`). `Recovery` ends what a crash left
    open.

    Args:
        where: What `umfpay.sql.Database` takes, or such a database, which stays open.
        schema: Of the tables, if it is not the default one.
    """

    def __init__(self, where: Any, *, schema: str | None = None) -> None:
        # Any: a setting is whatever the user gave.
        self._owns_database = not isinstance(where, Database)
        self.database: Database = (
            where
            if isinstance(where, Database)
            else Database(where, schema=schema, pool_size=_POOL_SIZE)
        )
        del where
        self.endings: EndingWriter = EndingWriter(self.database)
        self.handlers: list[SettledHandler] = []
        self._rows: Rows | None = None

    def __repr__(self) -> str:
        # It may be half made: a report of what refused an argument shows it.
        database = getattr(self, "database", None)

        return f"Journal({'' if database is None else repr(database.shown)})"

    @property
    def rows(self) -> Rows:
        """
        The rows of the merchant whose journal it is.

        Raises:
            ConfigError: No session has it yet.
        """
        if self._rows is None:
            raise ConfigError(
                "Journal: it belongs to no session yet: UMFSession(config, journal=...).",
                "日志尚未关联会话：请使用 UMFSession(config, journal=...)。",
            )

        return self._rows

    @property
    def sealed(self) -> SealedCards:
        """
        What half-made card payments need.
        """
        return self.rows.sealed

    def attach(self, *, base_url: str, client_id: str) -> None:
        """
        Learn whose calls they are; a session does that.

        Raises:
            ConfigError: It is another merchant's already.
        """
        rows = Rows(self.database, store_key(base_url, client_id))

        if self._rows is not None and self._rows.merchant != rows.merchant:
            raise ConfigError(
                "Journal: it belongs to another merchant's session; make one for each"
                " merchant, on the same database if you like.",
                "日志已关联其他商户的会话；请为每个商户各建一个（可使用同一数据库）。",
            )

        self._rows = rows

    async def __aenter__(self) -> Self:
        # The tables are checked before the first transaction.
        await self.database.run(lambda _connection: asyncio.sleep(0), read_only=True)

        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Write what is still to be written, for some seconds at most; close connections.

        What could not be written is open in the journal: `Recovery` asks the gateway.
        """
        left = await self.endings.drain(_DRAIN_SECONDS)

        if left:
            _log.warning("the journal was closed before %d ends were written", left)

        if self._owns_database:
            await self.database.aclose()

    def record(
        self, call: Call[Any], *, intent_id: str | None, take_over: bool
    ) -> JournaledCall:
        """
        Return the record of *call*, which is not written yet.
        """
        recorded = _recorded.get()
        is_its_call = recorded is not None and recorded.intent_id == intent_id

        return JournaledCall(
            rows=self.rows,
            endings=self.endings,
            call=call,
            intent_id=intent_id or default_intent_id(call),
            take_over=take_over,
            recorded=recorded if is_its_call else None,
        )

    async def begin(
        self,
        connection: AsyncConnection,
        intent_id: str,
        *,
        mer_reference_id: str | None = None,
        payment_id: str | None = None,
        valid_for: timedelta = timedelta(minutes=1),
    ) -> RecordedIntent:
        """
        Write down in the shop's own transaction that a call will be made.

            async with engine.begin() as connection:
                await connection.execute(orders.update()...)
                recorded = await journal.begin(connection, "return-42")

            await journal.send_recorded(recorded, session.refunds.create, payment_id, new)

        If the process dies before it is sent, `Recovery` ends the row as not sent.

        Args:
            connection: Inside of a transaction, which the shop commits.
            mer_reference_id: For who looks into the table.
            payment_id: Likewise.
            valid_for: Until when it may be sent.

        Raises:
            DuplicateIntentError: The intent is open, or was carried out.
        """
        recorded = RecordedIntent(intent_id, new_owner())
        values = {
            "owner": recorded.owner,
            "lease_until": valid_for,
            "state": JournalState.RECORDED,
            **dict.fromkeys(("call", "effect", "intent"), ""),
            "mer_reference_id": mer_reference_id,
            "payment_id": payment_id,
        }
        await self.rows.insert(connection, intent_id, values, name="begin")

        return recorded

    async def send_recorded(
        self,
        recorded: RecordedIntent,
        call: Callable[..., Awaitable[T]],
        *arguments: Any,  # those of *call*
        **options: Any,
    ) -> T:
        """
        Make *call* by the row that `begin()` wrote; its transaction must be committed.

        Args:
            call: A method of a resource or a flow that takes ``intent_id=``.

        Raises:
            JournalError: The row is not to be seen, or was sent or given up.
        """
        token = _recorded.set(recorded)

        try:
            return await call(*arguments, intent_id=recorded.intent_id, **options)
        finally:
            _recorded.reset(token)

    def resolved(self, intent: Intent, *, outcome: str, evidence: str) -> None:
        """
        Have it written what became of *intent*; who has claimed its row loses it.

        Args:
            outcome: ``executed``, ``not_executed`` or ``refused``.
            evidence: As that of a `Resolution`.
        """
        row = intent.details.get(ROW_DETAIL, "")

        if not row and outcome != JournalOutcome.REFUSED:
            # It was not written down.
            return

        which = {
            "position": int(row) if row.isdecimal() else None,
            # The row of another database is another call's.
            "call": short(intent.call),
            "payment_id": intent.payment_id,
            "mer_reference_id": intent.mer_reference_id,
            "state": JournalState.UNKNOWN,
        }
        decided_by = evidence if evidence in [*Decider] else Decider.ANSWER
        self.endings.put(
            Ending(
                rows=self.rows,
                what=intent.call,
                which={name: one for name, one in which.items() if one is not None},
                values={"outcome": JournalOutcome(outcome), "decided_by": decided_by},
                paid=intent.payment_id,
            )
        )

    async def entries(self, *which: Condition, limit: int = 1000) -> list[JournalEntry]:
        """
        Return rows of this merchant, oldest first.

        Args:
            which: Conditions on the columns of ``database.tables.journal``.
        """
        return await self.rows.read(*which, limit=limit)

    async def open_items(self) -> list[JournalEntry]:
        """
        Return what is open, oldest first, and what nobody can ask about.

        For an alarm: those whose `is_alarming` is true and whose `age` is more than some
        minutes.
        """
        table = self.rows.table

        return await self.rows.read(
            (table.c.state != JournalState.ENDED)
            | (table.c.outcome == JournalOutcome.UNKNOWN)
        )

    async def prune(self, *, older_than: timedelta) -> int:
        """
        Delete ended rows; return how many.

        An intent that was carried out is free again then.

        Args:
            older_than: Time since their end.
        """
        rows, log = self.rows, self.database.tables.journal_log
        until = now() - older_than // MICROSECOND
        is_ended = rows.table.c.state == JournalState.ENDED

        async def work(connection: AsyncConnection) -> int:
            await connection.execute(
                delete(log).where(log.c.merchant == rows.merchant, log.c.at < until)
            )

            return await rows.delete(
                connection, is_ended, rows.table.c.ended_at < until
            )

        return await self.database.run(work, repeatable=True)

    def settled(self, handler: SettledHandler) -> SettledHandler:
        """
        Have *handler* called once with each row that has ended: a decorator.

            @journal.settled
            async def note(entry, found, transaction):
                await transaction.connection.execute(orders.update()...)

        It is called by a `Recovery`, in a transaction that is committed with the mark
        that it was called: in any number of processes, once. *found* is the payment or
        refund in its final state, None where there is none. A payment that was created
        is followed until it is paid or closed.

        Raises:
            ConfigError: It is no coroutine function of these three.
        """
        check_callback("settled", handler, arguments=3)
        self.handlers.append(handler)

        return handler
