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

from umfpay.errors import ConfigError
from umfpay.journal._entry import Decider, JournalOutcome, JournalState, moment_of
from umfpay.journal._journal import Journal
from umfpay.sql import now


@attrs.frozen
class LogEntry:
    """
    A change that a person made.
    """

    at: datetime
    who: str
    action: str
    reason: str


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
        who: User and host, if it is not given.

    Raises:
        ConfigError: There is no such row, it is being sent, it has ended and is not to be
            deleted, or no reason is given.
    """
    if not reason.strip():
        raise ConfigError("A reason is needed.", "必须填写原因。")

    rows, columns = journal.rows, journal.rows.table.c
    by_sender = columns.state.in_((JournalState.RECORDED, JournalState.SENDING))
    is_left = ~by_sender | rows.is_free
    is_open = (columns.state != JournalState.ENDED) | (
        columns.outcome == JournalOutcome.UNKNOWN
    )
    log = {
        "merchant": rows.merchant,
        "journal_position": position,
        "at": now(),
        "who": who or f"{getpass.getuser()}@{socket.gethostname()}"[:128],
        "action": "forget" if outcome is None else f"settle {outcome}",
        "reason": reason,
    }

    async def work(connection: AsyncConnection) -> bool:
        is_row = columns.position == position
        found = await rows.select(connection, is_row)

        if outcome is None:
            changed = bool(await rows.delete(connection, is_row, is_left))
        else:
            values = {
                "outcome": outcome,
                "decided_by": Decider.PERSON,
                "reason": reason,
            }
            changed = await rows.end(
                connection, {"position": position}, values, is_left, is_open
            )

        if changed:
            await connection.execute(
                journal.database.tables.journal_log.insert().values(log)
            )

            if found[0].moves_money:
                await rows.sealed.forget(connection, found[0].payment_id)

        return changed

    if not await journal.database.run(work):
        raise ConfigError(
            f"row {position}: there is none of this merchant, it has ended, or is being"
            " sent just now.",
            f"第 {position} 行：该商户没有此记录，或已结束，或正在发送。",
        )


async def log_of(journal: Journal, position: int) -> list[LogEntry]:
    """
    Return what persons did to a row, oldest first.
    """
    log = journal.database.tables.journal_log.c
    query = (
        select(log.at, log.who, log.action, log.reason)
        .where(log.merchant == journal.rows.merchant, log.journal_position == position)
        .order_by(log.position)
    )
    rows = await journal.database.run(
        lambda connection: connection.execute(query), read_only=True
    )

    return [LogEntry(moment_of(at), *words) for at, *words in rows]
