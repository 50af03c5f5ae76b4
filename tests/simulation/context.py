"""
What every part of the shop works with.
"""

from __future__ import annotations

import random
import re
from collections import Counter

import attrs

from tests.simulation.calls import Caller
from tests.simulation.journal import Attempt, Journal
from tests.simulation.ledger import Ledger
from tests.simulation.network import Gateway
from umfpay import Resolution, UMFSession
from umfpay.errors import ConfigError, OutcomeUnknownError, UMFError
from umfpay.resources import CallOptions


@attrs.frozen(kw_only=True, eq=False)
class ScheduleContext:
    """
    The tools of one process of the shop, and what is noted of its work.
    """

    journal: Journal
    call: Caller
    gateway: Gateway
    ledger: Ledger
    rng: random.Random
    counts: Counter[str]
    options: CallOptions

    @property
    def session(self) -> UMFSession:
        """
        The session of this process.
        """
        return self.call.session

    def sms_code(self, payment_id: str) -> str:
        """
        Return what the customer reads on the phone, or invents if nothing came.
        """
        try:
            answer = self.gateway.emulator.control(
                "GET", f"/payments/{payment_id}/sms_code"
            )
        except ConfigError:
            return "000000"

        return str(answer["sms_code"])

    def must_not_be_paid(self, attempt: Attempt, why: str) -> None:
        assert attempt.payment_id is not None
        self.ledger.must(
            not self.ledger.paid(attempt.payment_id),
            f"{attempt.number}: told not paid ({why}), the ledger says paid",
        )

    def unknown(self, error: OutcomeUnknownError) -> None:
        # A signed refusal that a second copy gets, too: the gateway is asked.
        asked = "decided_by" in error.intent.details
        kind = "refused, and asked about" if asked else "unknown"
        self.counts[f"{kind}: {error.intent.call}"] += 1
        self.counts[f"unknown because {_words(error)}"] += 1
        self.counts["fault: deadline passed"] += "deadline" in error.reason
        self.ledger.must(
            error.intent in self.journal.unknown,
            f"{error.intent.call}: on_unknown was not called",
        )

    def failed(self, call: str, error: UMFError) -> None:
        self.counts[f"{call}: {type(error).__name__}"] += 1
        self.ledger.must(
            not error.money_may_have_moved, f"{call}: a definite {error!r} about money"
        )

    def resolved(self, call: str, resolution: Resolution) -> None:
        how = f" by {resolution.evidence}" if resolution.evidence else ""
        self.counts[f"resolve {call}: {resolution.outcome}{how}"] += 1


def _words(error: OutcomeUnknownError) -> str:
    """
    Return the reason without what differs from call to call.
    """
    return re.sub(r"'[0-9]*'|[0-9]{8}", "...", error.reason)
