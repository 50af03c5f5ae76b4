"""
The gateway's books, and what must be true of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from tests.simulation.journal import (
    Attempt,
    Journal,
    Purchase,
    RefundAttempt,
    ReportedOutcome,
)
from umfpay.emulator import Emulator
from umfpay.models import PaymentState


_FAULTS_AFTER_BODY: Final = frozenset(
    {
        "drop_before",
        "drop_after",
        "error_before",
        "error_after",
        "busy",
        "forge",
        "unsign",
        "delay",
    }
)
_TOKEN_REFUSED_CODE: Final = "00280703"
_FAULTS_AFTER_COMMIT: Final = frozenset(
    {"drop_after", "error_after", "forge", "unsign"}
)


@attrs.define
class Ledger:
    """
    Compares what the merchant was told with what the gateway did.

    Attributes:
        violations: What must not be.
    """

    emulator: Emulator
    violations: list[str] = attrs.field(factory=list)

    def paid(self, payment_id: str) -> bool:
        """
        Tell whether the money of a payment was taken, or is under way.
        """
        answer = self.emulator.control("GET", f"/payments/{payment_id}")

        return PaymentState(answer["payment"]["state"]).executed

    def refunded(self, number: str) -> bool:
        """
        Tell whether a refund of that number was made, or is under way.
        """
        return any(
            one["reference"] == number and _counts(one)
            for one in self.emulator.control("GET", "/refunds")["refunds"]
        )

    def must(self, truth: bool, words: str) -> None:
        """
        Note *words* unless *truth*.
        """
        if not truth:
            self.violations.append(words)

    def faults(self) -> tuple[int, int]:
        """
        Return how many writes were struck after their body began, and after commit.

        A refusal that nobody signed is no definite answer, so it counts, too.
        """
        settings = self.emulator.control("GET", "/settings")
        unsigned_tokens = settings["token_refusal"] != "signed_200"
        begun = committed = 0

        for request in self.emulator.control("GET", "/requests")["requests"]:
            if request["method"] != "POST" or request["path"].endswith("authorize"):
                continue

            kinds = set(request["faults"])
            begun += bool(kinds & _FAULTS_AFTER_BODY)
            begun += unsigned_tokens and request["ret_code"] == _TOKEN_REFUSED_CODE
            committed += (
                bool(kinds & _FAULTS_AFTER_COMMIT) and request["ret_code"] == "0000"
            )

        return begun, committed

    def check(self, journal: Journal) -> None:
        """
        Compare all that is written there with all that is written here.
        """
        ours = self.emulator.credentials.client_id
        payments = [
            one
            for one in self.emulator.control("GET", "/payments")["payments"]
            if one["merchant"] == ours
        ]
        refunds = [
            one
            for one in self.emulator.control("GET", "/refunds")["refunds"]
            if _counts(one)
        ]

        for purchase in journal.purchases:
            self._check_purchase(purchase, payments)
            self._check_refunds(purchase, refunds)

        for purchase in journal.purchases:
            self.must(
                all(
                    attempt.payment_id in {one["id"] for one in payments}
                    for attempt in purchase.attempts
                    if attempt.payment_id is not None
                ),
                f"{purchase.plan.name}: has a payment of another merchant",
            )

        for payment in payments:
            given = sum(
                Decimal(one["total"])
                for one in refunds
                if one["payment"] == payment["id"]
            )
            self.must(
                given <= Decimal(payment["total"]),
                f"{payment['id']}: {given} refunded of {payment['total']}",
            )
            self.must(
                given == 0 or payment["state"] == "TRADE_SUCCESS",
                f"{payment['id']}: refunded and never paid",
            )

    def _check_purchase(self, purchase: Purchase, payments: list[Any]) -> None:
        name = purchase.plan.name
        numbers = {attempt.number for attempt in purchase.attempts}
        taken = [
            one
            for one in payments
            if one["order"]["mer_reference_id"] in numbers
            and PaymentState(one["state"]).executed
        ]
        self.must(len(taken) <= 1, f"{name}: paid {len(taken)} times")
        self.must(
            purchase.reported
            is (ReportedOutcome.DONE if taken else ReportedOutcome.NOT_DONE),
            f"{name}: told {purchase.reported}, the ledger has {len(taken)} payments",
        )
        self._check_attempts(
            purchase.attempts, {one["order"]["mer_reference_id"] for one in taken}
        )

    def _check_attempts(
        self, attempts: Sequence[Attempt | RefundAttempt], done: set[str]
    ) -> None:
        """
        Compare each number with the books: a request may have come late.
        """
        for attempt in attempts:
            self.must(
                attempt.reported is not ReportedOutcome.NOT_DONE
                or attempt.number not in done,
                f"{attempt.number}: told not done, and it was done in the end",
            )

    def _check_refunds(self, purchase: Purchase, refunds: list[Any]) -> None:
        amounts = Counter(intent.plan.amount for intent in purchase.refunds)
        counts: Counter[tuple[Decimal, ReportedOutcome | None]] = Counter()
        made: Counter[Decimal] = Counter()

        for intent in purchase.refunds:
            name = intent.plan.name
            numbers = {attempt.number for attempt in intent.attempts}
            count = sum(one["reference"] in numbers for one in refunds)
            self.must(count <= 1, f"{name}: refunded {count} times")

            if amounts[intent.plan.amount] == 1:
                expected = (
                    {ReportedOutcome.DONE}
                    if count
                    else {ReportedOutcome.NOT_DONE, ReportedOutcome.OPEN}
                )
                self.must(
                    (intent.reported or ReportedOutcome.NOT_DONE) in expected,
                    f"{name}: told {intent.reported}, the ledger has {count} refunds",
                )

                self._check_attempts(
                    intent.attempts, {one["reference"] for one in refunds}
                )

            made[intent.plan.amount] += count
            counts[intent.plan.amount, intent.reported] += 1

        # Equal amounts cannot be told apart, but they can be counted.
        for amount, count in made.items():
            least = counts[amount, ReportedOutcome.DONE]
            self.must(
                least <= count <= least + counts[amount, ReportedOutcome.OPEN],
                f"{purchase.plan.name}: told {least} refunds of {amount}, made {count}",
            )


def _counts(refund: Any) -> bool:
    return refund["state"] in ("REFUND_SUCCESS", "REFUND_PROCESS")
