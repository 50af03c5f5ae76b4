"""
Selling with the flows of `umfpay.flows`, in one go or in two halves.
"""

from __future__ import annotations

import asyncio
from typing import Final

import attrs

from tests import virtual_clock
from tests.simulation.calls import CutShortError
from tests.simulation.context import ScheduleContext
from tests.simulation.executing import Executor
from tests.simulation.journal import Attempt, Purchase, ReportedOutcome
from tests.simulation.orders import EXPIRES, PHONE, new_card, new_payment
from umfpay.errors import (
    NotFinishedError,
    OutcomeUnknownError,
    PendingExpiredError,
    UMFError,
    WrongCodeError,
)
from umfpay.flows import (
    PendingCardPayment,
    Step,
    begin_card_payment,
    card_payment,
    confirm_card_payment,
    resend_code,
)
from umfpay.models import Payment, PaymentMethod


_MAX_TRIES: Final = 8
_PAUSE_SECONDS: Final = 5.0
_SMS_PAUSE_SECONDS: Final = 61.0


@attrs.frozen(eq=False)
class FlowSeller:
    """
    Sells with `card_payment`, or with its two halves.
    """

    _context: ScheduleContext
    _executing: Executor

    async def pay(self, purchase: Purchase, attempt: Attempt) -> ReportedOutcome:
        """
        Sell under one order number.
        """
        try:
            payment = await self._context.call(lambda: self._flow(purchase, attempt))
        except WrongCodeError:
            self._context.counts["flow: three wrong codes"] += 1
        except OutcomeUnknownError as error:
            self._unknown(error)

            if attempt.executing is not None:
                attempt.intent = error.intent
        except (NotFinishedError, CutShortError) as error:
            self._context.counts[f"flow: {type(error).__name__}"] += 1
        except UMFError as error:
            self._context.counts[f"flow: {type(error).__name__}"] += 1

            if attempt.payment_id is not None:
                self._context.must_not_be_paid(attempt, repr(error))

            return ReportedOutcome.NOT_DONE
        else:
            self._context.counts["flow: paid"] += 1

            return await self._executing.final(attempt, payment)

        # Before the code was given nothing was executed.
        if attempt.executing is None:
            return ReportedOutcome.NOT_DONE

        return await self._executing.resolve(attempt)

    async def _flow(self, purchase: Purchase, attempt: Attempt) -> Payment:
        async def code(pending: PendingCardPayment) -> str:
            if attempt.payment_id is None:
                attempt.payment_id = pending.payment_id
                attempt.expires_at = virtual_clock.moment() + EXPIRES

            # Written down before the money moves, as without a flow.
            attempt.executing = virtual_clock.moment()

            return await self._type_code(purchase, pending)

        return await card_payment(
            self._context.session,
            new_payment(attempt.number, purchase.plan.amount).order,
            new_card(attempt.card),
            verification_code=code,
            bank_code="CCB",
            payment_method=PaymentMethod.CREDIT_CARD,
            phone=PHONE,
            arrivals=self._context.journal,
        )

    async def _type_code(self, purchase: Purchase, pending: PendingCardPayment) -> str:
        """
        Return what the customer types: the code, or at first another one.
        """
        tried = len(pending.attempts)

        if tried:
            self._context.counts["customer: typed again"] += 1

        if tried and purchase.plan.resends:
            await asyncio.sleep(_SMS_PAUSE_SECONDS)

            try:
                await resend_code(self._context.session, pending)
            except UMFError as error:
                self._context.counts[f"resend: {type(error).__name__}"] += 1

        right = self._context.sms_code(pending.payment_id)

        if tried >= purchase.plan.typos:
            return right

        self._context.counts["customer: mistyped"] += 1

        return f"{(int(right) + 1 + tried) % 1_000_000:06d}"

    async def pay_in_halves(
        self, purchase: Purchase, attempt: Attempt
    ) -> ReportedOutcome:
        """
        Sell with `begin_card_payment` and `confirm_card_payment`, maybe in two
        processes.
        """
        for _ in range(_MAX_TRIES):
            if attempt.pending is None and not await self._begin(purchase, attempt):
                return ReportedOutcome.NOT_DONE

            reported = await self._confirm(purchase, attempt)

            if reported is not None:
                return reported

            await asyncio.sleep(_PAUSE_SECONDS)

        return await self._executing.resolve(attempt)

    async def _begin(self, purchase: Purchase, attempt: Attempt) -> bool:
        for _ in range(_MAX_TRIES):
            try:
                pending = await self._context.call(
                    lambda: begin_card_payment(
                        self._context.session,
                        new_payment(attempt.number, purchase.plan.amount).order,
                        new_card(attempt.card),
                        bank_code="CCB",
                        payment_method=PaymentMethod.CREDIT_CARD,
                        phone=PHONE,
                    )
                )
            except OutcomeUnknownError as error:
                self._unknown(error)
            except CutShortError:
                pass
            except UMFError as error:
                self._context.failed("begin", error)
            else:
                attempt.payment_id = pending.payment_id
                attempt.expires_at = virtual_clock.moment() + EXPIRES
                attempt.pending = pending.to_json()

                return True

            await asyncio.sleep(_SMS_PAUSE_SECONDS)

        return False

    async def _confirm(
        self, purchase: Purchase, attempt: Attempt
    ) -> ReportedOutcome | None:
        """
        Return how it ended; None if the customer may try again.
        """
        assert attempt.pending is not None
        # As another process would read it.
        pending = PendingCardPayment.from_json(attempt.pending)
        attempt.executing = pending.execute_sent_at or virtual_clock.moment()

        def keep(step: Step) -> None:
            if step.name == "executing":
                attempt.pending = pending.to_json()

        try:
            code = await self._context.call(lambda: self._type_code(purchase, pending))
            payment = await self._context.call(
                lambda: confirm_card_payment(
                    self._context.session,
                    pending,
                    code,
                    arrivals=self._context.journal,
                    on_step=keep,
                )
            )
        except WrongCodeError as error:
            self._context.counts[f"halves: {error.attempts_left} codes left"] += 1
            attempt.pending = pending.to_json()

            if error.attempts_left:
                return None
        except OutcomeUnknownError as error:
            self._unknown(error)
            attempt.pending = pending.to_json()
            attempt.intent = error.intent
        except (NotFinishedError, CutShortError, PendingExpiredError) as error:
            self._context.counts[f"halves: {type(error).__name__}"] += 1
            attempt.pending = pending.to_json()

            # Nothing was sent, or it was refused.
            if not pending.forgotten and pending.execute_sent_at is None:
                return None
        except UMFError as error:
            self._context.failed("confirm", error)
            attempt.pending = pending.to_json()

            if not pending.forgotten:
                return None

            self._context.must_not_be_paid(attempt, repr(error))

            return ReportedOutcome.NOT_DONE
        else:
            self._context.counts["halves: paid"] += 1

            return await self._executing.final(attempt, payment)

        return await self._executing.resolve(attempt)

    def _unknown(self, error: OutcomeUnknownError) -> None:
        # Of an earlier execute on_unknown was told when it ended, or the process died.
        if error.reason == "an earlier execute was sent":
            self._context.counts["halves: an earlier execute is unknown"] += 1
        else:
            self._context.unknown(error)
