"""
The gateway's own books beside the shop's database: what was promised, and was it kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from decimal import Decimal

import attrs


NO_ROW = "money calls without a row that was there before"
TWICE = "business intents carried out twice"
HANDLED_TWICE = "handlers twice"
HANDLED_NEVER = "handlers never"
LEFT_OPEN = "rows neither ended nor listed with a reason"
WRONG_END = "ends that the gateway's books contradict"
UNEXPECTED = "errors that no shop expects"
MONEY_CALLS = "money calls that came to the gateway"
PROMISES = (
    *(NO_ROW, TWICE, HANDLED_TWICE, HANDLED_NEVER, LEFT_OPEN, WRONG_END),
    UNEXPECTED,
)

_CALLS = re.compile(r"/payments/payment(?:/([^/]+)/(execute|refund))?$")
_EXECUTED = "executed"
_NOT_EXECUTED = ("not_executed", "refused", "not_sent")


@attrs.define(kw_only=True)
class Books:
    """
    What is compared.

    Args:
        payments: Of the gateway.
        refunds: Of the gateway.
        requests: That came to the gateway, whatever became of them.
        left: What the shop's database holds: `closing.close`.
        unexpected: What processes wrote down of errors that no shop expects.
    """

    payments: list[dict]
    refunds: list[dict]
    requests: list[dict]
    left: dict
    unexpected: list[str]

    @property
    def rows(self):
        return self.left["rows"]

    @property
    def paid(self):
        return [one for one in self.payments if one["state"] == "TRADE_SUCCESS"]

    @property
    def returned(self):
        return [one for one in self.refunds if one["state"] == "REFUND_SUCCESS"]

    def money(self):
        """
        Return what the gateway took, and what it gave back.
        """
        return (
            sum((Decimal(one["total"]) for one in self.paid), Decimal()),
            sum((Decimal(one["total"]) for one in self.returned), Decimal()),
        )

    def broken(self):
        """
        Return what contradicts each promise, in words.
        """
        return {
            NO_ROW: list(self._without_row()),
            TWICE: list(self._twice()),
            HANDLED_TWICE: list(self._handled_twice()),
            HANDLED_NEVER: list(self._handled_never()),
            LEFT_OPEN: list(self._left_open()),
            WRONG_END: list(self._wrong_ends()),
            UNEXPECTED: self.unexpected,
        }

    def facts(self):
        """
        Return what there was to be counted.
        """
        ends = Counter(
            f"{row['call']} {row['outcome'] or row['state']}" for row in self.rows
        )
        taken, given = self.money()

        return {
            MONEY_CALLS: sum(
                1 for _ in self._money_calls() if _[0] != "payments.create"
            ),
            "creates that came to the gateway": sum(
                1 for _ in self._money_calls() if _[0] == "payments.create"
            ),
            "payments taken (USD)": f"{len(self.paid)} ({taken})",
            "refunds given (USD)": f"{len(self.returned)} ({given})",
            "handlers called": len(self.left["effects"]),
            "events never applied (held, unconfirmed, conflicts)": len(
                self.left["events"]
            ),
            "rows": len(self.rows),
            **{f"rows: {end}": count for end, count in sorted(ends.items())},
        }

    def _money_calls(self):
        for request in self.requests:
            match = _CALLS.search(request["path"])

            if match is None or request["method"] != "POST":
                continue

            payment_id, verb = match.groups()

            if verb == "execute":
                yield "payments.execute", ("payment_id", payment_id), request
            elif verb == "refund":
                number = _number(request, ("refund_info", "order", "orders", "refund"))
                yield "refunds.create", ("mer_reference_id", number), request
            else:
                number = _number(request, ("order",))
                yield "payments.create", ("mer_reference_id", number), request

    def _without_row(self):
        first = {}

        for row in self.rows:
            for name in ("payment_id", "mer_reference_id"):
                key = (row["call"], (name, row[name]))
                first[key] = min(first.get(key, row["created_at"]), row["created_at"])

        for call, key, request in self._money_calls():
            written = first.get((call, key))
            came = datetime.fromisoformat(request["at"]).timestamp() * 1_000_000

            if written is None or written > came:
                yield f"{call} {key[1]} at {request['at']}: row of {written}"

    def _twice(self):
        for name, made, number in (
            ("paid", self.paid, lambda one: one["order"]["mer_reference_id"]),
            ("refunded", self.returned, lambda one: one["reference"]),
        ):
            orders = Counter(number(one).partition("-")[0] for one in made)

            for order, count in orders.items():
                if count > 1:
                    yield f"order {order} was {name} {count} times"

    def _handled_twice(self):
        for effect, count in Counter(self.left["effects"]).items():
            if count > 1:
                yield f"{effect}: {count} times"

        events = sum(not one.startswith("row ") for one in self.left["effects"])

        if sum(self.left["totals"]) != 2 * events:
            yield f"totals {self.left['totals']}, events {events}"

    def _handled_never(self):
        effects = set(self.left["effects"])

        for one in (*self.paid, *self.returned):
            effect = f"{one['id']} {one['state']}"

            if effect not in effects:
                known = [
                    row for row in self.left["events"] if row["object_id"] == one["id"]
                ]
                yield f"{effect}: events {known}"

        for row in self.rows:
            if row["state"] == "ended" and f"row {row['position']}" not in effects:
                yield f"row {row['position']} was not settled: {row}"

        for event in self.left["events"]:
            if event["status"] == "ready":
                yield f"an event is ready and not applied: {event}"

    def _left_open(self):
        for row in self.rows:
            if row["state"] == "ended" and row["outcome"] != "unknown":
                continue

            is_listed = row["state"] == "ended" or (
                row["state"] == "unknown" and row["next_at"] is None
            )

            if not is_listed or not row["reason"]:
                yield f"{row}"

    def _wrong_ends(self):
        paid = {one["id"] for one in self.paid}
        returned = {one["reference"] for one in self.returned}

        for row in self.rows:
            if row["call"] == "payments.execute":
                was_done = row["payment_id"] in paid
            elif row["call"] == "refunds.create":
                was_done = row["mer_reference_id"] in returned
            else:
                continue

            if (was_done and row["outcome"] in _NOT_EXECUTED) or (
                not was_done and row["outcome"] == _EXECUTED
            ):
                yield f"the gateway did it: {was_done}; {row}"


def _number(request, holders):
    body = json.loads(request["body"])

    for holder in holders:
        found = body.get(holder)
        found = found[0] if isinstance(found, list) and found else found

        if isinstance(found, dict) and "mer_reference_id" in found:
            return found["mer_reference_id"]

    return None
