"""
A token store in the merchant's own database: PostgreSQL, MySQL, MariaDB, SQLite.
"""

from __future__ import annotations

from typing import Any

from umfpay.errors import needs_extra
from umfpay.sensitive import Secret
from umfpay.tokens._server import ServerTokenStore


class SQLTokenStore(ServerTokenStore):
    """
    The token of one client, for all workers that reach the same database.

    It is a row of ``umf_tokens``; ``umfpay tables create`` makes the table, SQLite its
    own. Of an address a connection is made for each look and closed after it: a token is
    looked for once in its life, and so the store belongs to no event loop and no
    process; only SQLite bears no fork while another thread looks. A database or engine
    that was handed over stays open, and belongs to its loop.

    Args:
        where: What `umfpay.sql.Database` takes: an address, the path of a SQLite file
            or the shop's own engine; or such a database.
        key: What `store_key` returns for the client.

    Raises:
        ConfigError: *where* is none of these.
        MissingExtraError: SQLAlchemy or the driver is not installed.
    """

    def __init__(self, where: Any, *, key: str) -> None:
        # Any: a setting is whatever the user gave. A traceback shows what stands here.
        where = Secret(where) if isinstance(where, str) else where

        # Imported when it is used: sql is an extra.
        with needs_extra("sql", by="SQLTokenStore"):
            from umfpay.tokens._sql_table import TokenTable

        super().__init__(TokenTable(where, key=key), identity=(where, key))
