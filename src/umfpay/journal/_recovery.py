"""
`Recovery`: a worker that brings to an end what a crash or a lost answer left open.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import end, gather_all, pause_after, repeat
from umfpay._callbacks import call
from umfpay._session import Executed, UMFSession
from umfpay.errors import ConfigError, DatabaseError, UMFError
from umfpay.journal import _columns, _entry
from umfpay.journal._entry import Decider, JournalEntry, JournalOutcome, JournalState
from umfpay.journal._journal import Journal
from umfpay.journal._outcome_queries import OutcomeQueries
from umfpay.journal._record import new_owner
from umfpay.journal._rows import NOW, Condition, Values
from umfpay.models import PaymentState
from umfpay.sql import Transaction, now


if TYPE_CHECKING:
    from umfpay.notifications import NotificationInbox


_BATCH_SIZE: Final = 20
_CONCURRENCY: Final = 4
_MAX_IDLE_SECONDS: Final = 30.0
_SWEEP_SECONDS: Final = 60.0
_CLAIM_FOR: Final = timedelta(seconds=90)
_HANDLER_SECONDS: Final = 30.0
# Two queries of a payment that waits prove something if so much lies between them.
_MIN_PAUSE_SECONDS: Final = 5.0
# What has ended and is not final after days is asked about each time it is a tenth older.
_LOOKS_PER_AGE: Final = 10
# The clocks of two companies differ, and the lists are behind.
_TOLERANCE: Final = timedelta(minutes=10)

_EXECUTE: Final = "payments.execute"
_PAID: Final = "it is paid, whatever its executes were answered"

_log = logging.getLogger("umfpay")


@attrs.define(eq=False)
class Recovery:
    """
    Ends open rows of a journal; any number of processes may run one.

        async with Recovery(session, journal, inbox=inbox):
            ...  # serve

    A row whose sender is gone, or does not know its end, is asked about, after waits
    that double, until the gateway or a notification says what became of it. A row that
    moves money and stays unclear is left to a person, and stays in
    `Journal.open_items()`. Then the handlers of `Journal.settled` are called.

    Each step takes the row for a while and raises its fence, so that what another one
    writes about it later is written in vain.

    Args:
        inbox: Stored notifications: they are asked first, and final answers are stored
            there, so that its handlers hear of them.
        give_up_after: When an open row that moves money is left to a person; one that has
            ended is followed ever more rarely from then on, until its object is final.
        close_after: When a row that nobody can ask about is closed as unknown.
        look_every: Seconds between two looks into the table.
    """

    session: UMFSession
    journal: Journal
    inbox: NotificationInbox | None = attrs.field(default=None, kw_only=True)
    give_up_after: timedelta = attrs.field(default=timedelta(days=3), kw_only=True)
    close_after: timedelta = attrs.field(default=timedelta(days=1), kw_only=True)
    look_every: float = attrs.field(default=1.0, kw_only=True)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _swept: float = attrs.field(default=-_SWEEP_SECONDS, init=False)
    _queries: OutcomeQueries = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.session.journal is not self.journal:
            raise ConfigError(
                "Recovery: the session must have the same journal.",
                "Recovery：会话必须使用同一日志。",
            )

        self._queries = OutcomeQueries(self.session, self.journal.rows, self.inbox)

    async def __aenter__(self) -> Self:
        seconds, longest = self.look_every, _MAX_IDLE_SECONDS
        looking = repeat("recovery", self._look, seconds=seconds, max_pause=longest)
        self._task = asyncio.create_task(looking)

        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Stop; a row that is being asked about is asked about again by another.
        """
        task, self._task = self._task, None

        if task is not None:
            await end(task)

    async def run_once(self) -> int:
        """
        Look at each row that is due, once; return how many there were.
        """
        loop = asyncio.get_running_loop()

        if loop.time() - self._swept >= _SWEEP_SECONDS:
            await self.journal.sealed.forget_expired()
            self._swept = loop.time()

        due, limit = await self._due(), asyncio.Semaphore(_CONCURRENCY)

        async def work(entry: JournalEntry) -> None:
            async with limit:
                await self.advance(entry)

        await gather_all(work(entry) for entry in due)

        return len(due)

    async def advance(self, entry: JournalEntry) -> None:
        """
        Ask about a row now, unless somebody else does.
        """
        try:
            claimed = await self._claim(entry)

            if claimed is not None and claimed.state is JournalState.ENDED:
                await self._settle(claimed)
            elif claimed is not None:
                await self._write(claimed, await self._resolve(claimed))
        except DatabaseError:
            raise
        except UMFError as error:
            # Its claim ends, and another look is taken.
            _log.info("row %d: %s", entry.position, type(error).__name__)

    async def _look(self) -> None:
        while await self.run_once() >= _BATCH_SIZE:
            pass

    async def _due(self) -> list[JournalEntry]:
        rows, columns = self.journal.rows, self.journal.rows.table.c
        is_due = columns.next_at <= now()
        kinds = [
            columns.state.in_((JournalState.SENDING, JournalState.RECORDED)),
            (columns.state == JournalState.UNKNOWN) & is_due,
        ]

        if self.journal.handlers or self.inbox is not None:
            is_unsettled = columns.settled_at.is_(None)
            kinds.append((columns.state == JournalState.ENDED) & is_due & is_unsettled)

        return [
            one
            for kind in kinds
            for one in await rows.read(kind, rows.is_free, limit=_BATCH_SIZE)
        ]

    async def _claim(self, entry: JournalEntry) -> JournalEntry | None:
        """
        Take the row for a while; None if another was faster, or it has changed.
        """
        rows, is_sending = self.journal.rows, entry.state is JournalState.SENDING
        # Any: what the columns hold.
        changes: dict[str, Any] = {
            "state": JournalState.UNKNOWN if is_sending else entry.state,
            "attempts": entry.attempts + 1,
        }
        lease = {"owner": new_owner(), "lease_until": _CLAIM_FOR, "next_at": NOW}
        is_free = rows.is_free & rows.table.c.settled_at.is_(None)

        if not await self._write(entry, {**changes, **lease}, is_free):
            return None

        return attrs.evolve(entry, **changes, fence=entry.fence + 1)

    async def _resolve(self, entry: JournalEntry) -> Values:
        """
        Return what is to be written of a claimed row that is open.
        """
        if entry.state is JournalState.RECORDED:
            return _columns.ended_values(
                JournalOutcome.NOT_SENT, None, "its caller died"
            )

        found = await self._queries.resolution(entry)
        named = _columns.object_values(None if found is None else found.object)
        named["object_id"] = named["object_id"] or entry.object_id

        if found is not None and found.outcome is not Executed.UNKNOWN:
            outcome, by = JournalOutcome(found.outcome), Decider(found.evidence)

            return _columns.ended_values(outcome, by, **named)

        details = {} if entry.intent is None else entry.intent.details
        waiting = PaymentState.WAIT_BUYER_PAY

        if _columns.WRONG_CODE_DETAIL in details and named["object_state"] == waiting:
            # The second query says so, at least five seconds after the first one, also
            # if a person asks.
            if entry.object_state == waiting and entry.is_due:
                return _columns.ended_values(
                    JournalOutcome.REFUSED, Decider.QUERY, entry.reason, **named
                )

            return {**self._later(entry), **named}

        if (
            found is not None
            and entry.call == "payments.create"
            and entry.expires_at is not None
            and entry.created_at + entry.age > entry.expires_at + _TOLERANCE
        ):
            # It may exist: nobody can pay it any more.
            return _columns.ended_values(
                JournalOutcome.NOT_EXECUTED,
                Decider.TRANSACTIONS,
                "its order can no longer be paid",
            )

        if not entry.moves_money and entry.age > self.close_after:
            reason = "nobody can say; it moves no money"

            return _columns.ended_values(JournalOutcome.UNKNOWN, None, reason)

        return self._later(entry)

    def _later(self, entry: JournalEntry) -> dict[str, Any]:
        """
        Return what has a claimed row looked at again, after a while that doubles; an open
        one in the end never.
        """
        pause = timedelta(seconds=max(_MIN_PAUSE_SECONDS, pause_after(entry.attempts)))
        later: dict[str, Any] = {"next_at": pause, "lease_until": None}

        if entry.age > self.give_up_after and entry.is_alarming:
            _log.warning(
                "row %d of the journal (%s, %s) needs a person: nobody can say whether"
                " it was carried out",
                entry.position,
                entry.call,
                entry.payment_id,
            )
            reason = entry.reason or "nobody can say whether it was carried out"
            later |= {"next_at": None, "reason": reason}

        return later

    async def _settle(self, entry: JournalEntry) -> None:
        """
        Follow an ended row to the final state; then call the handlers, once.
        """
        try:
            found = await self._queries.final_object(entry)
        except (LookupError, UMFError) as error:
            _log.info("row %d: %s", entry.position, type(error).__name__)
            later = self._later(entry)

            if isinstance(error, LookupError) and entry.age > self.give_up_after:
                # A bank may take weeks, and thousands of orders are never paid.
                later["next_at"] = max(later["next_at"], entry.age / _LOOKS_PER_AGE)

            await self._write(entry, later)

            return

        state = _columns.object_values(found)["object_state"] or entry.object_state
        changes = {"settled_at": NOW, "lease_until": None, "object_state": state}
        rows = self.journal.rows

        async def work(connection: AsyncConnection) -> None:
            if not await rows.change(connection, _same(entry), changes):
                return

            if entry.call == "payments.create" and state == PaymentState.TRADE_SUCCESS:
                await self._correct(connection, entry.object_id)

            transaction = Transaction(connection)

            try:
                for handler in self.journal.handlers:
                    await call(handler, entry, found, transaction)
            finally:
                await transaction.close_sessions()

        try:
            await rows.database.run(work, timeout=_HANDLER_SECONDS)
        except Exception as error:  # noqa: BLE001 (it is called again)
            _log.warning(
                "settled: the handler failed for row %d: %s",
                entry.position,
                type(error).__name__,
            )
            await self._write(entry, self._later(entry))

    async def _correct(self, connection: AsyncConnection, paid: str | None) -> None:
        """
        Write down that the payment *paid* is paid, though no execute of it is known to
        be: a copy of a refused one may have been late (gateway.md, trap 24).
        """
        rows, columns = self.journal.rows, self.journal.rows.table.c
        is_execute, is_its = columns.call == _EXECUTE, columns.payment_id == paid
        calls = await rows.select(connection, is_execute, is_its)
        executed = JournalOutcome.EXECUTED

        if not calls or any(one.outcome in (None, executed) for one in calls):
            return

        last = calls[-1]
        assert last.intent is not None
        holders = await rows.select(connection, columns.open_intent == last.intent_id)
        intent_id = "" if holders else last.intent_id

        for other in holders:
            _log.error("%s is paid; its intent is held by %s", paid, other.payment_id)

        row = _columns.ended_values(executed, Decider.QUERY, _PAID, object_id=paid)
        row |= {"call": _EXECUTE, "effect": last.effect, "payment_id": paid}
        row |= {"state": JournalState.ENDED, "ended_at": NOW, "next_at": NOW}
        row["intent"] = _entry.write_intent(last.intent)
        position = await rows.insert(connection, intent_id, row, name=_EXECUTE)
        await rows.sealed.forget_used(connection, position)

    async def _write(
        self, entry: JournalEntry, values: Values, *conditions: Condition
    ) -> bool:
        """
        Write *values* unless somebody has changed the row since; return whether.
        """
        rows = self.journal.rows

        return await rows.database.run(
            lambda connection: rows.change(
                connection, _same(entry), values, *conditions
            ),
            repeatable=True,
        )


def _same(entry: JournalEntry) -> Values:
    """
    Return the condition that nobody has changed the row since.
    """
    return {"position": entry.position, "fence": entry.fence}
