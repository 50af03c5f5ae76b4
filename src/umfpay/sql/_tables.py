"""
The tables: events, objects, orders, journal, sealed data and tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
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
    make = (_events, _objects, _orders, _journal, _journal_log, _sealed, _tokens)

    return Tables(metadata, *(one(metadata) for one in make))


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


def _document(name: str) -> Column[str]:
    return Column(name, Document(), nullable=False)


def _number(name: str, type_: type[Integer] = Integer) -> Column[int]:
    return Column(name, type_, nullable=False, server_default="0")


def _each(make: Callable[[str], Column[Any]], names: str) -> list[Column[Any]]:
    return [make(name) for name in names.split()]


def _indexes(table: str, columns: str) -> list[Index]:
    """
    Return an index for each of *columns*, between commas; one may be of several.
    """
    several = [one.split() for one in columns.split(",")]

    return [Index(f"{PREFIX}{table}_{one[0]}", "merchant", *one) for one in several]


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
        *_each(_id, "object_id mer_reference_id payment_id"),
        _id("state", 64),
        Column("body", body(), nullable=False),
        _document("signature"),
        *_each(_word, "origin status"),
        *_each(_document, "reason reported_reason"),
        *_each(_number, "attempts questions"),
        # How often it was made ready anew: what was decided by older facts is void.
        _number("version"),
        _moment("received_at"),
        # When it is looked at next; of one that is settled, since when it is.
        *_each(_moment, "due_at reported_at"),
        UniqueConstraint("merchant", "event_key", name="umf_events_once"),
        *_indexes(
            "events", "status due_at, object_id status, mer_reference_id, payment_id"
        ),
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
        *_each(_id, "mer_reference_id payment_id"),
        _id("state", 64),
        Column("states", Document()),
        # The event that was applied last, which outlives its row among the events.
        Column("event_position", BigInteger),
        Column("body", body()),
        Column("signature", Document()),
        _id("origin", 32),
        _moment("applied_at"),
        UniqueConstraint("merchant", "object_id", name="umf_objects_once"),
        *_indexes("objects", "mer_reference_id, payment_id"),
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
        *_indexes("orders", "payment_id"),
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
        _document("intent"),
        Column("known_refunds", Document()),
        _id("refusal_code", 32),
        Column("reason", Document()),
        _id("owner"),
        _moment("lease_until"),
        _number("fence", BigInteger),
        _number("attempts"),
        *_each(_moment, "next_at expires_at created_at updated_at sent_at ended_at"),
        # When the shop's own code was called with the end of it.
        _moment("settled_at"),
        UniqueConstraint("merchant", "open_intent", name="umf_journal_open"),
        *_indexes("journal", "state next_at, intent_id, mer_reference_id, payment_id"),
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
        _document("reason"),
        *_indexes("journal_log", "journal_position"),
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
        _document("document"),
        *_each(_moment, "created_at expires_at"),
        *_indexes("sealed", "expires_at, mer_reference_id"),
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
