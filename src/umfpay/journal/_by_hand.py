"""
What a person does to a row of the journal, and the log of who did it, when and why.
"""

from __future__ import annotations

import getpass
import socket
from datetime import datetime

import attrs
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import ConfigError, Text
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
    moment_of,
)
from umfpay.journal._journal import Journal


@attrs.frozen
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


async def decide(
    journal: Journal,
    position: int,
    outcome: JournalOutcome | None,
    *,
    reason: str,
    who: str = "",
) -> None:
    """
    End an open row as a person says it ended, and log who said so.

    The intent stays taken if it was executed. Whoever was asking about it writes in vain.

    Args:
        outcome: None deletes the row, whatever became of it: its intent is free then.

    Raises:
        ConfigError: There is no such row, it is being sent, it has ended and is not to be
            deleted, or no reason is given.
    """
    rows, columns = journal.rows, journal.rows.table.c
    entry = await needed_entry(journal, position)
    is_row = (columns.position == position) & ~rows.is_being_sent
    is_open = columns.state != JournalState.ENDED

    if not reason.strip():
        raise ConfigError("A reason is needed.", "必须填写原因。")

    async def work(connection: AsyncConnection) -> int:
        if outcome is None:
            changed = await rows.delete(connection, is_row)
        else:
            changed = await rows.end(
                connection,
                is_row & (is_open | (columns.outcome == JournalOutcome.UNKNOWN)),
                outcome=outcome,
                decided_by=Decider.PERSON,
                reason=reason,
                fence=columns.fence + 1,
            )

        if changed and entry.moves_money:
            await journal.sealed.forget(connection, entry.payment_id)

        if changed:
            await connection.execute(
                journal.database.tables.journal_log.insert().values(
                    merchant=rows.merchant,
                    journal_position=position,
                    at=journal.database.now,
                    who=who or current_user(),
                    action="forget" if outcome is None else f"settle {outcome}",
                    reason=reason,
                )
            )

        return changed

    if not await journal.database.run(work):
        raise ConfigError(
            f"row {position}: it has ended, or is being sent just now.",
            f"第 {position} 行：已结束或正在发送。",
        )


async def log_of(journal: Journal, position: int) -> list[LogEntry]:
    """
    Return what persons did to a row, oldest first.
    """
    log = journal.database.tables.journal_log

    async def read(connection: AsyncConnection) -> list[LogEntry]:
        rows = await connection.execute(
            select(log.c.at, log.c.who, log.c.action, log.c.reason)
            .where(
                log.c.merchant == journal.rows.merchant,
                log.c.journal_position == position,
            )
            .order_by(log.c.position)
        )

        return [LogEntry(moment_of(at), *words) for at, *words in rows]

    return await journal.database.run(read, read_only=True)


async def needed_entry(journal: Journal, position: int) -> JournalEntry:
    """
    Return the row of that number.

    Raises:
        ConfigError: There is none of this merchant.
    """
    entry = await journal.rows.find(position)

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
