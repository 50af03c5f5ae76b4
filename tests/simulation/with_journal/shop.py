"""
A shop that leaves its money calls to the journal: each intent has its name.

A process knows nothing but the rows: it asks for what has no row, waits for what is
open, and tries again under another number what came to nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any, Final

import attrs
from sqlalchemy import text

from tests.simulation.journal import (
    Attempt,
    Purchase,
    RefundAttempt,
    RefundIntent,
    ReportedOutcome,
)
from tests.simulation.journal import Journal as Books
from tests.simulation.network import Gateway
from tests.simulation.orders import PHONE, new_card, new_payer, new_payment, new_refund
from tests.simulation.plan import AGREEMENT, Way
from umfpay import UMFSession
from umfpay.errors import (
    ConfigError,
    DuplicateIntentError,
    OutcomeUnknownError,
    PaymentStateError,
    PendingExpiredError,
    UMFError,
    WrongCodeError,
)
from umfpay.flows import begin_card_payment, confirm_card_payment, refund
from umfpay.journal import Journal, JournalEntry, JournalOutcome, JournalState
from umfpay.models import Money, PaymentMethod, PaymentState, RefundState
from umfpay.sql import Transaction


_MAX_NUMBERS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 600.0
_SMS_PAUSE_SECONDS: Final = 61.0
_WRONG_SMS_CODE: Final = "00200005"


@attrs.frozen(kw_only=True, eq=False)
class Shop:
    """
    One process of the shop.
    """

    session: UMFSession
    journal: Journal
    books: Books
    gateway: Gateway
    rng: random.Random
    counts: Counter[str]
    deadline: float
    handler_fails: float

    async def run(self) -> None:
        """
        Sell and give back all that the plan says.
        """
        async with asyncio.TaskGroup() as group:
            for purchase in self.books.purchases:
                group.create_task(self._settle(purchase))

    async def note_settled(
        self,
        entry: JournalEntry,
        found: Any,
        transaction: Transaction,
    ) -> None:
        """
        Write down that a row has ended: the handler of `Journal.settled`.
        """
        await transaction.connection.execute(
            text("INSERT INTO shop_settled (position, outcome) VALUES (:p, :o)"),
            {"p": entry.position, "o": str(entry.outcome)},
        )
        self.counts["handler: called"] += 1

        if not self.gateway.healthy and self.rng.random() < self.handler_fails:
            self.counts["handler: failed"] += 1

            raise RuntimeError("the shop's own error")

    async def _settle(self, purchase: Purchase) -> None:
        await asyncio.sleep(purchase.plan.starts)
        await self._repeat(lambda: self._sell(purchase), lambda: purchase.reported)

        if purchase.reported is not ReportedOutcome.DONE:
            return

        for owed in purchase.refunds:

            async def give_back(owed: RefundIntent = owed) -> None:
                await self._give_back(purchase, owed)

            await self._repeat(give_back, lambda owed=owed: owed.reported)

    async def _repeat(self, step: Any, reported: Any) -> None:
        """
        Do *step* until something is *reported*, with pauses.
        """
        pause = _FIRST_PAUSE_SECONDS

        while reported() is None:
            try:
                await step()
            except UMFError as error:
                self.counts[f"shop: {type(error).__name__}"] += 1

            if reported() is None:
                await asyncio.sleep(pause * self.rng.uniform(0.7, 1.3))
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    async def _rows(self, intent_id: str) -> list[JournalEntry]:
        return await self.journal.entries(
            self.journal.database.tables.journal.c.intent_id == intent_id
        )

    async def _sell(self, purchase: Purchase) -> None:
        name = purchase.plan.name
        rows = await self._rows(f"pay {name}")
        last = rows[-1] if rows else None

        if last is not None and last.state is not JournalState.ENDED:
            return

        if last is not None and last.outcome is JournalOutcome.EXECUTED:
            if last.settled_at is not None:
                purchase.reported = (
                    ReportedOutcome.DONE
                    if last.object_state == "TRADE_SUCCESS"
                    else ReportedOutcome.NOT_DONE
                )

            return

        attempt = self._attempt(purchase, last)

        if attempt is None:
            if await self._is_over(purchase):
                purchase.reported = ReportedOutcome.NOT_DONE
        elif purchase.plan.way is Way.CALLS:
            await self._sell_by_calls(purchase, attempt)
        else:
            await self._sell_by_flow(purchase, attempt)

    async def _is_over(self, purchase: Purchase) -> bool:
        """
        Tell whether no payment of *purchase* can be paid any more, by whichever process.
        """
        columns = self.journal.database.tables.journal.c
        created = await self.journal.entries(
            columns.call == "payments.create",
            columns.mer_reference_id.in_([one.number for one in purchase.attempts]),
        )

        return all(
            row.state is JournalState.ENDED
            and (
                row.outcome is not JournalOutcome.EXECUTED or row.settled_at is not None
            )
            and row.object_state != "TRADE_SUCCESS"
            for row in created
        )

    def _attempt(self, purchase: Purchase, last: JournalEntry | None) -> Attempt | None:
        """
        Return the order number to try now, None if the customer has enough.
        """
        attempts = purchase.attempts
        attempt = attempts[-1] if attempts else None

        if (
            attempt is not None
            and last is not None
            and attempt.payment_id == last.payment_id
            and last.outcome is not JournalOutcome.NOT_SENT
            and not (
                purchase.plan.way is not Way.CALLS
                and last.refusal_code == _WRONG_SMS_CODE
            )
        ):
            attempt.reported = ReportedOutcome.NOT_DONE

        if attempt is not None and attempt.reported is None:
            return attempt

        if len(attempts) == purchase.plan.patience:
            return None

        attempts.append(
            Attempt(
                number=f"{purchase.plan.name}-{len(attempts) + 1}",
                card=AGREEMENT if attempts else purchase.plan.card,
            )
        )

        return attempts[-1]

    async def _sell_by_calls(self, purchase: Purchase, attempt: Attempt) -> None:
        if attempt.payment_id is None:
            await self._create(purchase, attempt)

        payment_id = attempt.payment_id

        if payment_id is None:
            return

        if not attempt.sms:
            try:
                await self.session.payments.verify(
                    payment_id, new_payer(attempt.card), deadline=self.deadline
                )
            except PaymentStateError:
                # Only a signed answer says that nobody can pay by it any more.
                found = await self.session.payments.get(payment_id)

                if found.state == PaymentState.TRADE_CLOSED:
                    attempt.reported = ReportedOutcome.NOT_DONE

                return

            attempt.sms = True

        payer = new_payer(attempt.card, code=self._sms_code(payment_id))

        try:
            await self.session.payments.execute(
                payment_id,
                payer,
                intent_id=f"pay {purchase.plan.name}",
                deadline=self.deadline,
            )
        except OutcomeUnknownError:
            self.counts["unknown: payments.execute"] += 1
        else:
            self.counts["execute: answered"] += 1

    async def _create(self, purchase: Purchase, attempt: Attempt) -> None:
        try:
            made = await self.session.payments.create(
                new_payment(attempt.number, purchase.plan.amount),
                intent_id=f"order {attempt.number}",
                deadline=self.deadline,
            )
        except OutcomeUnknownError:
            self.counts["unknown: payments.create"] += 1
            # Nobody pays by it: the customer gets another one.
            attempt.reported = ReportedOutcome.NOT_DONE
        except DuplicateIntentError as error:
            self.counts["create: another was faster"] += 1

            # Of another process: perhaps of one that died.
            if error.object_id is not None:
                attempt.payment_id = error.object_id
            elif error.state == "unknown" or error.outcome == "executed":
                attempt.reported = ReportedOutcome.NOT_DONE
        else:
            attempt.payment_id = made.id

    async def _sell_by_flow(self, purchase: Purchase, attempt: Attempt) -> None:
        if attempt.payment_id is None:
            try:
                pending = await begin_card_payment(
                    self.session,
                    new_payment(attempt.number, purchase.plan.amount).order,
                    new_card(attempt.card),
                    bank_code="CCB",
                    payment_method=PaymentMethod.CREDIT_CARD,
                    phone=PHONE,
                )
            except (OutcomeUnknownError, DuplicateIntentError):
                if attempt.payment_id is None:
                    attempt.reported = ReportedOutcome.NOT_DONE

                return

            attempt.payment_id = pending.payment_id

        payment_id = attempt.payment_id
        await asyncio.sleep(2.0 * self.rng.random())
        code = self._sms_code(payment_id)
        typed = await self._rows(f"pay {purchase.plan.name}")

        if len(typed) < purchase.plan.typos:
            self.counts["customer: mistyped"] += 1
            code = f"{(int(code) + 1 + len(typed)) % 1_000_000:06d}"

        try:
            await confirm_card_payment(
                self.session,
                payment_id,
                code,
                arrivals=self.books,
                intent_id=f"pay {purchase.plan.name}",
                deadline=self.rng.choice((20.0, 300.0)),
            )
        except WrongCodeError as error:
            self.counts[f"flow: {error.attempts_left} codes left"] += 1
        except PendingExpiredError:
            self.counts["flow: nothing is kept"] += 1
            rows = await self._rows(f"pay {purchase.plan.name}")

            # Another process may have been faster.
            if all(one.payment_id != payment_id or not one.is_taken for one in rows):
                attempt.reported = ReportedOutcome.NOT_DONE
        except OutcomeUnknownError:
            self.counts["unknown: payments.execute"] += 1
        else:
            self.counts["flow: paid"] += 1

    def _sms_code(self, payment_id: str) -> str:
        try:
            answer = self.gateway.emulator.control(
                "GET", f"/payments/{payment_id}/sms_code"
            )
        except ConfigError:
            return "000000"

        return str(answer["sms_code"])

    async def _give_back(self, purchase: Purchase, owed: RefundIntent) -> None:
        rows = await self._rows(f"refund {owed.plan.name}")
        last = rows[-1] if rows else None

        if last is not None and last.state is not JournalState.ENDED:
            if last.needs_person:
                owed.reported = ReportedOutcome.OPEN

            return

        if last is not None and last.outcome is JournalOutcome.EXECUTED:
            if last.settled_at is not None:
                owed.reported = (
                    ReportedOutcome.NOT_DONE
                    if RefundState(last.object_state or "").failed
                    else ReportedOutcome.DONE
                )

            return

        attempts = owed.attempts

        if not attempts or (
            last is not None
            and last.mer_reference_id == attempts[-1].number
            and last.outcome is not JournalOutcome.NOT_SENT
        ):
            if len(attempts) == _MAX_NUMBERS:
                owed.reported = ReportedOutcome.NOT_DONE

                return

            attempts.append(
                RefundAttempt(number=f"{owed.plan.name}-{len(attempts) + 1}")
            )

        await self._send_refund(purchase, owed, attempts[-1])

    async def _send_refund(
        self, purchase: Purchase, owed: RefundIntent, attempt: RefundAttempt
    ) -> None:
        payment_id = next(
            row.payment_id
            for row in await self._rows(f"pay {purchase.plan.name}")
            if row.outcome is JournalOutcome.EXECUTED
        )
        assert payment_id is not None
        intent_id = f"refund {owed.plan.name}"

        try:
            if purchase.plan.way is Way.CALLS:
                await self.session.refunds.create(
                    payment_id,
                    new_refund(attempt.number, owed.plan.amount),
                    # All of them are in the journal.
                    known_refunds=[],
                    intent_id=intent_id,
                    deadline=self.deadline,
                )
            else:
                new = new_refund(attempt.number, owed.plan.amount)
                await refund(
                    self.session,
                    payment_id,
                    mer_reference_id=attempt.number,
                    mer_date=new.mer_date,
                    amount=Money(owed.plan.amount, "USD"),
                    arrivals=self.books,
                    intent_id=intent_id,
                )
        except OutcomeUnknownError:
            self.counts["unknown: refunds.create"] += 1
        else:
            self.counts["refund: answered"] += 1
