"""
Waiting ends by a notification or by a query, whichever comes first.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest

from umfpay.errors import (
    AuthenticationError,
    NotFinishedError,
    NotificationError,
    PaymentFailedError,
    TransportError,
    UMFError,
)
from umfpay.flows import begin_card_payment, checkout, confirm_card_payment
from umfpay.models import Payment, PaymentState, Refund


WAIT = Payment(id="PAY_A", state=PaymentState("WAIT_BUYER_PAY"))
DONE = Payment(id="PAY_A", state=PaymentState("TRADE_SUCCESS"))


class Mailbox:
    """
    Gives what it is told to give after a while.
    """

    def __init__(self, *mails):
        self.mails = iter(mails)
        self.recorded = []

    async def expect(self, what, **_ids):
        pass

    async def record(self, entity, *, deadline):
        self.recorded.append(entity)

        return entity

    async def wait(self, object_id, *, deadline):
        mail = next(self.mails, None)

        if isinstance(mail, Exception):
            raise mail

        if mail is None:
            await asyncio.sleep(deadline - asyncio.get_running_loop().time())

        return mail


def _answers(*answers):
    """
    Return an `ask` that gives or raises *answers*, the last one for ever.
    """
    series = itertools.chain(answers, itertools.repeat(answers[-1]))

    async def ask(_payment_id, **_options):
        ask.moments.append(asyncio.get_running_loop().time())
        answer = next(series)

        if isinstance(answer, Exception):
            raise answer

        return answer

    ask.moments = []

    return ask


@pytest.fixture(name="wait")
def _wait(session, order):
    """
    Wait on the cashier page for a payment of which the gateway says what *ask* says.
    """

    async def wait(ask, *, seconds=60.0, arrivals=None, on_step=None):
        session.payments.get = ask

        return await checkout(
            session,
            order,
            open_page=lambda url: None,
            ret_url="http://127.0.0.1:9/back",
            on_step=on_step,
            arrivals=arrivals,
            deadline=seconds,
        )

    return wait


@pytest.fixture(name="confirm")
async def _confirm(session, order, card):
    """
    Confirm a payment of which the gateway says what *ask* says.
    """
    begun = await begin_card_payment(session, order, card())

    async def confirm(ask, **options):
        session.payments.get = ask

        return await confirm_card_payment(session, begun, "123456", **options)

    return confirm


async def test_what_is_final_is_not_waited_for(confirm):
    """
    The gateway is asked once, at the start.
    """
    ask = _answers(DONE)

    assert DONE is await confirm(ask)
    assert 1 == len(ask.moments)


async def test_the_gateway_is_asked_until_the_state_is_final(wait):
    """
    With pauses that double up to the longest, each up to a quarter shorter.
    """
    ask = _answers(*[WAIT] * 6, DONE)

    assert DONE is await wait(ask, seconds=120)

    for pause, moment, before in zip(
        (1, 2, 4, 8, 16, 30, 30), ask.moments, (0, *ask.moments), strict=False
    ):
        assert 0.75 * pause <= moment - before <= pause + 1e-5

    assert 7 == len(ask.moments)


async def test_a_question_that_fails_is_asked_again(wait):
    """
    The network comes back.
    """
    lost = TransportError("lost", "断", request_sent=False)

    assert DONE is await wait(_answers(lost, lost, DONE))


async def test_a_question_that_will_always_fail_is_not_asked_again(wait):
    """
    Credentials do not mend by waiting; what is waited for may still happen.
    """
    ask = _answers(AuthenticationError("no", "否"))

    with pytest.raises(NotFinishedError) as caught:
        await wait(ask)

    assert 1 == len(ask.moments)
    assert caught.value.money_may_have_moved
    assert isinstance(caught.value.__cause__, AuthenticationError)


async def test_a_notification_comes_first(wait):
    """
    The gateway is not asked.
    """
    ask = _answers(WAIT)

    assert DONE is await wait(ask, arrivals=Mailbox(DONE))
    assert 0 == len(ask.moments)


async def test_a_notification_that_is_not_final_is_known_and_asked_about(wait):
    """
    The next question, or the next notification, ends it.
    """
    assert DONE is await wait(_answers(WAIT), arrivals=Mailbox(WAIT, DONE))


async def test_a_lost_wake_up_costs_one_question(wait):
    """
    The query tells what the notification did not.
    """
    ask = _answers(DONE)

    assert DONE is await wait(ask, arrivals=Mailbox())
    assert 1 == len(ask.moments)


async def test_a_place_that_is_down_wakes_nobody(wait):
    """
    The gateway is still asked.
    """
    down = Mailbox(UMFError("down", "停"))

    assert DONE is await wait(_answers(DONE), arrivals=down)


async def test_another_kind_of_object_is_not_taken(wait):
    """
    Ids of payments and refunds are never the same; the query decides.
    """
    refund = Refund(id="PAY_A")

    assert DONE is await wait(_answers(DONE), arrivals=Mailbox(refund))


@pytest.mark.parametrize("arrivals", [None, Mailbox()])
async def test_the_deadline_ends_it_with_what_was_last_seen(wait, arrivals, elapsed):
    """
    Money may move meanwhile.
    """
    with pytest.raises(NotFinishedError) as caught:
        await wait(_answers(WAIT), seconds=10, arrivals=arrivals)

    assert 10 == elapsed()

    assert WAIT is caught.value.last
    assert caught.value.money_may_have_moved
    assert caught.value.__cause__ is None


async def test_the_last_trouble_is_the_cause(wait):
    """
    The gateway could not be asked up to the end.
    """
    lost = TransportError("lost", "断", request_sent=False)

    with pytest.raises(NotFinishedError) as caught:
        await wait(_answers(WAIT, lost), seconds=10)

    assert lost is caught.value.__cause__
    assert WAIT is caught.value.last


async def test_a_deadline_that_has_passed_asks_nobody(wait):
    """
    The flow spent it elsewhere.
    """
    ask = _answers(DONE)

    async def slow(step):
        if step.name == "waiting":
            await asyncio.sleep(0.9)

    with pytest.raises(NotFinishedError):
        await wait(ask, seconds=0.5, on_step=slow)

    assert 0 == len(ask.moments)


@pytest.mark.parametrize("error", [ConnectionError("down"), KeyError("x")])
async def test_a_place_that_breaks_in_any_way_is_not_the_end(wait, error):
    """
    The gateway is asked in its place.
    """
    assert DONE is await wait(_answers(DONE), arrivals=Mailbox(error))


async def test_a_place_that_hangs_is_left(wait, elapsed):
    """
    It is asked for as long as the pause is, and a tenth of a second.
    """

    class Hanging(Mailbox):
        async def wait(self, object_id, *, deadline):
            await asyncio.sleep(60)

    assert DONE is await wait(_answers(DONE), arrivals=Hanging())
    assert 0.85 <= elapsed() <= 1.1


async def test_what_a_query_says_is_recorded_before_the_flow_ends(wait):
    """
    So the shop's handler runs for it, also when the notification is lost.
    """
    mailbox = Mailbox()

    assert DONE is await wait(_answers(WAIT, DONE), arrivals=mailbox)
    assert [DONE] == mailbox.recorded


async def test_what_was_final_from_the_start_is_recorded(confirm):
    """
    Nobody waits, and the shop's books say so all the same.
    """
    mailbox = Mailbox()

    assert DONE is await confirm(_answers(DONE), arrivals=mailbox)
    assert [DONE] == mailbox.recorded


async def test_what_a_notification_says_was_recorded_already(wait):
    """
    The inbox tells of what its handler has committed only.
    """
    mailbox = Mailbox(DONE)

    assert DONE is await wait(_answers(WAIT), arrivals=mailbox)
    assert [] == mailbox.recorded


async def test_a_state_that_was_not_applied_does_not_end_as_paid(wait):
    """
    The page must not say "paid" while the shop's own books do not.
    """

    class Refusing(Mailbox):
        async def record(self, entity, *, deadline):
            return None

    with pytest.raises(NotFinishedError, match="has not committed") as caught:
        await wait(_answers(DONE), arrivals=Refusing())

    assert DONE is caught.value.last
    assert caught.value.money_may_have_moved


async def test_another_final_state_in_the_books_counts(wait):
    """
    The inbox knows that it was cancelled since.
    """
    cancelled = Payment(id="PAY_A", state=PaymentState("TRADE_CANCEL"))

    class Knowing(Mailbox):
        async def record(self, entity, *, deadline):
            return cancelled

    with pytest.raises(PaymentFailedError) as caught:
        await wait(_answers(DONE), arrivals=Knowing())

    assert cancelled is caught.value.last


async def test_an_inbox_that_is_down_is_tried_again(wait):
    """
    Until the deadline; then the error of the place is the cause.
    """

    class Down(Mailbox):
        async def record(self, entity, *, deadline):
            self.recorded.append(entity)

            if len(self.recorded) < self.times:
                raise NotificationError("down", "坏")

            return entity

    down = Down()
    down.times = 3

    assert DONE is await wait(_answers(DONE), arrivals=down)
    assert 3 == len(down.recorded)

    down.times = 10**9

    with pytest.raises(NotFinishedError) as caught:
        await wait(_answers(DONE), arrivals=down, seconds=10)

    assert isinstance(caught.value.__cause__, NotificationError)


async def test_an_inbox_that_hangs_ends_with_the_deadline(wait, elapsed):
    """
    A tenth of a second later, to be exact.
    """

    class Hanging(Mailbox):
        async def record(self, entity, *, deadline):
            await asyncio.Event().wait()

    with pytest.raises(NotFinishedError, match="has not committed"):
        await wait(_answers(DONE), arrivals=Hanging(), seconds=10)

    assert 10.1 == elapsed()
