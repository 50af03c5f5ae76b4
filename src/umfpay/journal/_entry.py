"""
`JournalEntry`: one row of the journal, and the words of its columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import attrs

from umfpay.errors import DuplicateIntentError, Intent
from umfpay.transport import Effect


class JournalState(StrEnum):
    """
    How far a call is known to have come.
    """

    RECORDED = "recorded"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ENDED = "ended"


class JournalOutcome(StrEnum):
    """
    What became of a call; `UNKNOWN` of one that nobody can ask about, `FORGOTTEN` of one
    whose intent a person has given back.
    """

    EXECUTED = "executed"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"
    FORGOTTEN = "forgotten"


class Decider(StrEnum):
    """
    What says so.
    """

    ANSWER = "answer"
    QUERY = "query"
    NOTIFICATION = "notification"
    TRANSACTIONS = "transactions"
    PERSON = "person"


_EPOCH: Final = datetime.fromtimestamp(0, UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def moment_of(value: int) -> datetime:
    """
    Return what the tables hold as microseconds.
    """
    return _EPOCH + value * MICROSECOND


@attrs.frozen(kw_only=True)
class JournalEntry:
    """
    A call that was written down.

    Args:
        position: Number of the row.
        intent_id: What the shop wanted, in its words or in ours; "" if it has none.
        is_taken: Whether another call with this intent is refused.
        age: Time since it was written down, by the database's clock.
        intent: What the gateway is asked about.
        fence: Of the one who may change the row.
        needs_person: Nobody asks the gateway about it any more.
        is_due: Whether the pause since it was asked about is over.
        decisions: What persons said of it: when, who, what and why.
    """

    position: int
    intent_id: str
    is_taken: bool
    state: JournalState
    outcome: JournalOutcome | None
    decided_by: Decider | None
    call: str
    effect: str
    mer_reference_id: str | None
    payment_id: str | None
    object_id: str | None
    object_state: str | None
    amount: Decimal | None
    currency: str | None
    refusal_code: str | None
    reason: str | None
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime | None
    age: timedelta
    needs_person: bool
    is_due: bool
    decisions: tuple[str, ...] | None
    intent: Intent | None = attrs.field(default=None, repr=False)
    known_refunds: tuple[str, ...] | None = None
    fence: int = attrs.field(default=0, repr=False)

    @property
    def moves_money(self) -> bool:
        """
        Whether money may move by the call.
        """
        return self.effect == Effect.MONEY

    @property
    def is_alarming(self) -> bool:
        """
        Whether it moves money and is open though its caller is gone or does not know.
        """
        return self.moves_money and self.state is JournalState.UNKNOWN


def microseconds_of(moment: datetime) -> int:
    """
    Return *moment* as the tables hold it.
    """
    return (moment - _EPOCH) // MICROSECOND


def write_intent(intent: Intent) -> str:
    """
    Return *intent* as JSON.
    """
    value = attrs.asdict(intent, recurse=False)
    # It means nothing in another process.
    del value["started"]

    return json.dumps({**value, "details": {**intent.details}}, default=str)


def read_intent(text: str) -> Intent:
    """
    Read what `write_intent()` wrote.
    """
    # Any: JSON.
    value: dict[str, Any] = json.loads(text)
    at, amount = datetime.fromisoformat(value["at"]), value["amount"]

    return Intent(**{**value, "at": at, "amount": amount and Decimal(amount)})


_COLUMNS: Final = frozenset(field.name for field in attrs.fields(JournalEntry))
# Of the columns whose value is not the entry's own.
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "state": JournalState,
    "outcome": JournalOutcome,
    "decided_by": Decider,
    "amount": Decimal,
    "intent": lambda text: read_intent(text) if text else None,
    "known_refunds": lambda text: tuple(text.split()),
    "decisions": lambda text: tuple(text.splitlines()),
    **dict.fromkeys(
        ("created_at", "sent_at", "ended_at", "settled_at", "expires_at"), moment_of
    ),
}


def entry_of(row: Any, now: int) -> JournalEntry:
    """
    Return the entry of *row*, a row of the table with all its columns.

    Args:
        now: The database's clock.
    """
    # Any: as the columns are.
    values: dict[str, Any] = {
        name: _READERS[name](value) if name in _READERS and value is not None else value
        for name, value in row._mapping.items()
        if name in _COLUMNS
    }

    return JournalEntry(
        **values,
        is_taken=row.open_intent is not None,
        age=max(timedelta(), (now - row.created_at) * MICROSECOND),
        needs_person=row.state == JournalState.UNKNOWN and row.next_at is None,
        is_due=row.next_at is None or row.next_at <= now,
    )


def duplicate_error(first: JournalEntry, *, name: str) -> DuplicateIntentError:
    """
    Return the error for an intent that *first* has; *name* is what asks for it again.
    """
    end = first.outcome or first.state
    zh = {"executed": "已执行", "unknown": "结果未知"}.get(end, "进行中")
    at = f"{first.created_at:%Y-%m-%d %H:%M:%S} UTC"

    return DuplicateIntentError(
        f"{name} is not sent: the intent {first.intent_id!r} is {end} in row"
        f" {first.position}, written at {at}.",
        f"{name} 未发送：意图 {first.intent_id!r} 已在第 {first.position} 行（{zh}），"
        f"写入时间 {at}。",
        first=first,
        money_may_have_moved=first.moves_money,
    )
