"""
How the shop gives money back.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import attrs

from tests import virtual_clock
from tests.simulation.calls import CutShortError
from tests.simulation.context import ScheduleContext
from tests.simulation.journal import (
    Purchase,
    RefundAttempt,
    RefundIntent,
    ReportedOutcome,
)
from tests.simulation.orders import DAY, new_refund
from tests.simulation.plan import Way
from umfpay import Executed
from umfpay.errors import (
    APIError,
    Intent,
    NotFinishedError,
    OutcomeUnknownError,
    UMFError,
)
from umfpay.flows import refund
from umfpay.models import Money, Refund, RefundState, RefundSummary


_MAX_NUMBERS: Final = 3
_PAUSE_SECONDS: Final = (1.0, 5.0, 30.0, 120.0)
_FIRST_PAUSE_SECONDS: Final = 5.0


@attrs.frozen(eq=False)
class Refunder:
    """
    Settles the refunds of a purchase, one after the other.
    """

    _context: ScheduleContext

    async def settle(self, purchase: Purchase, payment_id: str) -> None:
        """
        Make all refunds that *purchase* owes.
        """
        for intent in purchase.refunds:
            while intent.reported is None:
                if (
                    not intent.attempts
                    or intent.attempts[-1].reported is ReportedOutcome.NOT_DONE
                ):
                    if len(intent.attempts) == _MAX_NUMBERS:
                        intent.reported = ReportedOutcome.NOT_DONE

                        break

                    number = f"{intent.plan.name}-{len(intent.attempts) + 1}"
                    intent.attempts.append(RefundAttempt(number=number))

                attempt = intent.attempts[-1]

                if attempt.reported is None:
                    attempt.reported = await self._try(
                        purchase, intent, attempt, payment_id
                    )

                if attempt.reported in (ReportedOutcome.DONE, ReportedOutcome.OPEN):
                    intent.reported = attempt.reported

    async def _try(
        self,
        purchase: Purchase,
        owed: RefundIntent,
        attempt: RefundAttempt,
        payment_id: str,
    ) -> ReportedOutcome:
        if attempt.refund_id is not None:
            return await self._final(attempt)

        if attempt.asking is not None:
            return await self._resolve(purchase, owed, attempt, payment_id)

        if purchase.plan.way is not Way.CALLS:
            return await self._by_flow(purchase, owed, attempt, payment_id)

        new = new_refund(attempt.number, owed.plan.amount)
        known = _known_others(purchase, attempt)

        for pause in _PAUSE_SECONDS:
            # Written down before the call: a crash leaves nothing else.
            attempt.asking = virtual_clock.moment()

            try:
                made = await self._context.call(
                    lambda: self._context.session.refunds.create(
                        payment_id, new, known_refunds=known, **self._context.options
                    )
                )
            except OutcomeUnknownError as error:
                self._context.unknown(error)
                attempt.intent = error.intent

                return await self._resolve(purchase, owed, attempt, payment_id)
            except CutShortError:
                attempt.intent = self._context.journal.handed(
                    "refunds.create", attempt.number
                )

                if attempt.intent is not None:
                    return await self._resolve(purchase, owed, attempt, payment_id)
            except UMFError as error:
                self._context.counts[f"refund: {type(error).__name__}"] += 1
                self._must_not_be_made(attempt, repr(error))

                if isinstance(error, APIError):
                    return ReportedOutcome.NOT_DONE
            else:
                self._context.counts["refund: answered"] += 1
                attempt.refund_id = made.id

                return await self._final(attempt)

            self._must_not_be_made(attempt, "nothing was sent")
            attempt.asking = None
            await asyncio.sleep(pause)

        return ReportedOutcome.NOT_DONE

    async def _by_flow(
        self,
        purchase: Purchase,
        owed: RefundIntent,
        attempt: RefundAttempt,
        payment_id: str,
    ) -> ReportedOutcome:
        attempt.asking = virtual_clock.moment()

        try:
            made = await self._context.call(
                lambda: refund(
                    self._context.session,
                    payment_id,
                    mer_reference_id=attempt.number,
                    mer_date=DAY,
                    amount=Money(owed.plan.amount, "USD"),
                    arrivals=self._context.journal,
                )
            )
        except OutcomeUnknownError as error:
            self._context.unknown(error)
            attempt.intent = error.intent
        except CutShortError:
            # It may have been cut while it waited: nobody handed over what was known.
            pass
        except NotFinishedError as error:
            if isinstance(error.last, Refund):
                attempt.refund_id = error.last.id

                return await self._final(attempt)

            return self._explain_refusal(attempt, error)
        except UMFError as error:
            if not error.money_may_have_moved:
                return self._explain_refusal(attempt, error)

            # The number was used: by whom, the gateway is asked.
            self._context.counts[f"refund flow: {type(error).__name__}"] += 1
        else:
            self._context.counts["refund flow: done"] += 1
            attempt.refund_id = made.id

            return ReportedOutcome.DONE

        self._context.counts["refund flow: unknown"] += 1

        return await self._resolve(purchase, owed, attempt, payment_id)

    def _explain_refusal(
        self, attempt: RefundAttempt, error: UMFError
    ) -> ReportedOutcome:
        self._context.counts[f"refund flow: {type(error).__name__}"] += 1
        self._must_not_be_made(attempt, repr(error))
        attempt.asking = None

        return ReportedOutcome.NOT_DONE

    async def _resolve(
        self,
        purchase: Purchase,
        owed: RefundIntent,
        attempt: RefundAttempt,
        payment_id: str,
    ) -> ReportedOutcome:
        """
        Ask what became of a refund until it is known, or nobody can know it.
        """
        assert attempt.asking is not None
        intent = attempt.intent or Intent(
            call="refunds.create",
            at=attempt.asking,
            payment_id=payment_id,
            mer_reference_id=attempt.number,
            mer_date=f"{DAY:%Y%m%d}",
            amount=owed.plan.amount,
            currency="USD",
        )
        known = _known_others(purchase, attempt)
        pause = _FIRST_PAUSE_SECONDS
        until = None

        while True:
            last = (
                self._context.gateway.healthy
                and until is not None
                and virtual_clock.moment() > until
            )

            try:
                resolution = await self._context.call(
                    lambda: self._context.session.resolve(
                        intent, evidence=self._context.journal, known_refunds=known
                    )
                )
            except (UMFError, CutShortError):
                self._context.counts["resolve refund: no answer"] += 1
            else:
                self._context.counts[
                    f"resolve refund: {resolution.outcome} by {resolution.evidence}"
                ] += 1
                until = resolution.until

                if resolution.outcome is Executed.YES:
                    found = resolution.object
                    assert isinstance(found, Refund | RefundSummary)
                    attempt.refund_id = (
                        found.id if isinstance(found, Refund) else found.refund_id
                    )

                    return await self._final(attempt)

                if resolution.outcome is Executed.NO:
                    self._must_not_be_made(attempt, resolution.evidence)

                    return ReportedOutcome.NOT_DONE

            if last:
                # An absent row proves nothing: a person has to ask UMF.
                return ReportedOutcome.OPEN

            if pause < 1000.0:
                await asyncio.sleep(pause)
                pause *= 6
            elif until is None:
                await asyncio.sleep(pause)
            else:
                rest = until - virtual_clock.moment() + timedelta(minutes=1)
                await asyncio.sleep(max(pause, rest.total_seconds()))

    async def _final(self, attempt: RefundAttempt) -> ReportedOutcome:
        """
        Wait for the final state of a refund that was accepted.
        """
        refund_id = attempt.refund_id
        assert refund_id is not None
        pause = 1.0

        while True:
            state = await self._state(refund_id)

            if state == RefundState.REFUND_SUCCESS:
                return ReportedOutcome.DONE

            if state is not None and state.failed:
                self._must_not_be_made(attempt, str(state))

                return ReportedOutcome.NOT_DONE

            await asyncio.sleep(pause)
            pause = min(pause * 3, 300.0)

    async def _state(self, refund_id: str) -> object:
        """
        Return the state of a refund, by its notification if that has come.
        """
        refund = await self._context.journal.notified(object_id=refund_id)

        if isinstance(refund, Refund):
            return refund.state

        try:
            asked = await self._context.call(
                lambda: self._context.session.refunds.get(refund_id)
            )
        except (UMFError, CutShortError):
            return None

        return asked.state

    def _must_not_be_made(self, attempt: RefundAttempt, why: str) -> None:
        self._context.ledger.must(
            not self._context.ledger.refunded(attempt.number),
            f"{attempt.number}: told not refunded ({why}), the ledger says refunded",
        )


def _known_others(purchase: Purchase, attempt: RefundAttempt) -> list[str]:
    return [
        one.refund_id
        for other in purchase.refunds
        for one in other.attempts
        if one is not attempt and one.refund_id is not None
    ]
