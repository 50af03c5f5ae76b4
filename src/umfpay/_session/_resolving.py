"""
What became of a write whose end was unclear: evidence, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final, Protocol

import attrs

from umfpay.errors import ConfigError, Intent, Text
from umfpay.models import (
    CustomsDeclaration,
    NewPayment,
    Payment,
    PaymentState,
    PaymentSummary,
    Refund,
    RefundState,
    RefundSummary,
)
from umfpay.resources import CallOptions, Payments, Statements


# The gateway's business days are China's (protocol notes 12.17 leaves it open).
_CHINA: Final = timezone(timedelta(hours=8))
# The clocks of two companies differ.
_CLOCKS: Final = timedelta(minutes=1)
_PAID: Final = frozenset({PaymentState.TRADE_SUCCESS, PaymentState.TRADE_PENDING})
_NOT_PAID: Final = frozenset(
    {
        PaymentState.TRADE_FAIL,
        PaymentState.TRADE_CLOSED,
        PaymentState.TRADE_CANCEL,
        PaymentState.TRADE_REVERSE,
    }
)
_NOT_REFUNDED: Final = frozenset({RefundState.REFUND_FAIL, RefundState.REFUND_CLOSE})


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


class Evidence(Protocol):
    """
    Where verified notifications are kept: the inbox of `umfpay.notifications`.
    """

    async def notified(
        self,
        *,
        object_id: str | None = None,
        mer_reference_id: str | None = None,
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the newest object of that id, or of that merchant's number.
        """
        ...


