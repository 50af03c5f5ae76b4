"""
`JournalEntry`: one row of the journal, and the words of its columns.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import attrs

from umfpay.errors import DuplicateIntentError, Intent
from umfpay.protocol import dump_json, parse_json
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
    What became of a call; `UNKNOWN` of one that nobody can ask about.
    """

    EXECUTED = "executed"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"


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


_COLUMNS: Final = frozenset(field.name for field in attrs.fields(JournalEntry))


def moment_of(value: int) -> datetime:
    """
    Return what the tables hold as microseconds.
    """
    return _EPOCH + value * MICROSECOND


def microseconds_of(moment: datetime) -> int:
    """
    Return *moment* as the tables hold it.
    """
    return (moment - _EPOCH) // MICROSECOND


def write_intent(intent: Intent) -> str:
    """
    Return *intent* as JSON.
    """
    value = {
        **attrs.asdict(intent, recurse=False),
        "at": intent.at.isoformat(),
        "amount": None if intent.amount is None else str(intent.amount),
        "details": dict(intent.details),
    }
    # It means nothing in another process.
    del value["started"]

    return dump_json(value).decode()


def read_intent(text: str) -> Intent:
    """
    Read what `write_intent()` wrote.
    """
    # Any: JSON.
    value: dict[str, Any] = dict(parse_json(text.encode()))
    amount = value["amount"]

    return Intent(
        **{
            **value,
            "at": datetime.fromisoformat(value["at"]),
            "amount": None if amount is None else Decimal(amount),
        }
    )


def _read_ids(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Of the columns whose value is not the entry's own; an empty one is None.
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "state": JournalState,
    "outcome": JournalOutcome,
    "decided_by": Decider,
    "amount": Decimal,
    "intent": lambda text: read_intent(text) if text else None,
    "known_refunds": _read_ids,
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
    values: dict[str, Any] = {}

    for name, value in row._mapping.items():
        if name in _COLUMNS:
            read = _READERS.get(name)
            values[name] = value if read is None or value is None else read(value)

    return JournalEntry(
        **values,
        is_taken=row.open_intent is not None,
        age=max(timedelta(), (now - row.created_at) * MICROSECOND),
        needs_person=row.state == JournalState.UNKNOWN and row.next_at is None,
    )


_NAMES: Final = ("intent_id", "payment_id", "mer_reference_id", "object_id")


def duplicate_error(holder: JournalEntry, *, name: str) -> DuplicateIntentError:
    """
    Return the error for an intent that *holder* has; *name* is what asks for it again.
    """
    end = holder.outcome or holder.state
    zh = {"executed": "已执行", "unknown": "结果未知"}.get(end, "进行中")

    return DuplicateIntentError(
        f"{name} is not sent: the intent {holder.intent_id!r} is {end} in row"
        f" {holder.position}, written at {holder.created_at:%Y-%m-%d %H:%M:%S} UTC.",
        f"{name} 未发送：意图 {holder.intent_id!r} 已在第 {holder.position} 行"
        f"（{zh}），写入时间 {holder.created_at:%Y-%m-%d %H:%M:%S} UTC。",
        row=holder.position,
        state=str(holder.state),
        outcome=None if holder.outcome is None else str(holder.outcome),
        at=holder.created_at,
        **{name: getattr(holder, name) for name in _NAMES},
        money_may_have_moved=holder.moves_money,
    )
