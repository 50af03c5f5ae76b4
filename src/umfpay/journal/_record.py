"""
`JournaledCall`: one call, written down before it leaves, and how it ended.

The lease is a time by the database's clock, fixed when the row is written: the rest of
the call's deadline and a margin. Until then the sender alone may change the row; later
whoever takes it raises its fence, and what the sender writes then is written in vain.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import attrs
from sqlalchemy import Table, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    Intent,
    JournalError,
    Text,
    UMFError,
)
from umfpay.journal._columns import (
    SECOND,
    default_intent_id,
    duplicate_error,
    end_values,
    ending,
    facts_of,
    forget_sealed,
    not_sent_values,
    open_row,
    seconds_to_pay,
    unknown_values,
)
from umfpay.journal._endings import Ending
from umfpay.journal._entry import (
    JournalEntry,
    JournalOutcome,
    JournalState,
)
from umfpay.transport import Call, CallVerdict, Effect


if TYPE_CHECKING:
    from umfpay.journal._journal import Journal


# Until the end of a call whose deadline has passed is written.
LEASE_MARGIN_SECONDS: Final = 15.0
ROW_DETAIL: Final = "journal_row"

_WRITE_SECONDS: Final = 10.0

# Time that a suspended machine counts, too, where there is such a clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """
    Return seconds by a clock that neither a user nor a suspended machine stops.
    """
    return time.clock_gettime(_CLOCK)


def new_owner() -> str:
    """
    Return a name that nobody else has: host, process and a random part.
    """
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{uuid.uuid4().hex}"


@attrs.frozen
class RecordedIntent:
    """
    A row that was written in the shop's own transaction: see `Journal.begin()`.
    """

    intent_id: str
    owner: str


@attrs.frozen
class _WrittenRow:
    position: int
    fence: int
    # Another copy may have left before this one.
    is_taken_over: bool


class _TakenError(Exception):
    """
    Raised inside of a transaction when the intent is taken.
    """


class JournaledCall:
    """
    One call of one merchant; see `umfpay.transport.CallRecord`.
    """

    def __init__(
        self,
        journal: Journal,
        call: Call[Any],
        *,
        intent_id: str | None,
        take_over: bool,
        recorded: RecordedIntent | None,
    ) -> None:
        assert call.intent is not None
        self._journal = journal
        self._table: Table = journal.database.tables.journal
        self._call = call
        self._intent: Intent = call.intent
        self._intent_id = intent_id or default_intent_id(call)
        self._take_over = take_over
        self._recorded = recorded
        self._owner = new_owner()
        self._row: _WrittenRow | None = None
        self._valid_until = 0.0

    async def write(self, *, deadline: float) -> None:
        """
        Commit the row, unless that was done.

        Raises:
            DuplicateIntentError: The same intent is open, or was carried out.
            JournalError: It cannot be written down, or its lease is over.
            TimeoutError: The deadline has passed.
        """
        if self._row is not None:
            if not self.is_valid():
                raise self._error(
                    Text("its lease is over", "其租约已过期"), name=self._call.name
                )

            return

        left = deadline - asyncio.get_running_loop().time()

        if left <= 0:
            raise TimeoutError

        until = uptime() + left
        endings = self._journal.endings

        if self._intent_id:
            async with asyncio.timeout(left):
                await endings.wait_for(self._intent_id)

        writing = endings.spawn(self._write(left))

        try:
            written = await asyncio.shield(writing)
        except BaseException:
            # Nobody knows whether it was committed; it is certain that nothing leaves.
            self._withdraw_when_done(writing)

            raise

        if isinstance(written, UMFError):
            raise written

        self._row, self._valid_until = written, until

    def is_valid(self) -> bool:
        """
        Tell whether the call may still be sent: the row is written, and leased.
        """
        return self._row is not None and uptime() < self._valid_until

    def named(self, intent: Intent) -> Intent:
        """
        Return *intent* with the row in its details.
        """
        if self._row is None:
            return intent

        details = {**intent.details, ROW_DETAIL: str(self._row.position)}

        if self._row.is_taken_over:
            # What is refused now says nothing of the copy that left before.
            details.pop("refused_with", None)
            details.pop("decided_by", None)
            details["copies"] = "2"

        return attrs.evolve(intent, details=details)

    def end(self, call_verdict: CallVerdict, result: object, intent: Intent) -> None:
        """
        Have the end of the call written; nobody waits for that.
        """
        if self._row is None:
            return

        values = end_values(call_verdict, result, intent)
        self._put_end(self._row, values)

    def _put_end(self, row: _WrittenRow, values: dict[str, Any]) -> None:
        if row.is_taken_over and values.get("outcome") in (
            JournalOutcome.REFUSED,
            JournalOutcome.NOT_SENT,
        ):
            values = unknown_values()

        is_paid = (
            values.get("outcome") is JournalOutcome.EXECUTED
            and self._call.effect is Effect.MONEY
            and self._intent.payment_id is not None
        )

        async def write(connection: AsyncConnection) -> bool:
            await connection.execute(
                update(self._table)
                .where(
                    self._table.c.position == row.position,
                    self._table.c.fence == row.fence,
                    self._table.c.state == JournalState.SENDING,
                )
                .values(**ending(self._journal, values))
            )

            if is_paid:
                # A card that was used may not be kept.
                await forget_sealed(self._journal, connection, self._intent.payment_id)

            return False

        self._journal.endings.put(
            Ending(
                open_intent=self._intent_id or None,
                write=write,
                what=f"{self._call.name} (row {row.position})",
            )
        )

    async def _write(self, left: float) -> _WrittenRow | UMFError:
        """
        Return the row as it was committed, or what the caller raises.
        """
        seconds = min(left, _WRITE_SECONDS)
        database = self._journal.database
        name = self._call.name
        holder: JournalEntry | None = None

        # Whoever held the intent may just have given it back.
        for _ in range(3):
            try:
                return await database.run(
                    lambda connection: self._insert(connection, left), timeout=seconds
                )
            except (IntegrityError, _TakenError):
                pass
            except CommitUnknownError as error:
                self._withdraw(uptime() + left + LEASE_MARGIN_SECONDS)

                return self._error(error.what, name=name)
            except DatabaseError as error:
                return self._error(error.what, name=name)
            except JournalError as error:
                return error.with_traceback(None)

            try:
                holder = await self._journal.holder(self._intent_id)
            except DatabaseError as error:
                return self._error(error.what, name=name)

            if holder is not None:
                return duplicate_error(holder, name=name)

        return self._error(Text("its intent is disputed", "其意图存在争用"), name=name)

    async def _insert(self, connection: AsyncConnection, left: float) -> _WrittenRow:
        now = self._journal.database.now
        lease = int((left + LEASE_MARGIN_SECONDS) * SECOND)
        values = {
            **facts_of(self._call, self._intent),
            "state": JournalState.SENDING,
            "owner": self._owner,
            "lease_until": now + lease,
            "updated_at": now,
            "sent_at": now,
        }
        expires_in = seconds_to_pay(self._call)

        if expires_in is not None:
            values["expires_at"] = now + int(expires_in * SECOND)

        if self._recorded is not None:
            return await self._flip(connection, values, self._recorded)

        if self._take_over and self._intent_id:
            taken = await self._take(connection, values)

            if taken is not None:
                return taken

        inserted = await connection.execute(
            self._table.insert().values(
                merchant=self._journal.merchant,
                intent_id=self._intent_id,
                open_intent=self._intent_id or None,
                created_at=now,
                fence=1,
                **values,
            )
        )
        key = inserted.inserted_primary_key
        assert key is not None

        return _WrittenRow(key[0], 1, is_taken_over=False)

    async def _flip(
        self,
        connection: AsyncConnection,
        values: dict[str, Any],
        recorded: RecordedIntent,
    ) -> _WrittenRow:
        """
        Make the shop's own row one that is sent; nobody else can then.
        """
        table, now = self._table, self._journal.database.now
        mine = (
            table.c.merchant == self._journal.merchant,
            table.c.intent_id == recorded.intent_id,
            table.c.owner == recorded.owner,
            table.c.state == JournalState.RECORDED,
            table.c.lease_until > now,
        )
        row = (await connection.execute(select(table).where(*mine))).one_or_none()
        changed = 0

        if row is not None:
            result = await connection.execute(
                update(table)
                .where(*mine, table.c.position == row.position)
                .values(fence=row.fence + 1, **values)
            )
            changed = result.rowcount

        if row is None or changed != 1:
            raise self._error(
                Text(
                    f"no recorded row of {recorded.intent_id!r} is to be seen: its"
                    " transaction is not committed, or it was sent or given up",
                    f"找不到 {recorded.intent_id!r} 的已登记记录：其事务尚未提交，"
                    "或已被发送或放弃",
                ),
                name=self._call.name,
            )

        return _WrittenRow(row.position, row.fence + 1, is_taken_over=False)

    async def _take(
        self, connection: AsyncConnection, values: dict[str, Any]
    ) -> _WrittenRow | None:
        """
        Take over the row of the same intent, if nobody knows its end.
        """
        table, now = self._table, self._journal.database.now
        row = await open_row(self._journal, connection, self._intent_id)

        if row is None:
            return None

        result = await connection.execute(
            update(table)
            .where(
                table.c.position == row.position,
                table.c.fence == row.fence,
                (table.c.state == JournalState.UNKNOWN)
                | (
                    (table.c.state == JournalState.SENDING)
                    & (table.c.lease_until < now)
                ),
            )
            .values(fence=row.fence + 1, **values)
        )

        if result.rowcount != 1:
            raise _TakenError

        return _WrittenRow(row.position, row.fence + 1, is_taken_over=True)

    def _withdraw_when_done(self, writing: asyncio.Task[Any]) -> None:
        def withdraw(done: asyncio.Task[Any]) -> None:
            if done.cancelled():
                return

            written = done.result()

            if isinstance(written, _WrittenRow):
                self._put_end(written, not_sent_values())

        writing.add_done_callback(withdraw)

    def _withdraw(self, until: float) -> None:
        """
        Have the row end as not sent, if it is there or will still come to be seen.
        """
        table = self._table

        async def write(connection: AsyncConnection) -> bool:
            changed = await connection.execute(
                update(table)
                .where(
                    table.c.merchant == self._journal.merchant,
                    table.c.state == JournalState.SENDING,
                    table.c.owner == self._owner,
                )
                .values(
                    **ending(
                        self._journal,
                        unknown_values() if self._take_over else not_sent_values(),
                    )
                )
            )

            return not changed.rowcount and uptime() < until

        self._journal.endings.put(
            Ending(
                open_intent=self._intent_id or None, write=write, what=self._call.name
            )
        )

    def _error(self, why: Text, *, name: str) -> JournalError:
        return JournalError(
            f"{name} is not sent, for it cannot be written down: {why.en}",
            f"{name} 未发送，因无法写入日志：{why.zh}",
        )
