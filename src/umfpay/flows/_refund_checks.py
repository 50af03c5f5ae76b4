"""
What a refund is refused for before it is sent: the payment, the amount, the number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import reduce
from operator import add

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    ConfigError,
    NotFinishedError,
    RefundAmountError,
    RefundNumberUsedError,
    Text,
    UMFError,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._payment_outcome import paid_or_raise
from umfpay.flows._refund_history import (
    RefundHistory,
    refund_history,
)
from umfpay.models import (
    Money,
    NewRefund,
    Payment,
    Refund,
    RefundSubOrder,
)


_log = logging.getLogger("umfpay")


def check_arguments(
    mer_reference_id: object,
    mer_date: object,
    amount: object,
    goods: object,
    already: object,
) -> None:
    """
    Refuse what is of the wrong type, before anything is sent; see `refund()`.
    """
    number = isinstance(mer_reference_id, str) and mer_reference_id.strip()
    # A datetime is a date, too.
    day = isinstance(mer_date, date) and not isinstance(mer_date, datetime)
    parts = isinstance(goods, Sequence) and all(
        isinstance(part, RefundSubOrder) for part in goods
    )
    known = already is None or (
        isinstance(already, Mapping)
        and all(isinstance(money, Money) for money in already.values())
    )

    for name, good, needed in (
        ("mer_reference_id", number, "text"),
        ("mer_date", day, "date"),
        ("amount", amount is None or isinstance(amount, Money), "Money"),
        ("goods", parts, "Sequence[RefundSubOrder]"),
        ("already", known, "Mapping[str, Money]"),
    ):
        if not good:
            raise ConfigError(
                f"{name}: {needed} is needed.", f"{name}：类型必须是 {needed}。"
            )


def must_be_paid(payment: Payment) -> None:
    """
    Refuse a payment that has nothing to give back.
    """
    if payment.state is not None and payment.state.never_paid:
        paid_or_raise(payment)

    # What becomes of the state after a refund nobody has seen (gateway.md 10.6): the
    # gateway may judge all others.
    if payment.state is not None and payment.state.open:
        raise NotFinishedError(
            f"{payment.id}: the payment is {payment.state}: there is nothing to"
            " refund yet.",
            f"{payment.id}：支付状态为 {payment.state}，尚不能退款。",
            last=payment,
        )


def amount_of(
    payment: Payment,
    so_far: RefundHistory,
    given: Money | None,
    goods: Sequence[RefundSubOrder],
) -> Money:
    """
    Return what to give back: what is asked, all of the goods, or all that is left.
    """
    if given is not None:
        return given

    if goods:
        return reduce(add, (part.amount for part in goods))

    if so_far.total is None or so_far.amount_left is None:
        raise ConfigError(
            f"amount: {payment.id}: the gateway does not tell what was paid.",
            f"amount：{payment.id}：平台未返回支付金额。",
            advice=Text("Give the amount.", "请提供退款金额。"),
        )

    if so_far.amount_left <= 0:
        raise _too_much_error(payment, "all of it", "全部金额", so_far)

    return Money(so_far.amount_left, so_far.total.currency)


async def must_be_new(
    number: str,
    so_far: RefundHistory,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> None:
    """
    Refuse a *number* under which there is a refund already.
    """
    notified = (
        None if arrivals is None else await _notified_refund(arrivals, number, end)
    )

    if isinstance(notified, Refund):
        raise _number_used_error(number, notified)

    if number in so_far.numbers:
        raise _number_used_error(number, so_far.numbers[number])


async def _notified_refund(
    arrivals: NotificationSource, number: str, end: Deadline
) -> object | None:
    try:
        async with asyncio.timeout_at(end.at):
            return await arrivals.notified(mer_reference_id=number)
    except Exception as error:  # noqa: BLE001 (the list and the gateway know, too)
        _log.warning("stored notifications are out of reach: %s", type(error).__name__)

        return None


def _number_used_error(number: str, known: Refund) -> RefundNumberUsedError:
    known_id = known.id or "?"

    return RefundNumberUsedError(
        f"The refund number {number} was used before, for {known_id}.",
        f"退款单号 {number} 已被使用（{known_id}）。",
        last=known,
        money_may_have_moved=known.state is None or not known.state.failed,
    )


async def number_refusal_error(
    session: UMFSession,
    payment: Payment,
    new: NewRefund,
    refusal: APIError,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> RefundNumberUsedError:
    """
    Return what it means that the gateway refused the number of *new*.

    Whoever sent that number before, and never saw the answer, has a refund under way
    that neither a list nor a notification may tell yet.
    """
    number = new.mer_reference_id

    try:
        so_far = await refund_history(
            session, payment, mer_date=new.mer_date, already={}, deadline=end
        )
        await must_be_new(number, so_far, arrivals, end)
    except RefundNumberUsedError as used:
        return used
    except UMFError as error:
        _log.info("asking for %s failed: %s", number, type(error).__name__)

    return RefundNumberUsedError(
        f"{payment.id}: the gateway refused the refund ({refusal.ret_code}); its"
        f" number {number} may have been used before.",
        f"{payment.id}：平台拒绝退款（{refusal.ret_code}）；退款单号 {number}"
        " 可能已被使用。",
        last=payment,
        advice=Text(
            "If this number may have been sent before, find that refund first: its"
            " notification or the day's list tells. If it never was, the payment may be"
            " too young: refund some seconds later under a new number.",
            "若该单号可能提交过，请先通过通知或当日交易列表确认原退款；若从未提交，"
            "可能是支付后过早退款，请数秒后使用新的退款单号重试。",
        ),
        money_may_have_moved=True,
    )


def must_be_left(payment: Payment, new: NewRefund, so_far: RefundHistory) -> None:
    """
    Refuse an amount in another currency, or above what is left.
    """
    total, left = so_far.total, so_far.amount_left

    if total is None or left is None:
        return

    if new.amount.currency != total.currency:
        raise ConfigError(
            f"amount: {payment.id} was paid in {total.currency}, not in"
            f" {new.amount.currency}.",
            f"amount：{payment.id} 的币种是 {total.currency}，不是"
            f" {new.amount.currency}。",
        )

    if new.amount.total > left:
        raise _too_much_error(payment, str(new.amount), str(new.amount), so_far)


def _too_much_error(
    payment: Payment, en: str, zh: str, so_far: RefundHistory
) -> RefundAmountError:
    return RefundAmountError(
        f"{payment.id}: {en} cannot be refunded: {so_far.amount_left} of {so_far.total}"
        " is left.",
        f"{payment.id}：不能退款 {zh}：{so_far.total} 中剩余 {so_far.amount_left}。",
        last=payment,
    )
