"""
The inbox's worker: run the handlers of due events once, in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from umfpay.errors import NotificationError
from umfpay.notifications._decision import (
    Decision,
    Status,
    decide,
    decide_unreadable,
)
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._store import (
    InboxStore,
    StoredEvent,
    Transaction,
    pause_after,
)


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]
# None for signed bytes that hold no object with id and state.
Read = Callable[[StoredEvent], NotificationEvent | None]

_log = logging.getLogger("umfpay")


class _NoHandlerError(Exception):
    """
    Raised to leave an event ready for a process that has a handler.
    """


def is_own_cancellation() -> bool:
    """
    Tell whether the running task itself is cancelled, not something that it awaits.
    """
    task = asyncio.current_task()

    return task is None or task.cancelling() > 0


class Applier:
    """
    Applies one event after another.

    Args:
        read: Makes the event of stored bytes.
        on_applied: Called with the object's id when its event is committed.
        on_waiting: Called when an event was decided and not applied.
    """

    def __init__(
        self,
        store: InboxStore,
        read: Read,
        *,
        handler_timeout: float,
        on_applied: Callable[[str], None],
        on_waiting: Callable[[], None],
    ) -> None:
        self._store = store
        self._read = read
        self._handler_timeout = handler_timeout
        self._on_applied = on_applied
        self._on_waiting = on_waiting
        self._turn = asyncio.Lock()
        self._handlers: list[Handler] = []
        # Events that wait for a process with a handler: looked at once.
        self._left: set[str] = set()

    def add_handler(self, handler: Handler) -> None:
        """
        Have *handler* called, too; what waited for one is applied.
        """
        self._handlers.append(handler)
        self._left.clear()

    async def apply_due(self, *, hasten: bool = False) -> int:
        """
        Apply all events that are due; return how many were applied.

        Args:
            hasten: Those that wait for another attempt are due too.

        Raises:
            NotificationError: The place is down.
        """
        applied = 0

        async with self._turn:
            if hasten:
                await self._store.hasten()

            due = await self._store.due(Status.READY, time.time())
            self._left.intersection_update(due)

            for key in due:
                if key not in self._left:
                    applied += await self._apply(key)

        return applied

    async def _apply(self, key: str) -> bool:
        seen: list[NotificationEvent] = []
        attempts = 0
        failed = False

        async def work(stored: StoredEvent, transaction: Transaction) -> Decision:
            nonlocal attempts, failed
            attempts = stored.attempts

            try:
                event = self._read(stored)

                if event is None:
                    return decide_unreadable(stored.number, stored.known)

                seen.append(event)

                return await self._run_handlers(event, stored, transaction)
            except _NoHandlerError:
                raise
            except Exception:
                failed = True

                raise
            except asyncio.CancelledError:
                if is_own_cancellation():
                    raise

                failed = True

                # Something that the handler awaited was cancelled, not the inbox.
                raise RuntimeError("the handler was cancelled from inside") from None

        try:
            decision = await self._store.process(key, work)
        except _NoHandlerError:
            self._leave(key)

            return False
        except Exception as error:
            # The place is down: that is no fault of the event.
            if isinstance(error, NotificationError) and not failed:
                raise

            _log.exception("the handler of a notification failed; it is tried again")
            until = time.time() + pause_after(attempts)
            await self._store.postpone(key, until, f"failed: {type(error).__name__}")

            return False

        if decision is None or decision.status is Status.SAME:
            return False

        if decision.status is not Status.APPLIED:
            self._on_waiting()

            return False

        self._on_applied(seen[0].object_id)

        return True

    def _leave(self, key: str) -> None:
        if not self._left:
            _log.warning(
                "this process has no handler: a notification waits for one that has"
            )

        self._left.add(key)

    async def _run_handlers(
        self, event: NotificationEvent, stored: StoredEvent, transaction: Transaction
    ) -> Decision:
        decision = decide(event, stored.known)

        if decision.status is Status.APPLIED:
            if not self._handlers:
                raise _NoHandlerError

            async with asyncio.timeout(self._handler_timeout):
                for handler in self._handlers:
                    await handler(event, transaction)

        return decision
