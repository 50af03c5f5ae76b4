"""
`CallJournal`: where a write is written down before it leaves, and how it ended.

The pipeline and the session know no more of `umfpay.journal` than this.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from umfpay.errors import Intent


if TYPE_CHECKING:
    from umfpay.transport._call import Call
    from umfpay.transport._outcome import CallVerdict


class CallRecord(Protocol):
    """
    The row of one call.
    """

    async def write(self, *, deadline: float) -> None:
        """
        Commit the row, unless that was done; the call may be sent when this returns.

        Args:
            deadline: Of the call, in the running loop's time.

        Raises:
            DuplicateIntentError: The same intent is open, or was carried out.
            JournalError: It cannot be written down, or its lease is over.
            TimeoutError: The deadline has passed.
        """
        ...

    def is_valid(self) -> bool:
        """
        Tell whether the call may still be sent: the row is written, and leased.
        """
        ...

    def named(self, intent: Intent) -> Intent:
        """
        Return *intent* with the row in its details.
        """
        ...

    def end(self, call_verdict: CallVerdict, result: object, intent: Intent) -> None:
        """
        Have the end of the call written; nobody waits for that.

        Args:
            result: What a good answer gave.
            intent: Of the call, as it is known at its end.
        """
        ...


class CardStore(Protocol):
    """
    What half-made card payments need, sealed, until they have ended.
    """

    async def keep(
        self,
        payment_id: str,
        document: str,
        *,
        mer_reference_id: str,
        expires_at: datetime,
    ) -> None:
        """
        Keep what a payment needs, until its end or *expires_at*.

        Raises:
            DatabaseError: It cannot be kept.
        """
        ...

    async def find(self, payment_id: str) -> str | None:
        """
        Return what is kept of a payment, None if nothing is, or no more.
        """
        ...


class CallJournal(Protocol):
    """
    Where the calls of one merchant are written down: `umfpay.journal.Journal`.
    """

    @property
    def sealed(self) -> CardStore:
        """
        What is kept of card payments.
        """
        ...

    def attach(self, *, base_url: str, client_id: str) -> None:
        """
        Learn whose calls they are.

        Raises:
            ConfigError: It is another merchant's already.
        """
        ...

    def record(
        self, call: Call[Any], *, intent_id: str | None, take_over: bool
    ) -> CallRecord:
        """
        Return the record of *call*, which is not written yet.

        Args:
            intent_id: What the shop wants by it, in its own words.
            take_over: Go on with the row of the same intent if its end is not known.
        """
        ...

    def resolved(self, intent: Intent, *, outcome: str, evidence: str) -> None:
        """
        Have it written what became of *intent*.

        Args:
            outcome: ``executed``, ``not_executed`` or ``refused``.
            evidence: What says so.
        """
        ...
