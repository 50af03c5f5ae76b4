"""
What became of a refund: which row of the transaction lists it is, if any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta, timezone
from typing import Final

from umfpay.errors import Intent, Text
from umfpay.models import Refund, RefundSummary
from umfpay.protocol import DecidedBy, number_in_id
from umfpay.resources._refund_identity import is_id_of_number
from umfpay.resources._resolution import (
    CLOCK_TOLERANCE,
    Executed,
    Question,
    Resolution,
    resolution,
)


# The gateway's business days are China's (gateway.md 12.17 leaves it open).
_CHINA_ZONE: Final = timezone(timedelta(hours=8))
# A list that holds nothing so long after a signed refusal will hold nothing.
_LIST_LAG: Final = timedelta(seconds=60)
_KNOWN_REFUNDS_ADVICE: Final = Text(
    "Nobody can say yet: do not repeat it. If you know all other refunds of this payment"
    " and none of them is open, give their ids as known_refunds= (an empty list if there"
    " are none).",
    "目前无法确定：请勿重复。若已知该笔支付的全部其他退款且均已结束，"
    "请通过 known_refunds= 提供其编号（没有则为空列表）。",
)


async def find_refund(question: Question) -> Resolution:
    """
    Say whether a refund was carried out: by a notification, or by the rows of its
    payment in the transaction lists.

    Raises:
        UMFError: The payment or a list cannot be asked for.
    """
    payment_id = question.needed("payment_id")
    number = question.needed("mer_reference_id")
    found = await _evidence(question, payment_id, number)
    refund = found.object

    if isinstance(refund, Refund):
        question.refund_ids.add(payment_id, refund.id, number)
    elif isinstance(refund, RefundSummary) and refund.refund_id:
        question.refund_ids.add(payment_id, refund.refund_id, number)

    return found


async def _evidence(question: Question, payment_id: str, number: str) -> Resolution:
    notified = await question.notified(mer_reference_id=number)

    if isinstance(notified, Refund) and notified.parent_payment in (None, payment_id):
        return resolution(_refund_outcome(notified), "notification", notified)

    payment, moment = await question.ask(payment_id)
    order = payment.order
    days = {question.mer_date, None if order is None else order.mer_date}
    rows: dict[str, RefundSummary] = {}
    unplaced: list[RefundSummary] = []

    for day in sorted(day for day in days if day is not None):
        async for row in question.transactions(day):
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

    The documented list names no refund's number (gateway.md 6): a row proves something
    if its number or its id is ours, or if it is the only one that can be ours because
    all others are known.

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
        return resolution(Executed.NO, "transactions")

    return resolution(
        Executed.UNKNOWN,
        "transactions",
        advice=None if all_others_known else _KNOWN_REFUNDS_ADVICE,
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
        and done < intent.at - CLOCK_TOLERANCE
    )


def _refund_outcome(refund: Refund | RefundSummary) -> Executed:
    failed = refund.state is not None and refund.state.failed

    return Executed.NO if failed else Executed.YES


def _end_of_day(moment: datetime) -> datetime:
    tomorrow = moment.astimezone(_CHINA_ZONE).date() + timedelta(days=1)

    return datetime.combine(tomorrow, time(), tzinfo=_CHINA_ZONE)
