"""
A token store in the merchant's own database: PostgreSQL, MySQL, MariaDB, SQLite.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from umfpay.errors import Text, TokenStoreError, needs_extra
from umfpay.sensitive import Secret, shows_itself_half_made
from umfpay.tokens._document import parse_record
from umfpay.tokens._lease import Lease
from umfpay.tokens._record import TokenRecord


@shows_itself_half_made
class SQLTokenStore:
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

        self._where = where
        self._key = key
        self._table = TokenTable(where, key=key)

    def __repr__(self) -> str:
        return f"SQLTokenStore({self._table.shown!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SQLTokenStore):
            return NotImplemented

        return (self._where, self._key) == (other._where, other._key)

    def __hash__(self) -> int:
        return hash((SQLTokenStore, self._table.shown, self._key))

    async def load(self) -> TokenRecord | None:
        """
        Return the record; see `TokenStore.load`.

        Raises:
            TokenStoreError: The database cannot be used, or holds something else.
        """
        async with self._table.connect() as row:
            stored = await row.load()

        if stored is None:
            return None

        record = parse_record(stored[0], refused=stored[1])
        # A traceback shows what stands in this frame.
        del stored

        if record is None:
            shown = self._table.shown

            raise TokenStoreError(
                f"The row {self._key} of umf_tokens in {shown} holds no token of this"
                " version of umfpay.",
                f"{shown} 中 umf_tokens 的行 {self._key} 不是此版本 umfpay 的令牌。",
                advice=Text(
                    "Delete the row: a token that is lost is fetched again.",
                    "请删除该行：丢失的令牌会重新获取。",
                ),
            )

        return record

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: The database cannot be used.
        """
        async with self._table.connect() as row:
            return await row.save(record)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: The database cannot be used.
        """
        async with self._table.connect() as row:
            await row.refuse(generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold a lease by the database's clock; see `TokenStore.refreshing`.
        """
        return Lease(self._table, lease)
