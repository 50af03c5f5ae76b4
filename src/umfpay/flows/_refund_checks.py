"""
Refund checks: what a refund is refused for before it is sent.

They look at the payment, its earlier refunds, the amount, and the number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import add

import attrs

from umfpay.errors import (
    APIError,
    ConfigError,
    NotFinishedError,
    RefundAmountError,
    RefundNumberUsedError,
    Text,
    UMFError,
)
from umfpay.flows._options import FlowOptions
from umfpay.flows._payment_outcome import paid_or_raise
from umfpay.models import (
    Money,
    NewRefund,
    Payment,
    Refund,
    RefundSubOrder,
    RefundSummary,
)


_log = logging.getLogger("umfpay")


@attrs.frozen(kw_only=True)
class RefundHistory:
    """
    The refunds of one payment.

    Args:
        amounts: By refund id.
        numbers: The refunds by their own numbers, where they are told; the id of one
            may be empty.
        total: What the payment took, None if the gateway does not tell.
    """

    total: Money | None
    amounts: Mapping[str, Decimal]
    numbers: Mapping[str, Refund]

    @property
    def amount_left(self) -> Decimal | None:
        """
        What can still be given back, None if nobody knows.
        """
        if self.total is None:
            return None

        return self.total.total - sum(self.amounts.values(), Decimal(0))


def _paid_amount(payment: Payment) -> Money | None:
    """
    Return what a query says the payment took, in its own currency.
    """
    amount = None if payment.order is None else payment.order.amount

    if amount is None or amount.total is None or amount.currency is None:
        return None

    return Money(amount.total, amount.currency)


async def refund_history(
    flow: FlowOptions,
    payment: Payment,
    *,
    mer_date: date,
    already: Mapping[str, Money],
) -> RefundHistory:
    """
    Collect the refunds of *payment* from the transaction lists, and *already*.

    A refund stands in the list of the order's day, but only once it is done: those
    that are under way are known to the caller alone.

    Args:
        payment: As a query tells it.
        mer_date: Of the refund to come; nobody has seen under which day the real
            gateway lists one (gateway.md 9.3), so both are asked.
        already: Amounts of refunds by their ids.

    Raises:
        NotFinishedError: The lists could not be read before the deadline.
    """
    days = {mer_date}

    if payment.order is not None and payment.order.mer_date is not None:
        days.add(payment.order.mer_date)

    amounts = {one: money.total for one, money in already.items()}
    numbers: dict[str, Refund] = {}

    try:
        # Each page alone would have all the time that is left.
        async with asyncio.timeout_at(flow.ends_at):
            for day in sorted(days):
                async for row in flow.session.statements.transactions(
                    day, **flow.call_options()
                ):
                    if isinstance(row, RefundSummary) and row.payment_id == payment.id:
                        _count(row, amounts, numbers)
    except TimeoutError:
        flow.must_have_time(payment)

        raise

    return RefundHistory(total=_paid_amount(payment), amounts=amounts, numbers=numbers)


def _count(
    row: RefundSummary, amounts: dict[str, Decimal], numbers: dict[str, Refund]
) -> None:
    # One without an id is another one each time.
    refund_id = row.refund_id or f"row {len(amounts)}"

    if row.mer_reference_id:
        numbers[row.mer_reference_id] = Refund(
            id=row.refund_id or "", state=row.state, parent_payment=row.payment_id
        )

    if row.state is not None and row.state.failed:
        amounts.pop(refund_id, None)
    elif row.amount is not None and row.amount.total is not None:
        amounts[refund_id] = abs(row.amount.total)


def check_arguments(
    mer_reference_id: object,
    mer_date: object,
    amount: object,
    goods: object,
    already: object,
) -> None:
    """
    Refuse what is of the wrong type, before anything is sent; see `refund()`.

    Raises:
        ConfigError: Something is.
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
            raise ConfigError.of(name, f"{needed} is needed", f"类型必须是 {needed}")


def must_be_paid(payment: Payment) -> None:
    """
    Refuse a payment that has nothing to give back.

    Raises:
        PaymentFailedError: It failed.
        PaymentExpiredError: Nobody paid it in time.
        NotFinishedError: It is not paid yet.
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

    Raises:
        ConfigError: Nothing is asked, and nobody knows what is left.
        RefundAmountError: Nothing is left.
    """
    if given is not None:
        return given

    if goods:
        return reduce(add, (part.amount for part in goods))

    if so_far.total is None or so_far.amount_left is None:
        raise ConfigError.of(
            "amount",
            f"{payment.id}: the gateway does not tell what was paid",
            f"{payment.id}：平台未返回支付金额",
            advice=Text("Give the amount.", "请提供退款金额。"),
        )

    if so_far.amount_left <= 0:
        raise _too_much_error(payment, "all of it", "全部金额", so_far)

    return Money(so_far.amount_left, so_far.total.currency)


async def must_be_new(flow: FlowOptions, number: str, so_far: RefundHistory) -> None:
    """
    Refuse a *number* under which there is a refund already.

    Raises:
        RefundNumberUsedError: There is one; *last* is it.
    """
    notified = await _notified_refund(flow, number)

    if isinstance(notified, Refund):
        raise _number_used_error(number, notified)

    if number in so_far.numbers:
        raise _number_used_error(number, so_far.numbers[number])


async def _notified_refund(flow: FlowOptions, number: str) -> object | None:
    if flow.arrivals is None:
        return None

    try:
        async with asyncio.timeout_at(flow.ends_at):
            return await flow.arrivals.notified(mer_reference_id=number)
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
    flow: FlowOptions, payment: Payment, new: NewRefund, refusal: APIError
) -> RefundNumberUsedError:
    """
    Return what it means that the gateway refused the number of *new*.

    Whoever sent that number before, and never saw the answer, has a refund under way
    that neither a list nor a notification may tell yet.
    """
    number = new.mer_reference_id

    try:
        so_far = await refund_history(flow, payment, mer_date=new.mer_date, already={})
        await must_be_new(flow, number, so_far)
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

    Raises:
        ConfigError: It is in another currency.
        RefundAmountError: It is more than is left.
    """
    total, left = so_far.total, so_far.amount_left

    if total is None or left is None:
        return

    if new.amount.currency != total.currency:
        raise ConfigError.of(
            "amount",
            f"{payment.id} was paid in {total.currency}, not in {new.amount.currency}",
            f"{payment.id} 的币种是 {total.currency}，不是 {new.amount.currency}",
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
