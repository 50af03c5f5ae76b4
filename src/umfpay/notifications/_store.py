"""
`InboxStore`: the protocol that an inbox needs of the place of its events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Protocol

import aiosqlite
import attrs

from umfpay.notifications._decision import Decision, KnownFacts, Status
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import Delivery, NotificationEvent, Origin


# Seconds: no event waits longer for its next attempt, whatever a clock said once.
MAX_PAUSE_SECONDS: Final = 300.0


def pause_after(times: int) -> float:
    """
    Return the seconds before the next attempt: 1, 2, 4 ... 300.
    """
    # 2 to the power of more is longer anyway, and too much for a float in the end.
    return min(2.0 ** min(times, 30), MAX_PAUSE_SECONDS)


@attrs.frozen(kw_only=True)
class StoredEvent:
    """
    An event as bytes, as it is kept, with what is known of its object and order.

    Attributes:
        origin: ``query``: what a signed query said; it has no signature of its own.
        number: The merchant's number that it names.
        received: When it came, in Unix time.
        decision: The last one.
        attempts: How often its handler failed.
        questions: How often the gateway was asked about it.
    """

    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    origin: Origin = "notification"
    number: str | None = None
    received: float = 0.0
    decision: Decision = Decision(Status.READY)
    attempts: int = 0
    questions: int = 0
    known: KnownFacts = KnownFacts()


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

    Each method raises `NotificationError` when the place is down. Times are Unix times.
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

    async def add(self, what: Delivery | NotificationEvent) -> bool:
        """
        Keep *what* as ready; False if it is there already. It is durable afterwards.
        """
        ...

    async def expect(
        self, expected: Expectation | None, binding: Binding | None
    ) -> None:
        """
        Keep both, and make ready what waits for one of that number or id.

        That are events that are held, asked about, unconfirmed or in conflict.
        """
        ...

    async def binding(self, object_id: str) -> Binding | None:
        """
        Return what is bound to that id.
        """
        ...

    async def due(self, status: Status, now: float) -> list[str]:
        """
        Return the keys of events of *status* whose time has come, oldest first.

        One that is due later than the longest pause was stored by another clock: its
        time has come, too.
        """
        ...

    async def find(self, key: str) -> StoredEvent | None:
        """
        Return that event with what is known now.
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

    async def postpone(self, key: str, until: float, reason: str) -> None:
        """
        Count a failed attempt of the handler; the event is not due before *until*.
        """
        ...

    async def hasten(self) -> None:
        """
        Make all ready events and all questions due; unconfirmed ones are asked again.
        """
        ...

    async def claim_question(self, key: str, now: float, until: float) -> bool:
        """
        Count a question about *key*, the next one not before *until*.

        Returns:
            False if another worker has asked meanwhile.
        """
        ...

    async def conclude(self, key: str, decision: Decision) -> None:
        """
        Keep what became of a question, unless the event was decided meanwhile.
        """
        ...

    async def confirm(
        self, key: str, answers: Sequence[NotificationEvent], binding: Binding | None
    ) -> None:
        """
        Put what queries say in the place of event *key*, and bind its id.
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

    async def list_events(self, statuses: Collection[Status]) -> list[StoredEvent]:
        """
        Return the events in one of *statuses*, oldest first; ready ones that failed.
        """
        ...

    async def unreported(self, now: float, *, questions: int) -> list[StoredEvent]:
        """
        Return what nobody was told of: each reason once, daily what is not confirmed.

        That is also what is asked about for a day: perhaps no worker has a session.

        Args:
            questions: What is asked about counts after that many questions.
        """
        ...

    async def mark_reported(self, event: StoredEvent, now: float) -> None:
        """
        Mark that somebody was told of *event*, as it was then.
        """
        ...

    async def dismiss(self, key: str) -> bool:
        """
        Have a person's word that nothing is to be done; False if it does not wait.
        """
        ...

    async def counts(self) -> dict[Status, int]:
        """
        Return how many events there are in each status.
        """
        ...

    async def prune(self, before: float) -> None:
        """
        Remove what was settled and received before that time.
        """
        ...

    async def wait_for_change(self, seconds: float) -> None:
        """
        Return when another process may have applied something, at most after *seconds*.
        """
        ...
