"""
Selling with a flow of `umfpay.flows`, which does all steps itself.
"""

from __future__ import annotations

import attrs

from simulation import clock
from simulation.calls import CutShortError
from simulation.desk import Desk
from simulation.executing import Executing
from simulation.goods import EXPIRES, PHONE, new_card, new_payment
from simulation.journal import Attempt, Purchase, Told
from umfpay.errors import NotFinishedError, OutcomeUnknownError, UMFError
from umfpay.flows import PendingCardPayment, card_payment
from umfpay.models import Payment, PaymentMethod


@attrs.frozen(eq=False)
class Flowing:
    """
    Sells with `card_payment`.
    """

    _desk: Desk
    _executing: Executing

    async def pay(self, purchase: Purchase, attempt: Attempt) -> Told:
        """
        Sell under one order number.
        """
        try:
            payment = await self._desk.call(lambda: self._flow(purchase, attempt))
        except OutcomeUnknownError as error:
            self._desk.unknown(error)

            if attempt.executing is not None:
                attempt.intent = error.intent
        except (NotFinishedError, CutShortError) as error:
            self._desk.counts[f"flow: {type(error).__name__}"] += 1
        except UMFError as error:
            self._desk.counts[f"flow: {type(error).__name__}"] += 1

            if attempt.payment_id is not None:
                self._desk.must_not_be_paid(attempt, repr(error))

            return Told.NOT_DONE
        else:
            self._desk.counts["flow: paid"] += 1

            return await self._executing.final(attempt, payment)

        # Before the code was given nothing was executed.
        if attempt.executing is None:
            return Told.NOT_DONE

        return await self._executing.resolve(attempt)

    async def _flow(self, purchase: Purchase, attempt: Attempt) -> Payment:
        async def code(pending: PendingCardPayment) -> str:
            attempt.payment_id = pending.payment_id
            attempt.expires_at = clock.moment() + EXPIRES
            # Written down before the money moves, as without a flow.
            attempt.executing = clock.moment()

            return self._desk.sms_code(pending.payment_id)

        return await card_payment(
            self._desk.session,
            new_payment(attempt.number, purchase.plan.amount).order,
            new_card(attempt.card),
            verification_code=code,
            bank_code="CCB",
            payment_method=PaymentMethod.CREDIT_CARD,
            phone=PHONE,
            arrivals=self._desk.journal,
        )
