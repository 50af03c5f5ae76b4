"""
Confirm a card payment: execute at most once, then wait for the final state.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from datetime import UTC, datetime

import attrs

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    DatabaseError,
    Intent,
    InvalidValueError,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    UMFError,
)
from umfpay.flows._card_begin import hidden_text
from umfpay.flows._card_refusals import (
    WRONG_SMS_CODE,
    code_sent_before_error,
    earlier_attempt_open_error,
    no_attempt_left_error,
    query_twice,
    refusal_of,
    still_unknown_error,
    wrong_code_error,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._payment_outcome import (
    paid_or_raise,
    reconcile_refusal,
    resolve_payment,
    wait_until_paid,
)
from umfpay.flows._pending import CodeAttempt, PendingCardPayment, store_pending
from umfpay.flows._steps import OnStep, check_listener, report_step
from umfpay.models import Payment, PaymentState
from umfpay.resources import CallOptions
from umfpay.sensitive import Private


_log = logging.getLogger("umfpay")

# The payment has ended: the card is not needed any more.
_FINAL_ERRORS = (PaymentFailedError, PaymentExpiredError)


def hidden_code(code: Private | str) -> Private:
    """
    Return the SMS code hidden.

    Raises:
        ConfigError: There is none.
    """
    try:
        hidden = hidden_text("code", code)
    finally:
        # It would be seen in a traceback that shows locals.
        del code

    if hidden is None:
        raise InvalidValueError(
            "code: the SMS code is missing.", "code：缺少短信验证码。"
        )

    return hidden


@attrs.frozen(kw_only=True, eq=False)
class Confirmation:
    """
    One attempt to pay *pending*: one code is sent once, one order is charged once.

    Args:
        end: The deadline of all its calls.
        allow_repeat: Execute again if the outcome of an earlier execute is unknown.
    """

    session: UMFSession
    pending: PendingCardPayment
    end: Deadline
    arrivals: NotificationSource | None
    on_step: OnStep | None
    allow_repeat: bool = False

    async def run(self, code: Private, *, known: Payment | None = None) -> Payment:
        """
        Execute the payment unless that was done, and wait for the final state.

        Args:
            known: The payment if nobody can have executed it; None asks the gateway.
        """
        check_listener(self.on_step)

        if self.arrivals is not None:
            await self.arrivals.expect(
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
            await store_pending(self.session, self.pending)
        except DatabaseError as error:
            _log.warning("a pending payment could not be kept: %s", error.what.en)

    async def _record(self, last: object) -> None:
        """
        Have the shop's handler hear of an end that no notification may tell.
        """
        if self.arrivals is None or not isinstance(last, Payment) or not last.final:
            return

        try:
            await self.arrivals.record(last, deadline=self.end.at)
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
            await report_step(
                self.on_step,
                "executed",
                payment,
                deadline=self.end,
                money_may_have_moved=True,
            )

        return await wait_until_paid(
            self.session,
            payment,
            deadline=self.end,
            arrivals=self.arrivals,
            on_step=self.on_step,
            ordered=self.pending.ordered,
            proven=proven,
        )

    async def _look_up(self) -> Payment:
        """
        Return the payment as the gateway knows it, before anything is executed.
        """
        pending = self.pending

        if pending.execute_sent_at is not None:
            try:
                return await self._resolve(still_unknown_error(pending), once=True)
            except OutcomeUnknownError:
                if not self.allow_repeat:
                    raise

        unchecked = [one for one in pending.attempts if not one.checked]

        if not unchecked or self.allow_repeat:
            payment = await self.session.payments.get(
                pending.payment_id, **self.end.options(self.session)
            )
            pending.ordered.must_be(payment.order)

            return payment

        payment = await query_twice(
            self.session, Payment(id=pending.payment_id), self.end, pending.ordered
        )

        if payment.state is None:
            raise still_unknown_error(pending)

        if payment.state == PaymentState.WAIT_BUYER_PAY:
            for one in unchecked:
                one.checked = True

        return payment

    async def _execute(self, code: Private, known: Payment) -> tuple[Payment, bool]:
        """
        Send the execute; return the payment, and whether its state is proven.
        """
        mark = self._checked_mark(code)
        payer = self.pending.payer(self.session, code)
        mine = await self._attempt(mark, known)
        unknown: OutcomeUnknownError | None = None

        try:
            payment = await self.session.payments.execute(
                self.pending.payment_id, payer, **self._execute_options()
            )
        except OutcomeUnknownError as error:
            unknown = error
            refusal = refusal_of(error)
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
        options = self.end.intent_options(self.session)
        options["intent_id"] = (
            self.end.intent_id or f"payments.execute {pending.payment_id} {number}"
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
            raise earlier_attempt_open_error(self.pending) from error

    def _checked_mark(self, code: Private) -> str:
        """
        Return the mark of *code*, if it may be sent.
        """
        pending = self.pending
        mark = pending.code_mark(self.session, code)

        # Another task may have come between.
        if pending.execute_sent_at is not None and not self.allow_repeat:
            raise still_unknown_error(pending)

        if not pending.attempts_left:
            raise no_attempt_left_error(pending)

        if pending.was_sent(mark):
            raise code_sent_before_error(pending)

        return mark

    async def _attempt(self, mark: str, known: Payment) -> CodeAttempt:
        """
        Note the attempt, and let it be stored, before anything is sent.
        """
        pending = self.pending
        self.end.must_have_time(known)
        mine = CodeAttempt(
            sent_at=datetime.now(UTC), code_mark=mark, sms_number=pending.codes_asked
        )
        pending.attempts.append(mine)

        try:
            # Whoever stores it now knows of the execute even after a crash.
            await store_pending(self.session, pending)
            await report_step(self.on_step, "executing", pending, deadline=self.end)
            # That may have taken all the time.
            self.end.must_have_time(known)
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
        if refusal.ret_code == WRONG_SMS_CODE:
            mine.refused_with, mine.verified = WRONG_SMS_CODE, refusal.verified
        elif unknown is None and self._is_only_open(mine):
            self._record_end(mine, refusal)

            return await reconcile_refusal(
                self.session,
                known,
                refusal,
                ordered=self.pending.ordered,
                deadline=self.end,
            )

        payment = await query_twice(
            self.session, known, self.end, self.pending.ordered, refusal=refusal
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

        if refusal.ret_code == WRONG_SMS_CODE:
            mine.checked = waits

            if waits:
                self._journal_refusal()

            if not pending.attempts_left:
                pending.forget()

            return wrong_code_error(pending, refusal, waits=waits), unknown or refusal

        # It says nothing about an earlier one: only the final state does.
        if waits and self._is_only_open(mine):
            self._record_end(mine, refusal)

            return refusal, None

        if unknown is not None:
            return unknown, refusal

        return still_unknown_error(pending), refusal

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
        if self.session.journal is not None:
            executed = Intent.now(
                "payments.execute", payment_id=self.pending.payment_id
            )
            self.session.journal.resolved(executed, outcome="refused", evidence="query")

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
            self.session,
            unknown,
            deadline=self.end,
            arrivals=self.arrivals,
            ordered=self.pending.ordered,
            expires_at=self.pending.order_expires_at,
            once=once,
        )
