"""
The tables: events, objects, orders, journal, sealed data and tokens.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)

from umfpay.sql._types import (
    Document,
    Identifier,
    amount,
    body,
    counter,
    microseconds,
)


PREFIX: Final = "umf_"


@attrs.frozen(eq=False)
class Tables:
    """
    One set of our tables, in one schema.

    Each key contains *merchant*: the SHA-256 of base origin and client_id, so that one
    database serves several merchants and both environments.
    """

    metadata: MetaData
    events: Table
    objects: Table
    orders: Table
    journal: Table
    journal_log: Table
    sealed: Table
    tokens: Table


@functools.cache
def tables(schema: str | None = None) -> Tables:
    """
    Return our tables in *schema*, in the default one if it is None.
    """
    metadata = MetaData(schema=schema)

    return Tables(
        metadata,
        events=_events(metadata),
        objects=_objects(metadata),
        orders=_orders(metadata),
        journal=_journal(metadata),
        journal_log=_journal_log(metadata),
        sealed=_sealed(metadata),
        tokens=_tokens(metadata),
    )


def _table(name: str, metadata: MetaData, *parts: Any) -> Table:
    # Any: columns, indexes and constraints.
    options: dict[str, Any] = {
        f"{dialect}_{option}": value
        for dialect in ("mysql", "mariadb")
        for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
    }

    return Table(PREFIX + name, metadata, *parts, sqlite_autoincrement=True, **options)


def _merchant(*, primary_key: bool = False) -> Column[str]:
    return Column("merchant", Identifier(64), primary_key=primary_key, nullable=False)


def _id(name: str, length: int = 128, **options: Any) -> Column[str]:
    return Column(name, Identifier(length), **options)


def _word(name: str, **options: Any) -> Column[str]:
    return Column(name, Identifier(32), nullable=False, **options)


def _moment(name: str) -> Column[int]:
    return Column(name, microseconds())


def _number(name: str, type_: type[Integer] = Integer) -> Column[int]:
    return Column(name, type_, nullable=False, server_default="0")


def _index(table: str, *columns: str) -> Index:
    return Index(f"{PREFIX}{table}_{columns[0]}", "merchant", *columns)


def _position() -> Column[int]:
    return Column("position", counter(), primary_key=True, autoincrement=True)


def _events(metadata: MetaData) -> Table:
    """
    What the gateway said, in the order in which it came: notifications and queries.
    """
    return _table(
        "events",
        metadata,
        _position(),
        _merchant(),
        _id("event_key", nullable=False),
        _id("kind", 32),
        _id("object_id"),
        _id("mer_reference_id"),
        _id("payment_id"),
        _id("state", 64),
        Column("body", body(), nullable=False),
        Column("signature", Document(), nullable=False),
        _word("origin"),
        _word("status"),
        Column("reason", Document(), nullable=False),
        Column("reported_reason", Document(), nullable=False),
        _number("attempts"),
        _number("questions"),
        # How often it was made ready anew: what was decided by older facts is void.
        _number("version"),
        _moment("received_at"),
        # When it is looked at next; of one that is settled, since when it is.
        _moment("due_at"),
        _moment("reported_at"),
        UniqueConstraint("merchant", "event_key", name="umf_events_once"),
        _index("events", "status", "due_at"),
        _index("events", "object_id", "status"),
        _index("events", "mer_reference_id"),
        _index("events", "payment_id"),
    )


def _objects(metadata: MetaData) -> Table:
    """
    Payments, refunds and declarations that are the shop's own, and what was applied last.

    The row is what a worker locks while it applies an event of the object.
    """
    return _table(
        "objects",
        metadata,
        _position(),
        _merchant(),
        _id("object_id", nullable=False),
        _word("kind"),
        _id("mer_reference_id"),
        _id("payment_id"),
        _id("state", 64),
        Column("states", Document()),
        # The event that was applied last, which outlives its row among the events.
        Column("event_position", BigInteger),
        Column("body", body()),
        Column("signature", Document()),
        _id("origin", 32),
        _moment("applied_at"),
        UniqueConstraint("merchant", "object_id", name="umf_objects_once"),
        _index("objects", "mer_reference_id"),
        _index("objects", "payment_id"),
    )


def _orders(metadata: MetaData) -> Table:
    """
    What the shop expects: orders and refunds with their amounts.
    """
    return _table(
        "orders",
        metadata,
        _merchant(primary_key=True),
        _word("kind", primary_key=True),
        _id("mer_reference_id", primary_key=True),
        Column("total", amount(), nullable=False),
        _word("currency"),
        _id("mer_date", 10),
        _id("payment_id"),
        _moment("created_at"),
        _index("orders", "payment_id"),
    )


def _journal(metadata: MetaData) -> Table:
    """
    Money calls, written down before they are sent.

    *open_intent* is the intent while it is taken and NULL afterwards, since MySQL knows
    no index over some of the rows.
    """
    return _table(
        "journal",
        metadata,
        _position(),
        _merchant(),
        _id("intent_id", 191, nullable=False),
        _id("open_intent", 191),
        _word("state"),
        _id("outcome", 32),
        _id("decided_by", 32),
        _id("call", 64, nullable=False),
        _word("effect"),
        _id("mer_reference_id"),
        _id("mer_date", 10),
        _id("payment_id"),
        # Of the refund, order or declaration that the answer named.
        _id("object_id"),
        _id("object_state", 64),
        Column("amount", amount()),
        _id("currency", 32),
        Column("intent", Document(), nullable=False),
        Column("known_refunds", Document()),
        _id("refusal_code", 32),
        Column("reason", Document()),
        _id("owner"),
        _moment("lease_until"),
        _number("fence", BigInteger),
        _number("attempts"),
        _moment("next_at"),
        _moment("expires_at"),
        _moment("created_at"),
        _moment("updated_at"),
        _moment("sent_at"),
        _moment("ended_at"),
        # When the shop's own code was called with the end of it.
        _moment("settled_at"),
        UniqueConstraint("merchant", "open_intent", name="umf_journal_open"),
        _index("journal", "state", "next_at"),
        _index("journal", "intent_id"),
        _index("journal", "mer_reference_id"),
        _index("journal", "payment_id"),
    )


def _journal_log(metadata: MetaData) -> Table:
    """
    Who changed a row of the journal by hand, when and why.
    """
    return _table(
        "journal_log",
        metadata,
        _position(),
        _merchant(),
        Column("journal_position", BigInteger, nullable=False),
        _moment("at"),
        _id("who", nullable=False),
        _word("action"),
        Column("reason", Document(), nullable=False),
        _index("journal_log", "journal_position"),
    )


def _sealed(metadata: MetaData) -> Table:
    """
    Data that only the gateway can read, kept until the payment has ended.
    """
    return _table(
        "sealed",
        metadata,
        _merchant(primary_key=True),
        _id("payment_id", primary_key=True),
        _id("mer_reference_id"),
        Column("document", Document(), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        _index("sealed", "expires_at"),
        _index("sealed", "mer_reference_id"),
    )


def _tokens(metadata: MetaData) -> Table:
    """
    The access token of each merchant, and who may fetch the next one.
    """
    return _table(
        "tokens",
        metadata,
        _merchant(primary_key=True),
        _number("generation", BigInteger),
        # As `TokenRecord.to_json` writes it: with the token in clear, as in Redis.
        Column("record", Document()),
        _number("refused"),
        _moment("not_after"),
        _id("fetched_by", 255),
        # Who fetches the next one, until when.
        _id("owner"),
        _moment("lease_until"),
    )
