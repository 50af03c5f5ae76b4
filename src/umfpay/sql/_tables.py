"""
The tables: events, objects, orders, journal, sealed data and tokens.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.schema import CreateSchema

from umfpay.sql._dialects import MYSQL_NAMES, Document, Identifier


PREFIX: Final = "umf_"

# Two processes that make tables at the same time: one of them fails.
_POSTGRESQL_LOCK: Final = "SELECT pg_advisory_xact_lock(8507017)"
_MYSQL_LOCK: Final = "SELECT GET_LOCK('umfpay tables', 10)"
_MYSQL_UNLOCK: Final = "SELECT RELEASE_LOCK('umfpay tables')"

_ID: Final = Identifier(128)
_WORD: Final = Identifier(32)
# An intent has as many characters as an index of MySQL takes; a `Decimal` is written out,
# so that no digit of it is lost.
_INTENT, _AMOUNT = Identifier(191), Identifier(64)
_BODY: Final = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL_NAMES)
_COUNTER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEEDED: Final = {"nullable": False}
_ZERO: Final = {"nullable": False, "server_default": "0"}
_KEY: Final = {"primary_key": True}
_OPTIONS: Final[dict[str, Any]] = {
    "sqlite_autoincrement": True,
    **{
        f"{dialect}_{option}": value
        for dialect in MYSQL_NAMES
        for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
    },
}
# The tables as `tables()` copies them into a schema.
_TEMPLATES: Final = sa.MetaData()


@attrs.frozen(eq=False)
class Tables:
    """
    One set of our tables, in one schema.

    Each key contains *merchant*: the SHA-256 of base origin and client_id, so that one
    database serves several merchants and both environments.
    """

    metadata: sa.MetaData
    events: sa.Table
    objects: sa.Table
    orders: sa.Table
    journal: sa.Table
    sealed: sa.Table
    tokens: sa.Table


@functools.cache
def tables(schema: str | None = None) -> Tables:
    """
    Return our tables in *schema*, in the default one if it is None.
    """
    metadata = sa.MetaData(schema=schema)
    templates = _TEMPLATES.tables.values()

    return Tables(metadata, *(one.to_metadata(metadata) for one in templates))


def _columns(names: str, type_: Any, **options: Any) -> list[sa.Column[Any]]:
    # Any: a type, and what a `Column` takes.
    return [sa.Column(name, type_, **options) for name in names.split()]


def _table(
    name: str,
    *columns: list[sa.Column[Any]],
    is_counted: bool = True,
    once: str | None = None,
    indexes: str = "",
) -> None:
    """
    Add a table whose rows belong to merchants.

    Args:
        is_counted: Whether a number is its key; else merchant and the key of *columns*.
        once: What each merchant has once.
        indexes: The columns of each, between commas.
    """
    parts: list[Any] = [
        sa.Column(
            "merchant", Identifier(64), primary_key=not is_counted, nullable=False
        ),
        *(column for some in columns for column in some),
    ]

    if is_counted:
        parts.insert(0, sa.Column("position", _COUNTER, primary_key=True))

    if once is not None:
        parts.append(sa.UniqueConstraint("merchant", once, name=f"{PREFIX}{name}_once"))

    for some in filter(None, indexes.split(",")):
        first, *more = some.split()
        parts.append(sa.Index(f"{PREFIX}{name}_{first}", "merchant", first, *more))

    sa.Table(PREFIX + name, _TEMPLATES, *parts, **_OPTIONS)


# What the gateway said, in the order in which it came: notifications and queries.
_table(
    "events",
    _columns("event_key", _ID, **_NEEDED),
    _columns("kind", _WORD),
    _columns("object_id mer_reference_id payment_id", _ID),
    _columns("state", Identifier(64)),
    _columns("body", _BODY, **_NEEDED),
    _columns("signature reason", Document, **_NEEDED),
    _columns("origin status", _WORD, **_NEEDED),
    # *version*: how often it was made ready anew; what was decided by older facts is void.
    _columns("attempts questions version", sa.Integer, **_ZERO),
    # *due_at*: when it is looked at next; of one that is settled, since when it is.
    _columns("received_at due_at", sa.BigInteger),
    once="event_key",
    indexes="status due_at, object_id status, mer_reference_id, payment_id",
)
# Payments, refunds and declarations that are the shop's own, and what was applied last.
# The row is what a worker locks while it applies an event of the object.
_table(
    "objects",
    _columns("object_id", _ID, **_NEEDED),
    _columns("kind", _WORD, **_NEEDED),
    _columns("mer_reference_id payment_id", _ID),
    _columns("state", Identifier(64)),
    _columns("states signature", Document),
    # The event that was applied last, which outlives its row among the events.
    _columns("event_position applied_at", sa.BigInteger),
    _columns("body", _BODY),
    _columns("origin", _WORD),
    once="object_id",
    indexes="mer_reference_id, payment_id",
)
# What the shop expects: orders and refunds with their amounts.
_table(
    "orders",
    _columns("kind", _WORD, **_KEY),
    _columns("mer_reference_id", _ID, **_KEY),
    _columns("total", _AMOUNT, **_NEEDED),
    _columns("currency", _WORD, **_NEEDED),
    _columns("mer_date", Identifier(10)),
    _columns("payment_id", _ID),
    is_counted=False,
    indexes="payment_id",
)
# Money calls, written down before they are sent. *open_intent* is the intent while it is
# taken and NULL afterwards, since MySQL knows no index over some of the rows.
_table(
    "journal",
    _columns("intent_id", _INTENT, **_NEEDED),
    _columns("open_intent", _INTENT),
    _columns("state effect", _WORD, **_NEEDED),
    _columns("outcome decided_by currency refusal_code", _WORD),
    _columns("call", Identifier(64), **_NEEDED),
    # *object_id*: of the refund, order or declaration that the answer named.
    _columns("mer_reference_id payment_id object_id owner", _ID),
    _columns("object_state", Identifier(64)),
    _columns("amount", _AMOUNT),
    _columns("intent", Document, **_NEEDED),
    # *decisions*: what persons said of it: a line for when, who, what and why.
    _columns("known_refunds reason decisions", Document),
    _columns("fence", sa.BigInteger, **_ZERO),
    _columns("attempts", sa.Integer, **_ZERO),
    # *settled_at*: when the shop's own code was called with the end of it.
    _columns("lease_until next_at expires_at created_at updated_at", sa.BigInteger),
    _columns("sent_at ended_at settled_at", sa.BigInteger),
    once="open_intent",
    indexes="state next_at, intent_id, mer_reference_id, payment_id",
)
# Data that only the gateway can read, kept until the payment has ended.
_table(
    "sealed",
    _columns("payment_id", _ID, **_KEY),
    _columns("mer_reference_id", _ID),
    _columns("document", Document, **_NEEDED),
    _columns("created_at expires_at", sa.BigInteger),
    is_counted=False,
    indexes="expires_at, mer_reference_id",
)
# The access token of each merchant, and who may fetch the next one.
_table(
    "tokens",
    _columns("generation", sa.BigInteger, **_ZERO),
    # As `TokenRecord.to_json` writes it: with the token in clear, as in Redis.
    _columns("record", Document),
    _columns("refused", sa.Integer, **_ZERO),
    _columns("fetched_by", Identifier(255)),
    _columns("owner", _ID),
    _columns("not_after lease_until", sa.BigInteger),
    is_counted=False,
)


def create(connection: sa.Connection, wanted: Tables) -> None:
    """
    Make the tables that are missing, and their schema.
    """
    metadata, is_mysql = wanted.metadata, connection.dialect.name in MYSQL_NAMES

    if is_mysql:
        connection.execute(sa.text(_MYSQL_LOCK))
    elif connection.dialect.name == "postgresql":
        connection.execute(sa.text(_POSTGRESQL_LOCK))

    try:
        if metadata.schema is not None:
            connection.execute(CreateSchema(metadata.schema, if_not_exists=True))

        metadata.create_all(connection)
    finally:
        if is_mysql:
            connection.execute(sa.text(_MYSQL_UNLOCK))


def differences(connection: sa.Connection, wanted: Tables) -> list[str]:
    """
    Return what is missing or too much, as ``table`` or ``table.column``, sorted.
    """
    inspector = sa.inspect(connection)
    found = []

    for table in wanted.metadata.tables.values():
        try:
            columns = inspector.get_columns(table.name, schema=table.schema)
        except NoSuchTableError:
            found.append(table.name)
        else:
            names = {column["name"] for column in columns} ^ {*table.columns.keys()}
            found += [f"{table.name}.{name}" for name in names]

    return sorted(found)


def metadata(schema: str | None = None) -> sa.MetaData:
    """
    Return the tables of umfpay, for the ``target_metadata`` of Alembic.
    """
    return tables(schema).metadata


def include_object(thing: Any, name: str | None, kind: str, *_more: Any) -> bool:
    """
    Keep Alembic's autogenerate from dropping the tables of umfpay.

    For ``context.configure(include_object=...)`` of a shop that makes these tables by
    ``umfpay tables create`` and leaves them out of its own ``target_metadata``. Any: as
    Alembic calls it.
    """
    if kind != "table":
        name = getattr(getattr(thing, "table", None), "name", None)

    return not (name or "").startswith(PREFIX)
