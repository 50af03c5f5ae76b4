"""
`Decisions`: who accepted which difference, when and why, in a database.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import sqlalchemy as sa

from umfpay.reconciliation._sql_tables import IDENTIFIER, TABLE_OPTIONS, SqlTables
from umfpay.sensitive import Secret


_TABLE: Final = sa.Table(
    "umf_decisions",
    sa.MetaData(),
    sa.Column("merchant", IDENTIFIER, primary_key=True),
    sa.Column("id", IDENTIFIER, primary_key=True),
    sa.Column("who", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    # As ISO writes it, with its zone: databases drop that.
    sa.Column("at", sa.String(40), nullable=False),
    **TABLE_OPTIONS,
)


@attrs.frozen(kw_only=True)
class Decision:
    """
    A difference that somebody has accepted.

    Args:
        id: Of the difference.
        who: Who did it.
        why: Why.
        at: When.
    """

    id: str
    who: str
    why: str
    at: datetime


class Decisions:
    """
    The table of them, of all merchants.

    Args:
        address: Of the database, or a file of SQLite.

    Raises:
        ConfigError: It leads to none.
    """

    def __init__(self, address: Secret | Path) -> None:
        self._table = SqlTables(address, _TABLE, option="decisions")

    def check(self) -> None:
        """
        Look whether the database can be used, and make the table.

        Raises:
            ConfigError: It cannot.
        """
        if not self._table.is_missing_file:
            self._table.run(lambda _: None)

    def accept(self, merchant: str, decision: Decision) -> None:
        """
        Write down that a difference is accepted; the first decision stays.

        Raises:
            ConfigError: It cannot be written.
        """
        values = {
            **attrs.asdict(decision),
            "at": decision.at.isoformat(),
            "merchant": merchant,
        }

        def add(connection: sa.Connection) -> None:
            try:
                connection.execute(_TABLE.insert().values(**values))
            except sa.exc.IntegrityError:
                # Somebody was first.
                connection.rollback()

        self._table.run(add)

    def accepted(self, merchant: str) -> dict[str, Decision]:
        """
        Return the decisions of a *merchant*, by the id of their difference.

        Raises:
            ConfigError: They cannot be read.
        """
        if self._table.is_missing_file:
            return {}

        query = sa.select(_TABLE.c.id, _TABLE.c.who, _TABLE.c.why, _TABLE.c.at).where(
            _TABLE.c.merchant == merchant
        )

        return {
            id_: Decision(id=id_, who=who, why=why, at=datetime.fromisoformat(at))
            for id_, who, why, at in self._table.run(
                lambda connection: connection.execute(query).all()
            )
        }
