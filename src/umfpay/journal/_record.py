"""
`JournaledCall`: one call, written down before it leaves, and how it ended.

The lease is a time by the database's clock, fixed when the row is written: the rest of
the call's deadline and a margin. Until then the sender alone may change the row; later
whoever takes it raises its fence, and what the sender writes then is written in vain.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from datetime import timedelta
from typing import Any, Final

import attrs
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    Intent,
    JournalError,
    Text,
)
from umfpay.journal._columns import (
    asked_values,
    end_values,
    not_sent_values,
    unknown_values,
)
from umfpay.journal._endings import Ending, EndingWriter, uptime
from umfpay.journal._entry import JournalState, duplicate_error
from umfpay.journal._rows import NOW, Condition, Rows, Values
from umfpay.sql import now
from umfpay.transport import Call, CallVerdict, Effect


# Until the end of a call whose deadline has passed is written.
LEASE_MARGIN_SECONDS: Final = 15.0
ROW_DETAIL: Final = "journal_row"

_WRITE_SECONDS: Final = 10.0


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


@attrs.define(kw_only=True, eq=False)
class JournaledCall:
    """
    One call of one merchant; see `umfpay.transport.CallRecord`.

    Args:
        intent_id: "" if it has none.
        take_over: Go on with the row of the same intent if its end is not known.
        recorded: The row that the shop wrote for it.
    """

    rows: Rows
    endings: EndingWriter
    call: Call[Any]
    intent_id: str
    take_over: bool
    recorded: RecordedIntent | None
    _owner: str = attrs.field(factory=new_owner, init=False)
    # The number of its row.
    _position: int | None = attrs.field(default=None, init=False)
    # Another copy may have left before this one.
    _is_second: bool = attrs.field(default=False, init=False)
    # By `uptime()`.
    _send_until: float = attrs.field(default=0.0, init=False)

    async def write(self, *, deadline: float) -> None:
        """
        Commit the row, unless that was done.

        Raises:
            DuplicateIntentError: The same intent is open, or was carried out.
            JournalError: It cannot be written down, or its lease is over.
            TimeoutError: The deadline has passed.
        """
        if self._position is not None:
            if not self.is_valid():
                raise self._error(Text("its lease is over", "其租约已过期"))

            return

        left = deadline - asyncio.get_running_loop().time()

        if left <= 0:
            raise TimeoutError

        self._send_until = uptime() + left

        if self.intent_id:
            async with asyncio.timeout(left):
                await self.endings.wait_for(self.intent_id)

        writing = self.endings.spawn(self._write(left))

        try:
            await asyncio.wait({writing})
            self._position = writing.result()

            return
        except BaseException as error:
            # It is certain that nothing leaves, not that nothing was committed.
            if writing.done():
                self._withdraw(writing)
            else:
                writing.add_done_callback(self._withdraw)

            if isinstance(error, DatabaseError):
                why = error.what
            elif isinstance(error, SQLAlchemyError):
                why = Text(type(error).__name__, type(error).__name__)
            else:
                raise

        raise self._error(why)

    def is_valid(self) -> bool:
        """
        Tell whether the call may still be sent: the row is written, and leased.
        """
        return self._position is not None and uptime() < self._send_until

    def named(self, intent: Intent) -> Intent:
        """
        Return *intent* with the row in its details.
        """
        if self._position is None:
            return intent

        details = {**intent.details, ROW_DETAIL: str(self._position)}

        if self._is_second:
            # What is refused now says nothing of the copy that left before.
            details.pop("refused_with", None)
            details.pop("decided_by", None)
            details["copies"] = "2"

        return attrs.evolve(intent, details=details)

    def end(self, call_verdict: CallVerdict, result: object, intent: Intent) -> None:
        """
        Have the end of the call written; nobody waits for that.
        """
        if self._position is not None:
            self._put_end(end_values(call_verdict, result, intent))

    def _withdraw(self, writing: asyncio.Task[int]) -> None:
        """
        Have the row end as not sent, if it is there or will still come to be seen.
        """
        is_certain = CommitUnknownError | None

        if not writing.cancelled() and isinstance(writing.exception(), is_certain):
            self._put_end(unknown_values() if self.take_over else not_sent_values())

    def _put_end(self, values: Values) -> None:
        call = self.call
        assert call.intent is not None
        which: Values = {"owner": self._owner, "state": JournalState.SENDING}
        look_until = 0.0

        if self._position is None:
            # It may still come to be seen.
            look_until = self._send_until + LEASE_MARGIN_SECONDS
        else:
            which = {**which, "position": self._position}

        self.endings.put(
            Ending(
                rows=self.rows,
                what=call.name,
                which=which,
                values=values,
                paid=call.intent.payment_id if call.effect is Effect.MONEY else None,
                open_intent=self.intent_id or None,
                look_until=look_until,
            )
        )

    async def _write(self, left: float) -> int:
        """
        Return the number of the row as it was committed.
        """
        # Whoever held the intent may just have given it back.
        for _ in range(3):
            with contextlib.suppress(IntegrityError):
                return await self.rows.database.run(
                    lambda connection: self._insert(connection, left),
                    timeout=min(left, _WRITE_SECONDS),
                )

            holder = await self.rows.read_one(
                self.rows.table.c.open_intent == self.intent_id
            )

            if holder is not None:
                raise duplicate_error(holder, name=self.call.name)

        raise self._error(Text("its intent is disputed", "其意图存在争用"))

    async def _insert(self, connection: AsyncConnection, left: float) -> int:
        lease = timedelta(seconds=left + LEASE_MARGIN_SECONDS)
        values = {
            **self.rows.new_values(self.intent_id, self._owner, lease=lease),
            **asked_values(self.call),
            "state": JournalState.SENDING,
            "sent_at": NOW,
        }
        position = None

        if self.recorded is not None:
            position = await self._take_recorded(connection, values)
        elif self.take_over and self.intent_id:
            position = await self._take_over(connection, values)

        if position is None:
            position = await self.rows.insert(connection, values)

        return position

    async def _take_recorded(self, connection: AsyncConnection, values: Values) -> int:
        """
        Send by the row that the shop wrote; return its number.
        """
        assert self.recorded is not None
        which = {"owner": self.recorded.owner, "state": JournalState.RECORDED}
        is_leased = self.rows.table.c.lease_until > now()
        position = await self._take(connection, which, values, is_leased)

        if position is None:
            raise self._error(
                Text(
                    f"no recorded row of {self.recorded.intent_id!r} is to be seen: its"
                    " transaction is not committed, or it was sent or given up",
                    f"找不到 {self.recorded.intent_id!r} 的已登记记录：其事务尚未提交，"
                    "或已被发送或放弃",
                )
            )

        return position

    async def _take_over(
        self, connection: AsyncConnection, values: Values
    ) -> int | None:
        """
        Send by the row of the first copy; return its number, None if there is none.
        """
        state = self.rows.table.c.state
        is_left = (state == JournalState.SENDING) & self.rows.is_free
        position = await self._take(
            connection, {}, values, (state == JournalState.UNKNOWN) | is_left
        )
        self._is_second = position is not None

        return position

    async def _take(
        self,
        connection: AsyncConnection,
        which: Values,
        values: Values,
        condition: Condition,
    ) -> int | None:
        """
        Make a row that is there one that is sent by this call; None if there is none.
        """
        which = {"open_intent": self.intent_id, **which}
        # It was written down when it was.
        values = {name: one for name, one in values.items() if name != "created_at"}

        if not await self.rows.change(connection, which, values, condition):
            return None

        columns = self.rows.table.c
        found = await connection.execute(
            select(columns.position).where(
                columns.merchant == self.rows.merchant,
                columns.open_intent == self.intent_id,
            )
        )

        return int(found.scalar_one())

    def _error(self, why: Text) -> JournalError:
        name = self.call.name

        return JournalError(
            f"{name} is not sent, for it cannot be written down: {why.en}",
            f"{name} 未发送，因无法写入日志：{why.zh}",
        )
