"""
The shop: it sells each thing once, and acts on unclear ends as the documents say.

One object is one process of it: it may die at any await, and the next one goes on with
what is in the journal.
"""

from __future__ import annotations

import asyncio

from tests.simulation.card_flow import FlowSeller
from tests.simulation.context import ScheduleContext
from tests.simulation.executing import Executor
from tests.simulation.journal import Attempt, Purchase, ReportedOutcome
from tests.simulation.plan import AGREEMENT, Way
from tests.simulation.preparing import Preparer
from tests.simulation.refunding import Refunder


class Shop:
    """
    One process of the shop.
    """

    def __init__(self, context: ScheduleContext) -> None:
        self._journal = context.journal
        self._preparing = Preparer(context)
        self._executing = Executor(context)
        self._flowing = FlowSeller(context, self._executing)
        self._refunding = Refunder(context)

    async def run(self) -> None:
        """
        Settle all that the journal has open.
        """
        async with asyncio.TaskGroup() as group:
            for purchase in self._journal.purchases:
                group.create_task(self._settle(purchase))

    async def _settle(self, purchase: Purchase) -> None:
        await asyncio.sleep(purchase.plan.starts)

        while purchase.reported is None:
            if (
                not purchase.attempts
                or purchase.attempts[-1].reported is ReportedOutcome.NOT_DONE
            ):
                if len(purchase.attempts) == purchase.plan.patience:
                    purchase.reported = ReportedOutcome.NOT_DONE

                    break

                number = len(purchase.attempts) + 1
                purchase.attempts.append(
                    Attempt(
                        number=f"{purchase.plan.name}-{number}",
                        card=AGREEMENT if number > 1 else purchase.plan.card,
                    )
                )

            attempt = purchase.attempts[-1]

            if attempt.reported is None:
                attempt.reported = await self._try(purchase, attempt)

            if attempt.reported in (ReportedOutcome.DONE, ReportedOutcome.OPEN):
                purchase.reported = attempt.reported

        if purchase.reported is ReportedOutcome.DONE:
            payment_id = purchase.attempts[-1].payment_id
            assert payment_id is not None
            await self._refunding.settle(purchase, payment_id)

    async def _try(self, purchase: Purchase, attempt: Attempt) -> ReportedOutcome:
        """
        Sell under one order number.
        """
        if purchase.plan.way is Way.HALVES:
            return await self._flowing.pay_in_halves(purchase, attempt)

        # Another process of ours may have died in the middle of it.
        if attempt.executing is not None:
            return await self._executing.resolve(attempt)

        if purchase.plan.way is Way.FLOW and attempt.payment_id is None:
            return await self._flowing.pay(purchase, attempt)

        created = attempt.payment_id is not None

        if not created and not await self._preparing.create(purchase, attempt):
            return ReportedOutcome.NOT_DONE

        if not attempt.sms and not await self._preparing.send_sms(attempt):
            return ReportedOutcome.NOT_DONE

        return await self._executing.execute(attempt)
