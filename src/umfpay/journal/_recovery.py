"""
`Recovery`: a worker that brings to an end what a crash or a lost answer left open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from sqlalchemy import delete, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, UMFError
from umfpay.journal._entry import JournalEntry, JournalState
from umfpay.journal._journal import Journal
from umfpay.journal._resolving import Inbox, Resolver


_BATCH_SIZE: Final = 20
_CONCURRENCY: Final = 4
_MAX_PAUSE_SECONDS: Final = 30.0
_SWEEP_SECONDS: Final = 60.0

_log = logging.getLogger("umfpay")


class Recovery:
    """
    Ends open rows of a journal; any number of processes may run one.

        async with Recovery(session, journal, inbox=inbox):
            ...  # serve

    A row whose sender is gone, or does not know its end, is asked about, after waits
    that double, until the gateway or a notification says what became of it. A row that
    moves money and stays unclear is left to a person, and stays in
    `Journal.open_items()`. Then the handlers of `Journal.settled` are called.

    Args:
        inbox: Stored notifications: they are asked first, and final answers are stored
            there, so that its handlers hear of them.
        give_up_after: When a row that moves money is left to a person.
        close_after: When a row that nobody can ask about is closed as unknown.
        look_every: Seconds between two looks into the table.
    """

    def __init__(
        self,
        session: UMFSession,
        journal: Journal,
        *,
        inbox: Inbox | None = None,
        give_up_after: timedelta = timedelta(days=3),
        close_after: timedelta = timedelta(days=1),
        look_every: float = 1.0,
    ) -> None:
        if session.journal is not journal:
            raise ConfigError(
                "Recovery: the session must have the same journal.",
                "Recovery：会话必须使用同一日志。",
            )

        self._journal = journal
        self._resolver = Resolver(
            session=session,
            journal=journal,
            inbox=inbox,
            give_up_after=give_up_after,
            close_after=close_after,
        )
        self._look_every = look_every
        self._task: asyncio.Task[None] | None = None
        self._swept = -_SWEEP_SECONDS

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())

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
        Stop; a row that is being asked about is asked about again by another.
        """
        task, self._task = self._task, None

        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def run_once(self) -> int:
        """
        Look at each row that is due, once; return how many there were.
        """
        loop = asyncio.get_running_loop()

        if loop.time() - self._swept >= _SWEEP_SECONDS:
            await self._sweep()
            self._swept = loop.time()

        due = await self._due()
        limit = asyncio.Semaphore(_CONCURRENCY)

        async def work(entry: JournalEntry) -> None:
            async with limit:
                await self._bring_forward(entry)

        await asyncio.gather(*(work(entry) for entry in due))

        return len(due)

    async def _run(self) -> None:
        pause = self._look_every

        while True:
            try:
                found = await self.run_once()
                pause = self._look_every
            except UMFError as error:
                # The database is away: calls are not sent meanwhile.
                _log.warning("recovery waits: %s", error.what.en)
                found, pause = 0, min(2 * pause, _MAX_PAUSE_SECONDS)

            if found < _BATCH_SIZE:
                await asyncio.sleep(pause)

    async def _due(self) -> list[JournalEntry]:
        database, resolver = self._journal.database, self._resolver
        table, now = database.tables.journal, database.now
        free = or_(table.c.lease_until.is_(None), table.c.lease_until < now)
        kinds = [
            table.c.state.in_((JournalState.SENDING, JournalState.RECORDED)),
            (table.c.state == JournalState.UNKNOWN) & (table.c.next_at <= now),
        ]

        if self._journal.handlers or resolver.inbox is not None:
            kinds.append(
                (table.c.state == JournalState.ENDED)
                & (table.c.next_at <= now)
                & table.c.settled_at.is_(None)
            )

        return [
            one
            for kind in kinds
            for one in await self._journal.entries(kind, free, limit=_BATCH_SIZE)
        ]

    async def _bring_forward(self, entry: JournalEntry) -> None:
        claimed = await self._resolver.claim(entry)

        if claimed is None:
            return

        act: Callable[[JournalEntry], Awaitable[object]] = (
            self._resolver.settle
            if claimed.state is JournalState.ENDED
            else self._resolver.resolve
        )

        with contextlib.suppress(UMFError):
            # Its claim ends, and another look is taken.
            await act(claimed)

    async def _sweep(self) -> None:
        """
        Delete card data whose time is over.
        """
        journal, sealed = self._journal, self._journal.database.tables.sealed

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(sealed).where(
                    sealed.c.merchant == journal.merchant,
                    sealed.c.expires_at < journal.database.now,
                )
            )

        await journal.database.run(work, repeatable=True)
