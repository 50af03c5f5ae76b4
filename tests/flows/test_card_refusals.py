"""
A refused execute: the customer may try again, one code is sent once.
"""

from __future__ import annotations

import asyncio
import json
import pickle

import pytest

from umfpay.errors import (
    APIError,
    CardError,
    NotFinishedError,
    OutcomeUnknownError,
    PaymentFailedError,
    PaymentStateError,
    Text,
    TransportError,
    VerificationCodeError,
    WrongCodeError,
)
from umfpay.flows import (
    PendingCardPayment,
    begin_card_payment,
    card_payment,
    confirm_card_payment,
    resend_code,
)
from umfpay.models import Payment, PaymentState


POOR = "6227000000000730"
_TEXT = Text("no", "不")


@pytest.fixture(name="begun")
async def _begun(session, order, card):
    return await begin_card_payment(session, order, card(), bank_code="CCB")


@pytest.fixture(name="wrong")
async def _wrong(begun, box):
    """
    Return codes that are not the one that was sent.
    """
    right = await box.code(begun)

    return [code for code in ("111111", "222222", "333333", "444444") if code != right]


async def _queries(box, pending):
    return [one for one in box.requests(pending.payment_id) if one["method"] == "GET"]


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_a_customer_who_mistyped_tries_again(
    session, begun, box, wrong, refusals, elapsed
):
    """
    Whether the refusal is signed or not: two queries, five seconds apart, say that the
    payment waits.
    """
    box.settings(refusals=refusals)

    with pytest.raises(WrongCodeError) as caught:
        await confirm_card_payment(session, begun, wrong[0])

    queries = await _queries(box, begun)
    paused = elapsed()
    payment = await confirm_card_payment(session, begun, await box.code(begun))

    assert 5 == paused
    assert 2 == caught.value.attempts_left
    assert "00200005" == caught.value.ret_code
    assert caught.value.verified == (refusals == "signed")
    assert not caught.value.money_may_have_moved
    assert "may try again" in str(caught.value)
    assert "重试" in str(caught.value)
    assert begun is caught.value.last
    # One before the execute, one of the session after the refusal, then two.
    assert 4 == len(queries)
    assert PaymentState.TRADE_SUCCESS == payment.state
    assert 2 == len(box.requests("/execute"))


@pytest.mark.parametrize("status", [409, 429])
async def test_a_page_without_a_code_leaves_it_unclear(session, begun, box, status):
    """
    Whatever stands between wrote it; the request may still be on its way.
    """
    box.fault("error_before", method="POST", path="/execute", status=status)

    with pytest.raises(OutcomeUnknownError) as caught:
        await confirm_card_payment(session, begun, await box.code(begun), deadline=30)

    assert caught.value.money_may_have_moved
    assert 1 == len(box.requests("/execute"))


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_a_refusal_for_the_state_of_a_payment_that_waits_is_not_believed_at_once(
    session, begun, box, refusals, elapsed
):
    """
    The first copy of a request may have paid, and the query be ten seconds behind.
    """
    box.settings(refusals=refusals)
    code = await box.code(begun)
    waiting = await session.payments.get(begun.payment_id)
    get = session.payments.get
    started = elapsed()

    async def behind(payment_id, **options):
        found = await get(payment_id, **options)

        return found if elapsed() - started > 9 else waiting

    session.payments.get = behind
    box.pay(begun.payment_id)
    payment = await confirm_card_payment(session, begun, code)

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_another_process_lets_him_try_again(
    session, begun, box, wrong, open_session
):
    """
    The stored text knows what was refused, without the codes.
    """
    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, wrong[0])

    text = begun.to_json()
    resumed = PendingCardPayment.from_json(text)
    other = await open_session()

    with pytest.raises(WrongCodeError, match="not sent again") as caught:
        await confirm_card_payment(other, resumed, wrong[0])

    sent = len(box.requests("/execute"))
    payment = await confirm_card_payment(other, resumed, await box.code(begun))

    assert wrong[0] not in text
    assert 1 == sent
    assert 2 == caught.value.attempts_left
    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_refused_code_is_sent_again_only_after_another_sms(
    session, begun, box, wrong
):
    """
    The new message may hold the same digits.
    """
    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, wrong[0])

    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, f" {wrong[0]} ")

    before = len(box.requests("/execute"))
    await asyncio.sleep(61)
    await resend_code(session, begun)

    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, wrong[0])

    assert 1 == before
    assert 2 == len(box.requests("/execute"))


