"""
What a handler writes with, and what it must not do to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from umfpay.errors import NotificationError, Text


# What ends a transaction; MySQL commits before it makes or changes tables.
_ENDS: Final = re.compile(
    r"\s*(?:COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|ROLLBACK(?!\s+(?:WORK\s+)?TO\b))\b",
    re.IGNORECASE,
)
_ENDS_MYSQL: Final = re.compile(
    r"\s*(?:CREATE|ALTER|DROP|RENAME|TRUNCATE|LOCK\s+TABLES?|UNLOCK\s+TABLES?)\b"
    r"(?!\s+TEMPORARY\b)",
    re.IGNORECASE,
)


class Transaction:
    """
    What a handler writes with: it is committed together with the mark "applied".

    Attributes:
        connection: The `AsyncConnection`, inside its transaction. A handler neither
            commits nor rolls back nor closes it; `begin_nested()` is a savepoint.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._sessions: list[AsyncSession] = []

    def session(self, **options: Any) -> AsyncSession:
        """
        Return an ORM session in this transaction; its `commit()` ends a savepoint only.

            async with transaction.session() as session:
                session.add(Shipment(...))
                await session.commit()

        Args:
            options: Of `AsyncSession`. Any: each has its own type.
        """
        session = AsyncSession(
            self.connection,
            **{
                "expire_on_commit": False,
                **options,
                "join_transaction_mode": "create_savepoint",
            },
        )
        self._sessions.append(session)

        return session

    async def close_sessions(self) -> None:
        """
        Close what handlers have left open.
        """
        for session in self._sessions:
            await session.close()


class Guard:
    """
    Refuses to end the transaction of *connection*, before it has ended.

    Attributes:
        refusal: What was refused, also if the handler has caught it.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.refusal: NotificationError | None = None
        self._connection = connection
        self._watching = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """
        Refuse while a handler runs.
        """
        inner = self._connection.sync_connection
        event.listen(inner, "rollback", self._refuse)
        event.listen(inner, "commit", self._refuse)
        event.listen(inner, "before_cursor_execute", self._look)
        self._watching = True

        try:
            yield
        finally:
            self._watching = False

    def _look(self, connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        # Any: as SQLAlchemy calls it.
        ends = _ENDS.match(statement) or (
            connection.dialect.name in ("mysql", "mariadb")
            and _ENDS_MYSQL.match(statement)
        )

        if ends:
            self._refuse(connection)

    def _refuse(self, _connection: Any) -> None:
        if not self._watching:
            return

        self.refusal = NotificationError(
            "A handler must not end the inbox's transaction: no commit, rollback, close,"
            " and on MySQL no CREATE, ALTER or DROP.",
            "处理函数不得结束收件箱的事务：不得提交、回滚或关闭连接；"
            "在 MySQL 上也不得执行 CREATE、ALTER、DROP。",
            advice=Text(
                "Nothing was kept, and it is tried again. Leave the end to the inbox;"
                " where a part may fail, use connection.begin_nested().",
                "未保存任何内容，稍后重试。请由收件箱结束事务；"
                "若部分操作可能失败，请使用 connection.begin_nested()。",
            ),
        )

        raise self.refusal
