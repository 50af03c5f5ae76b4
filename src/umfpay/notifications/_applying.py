"""
Applying what is due: each event's handlers once, in one transaction with its mark.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from umfpay.errors import NotificationError
from umfpay.notifications._deciding import Decision, Status, Unexpected, decide
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._store import InboxStore, StoredEvent, Transaction


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]

# Seconds.
_LONGEST_PAUSE: Final = 300.0
# 2 to the power of more is longer anyway, and too much for a float in the end.
_MOST_DOUBLINGS: Final = 30

_log = logging.getLogger("umfpay")


def is_our_end() -> bool:
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
        on_trouble: Called when an event was not applied for good.
    """

    def __init__(
        self,
        store: InboxStore,
        read: Callable[[StoredEvent], NotificationEvent],
        *,
        unexpected: Unexpected,
        handler_timeout: float,
        on_applied: Callable[[str], None],
        on_trouble: Callable[[], None],
    ) -> None:
        self._store = store
        self._read = read
        self._unexpected: Unexpected = unexpected
        self._handler_timeout = handler_timeout
        self._on_applied = on_applied
        self._on_trouble = on_trouble
        self._turn = asyncio.Lock()
        self.handlers: list[Handler] = []

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

            for key in await self._store.due(time.time()):
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
                seen.append(event)

                return await self._decided(event, stored, transaction)
            except Exception:
                failed = True

                raise
            except asyncio.CancelledError:
                if is_our_end():
                    raise

                failed = True

                # Something that the handler awaited was cancelled, not the inbox.
                raise RuntimeError("the handler was cancelled from inside") from None

        try:
            decision = await self._store.process(key, work)
        except Exception as error:
            # The place is down: that is no fault of the event.
            if isinstance(error, NotificationError) and not failed:
                raise

            _log.exception("the handler of a notification failed; it is tried again")
            pause = min(2.0 ** min(attempts, _MOST_DOUBLINGS), _LONGEST_PAUSE)
            await self._store.postpone(key, time.time() + pause)

            return False

        if decision is None:
            return False

        if decision.status in (Status.CONFLICT, Status.WRONG_AMOUNT):
            self._on_trouble()

        if decision.status is not Status.APPLIED:
            return False

        self._on_applied(seen[0].object_id)

        return True

    async def _decided(
        self, event: NotificationEvent, stored: StoredEvent, transaction: Transaction
    ) -> Decision:
        decision = decide(
            event,
            before=stored.before,
            expected=stored.expected,
            unexpected=self._unexpected,
        )

        if decision.status is Status.APPLIED:
            async with asyncio.timeout(self._handler_timeout):
                for handler in self.handlers:
                    await handler(event, transaction)

        return decision
