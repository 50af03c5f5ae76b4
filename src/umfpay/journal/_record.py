"""
`JournaledCall`: one call, written down before it leaves, and how it ended.

The lease is a time by the database's clock, fixed when the row is written: the rest of
the call's deadline and a margin. Until then the sender alone may change the row; later
whoever takes it is its owner, and what the sender writes then is written in vain.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import uuid
from datetime import timedelta
from typing import Any, Final

import attrs
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import CommitUnknownError, DatabaseError, Intent, Text
from umfpay.errors.journal_errors import no_row, not_sent_error
from umfpay.journal import _columns
from umfpay.journal._endings import Ending, EndingWriter, uptime
from umfpay.journal._entry import JournalOutcome, JournalState
from umfpay.journal._rows import NOW, Rows
from umfpay.sql import now
from umfpay.transport import Call, CallVerdict


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
                raise not_sent_error(
                    self.call.name, Text("its lease is over", "其租约已过期")
                )

            return

        left = deadline - asyncio.get_running_loop().time()

        if left <= 0:
            raise TimeoutError

        self._send_until = uptime() + left

        if self.intent_id:
            async with asyncio.timeout(left):
                await self.endings.wait_for(self.intent_id)

        writing = self.endings.spawn(
            self.rows.database.run(
                functools.partial(self._take, left), timeout=min(left, _WRITE_SECONDS)
            )
        )

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

            if not isinstance(error, DatabaseError | SQLAlchemyError):
                raise

            name = type(error).__name__
            why = error.what if isinstance(error, DatabaseError) else Text(name, name)

        raise not_sent_error(self.call.name, why)

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
            values = _columns.end_values(call_verdict, result, intent)
            self._put_end(values, position=self._position)

    def _withdraw(self, writing: asyncio.Task[int]) -> None:
        """
        Have the row end as not sent, if it is there or will still come to be seen.
        """
        is_certain = CommitUnknownError | None
        intent = self.call.intent

        if not writing.cancelled() and isinstance(writing.exception(), is_certain):
            assert intent is not None
            until = self._send_until + LEASE_MARGIN_SECONDS
            not_sent = _columns.ended_values(
                JournalOutcome.NOT_SENT, None, "its caller gave up"
            )
            values = _columns.unknown_values(intent) if self.take_over else not_sent
            self._put_end(values, look_until=until)

    def _put_end(
        self, values: dict[str, Any], *, look_until: float = 0.0, **which: Any
    ) -> None:
        which |= {"owner": self._owner, "state": JournalState.SENDING}
        rows, name, taken = self.rows, self.call.name, self.intent_id or None
        ending = Ending(
            rows, name, which, values, open_intent=taken, look_until=look_until
        )
        self.endings.put(ending)

    async def _take(self, left: float, connection: AsyncConnection) -> int:
        """
        Take a row, and tell the call of the others, whichever process made them.
        """
        position = await self._insert(left, connection)

        if (report := self.call.on_earlier_calls) and (intent := self.call.intent):
            columns = self.rows.table.c
            which = {"payment_id": intent.payment_id, "call": intent.call}
            others = select(columns.object_id, columns.mer_reference_id)
            others = others.filter_by(merchant=self.rows.merchant, **which)
            found = await connection.execute(others)
            report([(one[0], one[1]) for one in found if one[0] is not None])

        return position

    async def _insert(self, left: float, connection: AsyncConnection) -> int:
        """
        Insert the row, or take the one that is there; return its number.
        """
        rows, columns = self.rows, self.rows.table.c
        lease = timedelta(seconds=left + LEASE_MARGIN_SECONDS)
        values = {
            **_columns.asked_values(self.call),
            "owner": self._owner,
            "lease_until": lease,
            "state": JournalState.SENDING,
            "sent_at": NOW,
        }
        insert = functools.partial(
            rows.insert, connection, self.intent_id, values, name=self.call.name
        )
        which = {"open_intent": self.intent_id}

        if self.recorded is not None:
            which |= {"owner": self.recorded.owner, "state": JournalState.RECORDED}
            is_left = columns.lease_until > now()
        elif self.take_over and self.intent_id:
            is_left = (columns.state == JournalState.UNKNOWN) | (
                (columns.state == JournalState.SENDING) & rows.is_free
            )
        else:
            return await insert()

        is_there = await rows.change(connection, which, values, is_left)
        self._is_second = is_there and self.recorded is None

        if is_there:
            is_its = columns.open_intent == self.intent_id
            (found,) = await rows.select(connection, is_its)

            return found.position

        if self.recorded is None:
            return await insert()

        raise not_sent_error(self.call.name, no_row(self.intent_id))
