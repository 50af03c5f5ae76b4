"""
What comes before the money: the payment is created, the SMS code sent.
"""

from __future__ import annotations

import asyncio
from typing import Final

import attrs

from tests import virtual_clock
from tests.simulation.calls import CutShortError
from tests.simulation.context import ScheduleContext
from tests.simulation.journal import Attempt, Purchase
from tests.simulation.orders import EXPIRES, new_payer, new_payment
from umfpay import Executed
from umfpay.errors import Intent, OutcomeUnknownError, UMFError
from umfpay.models import Payment


_PAUSE_SECONDS: Final = (1.0, 5.0, 30.0, 120.0)
_SMS_PAUSE_SECONDS: Final = 61.0


@attrs.frozen(eq=False)
class Preparer:
    """
    Creates payments and has codes sent; nobody pays by that.
    """

    _context: ScheduleContext

    async def create(self, purchase: Purchase, attempt: Attempt) -> bool:
        new = new_payment(attempt.number, purchase.plan.amount)

        for pause in _PAUSE_SECONDS:
            payment: Payment | None = None

            try:
                payment = await self._context.call(
                    lambda: self._context.session.payments.create(
                        new, **self._context.options
                    )
                )
            except OutcomeUnknownError as error:
                self._context.unknown(error)
                payment = await self._find_created(error.intent, attempt, purchase)
            except CutShortError:
                intent = self._context.journal.handed("payments.create", attempt.number)

                if intent is not None:
                    payment = await self._find_created(intent, attempt, purchase)
            except UMFError as error:
                self._context.failed("create", error)

            if payment is not None:
                attempt.expires_at = virtual_clock.moment() + EXPIRES
                attempt.payment_id = payment.id

                return True

            await asyncio.sleep(pause)

        return False

    async def _find_created(
        self, intent: Intent, attempt: Attempt, purchase: Purchase
    ) -> Payment | None:
        """
        Return the payment of a create whose end was unclear, if it can be had.
        """
        again = new_payment(attempt.number, purchase.plan.amount)
        repeat = self._context.rng.random() < 0.5

        try:
            resolution = await self._context.call(
                lambda: self._context.session.resolve(
                    intent,
                    evidence=self._context.journal,
                    again=again if repeat else None,
                    allow_repeat=repeat,
                )
            )
        except (UMFError, CutShortError):
            return None

        self._context.resolved("create", resolution)

        if resolution.outcome is not Executed.YES:
            return None

        self._context.ledger.must(
            isinstance(resolution.object, Payment),
            f"{attempt.number}: a create that nobody paid is {resolution.object}",
        )

        return resolution.object if isinstance(resolution.object, Payment) else None

    async def send_sms(self, attempt: Attempt) -> bool:
        payment_id = attempt.payment_id
        assert payment_id is not None

        for _ in range(4):
            try:
                await self._context.call(
                    lambda: self._context.session.payments.verify(
                        payment_id, new_payer(attempt.card), **self._context.options
                    )
                )
            except (UMFError, CutShortError) as error:
                if isinstance(error, UMFError):
                    self._context.failed("verify", error)

                await asyncio.sleep(_SMS_PAUSE_SECONDS)
            else:
                attempt.sms = True

                return True

        return False
