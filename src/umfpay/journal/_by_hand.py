"""
What a person does to a row of the journal, and the log of who did it, when and why.
"""

from __future__ import annotations

import getpass
import socket
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import ConfigError, Text
from umfpay.journal._columns import ending, forget_sealed
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
    moment_of,
)
from umfpay.journal._journal import Journal


@attrs.frozen(kw_only=True)
class LogEntry:
    """
    A change that a person made.
    """

    at: datetime
    who: str
    action: str
    reason: str


def current_user() -> str:
    """
    Return who changes something: user and host.
    """
    return f"{getpass.getuser()}@{socket.gethostname()}"[:128]


async def settle_by_hand(
    journal: Journal, position: int, *, executed: bool, reason: str, who: str = ""
) -> None:
    """
    End an open row as a person says it is.

    The intent stays taken if it was executed. Whoever was asking about it writes in vain.

    Raises:
        ConfigError: There is no such row, it has ended, or no reason is given.
    """
    outcome = JournalOutcome.EXECUTED if executed else JournalOutcome.NOT_EXECUTED
    table = journal.database.tables.journal
    entry = await needed_entry(journal, position)
    values = {
        "outcome": outcome,
        "decided_by": Decider.PERSON,
        "reason": _needed_reason(reason),
    }

    async def work(connection: AsyncConnection) -> bool:
        changed = await connection.execute(
            update(table)
            .where(
                table.c.position == entry.position,
                (table.c.state == JournalState.UNKNOWN)
                | (table.c.outcome == JournalOutcome.UNKNOWN)
                | (table.c.lease_until < journal.database.now),
            )
            .values(fence=table.c.fence + 1, **ending(journal, values))
        )

        if changed.rowcount and entry.moves_money:
            await forget_sealed(journal, connection, entry.payment_id)

        if changed.rowcount:
            await _log(journal, connection, position, f"settle {outcome}", reason, who)

        return bool(changed.rowcount)

    if not await journal.database.run(work):
        raise ConfigError(
            f"row {position}: it has ended, or is being sent just now.",
            f"第 {position} 行：已结束或正在发送。",
        )


async def forget_by_hand(
    journal: Journal, position: int, *, reason: str, who: str = ""
) -> None:
    """
    Delete a row: its intent is free then, whatever became of it.

    Raises:
        ConfigError: There is no such row, or no reason is given.
    """
    entry = await needed_entry(journal, position)
    _needed_reason(reason)
    table = journal.database.tables.journal

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            delete(table).where(table.c.position == entry.position)
        )
        await forget_sealed(journal, connection, entry.payment_id)
        await _log(journal, connection, position, "forget", reason, who)

    await journal.database.run(work)


async def log_of(journal: Journal, position: int) -> list[LogEntry]:
    """
    Return what persons did to a row, oldest first.
    """
    log = journal.database.tables.journal_log

    async def read(connection: AsyncConnection) -> list[LogEntry]:
        rows = await connection.execute(
            select(log)
            .where(
                log.c.merchant == journal.merchant, log.c.journal_position == position
            )
            .order_by(log.c.position)
        )

        return [
            LogEntry(
                at=moment_of(row.at), who=row.who, action=row.action, reason=row.reason
            )
            for row in rows
        ]

    return await journal.database.run(read, read_only=True)


async def needed_entry(journal: Journal, position: int) -> JournalEntry:
    """
    Return the row of that number.

    Raises:
        ConfigError: There is none of this merchant.
    """
    entry = await journal.entry(position)

    if entry is None:
        raise ConfigError(
            f"row {position}: there is none of this merchant.",
            f"第 {position} 行：该商户没有此记录。",
            advice=Text(
                "Look for it: umfpay journal list --all.",
                "请用 umfpay journal list --all 查找。",
            ),
        )

    return entry


def _needed_reason(reason: str) -> str:
    if not reason.strip():
        raise ConfigError("A reason is needed.", "必须填写原因。")

    return reason


async def _log(
    journal: Journal,
    connection: AsyncConnection,
    position: int,
    action: str,
    reason: str,
    who: str,
) -> None:
    values: dict[str, Any] = {
        "merchant": journal.merchant,
        "journal_position": position,
        "at": journal.database.now,
        "who": who or current_user(),
        "action": action,
        "reason": reason,
    }
    await connection.execute(
        journal.database.tables.journal_log.insert().values(**values)
    )
