"""
Refunds: all or part of a payment, to the final state (gateway.md 10.6).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final, NoReturn

import attrs

from umfpay._session import Executed, UMFSession
from umfpay.errors import (
    APIError,
    OutcomeUnknownError,
    RefundAmountError,
    RefundFailedError,
    RefundRefusedError,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._payment_outcome import resolve_or_raise
from umfpay.flows._refund_checks import (
    amount_of,
    check_arguments,
    must_be_left,
    must_be_new,
    must_be_paid,
    number_refusal_error,
)
from umfpay.flows._refund_history import RefundHistory, refund_history
from umfpay.flows._steps import OnStep, check_listener, report_step
from umfpay.flows._waiting import wait_final
from umfpay.models import (
    Money,
    NewRefund,
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
    Give back all or part of a payment, and wait for the final state.

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
        OutcomeUnknownError: It may have been made; also after a refusal that the second
            copy of a request gets, too.
        RefundNumberUsedError: There is a refund under this number: *last* is it. If
            *last* is the payment, there may be one: the gateway refused with a code
            that also means "too early".
        RefundRefusedError: The gateway refused it for another reason.
        RefundFailedError: It ended as failed or closed.
        PaymentFailedError: There is nothing to refund: the payment failed.
        PaymentExpiredError: There is nothing to refund: the payment was closed.
        NotFinishedError: The deadline came first, or the payment is not paid yet.
        OutcomeUnknownError: Money may have moved, and nobody can say.
    """
    end = Deadline.after(deadline, intent_id)
    check_listener(on_step)
    check_arguments(mer_reference_id, mer_date, amount, goods, already)
    payment_id = payment.id if isinstance(payment, Payment) else payment
    paid = await session.payments.get(payment_id, **end.options(session))
    must_be_paid(paid)
    so_far = await refund_history(
        session, paid, mer_date=mer_date, already=already or {}, deadline=end
    )
    await must_be_new(mer_reference_id, so_far, arrivals, end)
    new = NewRefund(
        mer_reference_id=mer_reference_id,
        mer_date=mer_date,
        amount=amount_of(paid, so_far, amount, goods),
        refund_summary=refund_summary,
        sub_orders=goods,
        notify_url=notify_url,
    )
    must_be_left(paid, new, so_far)
    made = await _create(
        session, paid, new, so_far, arrivals, end, all_known=already is not None
    )
    await report_step(on_step, "created", made, deadline=end, money_may_have_moved=True)

    return await _wait_finished(session, paid, new, made, on_step, arrivals, end)


async def _create(
    session: UMFSession,
    payment: Payment,
    new: NewRefund,
    so_far: RefundHistory,
    arrivals: NotificationSource | None,
    end: Deadline,
    *,
    all_known: bool,
) -> Refund:
    end.must_have_time(payment)

    try:
        return await session.refunds.create(
            payment.id,
            new,
            known_refunds=so_far.amounts.keys(),
            all_known=all_known,
            arrivals=arrivals,
            **end.intent_options(session),
        )
    except RefundRefusedError as refusal:
        _raise_refusal(payment, refusal)
    except OutcomeUnknownError as unknown:
        return await _find_refund(
            session,
            payment,
            new,
            unknown,
            # Refunds that are under way stand in no list: the caller alone knows them.
            known_refunds=so_far.amounts.keys() if all_known else None,
            arrivals=arrivals,
            end=end,
        )


async def _find_refund(
    session: UMFSession,
    payment: Payment,
    new: NewRefund,
    unknown: OutcomeUnknownError,
    *,
    known_refunds: Collection[str] | None,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> Refund:
    """
    Return the refund if it turns out to have been made.
    """
    refusal = unknown.__cause__

    try:
        found = await resolve_or_raise(
            session,
            unknown,
            deadline=end,
            arrivals=arrivals,
            known_refunds=known_refunds,
        )
    except OutcomeUnknownError:
        if (
            isinstance(refusal, RefundRefusedError)
            and refusal.verified
            and refusal.ret_code == _NOT_ALLOWED_CODE
        ):
            raise await number_refusal_error(
                session, payment, new, refusal, arrivals, end
            ) from refusal

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

    if made.id and arrivals is not None:
        await bind(arrivals, new, payment_id=payment.id, refund_id=made.id)

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
    session: UMFSession,
    payment: Payment,
    new: NewRefund,
    made: Refund,
    on_step: OnStep | None,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> Refund:
    if not made.final:
        await report_step(
            on_step, "waiting", made, deadline=end, money_may_have_moved=True
        )

    done = await wait_final(
        made.id,
        kind=Refund,
        ask=lambda: session.refunds.get(made.id, **end.options(session)),
        is_final=lambda found: found.final,
        deadline=end,
        arrivals=arrivals,
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
    await report_step(
        on_step, "final", done, deadline=end, money_may_have_moved=given_back
    )

    if not given_back:
        raise _failed_error(done)

    return done


def _failed_error(made: Refund) -> RefundFailedError:
    return RefundFailedError(
        f"{made.id}: the refund ended as {made.state}.",
        f"{made.id}：退款结束，状态为 {made.state}。",
        last=made,
    )
