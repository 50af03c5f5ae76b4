"""
`Journal`: the calls of one merchant, in the merchant's own database.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self, TypeVar

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._callbacks import check_callback
from umfpay.errors import Intent, journal_errors
from umfpay.journal._columns import default_intent_id, ended_values, short
from umfpay.journal._endings import Ending, EndingWriter
from umfpay.journal._entry import Decider, JournalEntry, JournalOutcome, JournalState
from umfpay.journal._record import ROW_DETAIL, JournaledCall, RecordedIntent, new_owner
from umfpay.journal._rows import NOW, Condition, Rows, SealedCards
from umfpay.sensitive import shows_itself_half_made
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


@shows_itself_half_made
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

        if self._owns_database:
            where = Database(where, schema=schema, pool_size=_POOL_SIZE)

        self.database: Database = where
        self.handlers: list[SettledHandler] = []
        self._endings: EndingWriter | None = None
        self._rows: Rows | None = None

    def __repr__(self) -> str:
        return f"Journal({self.database.shown!r})"

    @property
    def rows(self) -> Rows:
        """
        The rows of the merchant whose journal it is.

        Raises:
            ConfigError: No session has it yet.
        """
        if self._rows is None:
            raise journal_errors.no_session_error()

        return self._rows

    @property
    def endings(self) -> EndingWriter:
        """
        What writes in this event loop how calls ended.
        """
        if self._endings is None or not self._endings.is_current():
            self._endings = EndingWriter(self.database)

        return self._endings

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
            raise journal_errors.other_merchant_error()

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
            "mer_reference_id": mer_reference_id,
            "payment_id": payment_id,
            **dict.fromkeys(("call", "effect", "intent"), ""),
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

        if not row.isdecimal() and outcome != JournalOutcome.REFUSED:
            # It was not written down.
            return

        which: dict[str, Any] = {
            # The row of another database is another call's.
            "call": short(intent.call),
            "payment_id": intent.payment_id,
            "mer_reference_id": intent.mer_reference_id,
            "state": JournalState.UNKNOWN,
            "position": int(row) if row.isdecimal() else None,
        }
        by = Decider(evidence) if evidence in [*Decider] else Decider.ANSWER
        known = {name: one for name, one in which.items() if one is not None}
        values = ended_values(JournalOutcome(outcome), by)
        self.endings.put(Ending(self.rows, intent.call, known, values))

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
        return await self.rows.read(self.rows.is_open)

    async def decide(
        self,
        position: int,
        outcome: JournalOutcome,
        *,
        reason: str,
        who: str = "",
        also_executed: bool = False,
    ) -> None:
        """
        End an open row as a person says it ended; the row keeps who said so, when and why.

        The intent stays taken if it was executed. Whoever was asking about it writes in
        vain.

        Args:
            outcome: ``FORGOTTEN`` gives the intent back, whatever became of it; also of a
                row that has ended.
            who: User and host, if it is not given.
            also_executed: Forget it also if it was carried out: what it did may be done
                a second time then.

        Raises:
            ConfigError: There is no such row, it is being sent, it has ended, no reason
                is given, or it is to be forgotten and was carried out.
        """
        if not reason.strip():
            raise journal_errors.no_reason_error()

        rows, columns = self.rows, self.rows.table.c
        is_forgotten = outcome is JournalOutcome.FORGOTTEN
        by_sender = columns.state.in_((JournalState.RECORDED, JournalState.SENDING))
        may_end = [~by_sender | rows.is_free, *([] if is_forgotten else [rows.is_open])]
        said = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {who or _user()}: {outcome}"

        async def work(connection: AsyncConnection) -> bool:
            found = await rows.select(
                connection, columns.position == position, *may_end
            )

            if not found:
                return False

            # Here, and not before: its sender may have ended it meanwhile.
            was = found[0].outcome

            if is_forgotten and not also_executed and was is JournalOutcome.EXECUTED:
                raise journal_errors.executed_error(position)

            which = {"position": position, "fence": found[0].fence}
            values = ended_values(outcome, Decider.PERSON, reason)
            before = f" (was {was})" if was else ""
            decision = f"{said}{before}, {' '.join(reason.split())}"
            values["decisions"] = "\n".join([*(found[0].decisions or ()), decision])

            if is_forgotten:
                # No handler is called with it.
                values["settled_at"] = NOW

            return await rows.change(connection, which, values)

        if not await self.database.run(work):
            raise journal_errors.undecidable_error(position)

    async def prune(self, *, older_than: timedelta) -> int:
        """
        Delete ended rows; return how many.

        An intent that was carried out is free again then.

        Args:
            older_than: Time since their end.
        """
        rows, columns = self.rows, self.rows.table.c
        deletion = delete(rows.table).where(
            columns.merchant == rows.merchant,
            columns.state == JournalState.ENDED,
            columns.ended_at < now() - older_than // timedelta(microseconds=1),
        )
        deleted = await self.database.run(
            lambda connection: connection.execute(deletion), repeatable=True
        )

        return deleted.rowcount

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


def _user() -> str:
    # In a container it may have a number only.
    with contextlib.suppress(KeyError, OSError):
        return f"{getpass.getuser()}@{socket.gethostname()}"

    return f"user {os.getuid()}@{socket.gethostname()}"
