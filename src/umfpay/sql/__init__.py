"""
The merchant's own database: tables, engine, transactions (PostgreSQL, MySQL, SQLite).

The one place that knows SQLAlchemy's async engine. What is kept for the inbox, the
journal and the tokens stands here; the rooms that keep it write their own statements.
"""

from umfpay.errors import needs_extra as _needs_extra


with _needs_extra("sql", by="umfpay.sql"):
    from umfpay.sql._database import Database
    from umfpay.sql._dialects import insert, insert_if_absent, insertion, now
    from umfpay.sql._tables import Tables, include_object, metadata
    from umfpay.sql._transaction import Transaction, Work


__all__ = [
    "Database",
    "Tables",
    "Transaction",
    "Work",
    "include_object",
    "insert",
    "insert_if_absent",
    "insertion",
    "metadata",
    "now",
]