@pytest.mark.parametrize("call", ["get", "execute"])
async def test_what_fails_after_a_wrong_code_does_not_say_that_no_money_has_moved(
    session, begun, box, wrong, call, monkeypatch
):
    """
    The refusal may have been an old answer, and the execute be late: nobody begins
    another payment. The same pending payment goes on.
    """
    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, wrong[0])

    code = await box.code(begun)

    async def no_connection(*_, **__):
        raise TransportError(*_TEXT, request_sent=False)

    with monkeypatch.context() as patch:
        patch.setattr(session.payments, call, no_connection)

        with pytest.raises(
            OutcomeUnknownError, match="an SMS code was sent earlier"
        ) as caught:
            await confirm_card_payment(session, begun, code)

    payment = await confirm_card_payment(session, begun, code)

    assert caught.value.money_may_have_moved
    assert begun.payment_id == caught.value.intent.payment_id
    assert "请勿为该订单另行发起支付" in str(caught.value)
    assert isinstance(caught.value.__cause__, TransportError)
    assert PaymentState.TRADE_SUCCESS == payment.state
    assert 2 == len(box.requests("/execute"))


async def test_what_fails_before_any_code_was_sent_has_moved_nothing(
    session, begun, box
):
    """
    It is told as it is.
    """
    box.fault("error_before", method="GET", path=begun.payment_id, status=502, times=0)

    with pytest.raises(APIError) as caught:
        await confirm_card_payment(session, begun, await box.code(begun), deadline=20)

    assert not caught.value.money_may_have_moved


async def test_three_wrong_codes_end_it(session, begun, box, wrong):
    """
    A fourth is not sent, the card is forgotten; the payment is still asked about.
    """
    left = []

    for code in wrong[:3]:
        with pytest.raises(WrongCodeError) as caught:
            await confirm_card_payment(session, begun, code)

        left.append(caught.value.attempts_left)

    right = await box.code(begun)

    with pytest.raises(WrongCodeError, match="not sent") as last:
        await confirm_card_payment(session, begun, right)

    box.pay(begun.payment_id)
    payment = await confirm_card_payment(session, begun, right)

    assert [2, 1, 0] == left
    assert "when the order expires" in str(caught.value)
    assert 0 == last.value.attempts_left
    assert begun.forgotten
    assert 3 == len(box.requests("/execute"))
    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_double_click_sends_a_wrong_code_once(session, begun, box, wrong):
    """
    Neither at the same time, nor one after the other.
    """
    ends = await asyncio.gather(
        *(confirm_card_payment(session, begun, wrong[0]) for _ in range(3)),
        return_exceptions=True,
    )

    assert {WrongCodeError, OutcomeUnknownError} >= {type(one) for one in ends}
    assert 1 == len(box.requests("/execute"))
    assert 2 == begun.attempts_left


async def test_a_payment_that_was_paid_all_the_same_is_returned(
    session, begun, box, wrong
):
    """
    The first execute came through after the first of the two queries.
    """
    real_get = session.payments.get
    asked = []

    async def get(payment_id, **options):
        payment = await real_get(payment_id, **options)
        asked.append(payment.state)

        # The query before the execute, and the first after its refusal.
        if len(asked) == 2:
            box.pay(payment_id)

        return payment

    session.payments.get = get
    payment = await confirm_card_payment(session, begun, wrong[0])

    assert PaymentState.TRADE_SUCCESS == payment.state
    assert ["WAIT_BUYER_PAY", "WAIT_BUYER_PAY", "TRADE_SUCCESS"] == asked


@pytest.mark.parametrize(
    ("verb", "end"), [("fail", PaymentFailedError), ("pay", Payment)]
)
async def test_between_two_codes_the_payment_decides(
    session, begun, box, wrong, verb, end
):
    """
    Whatever became of the first execute: the second is not sent.
    """
    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, wrong[0])

    getattr(box, verb)(begun.payment_id)
    (found,) = await asyncio.gather(
        confirm_card_payment(session, begun, await box.code(begun)),
        return_exceptions=True,
    )

    assert isinstance(found, end)
    assert 1 == len(box.requests("/execute"))


