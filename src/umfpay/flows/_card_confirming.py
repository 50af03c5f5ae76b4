"""
The second half of a card payment: execute at most once, then the final state.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    CardError,
    ConfigError,
    IdentityError,
    Intent,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    Text,
    UMFError,
)
from umfpay.flows._arrivals import Arrivals
from umfpay.flows._card_beginning import hidden_text
from umfpay.flows._deadline import Deadline
from umfpay.flows._pending import PendingCardPayment
from umfpay.flows._settling import after_refusal, resolved_payment, wait_paid
from umfpay.flows._steps import OnStep, check_listener, tell
from umfpay.models import Payment, PaymentState
from umfpay.sensitive import Private


# The card was used, or will never do.
_THE_END = (PaymentFailedError, PaymentExpiredError, CardError, IdentityError)


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
        raise ConfigError(
            Text("code: the SMS code is missing.", "code：缺少短信验证码。")
        )

    return hidden


@attrs.frozen(kw_only=True, eq=False)
class Confirmation:
    """
    One attempt to pay *pending*.

    Args:
        end: The deadline of all its calls.
        allow_repeat: Execute again if the outcome of an earlier execute is unknown.
    """

    session: UMFSession
    pending: PendingCardPayment
    end: Deadline
    arrivals: Arrivals | None
    on_step: OnStep | None
    allow_repeat: bool = False

    async def run(self, code: Private, *, known: Payment | None = None) -> Payment:
        """
        Execute the payment unless that was done, and wait for the final state.

        Args:
            known: The payment if nobody can have executed it; None asks the gateway.
        """
        check_listener(self.on_step)

        try:
            return await self._paid(code, known)
        except _THE_END:
            self.pending.forget()

            raise

    async def _paid(self, code: Private, known: Payment | None) -> Payment:
        proven = known is None
        payment = await self._looked_up() if known is None else known

        execute = not proven or payment.state == PaymentState.WAIT_BUYER_PAY

        if execute:
            payment, proven = await self._executed(code, payment)

        # The card was used: its data may not be kept after that.
        self.pending.forget()

        if execute:
            await tell(
                self.on_step,
                "executed",
                payment,
                deadline=self.end,
                money_may_have_moved=True,
            )

        return await wait_paid(
            self.session,
            payment,
            deadline=self.end,
            arrivals=self.arrivals,
            on_step=self.on_step,
            proven=proven,
        )

    async def _looked_up(self) -> Payment:
        """
        Return the payment as the gateway knows it, before anything is executed.
        """
        if self.pending.execute_sent_at is not None:
            try:
                return await self._resolved(_still_unknown(self.pending), once=True)
            except OutcomeUnknownError:
                if not self.allow_repeat:
                    raise

        return await self.session.payments.get(
            self.pending.payment_id, **self.end.options(self.session)
        )

    async def _executed(self, code: Private, known: Payment) -> tuple[Payment, bool]:
        """
        Send the execute; return the payment, and whether its state is proven.
        """
        pending = self.pending
        payer = pending.payer(self.session, code)

        # Another task may have come between.
        if pending.execute_sent_at is not None and not self.allow_repeat:
            raise _still_unknown(pending)

        self.end.must_have_time(known)
        # What an earlier one left open stays open if this one comes to nothing.
        before = pending.execute_sent_at
        mine = pending.execute_sent_at = datetime.now(UTC)

        try:
            # Whoever stores it now knows of the execute even after a crash.
            await tell(self.on_step, "executing", pending, deadline=self.end)
            # That may have taken all the time.
            self.end.must_have_time(known)
        except BaseException:
            self._unmark(mine, before)

            raise

        try:
            payment = await self.session.payments.execute(
                pending.payment_id, payer, **self.end.options(self.session)
            )
        except OutcomeUnknownError as unknown:
            # Another task may have taken the mark away meanwhile.
            pending.execute_sent_at = mine

            return await self._resolved(unknown), True
        except APIError as refusal:
            if before is not None:
                # This one did nothing; the earlier one may still have.
                pending.execute_sent_at = before

                raise _still_unknown(pending) from refusal

            self._unmark(mine)

            return await after_refusal(
                self.session, known, refusal, deadline=self.end
            ), True
        except UMFError:
            # Nothing can have happened.
            self._unmark(mine, before)

            raise

        return payment, False

    def _unmark(self, mine: datetime, before: datetime | None = None) -> None:
        """
        Take back the mark of this execute, and of no other task's.
        """
        if self.pending.execute_sent_at == mine:
            self.pending.execute_sent_at = before

    async def _resolved(
        self, unknown: OutcomeUnknownError, *, once: bool = False
    ) -> Payment:
        return await resolved_payment(
            self.session,
            unknown,
            deadline=self.end,
            arrivals=self.arrivals,
            expires_at=self.pending.order_expires_at,
            once=once,
        )


def _still_unknown(pending: PendingCardPayment) -> OutcomeUnknownError:
    at = pending.execute_sent_at
    assert at is not None

    return OutcomeUnknownError(
        Text(
            f"{pending.payment_id}: the outcome of an earlier execute is not known.",
            f"{pending.payment_id}：此前一次支付请求的结果尚不明确。",
        ),
        intent=Intent(
            call="payments.execute",
            at=at,
            payment_id=pending.payment_id,
            mer_reference_id=pending.mer_reference_id,
        ),
        reason="an earlier execute was sent",
        money_may_have_moved=True,
        advice=Text(
            "Wait for the notification or query the payment; if the customer has"
            " another SMS code, allow_repeat=True uses it: an order is paid only once.",
            "请等待通知或查询支付；若客户有新的验证码，可用 allow_repeat=True 再次提交："
            "同一订单只会支付一次。",
        ),
    )