_DONE: Final = Text("It was carried out: do not repeat it.", "已执行：请勿重复。")
_NOT_DONE: Final = Text(
    "It was not carried out: it may be asked for again under a new number.",
    "未执行：可使用新的单号重新发起。",
)
_WAIT: Final = Text(
    "Nobody can say yet: do not repeat it, ask again later or wait for the"
    " notification.",
    "目前无法确定：请勿重复，请稍后再查询或等待通知。",
)
_NOBODY_PAID: Final = Text(
    "Nobody has paid: the payment may or may not exist. Create it again with"
    " allow_repeat=True under the same number, or give it up.",
    "没有人付款：该笔支付可能已创建也可能未创建。可用 allow_repeat=True"
    " 以同一单号重新创建，或放弃。",
)
_NOT_ASKED: Final = Text(
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
        known_refunds: Ids of refunds of this payment that the caller knows as others.
        expires_at: When the order can no longer be paid, with a zone.
        again: For ``payments.create``: the same payment, to be created once more.
        now: The moment.
    """

    intent: Intent
    evidence: Evidence | None
    known_refunds: Collection[str]
    expires_at: datetime | None
    again: NewPayment | None
    now: datetime


async def resolve(
    question: Question,
    *,
    payments: Payments,
    statements: Statements,
    options: CallOptions,
) -> Resolution:
    """
    Say what became of the intent, as far as the gateway tells.
    """
    call = question.intent.call

    if call == "payments.execute" or call.endswith("/execute"):
        return await _execution(question, payments, options)

    if call == "refunds.create":
        return await _refund(question, payments, statements, options)

    if call == "payments.create":
        return await _creation(question, payments, statements, options)

    return Resolution(outcome=Executed.UNKNOWN, evidence="", advice=_NOT_ASKED)


async def _execution(
    question: Question, payments: Payments, options: CallOptions
) -> Resolution:
    payment_id = _needed(question.intent.payment_id, "payment_id")
    told = await _notified(question, object_id=payment_id)

    if isinstance(told, Payment) and told.state is not None and told.state.final:
        return _by_state(question, told, evidence="notification")

    payment = await payments.get(payment_id, **options)

    return _by_state(question, payment, evidence="query")


def _by_state(question: Question, payment: Payment, *, evidence: str) -> Resolution:
    if payment.state in _PAID:
        return _is(Executed.YES, evidence, payment)

    if payment.state in _NOT_PAID:
        return _is(Executed.NO, evidence, payment)

    until = question.expires_at

    if (
        payment.state == PaymentState.WAIT_BUYER_PAY
        and until is not None
        and question.now > until + _CLOCKS
    ):
        return _is(Executed.NO, evidence, payment)

    return attrs.evolve(_is(Executed.UNKNOWN, evidence, payment), until=until)


async def _refund(
    question: Question,
    payments: Payments,
    statements: Statements,
    options: CallOptions,
) -> Resolution:
    intent = question.intent
    payment_id = _needed(intent.payment_id, "payment_id")
    number = _needed(intent.mer_reference_id, "mer_reference_id")
    told = await _notified(question, mer_reference_id=number)

    if isinstance(told, Refund) and told.parent_payment in (None, payment_id):
        failed = told.state in _NOT_REFUNDED

        return _is(Executed.NO if failed else Executed.YES, "notification", told)

    payment = await payments.get(payment_id, **options)
    order = payment.order
    days = {_day(intent.mer_date), None if order is None else order.mer_date}
    rows: dict[str, RefundSummary] = {}

    for day in sorted(day for day in days if day is not None):
        async for row in statements.transactions(day, **options):
            if isinstance(row, RefundSummary) and _fits(row, question):
                rows[row.refund_id or ""] = row

    if len(rows) == 1:
        return _is(Executed.YES, "transactions", next(iter(rows.values())))

    return attrs.evolve(
        _is(Executed.UNKNOWN, "transactions", None), until=_end_of_day(intent.at)
    )


def _fits(row: RefundSummary, question: Question) -> bool:
    intent = question.intent
    amount = row.amount

    return (
        row.payment_id == intent.payment_id
        and row.refund_id not in question.known_refunds
        and row.state not in _NOT_REFUNDED
        and amount is not None
        and amount.total is not None
        and abs(amount.total) == intent.amount
        and amount.currency in (None, intent.currency)
    )


async def _creation(
    question: Question,
    payments: Payments,
    statements: Statements,
    options: CallOptions,
) -> Resolution:
    intent = question.intent
    number = _needed(intent.mer_reference_id, "mer_reference_id")
    told = await _notified(question, mer_reference_id=number)

    if isinstance(told, Payment):
        return _is(Executed.YES, "notification", told)

    day = _day(intent.mer_date)

    if day is not None:
        async for row in statements.transactions(day, **options):
            if isinstance(row, PaymentSummary) and row.mer_reference_id == number:
                return _is(Executed.YES, "transactions", row)

    if question.again is not None:
        payment = await payments.create(question.again, **options)

        return _is(Executed.YES, "repeat", payment)

    return Resolution(
        outcome=Executed.UNKNOWN, evidence="transactions", advice=_NOBODY_PAID
    )


async def _notified(
    question: Question,
    *,
    object_id: str | None = None,
    mer_reference_id: str | None = None,
) -> Payment | Refund | CustomsDeclaration | None:
    if question.evidence is None:
        return None

    return await question.evidence.notified(
        object_id=object_id, mer_reference_id=mer_reference_id
    )


_ADVICE: Final = {
    Executed.YES: _DONE,
    Executed.NO: _NOT_DONE,
    Executed.UNKNOWN: _WAIT,
}


def _is(
    outcome: Executed,
    evidence: str,
    what: Payment | Refund | PaymentSummary | RefundSummary | None,
) -> Resolution:
    return Resolution(
        outcome=outcome, evidence=evidence, object=what, advice=_ADVICE[outcome]
    )


def check_repeat(
    intent: Intent, again: NewPayment | None, *, allow_repeat: bool
) -> None:
    """
    Refuse a repetition that is not asked for, or not of the same order.

    Raises:
        ConfigError: *again* and *allow_repeat* do not go together, or with *intent*.
    """
    if (again is not None) != allow_repeat:
        raise ConfigError(
            Text(
                "resolve: allow_repeat=True and again= are given together.",
                "resolve：allow_repeat=True 与 again= 须同时提供。",
            )
        )

    if again is None:
        return

    order = again.order
    same = (
        intent.call == "payments.create"
        and order.mer_reference_id == intent.mer_reference_id
        and f"{order.mer_date:%Y%m%d}" == intent.mer_date
        and order.amount.total == intent.amount
        and str(order.amount.currency) == intent.currency
    )

    if not same:
        raise ConfigError(
            Text(
                "again: it is not the payment of the intent (number, date, amount);"
                " only payments.create can be repeated.",
                "again：与 intent 的订单号、日期或金额不一致；"
                "只有 payments.create 可以重复。",
            )
        )


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise ConfigError(
            Text(
                f"resolve: the intent has no {name}.", f"resolve：intent 缺少 {name}。"
            )
        )

    return value


def _day(value: str | None) -> date | None:
    return None if value is None else datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007


def _end_of_day(moment: datetime) -> datetime:
    tomorrow = moment.astimezone(_CHINA).date() + timedelta(days=1)

    return datetime.combine(tomorrow, time(), tzinfo=_CHINA)
