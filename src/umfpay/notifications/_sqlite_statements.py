"""
The tables of a SQLite inbox, and what is asked and written when an event is applied.
"""

from __future__ import annotations

from typing import Final


SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS umf_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    number TEXT,
    state TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    received REAL NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    told INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS umf_events_by_status ON umf_events (status, due);
CREATE INDEX IF NOT EXISTS umf_events_by_number ON umf_events (number);
CREATE INDEX IF NOT EXISTS umf_events_by_object ON umf_events (object_id, status);
CREATE TABLE IF NOT EXISTS umf_objects (
    object_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    number TEXT,
    states TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    applied REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS umf_objects_by_number ON umf_objects (number);
CREATE TABLE IF NOT EXISTS umf_expected (
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    total TEXT NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (kind, number)
);
CREATE TRIGGER IF NOT EXISTS umf_told AFTER INSERT ON umf_expected BEGIN
    UPDATE umf_events SET status = 'ready', due = 0
    WHERE number = NEW.number AND status IN ('held', 'wrong_amount');
END;
"""
EVENT: Final = (
    "SELECT e.key, e.body, e.signature, e.attempts, o.states, e.status, e.reason,"
    " e.state, e.number, p.total, p.currency, r.total, r.currency FROM umf_events e"
    " LEFT JOIN umf_objects o ON o.object_id = e.object_id"
    " LEFT JOIN umf_expected p ON p.number = e.number AND p.kind = 'payment'"
    " LEFT JOIN umf_expected r ON r.number = e.number AND r.kind = 'refund' "
)
# One that came before and is still ready is applied first.
NEXT: Final = (
    "WHERE e.key = ? AND e.status = 'ready' AND NOT EXISTS (SELECT 1 FROM umf_events f"
    " WHERE f.object_id = e.object_id AND f.status = 'ready'"
    " AND f.position < e.position)"
)
# Told once, unless it is another reason.
MARK: Final = (
    "UPDATE umf_events SET status = ?1, reason = ?2, told = told AND reason = ?2"
    " WHERE key = ?3"
)
NEWEST: Final = (
    "INSERT OR REPLACE INTO umf_objects"
    " SELECT object_id, kind, number, ?, key, body, signature, ? FROM umf_events"
    " WHERE key = ?"
)
