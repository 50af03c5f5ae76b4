"""
`Question` and `Resolution`: what became of a write whose end was unclear.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import ConfigError, Intent, Text
from umfpay.models import (
    CustomsDeclaration,
    Payment,
    PaymentSummary,
    Refund,
    RefundSummary,
)
from umfpay.resources._inbox import Evidence
from umfpay.resources._matching import KnownOrder
from umfpay.resources._refund_identity import RefundIds


CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""The clocks of two companies differ, and an execute may end after the order's time."""

WAIT_ADVICE: Final = Text(
    "Nobody can say yet: do not repeat it, ask again later or wait for the"
    " notification.",
    "目前无法确定：请勿重复，请稍后再查询或等待通知。",
)
_log = logging.getLogger("umfpay")


class Executed(StrEnum):
    """
    Whether the gateway did what was asked.
    """

    YES = "executed"
    NO = "not_executed"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Resolution:
    """
    What is known now of a write whose end was unclear.

    Args:
        outcome: Executed, not executed, or still unknown.
        evidence: What says so: ``notification``, ``query``, ``transactions``,
            ``repeat`` (the intent was carried out again, by leave), or "".
        object: The payment, refund or row that is the evidence.
        until: When asking again can give more, if that is known.
        advice: What to do now.
    """

    outcome: Executed
    evidence: str
    advice: Text
    object: (
        Payment | Refund | CustomsDeclaration | PaymentSummary | RefundSummary | None
    ) = None
    until: datetime | None = None


_ADVICE: Final = {
    Executed.YES: Text("It was carried out: do not repeat it.", "已执行：请勿重复。"),
    Executed.NO: Text(
        "It was not carried out: it may be asked for again under a new number.",
        "未执行：可使用新的单号重新发起。",
    ),
    Executed.UNKNOWN: WAIT_ADVICE,
}


def resolution(
    outcome: Executed,
    evidence: str,
    what: Payment | Refund | PaymentSummary | RefundSummary | None = None,
    *,
    advice: Text | None = None,
    until: datetime | None = None,
) -> Resolution:
    """
    Return a `Resolution` with the advice that goes with its *outcome*, or another.

    Args:
        evidence: What says so: as in `Resolution`.
        what: The payment, refund or row that is the evidence.
        until: When asking again can give more.
    """
    return Resolution(
        outcome=outcome,
        evidence=evidence,
        object=what,
        advice=advice or _ADVICE[outcome],
        until=until,
    )


@attrs.frozen(kw_only=True)
class Question:
    """
    A question about *intent*, and what the caller can add to it.

    Args:
        intent: Of an `OutcomeUnknownError`, or handed to ``on_unknown``.
        arrivals: Where stored notifications are kept.
        known_refunds: Ids of all other refunds of this payment, none of them open; None
            if the caller cannot say that these are all.
        expires_at: When the order can no longer be paid, with a zone.
        refund_ids: Of the session; a refund that is found is noted there.
        ask: Queries a payment; gives the moment in the answer's header, too.
        transactions: Gives the rows of the list of a day.
    """

    intent: Intent
    arrivals: Evidence | None
    known_refunds: Collection[str] | None
    expires_at: datetime | None
    refund_ids: RefundIds
    ask: Callable[[str], Awaitable[tuple[Payment, datetime | None]]]
    transactions: Callable[[date], AsyncIterator[PaymentSummary | RefundSummary]]

    @property
    def mer_date(self) -> date | None:
        """
        The merchant's day of the order, None if the intent names none.

        Raises:
            ConfigError: It is not ``YYYYMMDD``.
        """
        named = self.intent.mer_date

        try:
            return None if named is None else datetime.strptime(named, "%Y%m%d").date()  # noqa: DTZ007
        except (TypeError, ValueError):
            raise ConfigError.of(
                "resolve",
                "the intent's mer_date is not YYYYMMDD",
                "intent 的 mer_date 不是 YYYYMMDD",
            ) from None

    @property
    def ordered(self) -> KnownOrder:
        """
        What the intent knows of its order.
        """
        intent = self.intent

        return KnownOrder(
            mer_reference_id=intent.mer_reference_id,
            mer_date=self.mer_date,
            total=intent.amount,
            currency=intent.currency,
        )

    def needed(self, name: str) -> str:
        """
        Return the text that the intent has by *name*.

        Raises:
            ConfigError: It has none.
        """
        value: str | None = getattr(self.intent, name)

        if not value:
            raise ConfigError.of(
                "resolve", f"the intent has no {name}", f"intent 缺少 {name}"
            )

        return value

    async def notified(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return what a stored notification says; None if there is none, or none to be had.
        """
        if self.arrivals is None:
            return None

        try:
            return await self.arrivals.notified(
                object_id=object_id, mer_reference_id=mer_reference_id
            )
        except Exception as error:  # noqa: BLE001 (the gateway is asked in its place)
            _log.warning(
                "stored notifications are out of reach: %s", type(error).__name__
            )

            return None
