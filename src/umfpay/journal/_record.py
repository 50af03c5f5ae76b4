"""
`JournaledCall`: one call, written down before it leaves, and how it ended.

The lease is a time by the database's clock, fixed when the row is written: the rest of
the call's deadline and a margin. Until then the sender alone may change the row; later
whoever takes it raises its fence, and what the sender writes then is written in vain.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import attrs
from sqlalchemy import Row, Table, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    APIError,
    CommitUnknownError,
    DatabaseError,
    DuplicateIntentError,
    Intent,
    JournalError,
    Text,
    UMFError,
)
from umfpay.journal._endings import Ending
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
    write_intent,
)
from umfpay.transport import Call, CallEnd, CallVerdict, Effect


if TYPE_CHECKING:
    from umfpay.journal._journal import Journal


# Until the end of a call whose deadline has passed is written.
LEASE_MARGIN_SECONDS: Final = 15.0
# An answer to an execute proves nothing (gateway.md, traps 18 and 19), and data lag.
FOLLOW_SECONDS: Final = 10
ROW_DETAIL: Final = "journal_row"
# What may be wrong is the SMS code, or a first copy has used it up: `tables.md` 2 tells
# when another one may be sent.
WRONG_SMS_CODE: Final = "00200005"

_SECOND: Final = 1_000_000
_MAX_INTENT_CHARACTERS: Final = 191
_MAX_CALL_CHARACTERS: Final = 64
_MAX_WORD_CHARACTERS: Final = 32
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

        values = _end_values(call_verdict, result, intent)
        self._put_end(self._row, values)

    def _put_end(self, row: _WrittenRow, values: dict[str, Any]) -> None:
        if row.is_taken_over and values.get("outcome") in (
            JournalOutcome.REFUSED,
            JournalOutcome.NOT_SENT,
        ):
            values = _unknown_values()

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
        lease = int((left + LEASE_MARGIN_SECONDS) * _SECOND)
        values = {
            **_facts(self._call, self._intent),
            "state": JournalState.SENDING,
            "owner": self._owner,
            "lease_until": now + lease,
            "updated_at": now,
            "sent_at": now,
        }
        expires_in = _seconds_to_pay(self._call)

        if expires_in is not None:
            values["expires_at"] = now + int(expires_in * _SECOND)

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
                self._put_end(written, _not_sent_values())

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
                        _unknown_values() if self._take_over else _not_sent_values(),
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


def default_intent_id(call: Call[Any]) -> str:
    """
    Return what names the intent of *call* if the shop does not, "" if nothing can.
    """
    intent = call.intent
    assert intent is not None

    if call.name == "payments.execute":
        # A flow names its attempts.
        parts = [call.name, intent.payment_id, "1"]
    elif call.name == "refunds.create":
        parts = [call.name, intent.payment_id, intent.mer_reference_id]
    elif call.name == "payments.create":
        parts = [call.name, intent.mer_reference_id, intent.mer_date]
    else:
        return ""

    text = " ".join(part or "" for part in parts)

    if len(text) > _MAX_INTENT_CHARACTERS:
        return f"{call.name} {hashlib.sha256(text.encode()).hexdigest()}"

    return text


def _seconds_to_pay(call: Call[Any]) -> float | None:
    """
    Return how long the order of a create may be paid, None if it does not say so.
    """
    order = getattr(call.body, "order", None)
    expire_time = getattr(order, "expire_time", None)

    return None if expire_time is None else expire_time.total_seconds()


def _facts(call: Call[Any], intent: Intent) -> dict[str, Any]:
    details = intent.details

    return {
        "call": call.name[:_MAX_CALL_CHARACTERS],
        "effect": str(call.effect),
        "mer_reference_id": intent.mer_reference_id,
        "mer_date": intent.mer_date,
        "payment_id": intent.payment_id,
        "amount": None if intent.amount is None else str(intent.amount),
        "currency": intent.currency,
        "intent": write_intent(intent),
        "known_refunds": details.get("known_refunds", "")
        if "all_refunds_known" in details
        else None,
    }


def _end_values(
    call_verdict: CallVerdict, result: object, intent: Intent
) -> dict[str, Any]:
    """
    Return the columns of a row whose call ended so.
    """
    error = call_verdict.error

    if call_verdict.ending is CallEnd.GOOD:
        return {"outcome": JournalOutcome.EXECUTED, **named_by(result, intent)}

    if call_verdict.ending is CallEnd.UNCLEAR:
        reason = call_verdict.reason
        values = _unknown_values(intent, None if reason is None else reason.en)
    elif isinstance(error, APIError) and error.ret_code == WRONG_SMS_CODE:
        details = {
            **intent.details,
            "refused_with": error.ret_code,
            "decided_by": "query",
        }
        values = _unknown_values(
            attrs.evolve(intent, details=details), "the SMS code was refused"
        )
    elif isinstance(error, APIError):
        values = {
            "outcome": JournalOutcome.REFUSED,
            "decided_by": Decider.ANSWER,
            "reason": error.what.en,
        }
    else:
        values = _not_sent_values(error)

    if isinstance(error, APIError):
        values["refusal_code"] = error.ret_code[:_MAX_WORD_CHARACTERS]

    return values


def named_by(result: object, intent: Intent) -> dict[str, Any]:
    """
    Return what a good answer says of what it made.
    """
    object_id = getattr(result, "id", None)
    object_state = getattr(result, "state", None)
    values: dict[str, Any] = {
        "decided_by": Decider.ANSWER,
        "object_id": object_id if isinstance(object_id, str) else None,
        "object_state": None if object_state is None else str(object_state)[:64],
    }

    if intent.call == "payments.create" and isinstance(object_id, str):
        # Its execute finds here until when it can be paid.
        values["payment_id"] = object_id

    return values


def _not_sent_values(error: BaseException | None = None) -> dict[str, Any]:
    what = error.what.en if isinstance(error, UMFError) else type(error).__name__

    return {
        "outcome": JournalOutcome.NOT_SENT,
        "reason": "its caller gave up" if error is None else what,
    }


def _unknown_values(
    intent: Intent | None = None, reason: str | None = None
) -> dict[str, Any]:
    values: dict[str, Any] = {"state": JournalState.UNKNOWN, "reason": reason}

    if intent is not None:
        values["intent"] = write_intent(intent)

    return values


def ending(journal: Journal, values: dict[str, Any]) -> dict[str, Any]:
    """
    Return *values* with what goes along with an outcome.

    The intent stays taken if it was carried out, whoever says so.
    """
    now = journal.database.now
    outcome = values.get("outcome")
    common: dict[str, Any] = {"updated_at": now, "next_at": now, "lease_until": None}

    if outcome is None:
        return {**common, **values}

    common |= {"state": JournalState.ENDED, "ended_at": now, "attempts": 0}

    if outcome is JournalOutcome.EXECUTED:
        common["next_at"] = now + FOLLOW_SECONDS * _SECOND
    else:
        common["open_intent"] = None

    return {**common, **values}


async def open_row(
    journal: Journal, connection: AsyncConnection, intent_id: str
) -> Row[Any] | None:
    """
    Return the row that holds *intent_id*, None if it is free.
    """
    table = journal.database.tables.journal
    rows = await connection.execute(
        select(table).where(
            table.c.merchant == journal.merchant, table.c.open_intent == intent_id
        )
    )

    return rows.one_or_none()


async def forget_sealed(
    journal: Journal, connection: AsyncConnection, payment_id: str | None
) -> None:
    """
    Delete what was kept of a payment.
    """
    table = journal.database.tables.sealed
    await connection.execute(
        delete(table).where(
            table.c.merchant == journal.merchant, table.c.payment_id == payment_id
        )
    )


def duplicate_error(holder: JournalEntry, *, name: str) -> DuplicateIntentError:
    """
    Return the error for an intent that *holder* has.
    """
    end = holder.outcome or holder.state
    zh = {"executed": "已执行", "unknown": "结果未知"}.get(end, "进行中")

    return DuplicateIntentError(
        f"{name} is not sent: the intent {holder.intent_id!r} is {end} in row"
        f" {holder.position}, written at {holder.created_at:%Y-%m-%d %H:%M:%S} UTC.",
        f"{name} 未发送：意图 {holder.intent_id!r} 已在第 {holder.position} 行"
        f"（{zh}），写入时间 {holder.created_at:%Y-%m-%d %H:%M:%S} UTC。",
        intent_id=holder.intent_id,
        row=holder.position,
        state=str(holder.state),
        outcome=None if holder.outcome is None else str(holder.outcome),
        at=holder.created_at,
        payment_id=holder.payment_id,
        mer_reference_id=holder.mer_reference_id,
        object_id=holder.object_id,
        money_may_have_moved=holder.moves_money,
    )
