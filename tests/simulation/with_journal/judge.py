"""
What must be true of the rows when all is over, and at each crash.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any, Final

import attrs

from tests.simulation.ledger import Ledger
from umfpay.models import PaymentState


_FOREVER_OPEN: Final = "refunds.create"
_UNTOUCHED_STATE: Final = "WAIT_BUYER_PAY"


@attrs.frozen(eq=False)
class Judge:
    """
    Compares the rows with the gateway's books.
    """

    books: sqlite3.Connection
    ledger: Ledger

    def rows(self) -> list[dict[str, Any]]:
        """
        Return what is committed in the journal.
        """
        cursor = self.books.execute("SELECT * FROM umf_journal ORDER BY position")
        names = [one[0] for one in cursor.description]

        return [dict(zip(names, row, strict=True)) for row in cursor]

    def is_over(self) -> bool:
        """
        Tell whether each row has ended and was handled, or is left to a person.
        """
        (count,) = self.books.execute(
            "SELECT count(*) FROM umf_journal WHERE"
            " (state != 'ended' OR settled_at IS NULL) AND next_at IS NOT NULL"
        ).fetchone()

        return not count

    def look(self, when: str) -> None:
        """
        Check what holds at any moment.
        """
        kept = self.books.execute(
            "SELECT j.position, j.payment_id FROM umf_journal j JOIN umf_sealed s"
            " ON s.payment_id = j.payment_id WHERE j.effect = 'money'"
            " AND j.call = 'payments.execute' AND j.outcome = 'executed'"
            """ AND s.document LIKE '%"sealed"%'"""
        ).fetchall()

        for position, payment_id in kept:
            self.ledger.must(
                False,
                f"row {position}: {when} card data of {payment_id} are kept though it ended",
            )

        twice = self.books.execute(
            "SELECT position FROM shop_settled GROUP BY position HAVING count(*) > 1"
        ).fetchall()
        self.ledger.must(not twice, f"rows {twice}: {when} handled more than once")

    def check(self) -> None:
        """
        Check what holds in the end.
        """
        self.look("in the end")
        rows = self.rows()
        handled = dict(self.books.execute("SELECT position, outcome FROM shop_settled"))

        for row in rows:
            self._check_end(row, handled)

        extra = handled.keys() - {row["position"] for row in rows}
        self.ledger.must(not extra, f"rows {extra}: handled, and not there")
        # Whoever looks for what is due looks every ten minutes at last.
        (kept,) = self.books.execute(
            "SELECT count(*) FROM umf_sealed WHERE expires_at"
            " < (julianday('now') - 2440587.5) * 86400000000.0 - 1500000000"
        ).fetchone()
        self.ledger.must(not kept, f"{kept} sealed data are kept beyond their time")
        self._check_executes([row for row in rows if row["call"] == "payments.execute"])
        self._check_refunds([row for row in rows if row["call"] == "refunds.create"])

    def _check_end(self, row: dict[str, Any], handled: dict[int, str]) -> None:
        name = f"row {row['position']} ({row['call']}, {row['intent_id']!r})"
        must = self.ledger.must

        if row["state"] != "ended":
            must(
                row["state"] == "unknown"
                and row["next_at"] is None
                and row["call"] == _FOREVER_OPEN,
                f"{name}: {row['state']}, neither ended nor left to a person",
            )
            must(row["position"] not in handled, f"{name}: open, and handled")

            return

        must(
            row["outcome"] != "unknown" or row["effect"] != "money",
            f"{name}: closed as unknown, and it moves money",
        )
        must(
            handled.get(row["position"]) == row["outcome"],
            f"{name}: {row['outcome']}, handled as {handled.get(row['position'])}",
        )
        must(
            (row["open_intent"] is not None)
            == (row["outcome"] == "executed" and bool(row["intent_id"])),
            f"{name}: {row['outcome']}, its intent is {row['open_intent']!r}",
        )

    def _check_executes(self, rows: list[dict[str, Any]]) -> None:
        states = {
            one["id"]: one["state"]
            for one in self.ledger.emulator.control("GET", "/payments")["payments"]
        }
        executed = Counter(
            row["payment_id"] for row in rows if row["outcome"] == "executed"
        )

        for payment_id in {row["payment_id"] for row in rows}:
            paid = PaymentState(states[payment_id]).executed
            count = executed[payment_id]
            self.ledger.must(
                count <= 1 and (count == 1 or not paid),
                f"{payment_id}: told {count} executes, the ledger says"
                f" {states[payment_id]}",
            )
            self.ledger.must(
                count == 0 or states[payment_id] != _UNTOUCHED_STATE,
                f"{payment_id}: told executed, the ledger says {states[payment_id]}",
            )

    def _check_refunds(self, rows: list[dict[str, Any]]) -> None:
        made = Counter(
            one["reference"]
            for one in self.ledger.emulator.control("GET", "/refunds")["refunds"]
        )

        for number in {row["mer_reference_id"] for row in rows}:
            mine = [row for row in rows if row["mer_reference_id"] == number]
            count = sum(row["outcome"] == "executed" for row in mine)
            is_open = any(row["state"] != "ended" for row in mine)
            self.ledger.must(
                count == made[number] or (is_open and count <= made[number] <= 1),
                f"{number}: told {count} refunds, the ledger has {made[number]}",
            )
