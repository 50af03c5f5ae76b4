"""
SQL of the SQLite inbox: tables and statements.
"""

from __future__ import annotations

from typing import Final


SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS umf_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT,
    object_id TEXT,
    number TEXT,
    payment_id TEXT,
    state TEXT,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    origin TEXT NOT NULL,
    received REAL NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    reported REAL NOT NULL DEFAULT 0,
    reported_reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    questions INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS umf_events_by_status ON umf_events (status, due);
CREATE INDEX IF NOT EXISTS umf_events_by_number ON umf_events (number);
CREATE INDEX IF NOT EXISTS umf_events_by_object ON umf_events (object_id, status);
CREATE TABLE IF NOT EXISTS umf_objects (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    number TEXT,
    states TEXT NOT NULL,
    state TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    origin TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS umf_objects_by_number ON umf_objects (number);
CREATE TABLE IF NOT EXISTS umf_expected (
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    total TEXT NOT NULL,
    currency TEXT NOT NULL,
    mer_date TEXT,
    payment_id TEXT,
    PRIMARY KEY (kind, number)
);
CREATE TABLE IF NOT EXISTS umf_bound (
    object_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    number TEXT,
    payment_id TEXT
);
CREATE INDEX IF NOT EXISTS umf_bound_by_number ON umf_bound (number);
"""
SELECT_EVENT: Final = (
    "SELECT key, body, signature, origin, number, received, status, reason, attempts,"
    " questions, kind, object_id, payment_id FROM umf_events e "
)
# One that came before and is still ready is applied first.
NEXT_CONDITION: Final = (
    "WHERE e.key = ? AND e.status = 'ready' AND NOT EXISTS (SELECT 1 FROM umf_events f"
    " WHERE f.object_id = e.object_id AND f.status = 'ready'"
    " AND f.position < e.position)"
)
INSERT_EVENT: Final = (
    "INSERT INTO umf_events (key, kind, object_id, number, payment_id, state, body,"
    " signature, origin, received, status)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ready')"
    " ON CONFLICT (key) DO NOTHING"
)
# What is known stays known: who tells it again may tell less.
UPSERT_EXPECTATION: Final = (
    "INSERT INTO umf_expected VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, number)"
    " DO UPDATE SET total = excluded.total, currency = excluded.currency,"
    " mer_date = coalesce(excluded.mer_date, mer_date),"
    " payment_id = coalesce(excluded.payment_id, payment_id)"
)
UPSERT_BINDING: Final = (
    "INSERT INTO umf_bound VALUES (?, ?, ?, ?) ON CONFLICT (object_id) DO UPDATE SET"
    " number = coalesce(excluded.number, number),"
    " payment_id = coalesce(excluded.payment_id, payment_id)"
)
RELEASE_WAITING: Final = (
    "UPDATE umf_events SET status = 'ready', due = 0"
    " WHERE (number = ? OR object_id = ? OR payment_id = ?)"
    " AND status IN ('held', 'asking', 'unconfirmed', 'conflict', 'wrong_amount')"
)
UPDATE_STATUS: Final = (
    "UPDATE umf_events SET status = ?, reason = ?, due = ? WHERE key = ?"
)
# The newest has the highest position: a clock may be set back.
REPLACE_NEWEST: Final = (
    "INSERT OR REPLACE INTO umf_objects"
    " (object_id, kind, number, states, state, key, body, signature, origin)"
    " SELECT object_id, kind, ?, ?, state, key, body, signature, origin"
    " FROM umf_events WHERE key = ?"
)
SELECT_PAID_BY: Final = (
    "SELECT object_id FROM umf_objects WHERE kind = 'payment' AND number = ?"
    " AND object_id IS NOT ? AND state = 'TRADE_SUCCESS' LIMIT 1"
)
# Told once, unless it is another reason. What a question brings is none.
_REASON_TO_REPORT: Final = (
    "CASE WHEN status IN ('asking', 'unconfirmed') THEN 'asking'"
    " ELSE status || ' ' || reason END"
)
UNREPORTED_CONDITION: Final = (
    f"WHERE (e.status IN ('held', 'conflict', 'wrong_amount') AND e.reported_reason != {_REASON_TO_REPORT})"
    f" OR (e.status = 'asking' AND e.reported_reason != {_REASON_TO_REPORT} AND e.questions >= ?)"
    f" OR (e.status = 'unconfirmed' AND e.reported_reason != {_REASON_TO_REPORT})"
    f" OR (e.status IN ('asking', 'unconfirmed') AND e.reported_reason = {_REASON_TO_REPORT}"
    " AND (e.reported < ? OR e.reported > ?)) ORDER BY e.position"
)
# What was told, as it was read then: it may have been decided anew meanwhile.
UPDATE_REPORTED: Final = (
    f"UPDATE umf_events SET reported = ?, reported_reason = (SELECT {_REASON_TO_REPORT}"  # noqa: S608 (ours)
    " FROM (SELECT ? AS status, ? AS reason)) WHERE key = ?"
)
TABLE_NAMES: Final = ("umf_events", "umf_objects", "umf_expected", "umf_bound")
SELECT_COLUMNS: Final = "SELECT name FROM pragma_table_info(?) ORDER BY name"
