"""
`Journal`: the calls of one merchant, in the merchant's own database.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import ConfigError, Intent, JournalError
from umfpay.journal._columns import duplicate_error, ending, open_row
from umfpay.journal._endings import Ending, EndingWriter
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
    entry_of,
    microseconds_of,
)
from umfpay.journal._record import (
    ROW_DETAIL,
    JournaledCall,
    RecordedIntent,
    new_owner,
)
from umfpay.sql import Database, Transaction, insert_if_absent
from umfpay.tokens import store_key
from umfpay.transport import Call


T = TypeVar("T")
SettledHandler = Callable[[JournalEntry, Any, Transaction], Awaitable[None]]
"""Called with a row, the object it is about or None, and its transaction; see `settled`."""

# So that neither receiving nor handlers starve it.
_POOL_SIZE: Final = 5
_DRAIN_SECONDS: Final = 5.0
_SECOND: Final = 1_000_000

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
        self._merchant: str | None = None

    def __repr__(self) -> str:
        # It may be half made: a report of what refused an argument shows it.
        database = getattr(self, "database", None)

        return f"Journal({'' if database is None else repr(database.shown)})"

    @property
    def merchant(self) -> str:
        """
        Whose calls they are, as the tables say it.

        Raises:
            ConfigError: No session has it yet.
        """
        if self._merchant is None:
            raise ConfigError(
                "Journal: it belongs to no session yet: UMFSession(config, journal=...).",
                "日志尚未关联会话：请使用 UMFSession(config, journal=...)。",
            )

        return self._merchant

    def attach(self, *, base_url: str, client_id: str) -> None:
        """
        Learn whose calls they are; a session does that.

        Raises:
            ConfigError: It is another merchant's already.
        """
        merchant = store_key(base_url, client_id)

        if self._merchant not in (None, merchant):
            raise ConfigError(
                "Journal: it belongs to another merchant's session; make one for each"
                " merchant, on the same database if you like.",
                "日志已关联其他商户的会话；请为每个商户各建一个（可使用同一数据库）。",
            )

        self._merchant = merchant

    async def __aenter__(self) -> Self:
        async def work(_connection: AsyncConnection) -> None:
            """
            Nothing: the tables are checked before the first transaction.
            """

        await self.database.run(work, read_only=True)

        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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

        if recorded is not None and recorded.intent_id != intent_id:
            recorded = None

        return JournaledCall(
            self,
            call,
            intent_id=intent_id,
            take_over=take_over,
            recorded=recorded,
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
        table, now = self.database.tables.journal, self.database.now
        owner = new_owner()
        values = {
            "merchant": self.merchant,
            "intent_id": intent_id,
            "open_intent": intent_id,
            "state": JournalState.RECORDED,
            "call": "",
            "effect": "",
            "mer_reference_id": mer_reference_id,
            "payment_id": payment_id,
            "intent": "",
            "owner": owner,
            "fence": 1,
            "lease_until": now + int(valid_for.total_seconds() * _SECOND),
            "created_at": now,
            "updated_at": now,
        }

        if await insert_if_absent(connection, table, values):
            return RecordedIntent(intent_id, owner)

        row = await open_row(self, connection, intent_id)

        if row is None:
            raise JournalError(
                f"begin: the intent {intent_id!r} is disputed; try again.",
                f"begin：意图 {intent_id!r} 存在争用，请重试。",
            )

        raise duplicate_error(entry_of(row, row.created_at), name="begin")

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

    def resolved(self, intent: Intent, *, executed: bool, evidence: str) -> None:
        """
        Have it written what became of *intent*, if it names its row.
        """
        table = self.database.tables.journal
        row = intent.details.get(ROW_DETAIL, "")

        if not row.isdecimal():
            return

        decided_by = evidence if evidence in [*Decider] else Decider.ANSWER
        self._put(
            {
                "outcome": JournalOutcome.EXECUTED
                if executed
                else JournalOutcome.NOT_EXECUTED,
                "decided_by": decided_by,
            },
            table.c.position == int(row),
            # The row of another database is another call's.
            table.c.call == intent.call[:64],
            *(
                table.c[name] == value
                for name, value in (
                    ("payment_id", intent.payment_id),
                    ("mer_reference_id", intent.mer_reference_id),
                )
                if value is not None
            ),
            what=f"{intent.call} (row {row})",
        )

    def refused(self, payment_id: str, *, ret_code: str) -> None:
        """
        Have it written that the execute of a payment, last unclear, came to nothing.
        """
        table = self.database.tables.journal
        self._put(
            {
                "outcome": JournalOutcome.REFUSED,
                "decided_by": Decider.QUERY,
                "refusal_code": ret_code[:32],
            },
            table.c.payment_id == payment_id,
            table.c.call == "payments.execute",
            what=f"payments.execute of {payment_id}",
        )

    def _put(
        self, values: dict[str, Any], *which: ColumnElement[bool], what: str
    ) -> None:
        """
        Have *values* written into an unknown row; whoever has taken it has lost it then.
        """
        table = self.database.tables.journal

        async def write(connection: AsyncConnection) -> bool:
            await connection.execute(
                update(table)
                .where(
                    table.c.merchant == self.merchant,
                    table.c.state == JournalState.UNKNOWN,
                    *which,
                )
                .values(fence=table.c.fence + 1, **ending(self, values))
            )

            return False

        self.endings.put(Ending(open_intent=None, write=write, what=what))

    async def holder(self, intent_id: str) -> JournalEntry | None:
        """
        Return the row that holds *intent_id*, None if it is free.
        """
        found = await self.entries(
            self.database.tables.journal.c.open_intent == intent_id
        )

        return found[0] if found else None

    async def entry(self, position: int) -> JournalEntry | None:
        """
        Return the row of that number.
        """
        found = await self.entries(self.database.tables.journal.c.position == position)

        return found[0] if found else None

    async def open_items(self) -> list[JournalEntry]:
        """
        Return what is open, oldest first, and what nobody can ask about.

        For an alarm: those whose `is_alarming` is true and whose `age` is more than some
        minutes.
        """
        table = self.database.tables.journal

        return await self.entries(
            (table.c.state != JournalState.ENDED)
            | (table.c.outcome == JournalOutcome.UNKNOWN)
        )

    async def entries(
        self, *which: ColumnElement[bool], limit: int = 1000
    ) -> list[JournalEntry]:
        """
        Return rows of this merchant, oldest first.

        Args:
            which: Conditions on the columns of ``database.tables.journal``.
        """
        table, now = self.database.tables.journal, self.database.now

        async def read(connection: AsyncConnection) -> list[JournalEntry]:
            rows = await connection.execute(
                select(table, now.label("clock"))
                .where(table.c.merchant == self.merchant, *which)
                .order_by(table.c.position)
                .limit(limit)
            )

            return [entry_of(row, row.clock) for row in rows]

        return await self.database.run(read, read_only=True)

    async def prune(self, *, older_than: timedelta) -> int:
        """
        Delete ended rows; return how many.

        An intent that was carried out is free again then.

        Args:
            older_than: Time since their end.
        """
        table, log = self.database.tables.journal, self.database.tables.journal_log
        until = self.database.now - int(older_than.total_seconds() * _SECOND)

        async def work(connection: AsyncConnection) -> int:
            await connection.execute(
                delete(log).where(log.c.merchant == self.merchant, log.c.at < until)
            )
            deleted = await connection.execute(
                delete(table).where(
                    table.c.merchant == self.merchant,
                    table.c.state == JournalState.ENDED,
                    table.c.ended_at < until,
                )
            )

            return deleted.rowcount

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
            ConfigError: It is no coroutine function.
        """
        if not inspect.iscoroutinefunction(handler):
            raise ConfigError(
                "settled: a coroutine function (async def) is needed.",
                "settled：必须是协程函数（async def）。",
            )

        self.handlers.append(handler)

        return handler

    async def keep_sealed(
        self,
        payment_id: str,
        document: str,
        *,
        mer_reference_id: str,
        expires_at: datetime,
    ) -> None:
        """
        Keep what a half-made payment needs, until its end or *expires_at*.

        Raises:
            DatabaseError: It cannot be kept.
        """
        table = self.database.tables.sealed
        values = {
            "mer_reference_id": mer_reference_id,
            "document": document,
            "expires_at": microseconds_of(expires_at),
        }
        mine = {"merchant": self.merchant, "payment_id": payment_id}

        async def work(connection: AsyncConnection) -> None:
            created = {**mine, **values, "created_at": self.database.now}

            if not await insert_if_absent(connection, table, created):
                await connection.execute(
                    update(table)
                    .where(*(table.c[name] == value for name, value in mine.items()))
                    .values(**values)
                )

        await self.database.run(work, repeatable=True)

    async def sealed(self, payment_id: str) -> str | None:
        """
        Return what was kept of a payment, None if nothing is, or no more.
        """
        table = self.database.tables.sealed

        async def read(connection: AsyncConnection) -> str | None:
            found = await connection.execute(
                select(table.c.document).where(
                    table.c.merchant == self.merchant,
                    table.c.payment_id == payment_id,
                    table.c.expires_at > self.database.now,
                )
            )

            return found.scalar_one_or_none()

        return await self.database.run(read, read_only=True)