async def test_a_payment_under_way_is_waited_for(session, begun, box, wrong):
    """
    TRADE_PENDING is no refusal.
    """
    real_get = session.payments.get

    async def get(payment_id, **options):
        payment = await real_get(payment_id, **options)

        if box.requests("/execute") and payment.state == "WAIT_BUYER_PAY":
            box.pay(payment_id)

            return Payment(id=payment_id, state=PaymentState.TRADE_PENDING)

        return payment

    session.payments.get = get
    payment = await confirm_card_payment(session, begun, wrong[0])

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_gateway_that_cannot_be_asked_leaves_it_open(
    session, begun, box, wrong
):
    """
    The code was wrong, and before another one is sent the payment is asked twice.
    """
    real_get = session.payments.get
    down = False

    async def get(payment_id, **options):
        if down:
            raise TransportError(*_TEXT, request_sent=False)

        return await real_get(payment_id, **options)

    session.payments.get = get
    code = await box.code(begun)

    async def cut(step):
        nonlocal down
        down = step.name == "executing"

    with pytest.raises(WrongCodeError) as caught:
        await confirm_card_payment(session, begun, wrong[0], on_step=cut)

    resumed = PendingCardPayment.from_json(begun.to_json())

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, resumed, code)

    down = False
    sent = len(box.requests("/execute"))
    before = len(await _queries(box, begun))
    payment = await confirm_card_payment(session, resumed, code)

    assert caught.value.money_may_have_moved
    assert 1 == sent
    assert 2 == len(await _queries(box, begun)) - before - 1
    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_deadline_that_is_too_short_for_two_queries_leaves_it_open(
    session, begun, wrong, elapsed
):
    """
    One answer that it waits is not enough; nobody waits for the other in vain.
    """
    with pytest.raises(WrongCodeError) as caught:
        await confirm_card_payment(session, begun, wrong[0], deadline=5)

    assert 0 == elapsed()
    assert caught.value.money_may_have_moved
    assert not begun.attempts[0].checked


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after"},
        {"kind": "error_after", "status": 503},
        {"kind": "error_before", "status": 502},
    ],
)
async def test_without_a_whole_refusal_no_other_code_is_sent(
    session, begun, box, wrong, fault
):
    """
    Cut off, or a server that failed: nobody knows whether the code was looked at.
    """
    box.fault(method="POST", path="/execute", **fault)

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, begun, wrong[0], deadline=1)

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, begun, await box.code(begun))

    assert 1 == len(box.requests("/execute"))


async def test_a_person_may_allow_another_code_but_not_the_same(
    session, begun, box, wrong
):
    """
    The connection broke; ``allow_repeat=True`` sends a code that was not sent before.
    """
    box.fault("drop_before", method="POST", path="/execute")

    with pytest.raises(OutcomeUnknownError) as first:
        await confirm_card_payment(session, begun, wrong[0], deadline=1)

    at = begun.execute_sent_at

    full_width = wrong[0].translate({n: n + 0xFEE0 for n in range(0x30, 0x3A)})

    for same in (wrong[0], full_width):
        with pytest.raises(WrongCodeError, match="not sent again") as again:
            await confirm_card_payment(session, begun, same, allow_repeat=True)

        # It was lost on its way, not refused.
        assert again.value.money_may_have_moved

    payment = await confirm_card_payment(
        session, begun, await box.code(begun), allow_repeat=True
    )

    assert first.value.money_may_have_moved
    assert at is not None
    assert PaymentState.TRADE_SUCCESS == payment.state
    assert 2 == len(box.requests("/execute"))


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_a_low_balance_is_reported_as_such(session, box, order, card, refusals):
    """
    Two queries say that nothing was paid; the card is forgotten, and another one may
    pay.
    """
    box.settings(refusals=refusals)
    begun = await begin_card_payment(session, order, card(POOR), bank_code="CCB")

    with pytest.raises(CardError) as caught:
        await confirm_card_payment(session, begun, await box.code(begun))

    payment = await card_payment(
        session, order, card(), verification_code=box.code, bank_code="CCB"
    )

    assert "00060730" == caught.value.ret_code
    assert not caught.value.money_may_have_moved
    assert begun.forgotten
    assert PaymentState.TRADE_SUCCESS == payment.state


@pytest.mark.parametrize(
    ("refusals", "end"), [("signed", CardError), ("unsigned", OutcomeUnknownError)]
)
async def test_a_later_refusal_proves_nothing_about_an_earlier_execute(
    session, box, order, card, refusals, end
):
    """
    Mistyped, then a low balance: without signatures only the final state decides.
    """
    box.settings(refusals=refusals)
    begun = await begin_card_payment(session, order, card(POOR), bank_code="CCB")
    right = await box.code(begun)

    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, "x")

    with pytest.raises(end) as caught:
        await confirm_card_payment(session, begun, right)

    code = getattr(caught.value, "ret_code", None) or caught.value.__cause__.ret_code

    assert "00060730" == code


