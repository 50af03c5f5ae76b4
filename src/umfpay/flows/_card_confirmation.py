"""
Confirm a card payment: execute at most once, then wait for the final state.

A refusal that nobody signed proves little, and one for a wrong code may mean that a
first copy used the code up: the payment itself decides.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

import attrs

from umfpay.errors import (
    APIError,
    CardError,
    DatabaseError,
    IdentityError,
    Intent,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    PaymentStateError,
    RateLimitedError,
    Text,
    UMFError,
    VerificationCodeError,
    WrongCodeError,
)
from umfpay.flows._options import FlowOptions, utc_now
from umfpay.flows._payment_outcome import (
    paid_or_raise,
    query_twice,
    reconcile_refusal,
    resolve_payment,
    wait_until_paid,
)
from umfpay.flows._pending import CodeAttempt, PendingCardPayment, store_pending
from umfpay.models import Payment, PaymentState
from umfpay.resources import CallOptions
from umfpay.sensitive import Private


# "SMS code not found" (gateway.md 8.2).
_WRONG_SMS_CODE: Final = "00200005"
# What a customer meets every day; whatever else nobody signed stays unclear.
_CUSTOMER_ERRORS: Final = (
    CardError,
    IdentityError,
    PaymentStateError,
    RateLimitedError,
    VerificationCodeError,
)
# The payment has ended: the card is not needed any more.
_FINAL_ERRORS: Final = (PaymentFailedError, PaymentExpiredError)

_log = logging.getLogger("umfpay")


@attrs.frozen(kw_only=True, eq=False)
class Confirmation:
    """
    One attempt to pay *pending*: one code is sent once, one order is charged once.

    Args:
        allow_repeat: Execute again if the outcome of an earlier execute is unknown.
    """

    flow: FlowOptions
    pending: PendingCardPayment
    allow_repeat: bool = False

    async def run(self, code: Private, *, known: Payment | None = None) -> Payment:
        """
        Execute the payment unless that was done, and wait for the final state.

        Args:
            known: The payment if nobody can have executed it; None asks the gateway.
        """
        if self.flow.arrivals is not None:
            await self.flow.arrivals.expect(
                self.pending.mer_reference_id,
                amount=self.pending.amount,
                payment_id=self.pending.payment_id,
            )

        try:
            return await self._pay(code, known)
        except _FINAL_ERRORS as error:
            self.pending.forget()
            await self._store()
            await self._record(error.last)

            raise
        except UMFError:
            await self._store()

            raise

    async def _store(self) -> None:
        """
        Keep what is known now, for the next attempt in whichever process.
        """
        try:
            await store_pending(self.flow.session, self.pending)
        except DatabaseError as error:
            _log.warning("a pending payment could not be kept: %s", error.what.en)

    async def _record(self, last: object) -> None:
        """
        Have the shop's handler hear of an end that no notification may tell.
        """
        arrivals = self.flow.arrivals

        if arrivals is None or not isinstance(last, Payment) or not last.final:
            return

        try:
            await arrivals.record(last, deadline=self.flow.ends_at)
        except UMFError as error:
            _log.warning("an end could not be recorded: %s", type(error).__name__)

    async def _pay(self, code: Private, known: Payment | None) -> Payment:
        proven = known is None
        payment = (
            await self._query_unless_open(self._look_up()) if known is None else known
        )

        execute = not proven or payment.state == PaymentState.WAIT_BUYER_PAY

        if execute:
            payment, proven = await self._execute(code, payment)

        # The card was used: its data may not be kept after that.
        self.pending.forget()

        if execute:
            await self.flow.report("executed", payment, money_may_have_moved=True)

        return await wait_until_paid(
            self.flow, payment, ordered=self.pending.ordered, proven=proven
        )

    async def _look_up(self) -> Payment:
        """
        Return the payment as the gateway knows it, before anything is executed.
        """
        pending = self.pending

        if pending.execute_sent_at is not None:
            try:
                return await self._resolve(_still_unknown_error(pending), once=True)
            except OutcomeUnknownError:
                if not self.allow_repeat:
                    raise

        unchecked = [one for one in pending.attempts if not one.checked]

        if not unchecked or self.allow_repeat:
            payment = await self.flow.session.payments.get(
                pending.payment_id, **self.flow.call_options()
            )
            pending.ordered.must_be(payment.order)

            return payment

        payment = await query_twice(
            self.flow, Payment(id=pending.payment_id), pending.ordered
        )

        if payment.state is None:
            raise _still_unknown_error(pending)

        if payment.state == PaymentState.WAIT_BUYER_PAY:
            for one in unchecked:
                one.checked = True

        return payment

    async def _execute(self, code: Private, known: Payment) -> tuple[Payment, bool]:
        """
        Send the execute; return the payment, and whether its state is proven.
        """
        mark = self._checked_mark(code)
        payer = self.pending.payer(self.flow.session, code)
        mine = await self._attempt(mark, known)
        unknown: OutcomeUnknownError | None = None

        try:
            payment = await self.flow.session.payments.execute(
                self.pending.payment_id, payer, **self._execute_options()
            )
        except OutcomeUnknownError as error:
            unknown = error
            refusal = _refusal_of(error)
        except APIError as error:
            refusal = error
        except UMFError as error:
            # Nothing can have happened, by this one.
            self.pending.attempts.remove(mine)
            self._must_be_first(error)

            raise
        else:
            return payment, False

        # Outside of the except: a refusal is the cause of the error it follows.
        if refusal is None:
            assert unknown is not None

            return await self._resolve(unknown), True

        return await self._explain_refusal(mine, refusal, unknown, known), True

    def _execute_options(self) -> CallOptions:
        """
        Return the options of an execute: a new intent once the last one came to nothing.
        """
        pending = self.pending
        number = 1 + sum(one.checked for one in pending.attempts)
        options = self.flow.intent_options()
        options["intent_id"] = (
            self.flow.intent_id or f"payments.execute {pending.payment_id} {number}"
        )
        options["take_over"] = self.allow_repeat

        return options

    async def _query_unless_open(self, looking: Awaitable[Payment]) -> Payment:
        try:
            return await looking
        except (OutcomeUnknownError, *_FINAL_ERRORS):
            raise
        except UMFError as error:
            self._must_be_first(error)

            raise

    def _must_be_first(self, error: UMFError) -> None:
        """
        Refuse to end with *error*, which says that no money has moved, after an earlier
        attempt: a refusal of that proves little, and it may be late.
        """
        if self.pending.attempts:
            raise _earlier_attempt_open_error(self.pending) from error

    def _checked_mark(self, code: Private) -> str:
        """
        Return the mark of *code*, if it may be sent.
        """
        pending = self.pending
        mark = pending.code_mark(self.flow.session, code)

        # Another task may have come between.
        if pending.execute_sent_at is not None and not self.allow_repeat:
            raise _still_unknown_error(pending)

        if not pending.attempts_left:
            used = len(pending.attempts)

            raise _wrong_code_error(
                pending,
                f"{used} SMS codes were used; this one was not sent",
                f"已提交过 {used} 个验证码，本次未提交",
            )

        if pending.was_sent(mark):
            raise _wrong_code_error(
                pending,
                "this SMS code was used before; it was not sent again",
                "该验证码此前已提交过，未再次提交",
            )

        return mark

    async def _attempt(self, mark: str, known: Payment) -> CodeAttempt:
        """
        Note the attempt, and let it be stored, before anything is sent.
        """
        pending = self.pending
        self.flow.must_have_time(known)
        mine = CodeAttempt(
            sent_at=utc_now(), code_mark=mark, sms_number=pending.codes_asked
        )
        pending.attempts.append(mine)

        try:
            # Whoever stores it now knows of the execute even after a crash.
            await store_pending(self.flow.session, pending)
            await self.flow.report("executing", pending)
            # That may have taken all the time.
            self.flow.must_have_time(known)
        except BaseException:
            pending.attempts.remove(mine)

            raise

        return mine

    async def _explain_refusal(
        self,
        mine: CodeAttempt,
        refusal: APIError,
        unknown: OutcomeUnknownError | None,
        known: Payment,
    ) -> Payment:
        """
        Return the payment if it was, or is being, paid all the same.

        Args:
            unknown: The error of the call; None if the refusal is certain.
        """
        if refusal.ret_code == _WRONG_SMS_CODE:
            mine.refused_with, mine.verified = _WRONG_SMS_CODE, refusal.verified
        elif unknown is None and self._is_only_open(mine):
            self._record_end(mine, refusal)

            return await reconcile_refusal(
                self.flow, known, refusal, ordered=self.pending.ordered
            )

        payment = await query_twice(
            self.flow, known, self.pending.ordered, refusal=refusal
        )

        if payment.final:
            return paid_or_raise(payment, cause=unknown or refusal)

        if payment.state == PaymentState.TRADE_PENDING:
            return payment

        waits = payment.state == PaymentState.WAIT_BUYER_PAY
        error, cause = self._refusal_error(mine, refusal, unknown, waits=waits)

        raise error from cause

    def _refusal_error(
        self,
        mine: CodeAttempt,
        refusal: APIError,
        unknown: OutcomeUnknownError | None,
        *,
        waits: bool,
    ) -> tuple[UMFError, BaseException | None]:
        """
        Return what *refusal* means, and its cause, if the payment has not ended.

        Args:
            waits: Whether two queries say that it waits.
        """
        pending = self.pending

        if refusal.ret_code == _WRONG_SMS_CODE:
            mine.checked = waits

            if waits:
                self._journal_refusal()

            if not pending.attempts_left:
                pending.forget()

            wrong = _wrong_code_error(
                pending,
                "the SMS code is wrong",
                "短信验证码错误",
                refusal=refusal,
                waits=waits,
            )

            return wrong, unknown or refusal

        # It says nothing about an earlier one: only the final state does.
        if waits and self._is_only_open(mine):
            self._record_end(mine, refusal)

            return refusal, None

        if unknown is not None:
            return unknown, refusal

        return _still_unknown_error(pending), refusal

    def _record_end(self, mine: CodeAttempt, refusal: APIError) -> None:
        """
        Note that nothing was paid; the code is used up, and the card will not do.
        """
        mine.refused_with, mine.checked = refusal.ret_code or "refused", True
        mine.verified = refusal.verified
        self._journal_refusal()
        self.pending.forget()

    def _journal_refusal(self) -> None:
        """
        Give back the intent of an execute that is known to have come to nothing.
        """
        if self.flow.session.journal is not None:
            executed = Intent.now(
                "payments.execute", payment_id=self.pending.payment_id
            )
            self.flow.session.journal.resolved(
                executed, outcome="refused", evidence="query"
            )

    def _is_only_open(self, mine: CodeAttempt) -> bool:
        """
        Tell whether all earlier attempts are known to have come to nothing.
        """
        return all(
            one.verified and one.checked
            for one in self.pending.attempts
            if one is not mine
        )

    async def _resolve(
        self, unknown: OutcomeUnknownError, *, once: bool = False
    ) -> Payment:
        return await resolve_payment(
            self.flow,
            unknown,
            ordered=self.pending.ordered,
            expires_at=self.pending.order_expires_at,
            once=once,
        )


def _refusal_of(unknown: OutcomeUnknownError) -> APIError | None:
    """
    Return the refusal that made the end unclear, if the payment's state can explain it.

    It was read whole: an answer that was cut off has no code, and neither has the page
    of whatever stands between. If two copies left, only a wrong code is explained: no
    other code is sent unless the payment waits.
    """
    cause = unknown.__cause__

    if not isinstance(cause, _CUSTOMER_ERRORS) or not cause.ret_code:
        return None

    if "copies" in unknown.intent.details and cause.ret_code != _WRONG_SMS_CODE:
        return None

    return cause if cause.http_status < HTTPStatus.INTERNAL_SERVER_ERROR else None


def _wrong_code_error(
    pending: PendingCardPayment,
    en: str,
    zh: str,
    *,
    refusal: APIError | None = None,
    waits: bool = True,
) -> WrongCodeError:
    """
    Return the error for a code that was refused, or not sent.

    Args:
        refusal: The gateway's; None if the code was not sent.
        waits: Whether the payment still waits, as two queries say.
    """
    return WrongCodeError(
        f"{pending.payment_id}: {en}.",
        f"{pending.payment_id}：{zh}。",
        ret_code=_WRONG_SMS_CODE,
        ret_msg="" if refusal is None else refusal.ret_msg,
        http_status=200 if refusal is None else refusal.http_status,
        verified=refusal is not None and refusal.verified,
        attempts_left=pending.attempts_left,
        last=pending,
        advice=_advice(pending.attempts_left),
        money_may_have_moved=not waits or pending.is_open,
    )


def _advice(left: int) -> Text:
    if left == 0:
        return Text(
            "No more codes are taken. Wait until this payment has ended, at the latest"
            " when the order expires; then the customer may pay with a new one.",
            "不再接受验证码。请等待该笔支付结束（最迟至订单过期），"
            "之后客户可重新下单支付。",
        )

    times = "once" if left == 1 else f"{left} times"

    return Text(
        f"The customer may try again, {times}: give confirm_card_payment() another code"
        " with the same pending payment, or call resend_code() first. Begin no other"
        " payment for this order meanwhile.",
        f"客户还可重试 {left} 次：请用同一待确认支付再次调用 confirm_card_payment()，"
        "或先调用 resend_code() 重新获取验证码。在此期间请勿为该订单另行发起支付。",
    )


def _earlier_attempt_open_error(pending: PendingCardPayment) -> OutcomeUnknownError:
    """
    Return the error where nothing was sent now, and something was before.
    """
    return _unknown_outcome_error(
        pending,
        Text(
            f"{pending.payment_id}: nothing was sent now; an SMS code was sent earlier,"
            " and whether that paid is not known for certain.",
            f"{pending.payment_id}：本次未提交；此前已提交过验证码，尚不能确定是否已支付。",
        ),
        Text(
            "Give confirm_card_payment() the same pending payment again, or wait for the"
            " notification. Begin no other payment for this order meanwhile.",
            "请用同一待确认支付再次调用 confirm_card_payment()，或等待通知。"
            "在此期间请勿为该订单另行发起支付。",
        ),
    )


def _still_unknown_error(pending: PendingCardPayment) -> OutcomeUnknownError:
    """
    Return the error for an earlier execute that nobody knows the outcome of.
    """
    return _unknown_outcome_error(
        pending,
        Text(
            f"{pending.payment_id}: the outcome of an earlier execute is not known.",
            f"{pending.payment_id}：此前一次支付请求的结果尚不明确。",
        ),
        Text(
            "The payment's final state decides: wait for the notification or query it,"
            " and begin no other payment for this order before. If the customer has"
            " another SMS code, allow_repeat=True uses it: an order is paid only once.",
            "以该笔支付的最终状态为准：请等待通知或查询，在此之前请勿为该订单另行发起"
            "支付；若客户有新的验证码，可用 allow_repeat=True 再次提交："
            "同一订单只会支付一次。",
        ),
    )


def _unknown_outcome_error(
    pending: PendingCardPayment, what: Text, advice: Text
) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        *what,
        intent=Intent(
            call="payments.execute",
            at=pending.execute_sent_at or pending.attempts[-1].sent_at,
            payment_id=pending.payment_id,
            mer_reference_id=pending.mer_reference_id,
        ),
        reason="an earlier execute was sent",
        money_may_have_moved=True,
        advice=advice,
    )
