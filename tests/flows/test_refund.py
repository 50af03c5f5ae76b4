"""
Refunds from the wish to the final state: whole, in part, by goods, never too much.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests import orders
from umfpay.errors import (
    ConfigError,
    NotFinishedError,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    PaymentStateError,
    RefundAmountError,
    RefundFailedError,
    RefundNumberUsedError,
    RefundRefusedError,
    TransportError,
)
from umfpay.flows import choose_goods, refund
from umfpay.models import Money, RefundState, RefundSubOrder


NUMBERS = iter(range(1, 10_000))


def usd(total):
    return Money(total, "USD")


async def give_back(session, payment, **options):
    number = options.pop("number", f"r-{next(NUMBERS)}")

    return await refund(
        session, payment, mer_reference_id=number, mer_date=orders.DAY, **options
    )


async def _refunds(box):
    return box.control("GET", "/refunds")["refunds"]


async def test_all_of_a_payment_is_given_back(session, box, paid, steps):
    """
    No amount means all that is left; polling tells the end.
    """
    done = await give_back(session, paid, refund_summary="sorry", on_step=steps.hear)
    (kept,) = await _refunds(box)

    assert RefundState.REFUND_SUCCESS == done.state
    assert paid.id == done.parent_payment
    assert ["created", "waiting", "final"] == steps
    assert ("10.00", "sorry") == (kept["total"], kept["summary"])


async def test_a_notification_ends_the_waiting(session, box, paid, shop):
    """
    Nobody asked the gateway for the refund.
    """
    done = await give_back(session, paid, notify_url=shop.url, arrivals=shop)

    assert shop.objects[done.id] is done
    assert [] == box.requests(done.id)


async def test_a_refund_that_is_done_at_once_is_not_waited_for(
    session, box, paid, steps
):
    """
    REFUND_SUCCESS means done.
    """
    box.settings(refund="immediate")
    await give_back(session, paid, on_step=steps.hear)

    assert ["created", "final"] == steps


async def test_parts_are_given_back_until_nothing_is_left(session, box, paid):
    """
    The last one takes the rest; then there is nothing.
    """
    box.settings(refund="immediate")
    await give_back(session, paid.id, amount=usd("4.00"))
    await give_back(session, paid.id, amount=usd("1.50"))
    await give_back(session, paid.id)

    with pytest.raises(RefundAmountError, match=r"0\.00 of 10\.00 USD") as caught:
        await give_back(session, paid.id)

    with pytest.raises(RefundAmountError):
        await give_back(session, paid.id, amount=usd("0.01"))

    assert ["4.00", "1.50", "4.50"] == [one["total"] for one in await _refunds(box)]
    assert paid.id == caught.value.last.id


async def test_more_than_is_left_is_not_even_sent(session, box, paid):
    """
    What is under way counts if the caller tells it.
    """
    box.settings(settle_after=60)
    first = await session.refunds.create(paid.id, orders.refund("4.00"))

    with pytest.raises(RefundAmountError, match=r"6\.01"):
        await give_back(
            session, paid, amount=usd("6.01"), already={first.id: usd("4.00")}
        )

    assert 1 == len(box.requests("/refund"))


async def test_a_refund_that_the_caller_and_the_list_know_counts_once(
    session, box, paid
):
    """
    It has one id.
    """
    box.settings(refund="immediate")
    first = await give_back(session, paid, amount=usd("4.00"))
    second = await give_back(
        session, paid, amount=usd("6.00"), already={first.id: usd("4.00")}
    )

    assert RefundState.REFUND_SUCCESS == second.state


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_too_much_that_only_the_gateway_knows_of(session, box, paid, refusals):
    """
    The second copy of a refund that was made is refused so, too: nobody can say.
    """
    box.settings(refusals=refusals, settle_after=60)
    await session.refunds.create(paid.id, orders.refund("4.00"))

    with pytest.raises(OutcomeUnknownError) as caught:
        await give_back(session, paid, amount=usd("7.00"))

    assert isinstance(caught.value.__cause__, RefundRefusedError)
    assert "00060768" == caught.value.__cause__.ret_code
    assert (refusals == "signed") is caught.value.__cause__.verified


async def test_too_much_is_the_amounts_error_once_the_list_says_so(
    session, box, paid, monkeypatch
):
    """
    A signed refusal, all other refunds are known, and none is added in the list.
    """
    monkeypatch.setattr(
        "umfpay.resources._refund_evidence._LIST_LAG", -timedelta(seconds=9)
    )
    box.settings(refusals="signed", settle_after=60)
    first = await session.refunds.create(paid.id, orders.refund("4.00"))

    with pytest.raises(RefundAmountError) as caught:
        # The shop counts it with less than it was.
        await give_back(
            session, paid, amount=usd("7.00"), already={first.id: usd("1.00")}
        )

    assert "00060768" == caught.value.__cause__.ret_code


async def test_a_number_that_was_used_is_refused_by_the_list(session, box, paid):
    """
    The refund that has it is told: it may be the one that was wanted.
    """
    first = await give_back(session, paid, number="r-same", amount=usd("1.00"))

    for amount in (usd("1.00"), None):
        with pytest.raises(RefundNumberUsedError, match="r-same") as caught:
            await give_back(session, paid, number="r-same", amount=amount)

        assert first.id == caught.value.last.id

    assert 1 == len(box.requests("/refund"))


async def test_a_number_that_was_used_is_refused_by_a_notification(
    session, box, paid, shop
):
    """
    The list need not hold it.
    """
    first = await give_back(
        session,
        paid,
        number="r-told",
        amount=usd("1.00"),
        arrivals=shop,
        notify_url=shop.url,
    )

    with pytest.raises(RefundNumberUsedError) as caught:
        await give_back(session, paid, number="r-told", arrivals=shop)

    assert first is caught.value.last


async def test_a_number_that_only_the_gateway_knows_may_have_moved_money(
    session, box, paid
):
    """
    Its code means other things, too, a refund that came too early, say: whoever sent
    the number before has to find that refund first.
    """
    box.settings(refusals="signed", settle_after=60)
    first = orders.refund("1.00")
    await session.refunds.create(paid.id, first)

    with pytest.raises(RefundNumberUsedError, match="may have been used") as caught:
        await give_back(
            session, paid, number=first.mer_reference_id, amount=usd("1.00")
        )

    assert caught.value.money_may_have_moved
    assert paid.id == caught.value.last.id
    assert "some seconds later" in str(caught.value)
    assert isinstance(caught.value.__cause__, RefundRefusedError)
    assert "00060766" == caught.value.__cause__.ret_code


async def test_a_number_whose_first_answer_was_lost_may_have_moved_money(
    session, box, paid
):
    """
    The same refund once more: its first one is under way, and nobody lists it yet.
    """
    box.settings(refusals="signed", settle_after=60)
    box.fault("drop_after", method="POST", path="/refund")

    with pytest.raises(OutcomeUnknownError):
        await give_back(session, paid, number="r-lost", deadline=2)

    with pytest.raises(RefundNumberUsedError) as caught:
        await give_back(session, paid, number="r-lost", deadline=5)

    assert caught.value.money_may_have_moved
    assert 1 == len(await _refunds(box))


async def test_two_refunds_at_once_under_one_number_are_one_refund(session, box, paid):
    """
    The list knows it once the gateway has refused: whichever copy came first made it.
    """
    box.settings(refusals="signed", refund="immediate")
    listed = asyncio.Barrier(2)
    create = session.refunds.create

    async def create_together(*args, **options):
        await listed.wait()

        return await create(*args, **options)

    session.refunds.create = create_together
    ends = await asyncio.gather(
        *(give_back(session, paid, number="r-twice") for _ in range(2))
    )

    assert ends[0].id == ends[1].id
    assert 1 == len(box.control("GET", "/refunds")["refunds"])


async def test_a_refused_number_stays_open_when_nobody_can_be_asked(session, box, paid):
    """
    The list is out of reach just then.
    """
    box.settings(refusals="signed", settle_after=60)
    first = orders.refund("1.00")
    await session.refunds.create(paid.id, first)
    create = session.refunds.create

    async def create_and_part(*args, **options):
        box.fault("drop_before", method="GET", path="/transactions", times=0)

        return await create(*args, **options)

    session.refunds.create = create_and_part

    with pytest.raises(RefundNumberUsedError) as caught:
        await give_back(
            session,
            paid,
            number=first.mer_reference_id,
            amount=usd("1.00"),
            deadline=5,
        )

    assert caught.value.money_may_have_moved
    assert isinstance(caught.value.__cause__, RefundRefusedError)


async def test_goods_are_given_back_by_choice(session, box, paid):
    """
    Their amounts add up to the refund's.
    """
    parts = [RefundSubOrder(mer_sub_reference_id="s", amount=usd("2.50"))]
    await give_back(session, paid, goods=[*parts, *parts])
    (kept,) = await _refunds(box)

    assert "5.00" == kept["total"]


async def test_goods_of_an_order_are_refunded(session, box):
    """
    From the order to the refund.
    """
    made = orders.order()
    new = orders.card_payment(reference=made.mer_reference_id)
    payment = await session.payments.create(new)
    box.pay(payment.id)
    goods = choose_goods(new.order, sub_orders=[f"{made.mer_reference_id}-1"])
    done = await give_back(session, payment, goods=goods)

    assert RefundState.REFUND_SUCCESS == done.state


async def test_another_currency_is_refused(session, box, paid):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError, match="USD"):
        await give_back(session, paid, amount=Money("1.00", "EUR"))

    assert [] == box.requests("/refund")


@pytest.mark.parametrize(
    "change",
    [
        {"mer_date": "20261123"},
        {"mer_date": datetime(2026, 11, 23, tzinfo=UTC)},
        {"mer_reference_id": 5},
        {"mer_reference_id": []},
        {"mer_reference_id": " "},
        {"amount": "1.00"},
        {"goods": ["book"]},
        {"goods": 5},
        {"goods": None},
        {"already": {"REFUND_A": "1.00"}},
        {"already": ["REFUND_A"]},
        {"on_step": []},
    ],
)
async def test_what_has_the_wrong_type_is_refused_before_anything_is_sent(
    session, box, paid, change
):
    """
    The error names it.
    """
    given = {"mer_reference_id": "r-1", "mer_date": orders.DAY, **change}
    before = len(box.requests(""))

    with pytest.raises(ConfigError, match=next(iter(change))):
        await refund(session, paid, **given)

    assert before == len(box.requests(""))


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        (None, NotFinishedError),
        ("fail", PaymentFailedError),
        ("close", PaymentExpiredError),
    ],
)
async def test_what_was_not_paid_is_not_refunded(session, box, verb, kind):
    """
    The error tells where the payment is; nothing is sent.
    """
    payment = await session.payments.create(orders.card_payment())

    if verb is not None:
        getattr(box, verb)(payment.id)

    with pytest.raises(kind) as caught:
        await give_back(session, payment, amount=usd("1.00"))

    assert payment.id == caught.value.last.id
    assert not caught.value.money_may_have_moved
    assert [] == box.requests("/refund")


async def test_a_state_that_the_gateway_judges_is_left_to_it(session, box, paid):
    """
    A cancelled payment: its refusal is the cause of an outcome that is not known.
    """
    box.settings(refusals="signed")
    box.cancel(paid.id)

    with pytest.raises(OutcomeUnknownError) as caught:
        await give_back(session, paid, amount=usd("1.00"))

    assert isinstance(caught.value.__cause__, PaymentStateError)
    assert "00060764" == caught.value.__cause__.ret_code


@pytest.mark.parametrize(
    ("verb", "state"), [("fail", "REFUND_FAIL"), ("close", "REFUND_CLOSE")]
)
async def test_a_refund_that_fails_is_an_error(session, box, paid, verb, state):
    """
    The money stays with the merchant, and can be refunded again.
    """
    box.settings(settle_after=60)

    async def end(step):
        if step.name == "created":
            box.end_refund(step.object.id, verb)

    with pytest.raises(RefundFailedError) as caught:
        await give_back(session, paid, on_step=end)

    box.settings(refund="immediate")
    again = await give_back(session, paid)

    assert state == caught.value.last.state
    assert RefundState.REFUND_SUCCESS == again.state


async def test_a_refund_that_takes_longer_is_reported_by_its_error(
    session, box, paid, elapsed
):
    """
    It is still under way: its id is what to wait for.
    """
    box.settings(settle_after=60)

    with pytest.raises(NotFinishedError) as caught:
        await give_back(session, paid, deadline=45)

    assert 45 == elapsed()
    assert caught.value.last.id.startswith("REFUND_")
    assert caught.value.money_may_have_moved


async def test_a_listener_that_hangs_after_the_refund_loses_nothing(
    session, paid, elapsed
):
    """
    At the deadline the error holds the refund.
    """

    async def hang(_step):
        await asyncio.sleep(60)

    with pytest.raises(NotFinishedError) as caught:
        await give_back(session, paid, on_step=hang, deadline=2)

    assert 2 == elapsed()
    assert caught.value.last.id.startswith("REFUND_")
    assert caught.value.money_may_have_moved


async def test_a_refund_that_was_carried_out_unseen_is_found_in_the_list(
    session, box, paid
):
    """
    Once it is done; it is not asked for twice.
    """
    box.fault("drop_after", method="POST", path="/refund")
    done = await give_back(session, paid, amount=usd("3.00"))
    (kept,) = await _refunds(box)

    assert kept["id"] == done.id
    assert (RefundState.REFUND_SUCCESS, paid.id) == (done.state, done.parent_payment)


async def test_a_refund_that_was_carried_out_unseen_is_found_beside_another(
    session, box, paid
):
    """
    The flow knows the ones before by their ids, also those of the same amount.
    """
    first = await give_back(session, paid, amount=usd("3.00"))
    box.fault("drop_after", method="POST", path="/refund")
    second = await give_back(session, paid, amount=usd("3.00"))

    assert first.id != second.id


async def test_a_refund_that_was_carried_out_unseen_is_found_by_its_notification(
    session, box, paid, shop
):
    """
    Its own number names it.
    """
    box.fault("drop_after", method="POST", path="/refund")
    done = await give_back(
        session, paid, amount=usd("3.00"), notify_url=shop.url, arrivals=shop
    )

    assert shop.objects[done.id] is done


async def test_a_refund_that_failed_unseen_is_a_failure(session, box, paid, shop):
    """
    The notification says so; the unclear outcome is the cause.
    """
    box.settings(settle_after=60)
    box.fault("drop_after", method="POST", path="/refund")
    create = session.refunds.create

    async def create_and_fail(*args, **options):
        try:
            return await create(*args, **options)
        finally:
            (kept,) = await _refunds(box)
            box.end_refund(kept["id"], "fail")

    session.refunds.create = create_and_fail

    with pytest.raises(RefundFailedError) as caught:
        await give_back(
            session, paid, amount=usd("3.00"), notify_url=shop.url, arrivals=shop
        )

    assert isinstance(caught.value.__cause__, OutcomeUnknownError)


async def test_a_refund_that_got_lost_stays_unknown(session, box, paid, elapsed):
    """
    It was asked for as long as another question would come before the deadline.
    """
    box.fault("drop_before", method="POST", path="/refund")

    with pytest.raises(OutcomeUnknownError) as caught:
        await give_back(session, paid, amount=usd("3.00"), deadline=60)

    assert 31 == elapsed()
    assert caught.value.money_may_have_moved
    assert isinstance(caught.value.__cause__, TransportError)
    assert [] == await _refunds(box)


async def test_nothing_is_sent_when_the_list_cannot_be_read(session, box, paid):
    """
    Nobody could say what is left.
    """
    box.fault("drop_before", method="GET", path="/transactions", times=0)

    with pytest.raises(TransportError):
        await give_back(session, paid, deadline=3)

    assert [] == box.requests("/refund")


async def test_the_listener_hears_of_the_refund_that_was_made(session, paid):
    """
    It can be written down before it is final.
    """
    heard = []
    done = await give_back(session, paid, on_step=heard.append)

    assert [done.id] * 3 == [step.object.id for step in heard]


def test_the_errors_of_refunds_say_what_to_do():
    """
    In both languages.
    """
    error = RefundAmountError("too much", "太多")

    assert "at most what is left" in str(error)
    assert "剩余可退金额" in str(error)
