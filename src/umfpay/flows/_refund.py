"""
Refunds (gateway.md 10.6): all or part of a payment, or some goods, to the final state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final, NoReturn

import attrs

from umfpay._session import Executed, UMFSession
from umfpay.errors import (
    APIError,
    InvalidValueError,
    OutcomeUnknownError,
    RefundAmountError,
    RefundFailedError,
    RefundRefusedError,
)
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep
from umfpay.flows._payment_outcome import resolve_or_raise
from umfpay.flows._refund_checks import (
    RefundHistory,
    amount_of,
    check_arguments,
    must_be_left,
    must_be_new,
    must_be_paid,
    number_refusal_error,
    refund_history,
)
from umfpay.flows._waiting import wait_final
from umfpay.models import (
    Money,
    NewOrder,
    NewRefund,
    NewSubOrder,
    Payment,
    Refund,
    RefundState,
    RefundSubOrder,
    RefundSummary,
)
from umfpay.resources import KnownOrder, bind, must_be_refund
from umfpay.sensitive import withholds


# "Not allowed": too early, or the number was used before (gateway.md 8.2).
_NOT_ALLOWED_CODE: Final = "00060766"
# Codes that say the amount does not fit.
_AMOUNT_CODES: Final = frozenset({"00060768", "00060770", "00202009", "00202010"})


@withholds(payment=(Payment, str), amount=Money, goods=RefundSubOrder, already=Mapping)
async def refund(
    session: UMFSession,
    payment: Payment | str,
    *,
    mer_reference_id: str,
    mer_date: date,
    amount: Money | None = None,
    goods: Sequence[RefundSubOrder] = (),
    refund_summary: str | None = None,
    notify_url: str | None = None,
    already: Mapping[str, Money] | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Refund:
    """
    Give back all or part of a payment, and wait for the final state (gateway.md 10.6).

    Before it is sent the flow asks for the payment and for its refunds in the day's
    transaction list: the sum never exceeds the payment. Too soon after paying (some
    seconds) the gateway may refuse; then try again with a new number.

    Steps reported: ``created``, ``waiting``, ``final``.

    Args:
        payment: The payment, or its id.
        mer_reference_id: The number of this refund, never used before.
        mer_date: The date of this refund.
        amount: What is given back; all of *goods*, or all that is left, if not given.
        goods: What of it belongs to which sub order; see `choose_goods()`.
        already: Amounts, by refund id, of refunds of this payment that are still under
            way: the gateway lists those that are done. Given, also empty, it says that
            there are no others: then the list can prove what became of this one, if
            its end is unclear.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it. A real refund can take longer: then
            `NotFinishedError` holds it, and the notification tells.

    Returns:
        The refund as done, as a query or a notification tells it.

    Raises:
        ConfigError: An argument is of the wrong type; nothing was sent.
        RefundAmountError: It is more than is left. Nothing was refunded.
        RefundNumberUsedError: There is a refund under this number: *last* is it. If
            *last* is the payment, there may be one: the gateway refused with a code
            that also means "too early".
        RefundRefusedError: The gateway refused it for another reason.
        RefundFailedError: It ended as failed or closed.
        PaymentFailedError: There is nothing to refund: the payment failed.
        PaymentExpiredError: There is nothing to refund: the payment was closed.
        NotFinishedError: The deadline came first, or the payment is not paid yet.
        OutcomeUnknownError: It may have been made, and nobody can say; also after a
            refusal that the second copy of a request gets, too.
    """
    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )
    check_arguments(mer_reference_id, mer_date, amount, goods, already)
    payment_id = payment.id if isinstance(payment, Payment) else payment
    paid = await session.payments.get(payment_id, **flow.call_options())
    must_be_paid(paid)
    so_far = await refund_history(flow, paid, mer_date=mer_date, already=already or {})
    await must_be_new(flow, mer_reference_id, so_far)
    new = NewRefund(
        mer_reference_id=mer_reference_id,
        mer_date=mer_date,
        amount=amount_of(paid, so_far, amount, goods),
        refund_summary=refund_summary,
        sub_orders=goods,
        notify_url=notify_url,
    )
    must_be_left(paid, new, so_far)
    made = await _create(flow, paid, new, so_far, all_known=already is not None)
    await flow.report("created", made, money_may_have_moved=True)

    return await _wait_finished(flow, paid, new, made)


async def _create(
    flow: FlowOptions,
    payment: Payment,
    new: NewRefund,
    so_far: RefundHistory,
    *,
    all_known: bool,
) -> Refund:
    flow.must_have_time(payment)

    try:
        return await flow.session.refunds.create(
            payment.id,
            new,
            known_refunds=so_far.amounts.keys(),
            all_known=all_known,
            arrivals=flow.arrivals,
            **flow.intent_options(),
        )
    except RefundRefusedError as refusal:
        _raise_refusal(payment, refusal)
    except OutcomeUnknownError as unknown:
        # Refunds that are under way stand in no list: the caller alone knows them.
        known = so_far.amounts.keys() if all_known else None

        return await _find_refund(flow, payment, new, unknown, known_refunds=known)


async def _find_refund(
    flow: FlowOptions,
    payment: Payment,
    new: NewRefund,
    unknown: OutcomeUnknownError,
    *,
    known_refunds: Collection[str] | None,
) -> Refund:
    """
    Return the refund if it turns out to have been made.
    """
    refusal = unknown.__cause__

    try:
        found = await resolve_or_raise(flow, unknown, known_refunds=known_refunds)
    except OutcomeUnknownError:
        if (
            isinstance(refusal, RefundRefusedError)
            and refusal.verified
            and refusal.ret_code == _NOT_ALLOWED_CODE
        ):
            raise await number_refusal_error(flow, payment, new, refusal) from refusal

        raise

    made = found.object

    if made is None:
        # It is in no list though all others are: the refusal was the truth.
        assert isinstance(refusal, APIError)
        _raise_refusal(payment, refusal)

    # A row of the list, where it was found there.
    if isinstance(made, RefundSummary):
        made = Refund(
            id=made.refund_id or "", state=made.state, parent_payment=payment.id
        )

    # Evidence of a refund is always one of the two.
    assert isinstance(made, Refund)

    if found.outcome is Executed.NO:
        raise _failed_error(made) from unknown

    if made.id and flow.arrivals is not None:
        await bind(flow.arrivals, new, payment_id=payment.id, refund_id=made.id)

    return made


def _raise_refusal(payment: Payment, refusal: APIError) -> NoReturn:
    """
    Raise what a refusal says for certain, or the refusal itself.
    """
    if refusal.ret_code in _AMOUNT_CODES:
        raise RefundAmountError(
            f"{payment.id}: the gateway refused the amount ({refusal.ret_code}).",
            f"{payment.id}：平台拒绝该退款金额（{refusal.ret_code}）。",
            last=payment,
            advice=refusal.advice,
        ) from refusal

    raise refusal


async def _wait_finished(
    flow: FlowOptions, payment: Payment, new: NewRefund, made: Refund
) -> Refund:
    if not made.final:
        await flow.report("waiting", made, money_may_have_moved=True)

    done = await wait_final(
        flow,
        made.id,
        kind=Refund,
        ask=lambda: flow.session.refunds.get(made.id, **flow.call_options()),
        is_final=lambda found: found.final,
        last=made,
        must_fit=lambda found: must_be_refund(
            found,
            payment_id=payment.id,
            wanted=KnownOrder.of(new),
            original=KnownOrder.named_by(payment.order),
        ),
    )

    # A query tells the state and nothing else (gateway.md 5.8).
    if done.parent_payment is None:
        done = attrs.evolve(done, parent_payment=made.parent_payment)

    given_back = done.state == RefundState.REFUND_SUCCESS
    await flow.report("final", done, money_may_have_moved=given_back)

    if not given_back:
        raise _failed_error(done)

    return done


def _failed_error(made: Refund) -> RefundFailedError:
    return RefundFailedError(
        f"{made.id}: the refund ended as {made.state}.",
        f"{made.id}：退款结束，状态为 {made.state}。",
        last=made,
    )


def choose_goods(
    order: NewOrder,
    *,
    sub_orders: Collection[str] = (),
    items: Collection[str] = (),
) -> tuple[RefundSubOrder, ...]:
    """
    Return what is to be refunded of *order*, for `refund(goods=...)`.

    Args:
        order: As it was paid; the gateway does not tell the goods (gateway.md 5.6).
        sub_orders: ``mer_sub_reference_id`` of those that come back as wholes.
        items: ``mer_item_id`` of single lines; each with its whole amount.

    Raises:
        ConfigError: Nothing is chosen, or something that is not in the order, or is
            chosen twice.
    """
    _check_texts("sub_orders", sub_orders)
    _check_texts("items", items)
    chosen = tuple(
        part
        for sub in order.sub_orders
        if (part := _part(sub, sub_orders, items)) is not None
    )
    known = {sub.mer_sub_reference_id for sub in order.sub_orders}
    lines = [item.mer_item_id for sub in order.sub_orders for item in sub.items]

    for name, asked, there in (
        ("sub_orders", sub_orders, known),
        ("items", items, set(lines)),
    ):
        for one in asked:
            if one not in there:
                raise InvalidValueError.of(
                    "choose_goods",
                    f"{name}: {one} is not in the order",
                    f"{one} 不在订单中",
                )

    for one in items:
        if lines.count(one) > 1:
            raise InvalidValueError.of(
                "choose_goods", f"items: {one} is in the order twice", f"{one} 重复"
            )

    if not chosen:
        raise InvalidValueError.of(
            "choose_goods", "nothing is chosen", "未选择任何商品"
        )

    return chosen


def _part(
    sub: NewSubOrder, sub_orders: Collection[str], items: Collection[str]
) -> RefundSubOrder | None:
    lines = [item for item in sub.items if item.mer_item_id in items]
    whole = sub.mer_sub_reference_id in sub_orders

    if whole and lines:
        raise InvalidValueError.of(
            "choose_goods",
            f"{sub.mer_sub_reference_id} is chosen as a whole and by items",
            f"{sub.mer_sub_reference_id} 整单与商品重复选择",
        )

    if not whole and not lines:
        return None

    amount = sub.amount if whole else lines[0].amount

    for item in lines[1:]:
        amount += item.amount

    return RefundSubOrder(
        mer_sub_reference_id=sub.mer_sub_reference_id,
        amount=amount,
        trans_code=sub.trans_code,
    )


def _check_texts(name: str, given: Collection[str]) -> None:
    # A single text is a collection of letters.
    if isinstance(given, str):
        raise InvalidValueError.of(
            "choose_goods", f"{name}: a list is needed", f"{name}：需要列表"
        )

    if len(set(given)) != len(given):
        raise InvalidValueError.of(
            "choose_goods", f"{name}: something is there twice", f"{name}：重复"
        )
