"""
What an inbox needs of the place where events are kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import aiosqlite
import attrs

from umfpay.notifications._deciding import Decision
from umfpay.notifications._expectations import Expectation
from umfpay.notifications._receiver import NotificationEvent


@attrs.frozen(kw_only=True)
class StoredEvent:
    """
    An event as bytes, as it is kept, with what is known of its order.

    Args:
        attempts: How often its handler failed.
        before: The states of its object that were applied, the last one last.
        expected: What the shop told of its number, of each kind.
    """

    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    attempts: int
    before: tuple[str, ...] = ()
    expected: tuple[Expectation, ...] = ()


@attrs.frozen
class Transaction:
    """
    What a handler writes with: it is committed together with the mark "applied".

    Attributes:
        connection: The `aiosqlite.Connection` of the inbox, inside a transaction.
    """

    connection: aiosqlite.Connection


# Decides, and calls the handler if the event is to be applied.
Work = Callable[[StoredEvent, Transaction], Awaitable[Decision]]


class InboxStore(Protocol):
    """
    Events, expectations and the last applied state of objects; durable.

    Each method raises `NotificationError` when the place is down.
    """

    async def open(self) -> None:
        """
        Connect; make what is missing.
        """
        ...

    async def aclose(self) -> None:
        """
        Disconnect.
        """
        ...

    async def add(self, event: NotificationEvent) -> bool:
        """
        Keep *event* as ready; False if it is there already. It is durable afterwards.
        """
        ...

    async def expect(self, expected: Expectation) -> None:
        """
        Keep an expectation, and make ready what waits for one of its number.

        That are events that are held, and those whose amount was wrong.
        """
        ...

    async def due(self, now: float) -> list[str]:
        """
        Return the keys of ready events whose time has come, in the order they came.
        """
        ...

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* once, and commit what it wrote together with its decision.

        Returns:
            None if the event is not ready any more, is being processed elsewhere, or
            came after one of the same object that is still ready.

        Raises:
            Exception: What *work* raised; nothing was committed.
        """
        ...

    async def postpone(self, key: str, until: float) -> None:
        """
        Count a failed attempt; the event is not due before *until* (Unix time).
        """
        ...

    async def hasten(self) -> None:
        """
        Make all ready events due.
        """
        ...

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last to that object or number.

        Of a number that an order and a refund have: the payment's.
        """
        ...

    async def troubles(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return conflicts and wrong amounts, the oldest first.
        """
        ...

    async def untold(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return the troubles that nobody was told of yet, the oldest first.
        """
        ...

    async def told(self, key: str) -> None:
        """
        Mark a trouble as told.
        """
        ...

    async def prune(self, before: float) -> None:
        """
        Remove what was settled and received before that Unix time.
        """
        ...

    async def changed(self, seconds: float) -> None:
        """
        Return when another process may have applied something, at most after *seconds*.
        """
        ...
