"""
Resolve an unknown outcome: find out whether a payment or a refund was carried out.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import ConfigError, Intent, Text, UMFError
from umfpay.models import (
    CustomsDeclaration,
    Order,
    Payment,
    PaymentState,
    PaymentSummary,
    Refund,
    RefundSummary,
)
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy, number_in_id
from umfpay.resources._any_call import moves_money
from umfpay.resources._arguments import CallOptions
from umfpay.resources._inbox import Evidence
from umfpay.resources._matching import KnownOrder
from umfpay.resources._refund_identity import RefundIds, is_id_of_number
from umfpay.resources._statements import Statements


# The gateway's business days are China's (gateway.md 12.17 leaves it open).
_CHINA_ZONE: Final = timezone(timedelta(hours=8))
# The clocks of two companies differ, and an execute may end after the order's time.
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_log = logging.getLogger("umfpay")

# A list that holds nothing so long after a signed refusal will hold nothing.
_LIST_LAG: Final = timedelta(seconds=60)


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


_DONE_ADVICE: Final = Text(
    "It was carried out: do not repeat it.", "已执行：请勿重复。"
)
_NOT_DONE_ADVICE: Final = Text(
    "It was not carried out: it may be asked for again under a new number.",
    "未执行：可使用新的单号重新发起。",
)
WAIT_ADVICE: Final = Text(
    "Nobody can say yet: do not repeat it, ask again later or wait for the"
    " notification.",
    "目前无法确定：请勿重复，请稍后再查询或等待通知。",
)
_KNOWN_REFUNDS_ADVICE: Final = Text(
    "Nobody can say yet: do not repeat it. If you know all other refunds of this payment"
    " and none of them is open, give their ids as known_refunds= (an empty list if there"
    " are none).",
    "目前无法确定：请勿重复。若已知该笔支付的全部其他退款且均已结束，"
    "请通过 known_refunds= 提供其编号（没有则为空列表）。",
)
_NOBODY_PAID_ADVICE: Final = Text(
    "Nobody has paid: the payment may or may not exist. Create it again with"
    " allow_repeat=True under the same number, or give it up.",
    "没有人付款：该笔支付可能已创建也可能未创建。可用 allow_repeat=True"
    " 以同一单号重新创建，或放弃。",
)
_UNDETERMINED_ADVICE: Final = Text(
    "There is no query for this call; no money moves by it. Ask UMF, or repeat it if"
    " doing it twice does no harm.",
    "此调用没有查询接口，且不涉及资金。请咨询联动优势，若重复无害可重新调用。",
)


@attrs.frozen(kw_only=True)
class Question:
    """
    A question about *intent*, and what the caller can add to it.

    Args:
        intent: Of an `OutcomeUnknownError`, or handed to ``on_unknown``.
        evidence: Stored notifications.
        known_refunds: Ids of all other refunds of this payment, none of them open; None
            if the caller cannot say that these are all.
        expires_at: When the order can no longer be paid, with a zone.
        refund_ids: Of the session; a refund that is found is noted there.
        options: Returns what limits the next call: the rest of the deadline.
        ask: Queries a payment; gives the moment in the answer's header, too.
    """

    intent: Intent
    evidence: Evidence | None
    known_refunds: Collection[str] | None
    expires_at: datetime | None
    refund_ids: RefundIds
    options: Callable[[], CallOptions]
    ask: Callable[[str], Awaitable[tuple[Payment, datetime | None]]]

    @property
    def ordered(self) -> KnownOrder:
        """
        What the intent knows of its order.
        """
        intent = self.intent

        return KnownOrder(
            mer_reference_id=intent.mer_reference_id,
            mer_date=_day(intent.mer_date),
            total=intent.amount,
            currency=intent.currency,
        )


async def find_evidence(question: Question, statements: Statements) -> Resolution:
    """
    Say what became of the intent, as far as the gateway tells.
    """
    call = question.intent.call

    if call == "payments.execute":
        return await _execution(question)

    if call == "refunds.create":
        return await _refund(question, statements)

    if call == "payments.create":
        return await _creation(question, statements)

    if not may_have_moved_money(question.intent):
        return Resolution(
            outcome=Executed.UNKNOWN, evidence="", advice=_UNDETERMINED_ADVICE
        )

    # A raw call: an execute names its payment, a refund's number nobody has read.
    if question.intent.payment_id and call.rstrip("/").endswith("/execute"):
        return await _execution(question)

    return resolution(Executed.UNKNOWN, "", None)


def may_have_moved_money(intent: Intent) -> bool:
    """
    Tell whether money may have moved by what *intent* is of.
    """
    call = intent.call

    return call in ("payments.execute", "refunds.create") or moves_money(call)


async def _execution(question: Question) -> Resolution:
    payment_id = _needed(question.intent.payment_id, "payment_id")
    notified = await _notified(question, object_id=payment_id)

    if (
        isinstance(notified, Payment)
        and notified.id == payment_id
        and notified.final
        and question.ordered.fits(notified.order)
    ):
        return _by_state(question, notified, evidence="notification")

    payment, moment = await question.ask(payment_id)
    question.ordered.must_be(payment.order)

    return _by_state(question, payment, evidence="query", gateway=moment)


def outcome_of(payment: Payment, *, refused_once: bool = False) -> Executed:
    """
    Say whether an execute was carried out, by the state that a query tells.

    Args:
        refused_once: Whether a signed refusal answered the only copy that left.
    """
    state = payment.state

    if state is None:
        return Executed.UNKNOWN

    if state.executed:
        return Executed.YES

    waits = state == PaymentState.WAIT_BUYER_PAY

    return Executed.NO if state.failed or (waits and refused_once) else Executed.UNKNOWN


def _refund_outcome(refund: Refund | RefundSummary) -> Executed:
    failed = refund.state is not None and refund.state.failed

    return Executed.NO if failed else Executed.YES


def _by_state(
    question: Question,
    payment: Payment,
    *,
    evidence: str,
    gateway: datetime | None = None,
) -> Resolution:
    intent = question.intent
    settled = intent.at + timedelta(seconds=DATA_LAG_SECONDS)
    refused = "refused_with" in intent.details
    is_behind = refused and not intent.has_passed(settled, gateway=gateway)
    outcome = outcome_of(payment, refused_once=refused and not is_behind)

    if outcome is not Executed.UNKNOWN:
        return resolution(outcome, evidence, payment)

    if is_behind:
        return attrs.evolve(
            resolution(Executed.UNKNOWN, evidence, payment), until=settled
        )

    until = None

    if payment.state == PaymentState.WAIT_BUYER_PAY and question.expires_at is not None:
        try:
            until = max(question.expires_at, intent.at) + _CLOCK_TOLERANCE
        except OverflowError:
            # In the year 9999: that is never.
            until = None

    if until is not None and intent.has_passed(until, gateway=gateway):
        return resolution(Executed.NO, evidence, payment)

    return attrs.evolve(resolution(Executed.UNKNOWN, evidence, payment), until=until)


async def _refund(question: Question, statements: Statements) -> Resolution:
    payment_id = _needed(question.intent.payment_id, "payment_id")
    number = _needed(question.intent.mer_reference_id, "mer_reference_id")
    found = await _refund_evidence(question, statements, payment_id, number)
    refund = found.object

    if isinstance(refund, Refund):
        question.refund_ids.add(payment_id, refund.id, number)
    elif isinstance(refund, RefundSummary) and refund.refund_id:
        question.refund_ids.add(payment_id, refund.refund_id, number)

    return found


async def _refund_evidence(
    question: Question, statements: Statements, payment_id: str, number: str
) -> Resolution:
    intent = question.intent
    notified = await _notified(question, mer_reference_id=number)

    if isinstance(notified, Refund) and notified.parent_payment in (None, payment_id):
        return resolution(_refund_outcome(notified), "notification", notified)

    payment, moment = await question.ask(payment_id)
    order = payment.order
    days = {_day(intent.mer_date), None if order is None else order.mer_date}
    rows: dict[str, RefundSummary] = {}
    unplaced: list[RefundSummary] = []

    for day in sorted(day for day in days if day is not None):
        async for row in statements.transactions(day, **question.options()):
            if not isinstance(row, RefundSummary):
                continue

            if row.payment_id == payment_id:
                # One without an id is another one each time.
                rows[row.refund_id or f"row {len(rows)}"] = row
            elif row.payment_id is None:
                unplaced.append(row)

    return _by_elimination(question, rows, unplaced, number, moment)


def _by_elimination(
    question: Question,
    rows: Mapping[str, RefundSummary],
    unplaced: Collection[RefundSummary],
    number: str,
    moment: datetime | None,
) -> Resolution:
    """
    Say which of the refunds of a payment is the one with *number*.

    The documented list names no refund's number (gateway.md 6): a row proves something if its
    number or its id is ours, or if it is the only one that can be ours because all
    others are known.

    Args:
        rows: All rows of this payment by refund id.
        unplaced: Rows that name no payment: one of them may be the one in question.
        moment: When the gateway answered, before the lists were asked for.
    """
    intent = question.intent
    ours = [
        row
        for refund_id, row in rows.items()
        if row.mer_reference_id == number or is_id_of_number(refund_id, number)
    ]
    known = {
        *(question.known_refunds or ()),
        *_known_then(intent),
        *question.refund_ids.of_other_numbers(intent.payment_id or "", number),
    }
    further = [
        row
        for refund_id, row in rows.items()
        if refund_id not in known and not _is_of_another_number(row, number)
    ]
    all_others_known = question.known_refunds is not None
    unplaced = [
        row
        for row in unplaced
        if (row.refund_id or "") not in known and not _is_of_another_number(row, number)
    ]

    if not ours and all_others_known and not unplaced:
        ours = further

    if len(ours) == 1 and ours[0].refund_id and _fits(ours[0], intent):
        return resolution(_refund_outcome(ours[0]), "transactions", ours[0])

    if (
        not further
        and not unplaced
        and all_others_known
        and intent.details.get("decided_by") == DecidedBy.TRANSACTIONS
        and intent.has_passed(intent.at + _LIST_LAG, gateway=moment)
    ):
        return resolution(Executed.NO, "transactions", None)

    return Resolution(
        outcome=Executed.UNKNOWN,
        evidence="transactions",
        advice=WAIT_ADVICE if all_others_known else _KNOWN_REFUNDS_ADVICE,
        until=_end_of_day(intent.at),
    )


def _known_then(intent: Intent) -> list[str]:
    return intent.details.get("known_refunds", "").split()


def _is_of_another_number(row: RefundSummary, number: str) -> bool:
    if row.mer_reference_id is not None:
        return row.mer_reference_id != number

    coded = number_in_id(row.refund_id or "")

    return coded is not None and number.isdecimal() and coded != int(number)


def _fits(row: RefundSummary, intent: Intent) -> bool:
    amount = row.amount

    return (
        not _was_done_before(row, intent)
        and amount is not None
        and amount.total is not None
        and abs(amount.total) == intent.amount
        and amount.currency in (None, intent.currency)
    )


def _was_done_before(row: RefundSummary, intent: Intent) -> bool:
    done = row.execute_success_time

    return (
        isinstance(done, datetime)
        and done.tzinfo is not None
        and done < intent.at - _CLOCK_TOLERANCE
    )


async def _creation(question: Question, statements: Statements) -> Resolution:
    intent = question.intent
    number = _needed(intent.mer_reference_id, "mer_reference_id")
    notified = await _notified(question, mer_reference_id=number)

    if isinstance(notified, Payment) and await _is_order(notified, question):
        return resolution(Executed.YES, "notification", notified)

    day = _day(intent.mer_date)

    if day is not None:
        async for row in statements.transactions(day, **question.options()):
            if isinstance(row, PaymentSummary) and _is_row_of(row, question):
                return resolution(Executed.YES, "transactions", row)

    return Resolution(
        outcome=Executed.UNKNOWN, evidence="transactions", advice=_NOBODY_PAID_ADVICE
    )


async def _notified(
    question: Question,
    *,
    object_id: str | None = None,
    mer_reference_id: str | None = None,
) -> Payment | Refund | CustomsDeclaration | None:
    if question.evidence is None:
        return None

    try:
        return await question.evidence.notified(
            object_id=object_id, mer_reference_id=mer_reference_id
        )
    except Exception as error:  # noqa: BLE001 (the gateway is asked in its place)
        _log.warning("stored notifications are out of reach: %s", type(error).__name__)

        return None


async def _is_order(payment: Payment, question: Question) -> bool:
    """
    Tell whether *payment* was paid, or is being paid, for the order of the intent.

    An older one of the same number that failed says nothing of this one. What the
    notification leaves out is asked for.
    """
    is_paid = outcome_of(payment) is Executed.YES

    if not is_paid or not question.ordered.fits(payment.order):
        return False

    if question.ordered.is_named_by(payment.order):
        return True

    try:
        asked, _ = await question.ask(payment.id)
    except UMFError as error:
        _log.info("asking for %s failed: %s", payment.id, type(error).__name__)

        return False

    return outcome_of(asked) is Executed.YES and question.ordered.fits(asked.order)


def _is_row_of(row: PaymentSummary, question: Question) -> bool:
    named = Order(
        mer_reference_id=row.mer_reference_id,
        mer_date=row.order_date,
        amount=row.amount,
    )

    return row.mer_reference_id is not None and question.ordered.fits(named)


_ADVICE: Final = {
    Executed.YES: _DONE_ADVICE,
    Executed.NO: _NOT_DONE_ADVICE,
    Executed.UNKNOWN: WAIT_ADVICE,
}


def resolution(
    outcome: Executed,
    evidence: str,
    what: Payment | Refund | PaymentSummary | RefundSummary | None,
) -> Resolution:
    return Resolution(
        outcome=outcome, evidence=evidence, object=what, advice=_ADVICE[outcome]
    )


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise ConfigError(
            f"resolve: the intent has no {name}.", f"resolve：intent 缺少 {name}。"
        )

    return value


def _day(value: str | None) -> date | None:
    try:
        return None if value is None else datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007
    except (TypeError, ValueError):
        raise ConfigError(
            "resolve: the intent's mer_date is not YYYYMMDD.",
            "resolve：intent 的 mer_date 不是 YYYYMMDD。",
        ) from None


def _end_of_day(moment: datetime) -> datetime:
    tomorrow = moment.astimezone(_CHINA_ZONE).date() + timedelta(days=1)

    return datetime.combine(tomorrow, time(), tzinfo=_CHINA_ZONE)