async def test_a_certain_refusal_leaves_an_earlier_execute_open(session, begun, box):
    """
    The first was refused unsigned, the second is refused signed.
    """
    with pytest.raises(WrongCodeError):
        await confirm_card_payment(session, begun, "x")

    box.settings(refusals="signed")
    real_execute = session.payments.execute

    async def refuse(payment_id, payer, **options):
        raise CardError(*_TEXT, ret_code="00060730", verified=True)

    session.payments.execute = refuse

    with pytest.raises(OutcomeUnknownError, match="final state decides") as caught:
        await confirm_card_payment(session, begun, "y")

    session.payments.execute = real_execute

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, begun, "z")

    assert isinstance(caught.value.__cause__, CardError)
    assert 1 == len(box.requests("/execute"))


async def test_a_low_balance_of_a_second_copy_leaves_it_open(session, box, order, card):
    """
    The token was refused unsigned, so two copies left: the first may be on its way.
    """
    begun = await begin_card_payment(session, order, card(POOR), bank_code="CCB")
    code = await box.code(begun)
    real_execute = session.payments.execute

    async def execute(*given, **options):
        # Whoever fetches a token kills the one that the session has.
        box.control("POST", "/token/steal", {})

        return await real_execute(*given, **options)

    session.payments.execute = execute

    with pytest.raises(OutcomeUnknownError) as caught:
        await confirm_card_payment(session, begun, code)

    assert isinstance(caught.value.__cause__, CardError)
    assert "2" == caught.value.intent.details["copies"]
    assert 2 == len(box.requests("/execute"))


async def test_a_refusal_for_the_state_is_reported_if_the_payment_waits(
    session, box, order, card
):
    """
    The order was paid with another payment.
    """
    begun = await begin_card_payment(session, order, card(), bank_code="CCB")
    await card_payment(
        session, order, card(), verification_code=box.code, bank_code="CCB"
    )

    with pytest.raises(PaymentStateError) as caught:
        await confirm_card_payment(session, begun, await box.code(begun))

    assert "00060763" == caught.value.ret_code
    assert begun.forgotten


async def test_one_flow_asks_the_customer_three_times(session, box, order, card, steps):
    """
    The function sees how many codes are left.
    """
    left = []

    async def mistype(pending):
        left.append(pending.attempts_left)

        return await box.code(pending) if len(left) == 3 else f"wrong {len(left)}"

    payment = await card_payment(
        session,
        order,
        card(),
        verification_code=mistype,
        bank_code="CCB",
        on_step=steps.hear,
    )

    assert [3, 2, 1] == left
    assert 3 == steps.count("executing")
    assert PaymentState.TRADE_SUCCESS == payment.state


@pytest.mark.parametrize(("same", "sent"), [(True, 1), (False, 3)])
async def test_one_flow_ends_with_the_third_wrong_code(
    session, box, order, card, same, sent
):
    """
    A function that gives the same code for ever ends, too.
    """
    asked = []

    async def mistype(pending):
        asked.append(pending)

        return "wrong" if same else f"wrong {len(asked)}"

    with pytest.raises(WrongCodeError) as caught:
        await card_payment(
            session, order, card(), verification_code=mistype, bank_code="CCB"
        )

    assert 3 == len(asked)
    assert sent == len(box.requests("/execute"))
    assert 3 - sent == caught.value.attempts_left


async def test_a_customer_who_mistyped_may_go_away(session, order, card, elapsed):
    """
    The deadline counts for all codes together; nothing is under way then.
    """
    asked = []

    async def leave(pending):
        asked.append(pending)

        if len(asked) == 2:
            await asyncio.sleep(60)

        return "wrong"

    with pytest.raises(NotFinishedError) as caught:
        await card_payment(
            session,
            order,
            card(),
            verification_code=leave,
            bank_code="CCB",
            deadline=30,
        )

    assert 30 == elapsed()
    assert caught.value.last.forgotten


async def test_the_error_pickles_and_holds_no_code(session, begun, wrong):
    """
    It may come back from another process.
    """
    with pytest.raises(VerificationCodeError) as caught:
        await confirm_card_payment(session, begun, wrong[0])

    pickled = pickle.dumps(caught.value)
    again = pickle.loads(pickled)

    assert wrong[0].encode() not in pickled
    assert (2, begun.payment_id) == (again.attempts_left, again.last.payment_id)
    assert wrong[0] not in json.dumps(str(caught.value))
