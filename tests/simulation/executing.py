"""
How the shop takes the money, and finds out whether it did.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import attrs

from tests import virtual_clock
from tests.simulation.calls import CutShortError
from tests.simulation.context import ScheduleContext
from tests.simulation.journal import Attempt, ReportedOutcome
from tests.simulation.orders import new_payer
from umfpay import Executed
from umfpay.errors import APIError, Intent, OutcomeUnknownError, UMFError
from umfpay.models import Payment, PaymentState


_PAUSE_SECONDS: Final = (1.0, 5.0, 30.0, 120.0)
_FIRST_PAUSE_SECONDS: Final = 5.0
# Clocks differ, and an answer is on its way.
_MARGIN_SECONDS: Final = timedelta(minutes=6)


@attrs.frozen(eq=False)
class Executor:
    """
    Executes payments, each once.
    """

    _context: ScheduleContext

    async def execute(self, attempt: Attempt) -> ReportedOutcome:
        payment_id = attempt.payment_id
        assert payment_id is not None
        payer = new_payer(attempt.card, code=self._context.sms_code(payment_id))

        for pause in _PAUSE_SECONDS:
            # Written down before the call: a crash leaves nothing else.
            attempt.executing = virtual_clock.moment()

            try:
                payment = await self._context.call(
                    lambda: self._context.session.payments.execute(
                        payment_id, payer, **self._context.options
                    )
                )
            except OutcomeUnknownError as error:
                self._context.unknown(error)
                attempt.intent = error.intent

                return await self.resolve(attempt)
            except CutShortError:
                attempt.intent = self._context.journal.handed(
                    "payments.execute", payment_id
                )

                if attempt.intent is not None:
                    return await self.resolve(attempt)
            except UMFError as error:
                self._context.failed("execute", error)
                self._context.must_not_be_paid(attempt, repr(error))

                if isinstance(error, APIError):
                    return ReportedOutcome.NOT_DONE
            else:
                self._context.counts["execute: answered"] += 1

                return await self.final(attempt, payment)

            self._context.must_not_be_paid(attempt, "nothing was sent")
            attempt.executing = None
            await asyncio.sleep(pause)

        return ReportedOutcome.NOT_DONE

    async def resolve(self, attempt: Attempt) -> ReportedOutcome:
        """
        Ask what became of an execute until it is known.
        """
        payment_id, expires_at = attempt.payment_id, attempt.expires_at
        assert payment_id is not None
        assert attempt.executing is not None
        assert expires_at is not None
        # A process that died was told nothing: the journal has what it wanted.
        intent = attempt.intent or Intent(
            call="payments.execute", at=attempt.executing, payment_id=payment_id
        )
        pause = _FIRST_PAUSE_SECONDS

        while True:
            # What is asked now must be enough.
            last = (
                self._context.gateway.healthy
                and virtual_clock.moment() > expires_at + _MARGIN_SECONDS
            )
            resolution = None

            try:
                resolution = await self._context.call(
                    lambda: self._context.session.resolve(
                        intent, evidence=self._context.journal, expires_at=expires_at
                    )
                )
            except (UMFError, CutShortError):
                self._context.counts["resolve execute: no answer"] += 1

            if resolution is not None:
                self._context.resolved("execute", resolution)

                if resolution.outcome is Executed.YES:
                    assert isinstance(resolution.object, Payment)

                    return await self.final(attempt, resolution.object)

                if resolution.outcome is Executed.NO:
                    self._context.must_not_be_paid(attempt, resolution.evidence)

                    return ReportedOutcome.NOT_DONE

            if last:
                self._context.ledger.violations.append(
                    f"{attempt.number}: never resolved"
                )

                return ReportedOutcome.OPEN

            await asyncio.sleep(pause)
            pause = min(pause * 4, 600.0)

    async def final(self, attempt: Attempt, payment: Payment) -> ReportedOutcome:
        """
        Wait for the final state of a payment that was executed.
        """
        pause = _FIRST_PAUSE_SECONDS
        state = payment.state
        self._context.ledger.must(
            state != PaymentState.TRADE_SUCCESS
            or self._context.ledger.paid(payment.id),
            f"{attempt.number}: told {state}, not in the ledger",
        )

        while state is None or not state.final:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 300.0)

            try:
                asked = await self._context.call(
                    lambda: self._context.session.payments.get(payment.id)
                )
            except (UMFError, CutShortError):
                continue

            state = asked.state

        if state == PaymentState.TRADE_SUCCESS:
            return ReportedOutcome.DONE

        self._context.must_not_be_paid(attempt, str(state))

        return ReportedOutcome.NOT_DONE
