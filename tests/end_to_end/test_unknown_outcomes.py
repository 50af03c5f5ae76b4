"""
Writes whose end nobody knows: handed over, asked about, never guessed.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from tests import orders
from umfpay import Executed, UMFSession
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Intent,
    OutcomeUnknownError,
    Text,
    UMFError,
)
from umfpay.models import (
    Amount,
    Order,
    Payment,
    PaymentState,
    PaymentSummary,
    Refund,
    RefundState,
    RefundSummary,
)
from umfpay.protocol import PrivateKey


class Stored:
    """
    Notifications that a shop has stored.
    """

    def __init__(self, *objects):
        self.objects = objects
        self.asked = []

    async def notified(self, *, object_id=None, mer_reference_id=None):
        self.asked.append((object_id, mer_reference_id))

        return next(iter(self.objects), None)


@pytest.fixture(autouse=True)
async def _documented(box):
    """
    Lists of refunds name no refund's number, as the reference has them.
    """
    box.settings(refund_rows="documented")


async def _unknown(box, kind, path, call):
    box.fault(kind, method="POST", path=path)

    with pytest.raises(OutcomeUnknownError) as caught:
        await call

    return pickle.loads(pickle.dumps(caught.value)).intent


async def _waiting(box, session):
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())

    return payment, orders.card(box.sms_code(payment.id))


async def test_an_execute_that_was_carried_out_is_found_by_a_query(box, session):
    """
    The connection dropped after the gateway had taken the money.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_after", "/execute", session.payments.execute(payment.id, payer)
    )
    resolution = await session.resolve(intent)

    assert (Executed.YES, "query") == (resolution.outcome, resolution.evidence)
    assert payment.id == resolution.object.id


async def test_a_raw_execute_is_resolved_like_any_other(box, session):
    """
    The payment is named by the path.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box,
        "drop_after",
        "/execute",
        session.request(
            "POST", f"/payments/payment/{payment.id}/execute", {"payer": payer}
        ),
    )

    assert payment.id == intent.payment_id
    assert Executed.YES is (await session.resolve(intent)).outcome


@pytest.mark.parametrize("verb", ["fail", "close"])
async def test_an_execute_that_was_not_carried_out_is_known_at_the_final_state(
    box, session, verb
):
    """
    FAIL and CLOSED say that nobody has paid.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_before", "/execute", session.payments.execute(payment.id, payer)
    )
    box.control("POST", f"/payments/{payment.id}/{verb}", {})
    resolution = await session.resolve(intent)

    assert resolution.outcome is Executed.NO
    assert "new number" in resolution.advice.en


async def test_an_unpaid_order_is_unknown_until_it_has_expired(box, session):
    """
    The money may still be on its way; after expire_time it cannot come any more.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_before", "/execute", session.payments.execute(payment.id, payer)
    )
    soon = datetime.now(UTC) + timedelta(minutes=30)
    before = await session.resolve(intent, expires_at=soon)
    long_ago = attrs.evolve(intent, at=intent.at - timedelta(hours=1))
    after = await session.resolve(long_ago, expires_at=soon - timedelta(hours=1))
    just_sent = await session.resolve(intent, expires_at=soon - timedelta(hours=1))
    unlimited = await session.resolve(intent)

    assert before.outcome is Executed.UNKNOWN
    # The clocks of two companies differ.
    assert soon + timedelta(minutes=5) == before.until
    assert "do not repeat" in before.advice.en
    assert after.outcome is Executed.NO
    assert just_sent.outcome is Executed.UNKNOWN
    assert (Executed.UNKNOWN, None) == (unlimited.outcome, unlimited.until)


async def test_the_gateway_closes_an_expired_order_and_resolves_it(box, session):
    """
    Without a known expire_time the closed state is what tells.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_before", "/execute", session.payments.execute(payment.id, payer)
    )
    box.control("POST", "/clock", {"advance": 31 * 60})

    assert (await session.resolve(intent)).outcome is Executed.NO


async def test_a_stored_notification_is_asked_first(box, session):
    """
    It is verified and final: the gateway need not be asked.
    """
    intent = Intent(call="payments.execute", at=datetime.now(UTC), payment_id="PAY_A")
    stored = Stored(Payment(id="PAY_A", state=PaymentState("TRADE_SUCCESS")))
    resolution = await session.resolve(intent, evidence=stored)

    assert (Executed.YES, "notification") == (resolution.outcome, resolution.evidence)
    assert [] == box.requests("PAY_A")


async def test_a_notification_that_is_not_final_does_not_answer(box, session):
    """
    The gateway is asked as well.
    """
    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_after", "/execute", session.payments.execute(payment.id, payer)
    )
    stored = Stored(Payment(id=payment.id, state=PaymentState("WAIT_BUYER_PAY")))
    resolution = await session.resolve(intent, evidence=stored)

    assert (Executed.YES, "query") == (resolution.outcome, resolution.evidence)


async def _unknown_refund(box, session, kind):
    payment = await orders.paid(session, box)
    intent = await _unknown(
        box, kind, "/refund", session.refunds.create(payment.id, orders.refund("3.00"))
    )

    return payment, intent


async def _row(session):
    for _ in range(100):
        async for row in session.statements.transactions(orders.DAY):
            if isinstance(row, RefundSummary):
                return row

        await asyncio.sleep(0.05)

    raise AssertionError("the refund never got into the list")


async def test_a_refund_is_found_by_its_row_in_the_transactions(box, session):
    """
    Exactly one row of this payment and amount.
    """
    _, intent = await _unknown_refund(box, session, "drop_after")
    row = await _row(session)
    resolution = await session.resolve(intent)

    assert (Executed.YES, "transactions") == (resolution.outcome, resolution.evidence)
    assert row.refund_id == resolution.object.refund_id


async def test_a_refund_without_a_row_stays_unknown(box, session):
    """
    The list of the day is whole when the day has ended in China.
    """
    _, intent = await _unknown_refund(box, session, "drop_before")
    resolution = await session.resolve(intent)

    assert resolution.outcome is Executed.UNKNOWN
    assert intent.at < resolution.until
    assert "00:00:00+08:00" in resolution.until.isoformat()


async def _settled(box):
    for _ in range(100):
        answer = box.control("GET", "/refunds")

        if all(one["state"] == "REFUND_SUCCESS" for one in answer["refunds"]):
            return

        await asyncio.sleep(0.05)

    raise AssertionError("the refunds never settled")


def _with_opaque_ids(session, monkeypatch, **changes):
    """
    List refunds under ids that hold no number: those of letters nobody has seen.
    """
    listed = session.statements.transactions
    ids = {}

    async def opaque(day, **options):
        async for row in listed(day, **options):
            if isinstance(row, RefundSummary):
                known = ids.setdefault(row.refund_id, f"REFUND_{'ABCDEFG'[len(ids)]}")

                yield attrs.evolve(row, **{"refund_id": known, **changes})

    monkeypatch.setattr(session.statements, "transactions", opaque)

    return ids


async def test_the_id_of_a_row_can_hold_our_number(box, session):
    """
    Then it is ours, however many others of this amount there are.
    """
    payment, intent = await _unknown_refund(box, session, "drop_after")
    await session.refunds.create(payment.id, orders.refund("3.00"))
    await _settled(box)
    resolution = await session.resolve(intent)

    assert Executed.YES is resolution.outcome
    assert resolution.object.mer_reference_id is None


async def test_a_refund_that_never_arrived_is_not_the_row_of_another(
    box, session, monkeypatch
):
    """
    Both of 3.00, the list names no numbers: one row is no proof for either of them.
    """
    payment, second = await _unknown_refund(box, session, "drop_before")
    first = await _unknown(
        box,
        "drop_after",
        "/refund",
        session.refunds.create(payment.id, orders.refund("3.00")),
    )
    await _settled(box)
    _with_opaque_ids(session, monkeypatch)
    found = [await session.resolve(intent) for intent in (first, second)]

    assert [Executed.UNKNOWN] * 2 == [one.outcome for one in found]
    assert "known_refunds=" in found[0].advice.en


async def test_a_refund_is_the_only_row_besides_all_others(box, session, monkeypatch):
    """
    By elimination: the caller knows all others of this payment, and says so.
    """
    payment, intent = await _unknown_refund(box, session, "drop_after")
    other = await session.refunds.create(payment.id, orders.refund("3.00"))
    await _settled(box)
    ids = _with_opaque_ids(session, monkeypatch)
    unsaid = await session.resolve(intent)
    none = await session.resolve(intent, known_refunds=[])
    one = await session.resolve(intent, known_refunds=[ids[other.id]])
    both = await session.resolve(intent, known_refunds=list(ids.values()))
    kept = attrs.evolve(intent, details={"known_refunds": f"REFUND_X {ids[other.id]}"})

    assert [Executed.UNKNOWN] * 3 == [x.outcome for x in (unsaid, none, both)]
    assert Executed.YES is one.outcome
    assert ids[other.id] != one.object.refund_id
    assert Executed.YES is (await session.resolve(kept, known_refunds=[])).outcome
    assert Executed.UNKNOWN is (await session.resolve(kept)).outcome


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Amount(total=Decimal("3.01"), currency="USD")},
        {"amount": Amount(total=Decimal("3.00"), currency="EUR")},
        {"amount": None},
        {"payment_id": "PAY_OTHER"},
        {"refund_id": None},
        {"execute_success_time": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
async def test_the_only_row_must_be_able_to_be_ours(box, session, monkeypatch, changes):
    """
    Of this payment and amount, done after we asked, with an id.
    """
    _, intent = await _unknown_refund(box, session, "drop_after")
    await _settled(box)
    _with_opaque_ids(session, monkeypatch, **changes)
    found = await session.resolve(intent, known_refunds=[])

    assert Executed.UNKNOWN is found.outcome


async def test_the_row_of_another_refund_number_is_not_ours(box, session):
    """
    Of the same payment and amount, done at the same time, where lists tell numbers.
    """
    box.settings(refund_rows="with_number")
    payment, intent = await _unknown_refund(box, session, "drop_before")
    await session.refunds.create(payment.id, orders.refund("3.00"))
    await _settled(box)

    assert Executed.UNKNOWN is (await session.resolve(intent)).outcome


async def test_a_row_that_failed_says_that_nothing_was_given_back(
    box, session, monkeypatch
):
    """
    The row is ours, and its state is the answer.
    """
    _, intent = await _unknown_refund(box, session, "drop_after")
    await _settled(box)
    _with_opaque_ids(session, monkeypatch, state=RefundState("REFUND_FAIL"))

    assert Executed.NO is (await session.resolve(intent, known_refunds=[])).outcome


def _refused_refund(payment, **changes):
    return Intent(
        **{
            "call": "refunds.create",
            "at": datetime.now(UTC) - timedelta(seconds=90),
            "payment_id": payment.id,
            "mer_reference_id": "r-never",
            "mer_date": f"{orders.DAY:%Y%m%d}",
            "amount": Decimal("3.00"),
            "currency": "USD",
            "details": {
                "refused_with": "00060766",
                "decided_by": "transactions",
            },
            **changes,
        }
    )


async def test_a_refused_refund_that_is_in_no_list_was_not_made(box, session):
    """
    60 seconds after a signed refusal, all others being known.
    """
    payment = await orders.paid(session, box)
    intent = _refused_refund(payment)
    resolution = await session.resolve(intent, known_refunds=[])

    assert (Executed.NO, None) == (resolution.outcome, resolution.object)

    other = await session.refunds.create(payment.id, orders.refund("3.00"))
    await _settled(box)

    assert (
        Executed.NO is (await session.resolve(intent, known_refunds=[other.id])).outcome
    )


async def test_a_payment_that_waits_after_a_signed_refusal_may_be_behind(session):
    """
    For ten seconds; then it was not executed.
    """
    payment = await session.payments.create(orders.card_payment())
    at = datetime.now(UTC)
    intent = Intent(
        call="payments.execute",
        at=at,
        payment_id=payment.id,
        details={"refused_with": "00060763", "decided_by": "query"},
    )
    soon = await session.resolve(intent)
    later = await session.resolve(attrs.evolve(intent, at=at - timedelta(seconds=15)))

    assert (Executed.UNKNOWN, at + timedelta(seconds=10)) == (soon.outcome, soon.until)
    assert Executed.NO is later.outcome


async def test_a_row_that_names_no_payment_may_be_the_refused_refund(
    box, session, monkeypatch
):
    """
    It is further, so that nothing is excluded; and it is not proven to be ours.
    """
    payment = await orders.paid(session, box)
    await session.refunds.create(payment.id, orders.refund("3.00"))
    await _settled(box)
    _with_opaque_ids(session, monkeypatch, payment_id=None)
    found = await session.resolve(_refused_refund(payment), known_refunds=[])

    assert Executed.UNKNOWN is found.outcome


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, None),
        ({"at": datetime.now}, []),
        ({"started": time.monotonic}, []),
        ({"details": {}}, []),
        ({"details": {"refused_with": "00060767", "decided_by": "nobody"}}, []),
    ],
)
async def test_nothing_less_says_that_a_refund_was_not_made(
    box, session, changes, known
):
    """
    Not all others known, too early by one clock, or no signed refusal that the list decides.
    """
    payment = await orders.paid(session, box)
    now = {"at": datetime.now(UTC), "started": time.monotonic()}
    changes = {name: now.get(name, value) for name, value in changes.items()}
    intent = _refused_refund(payment, **changes)

    if "started" in changes:
        intent = attrs.evolve(intent, started=time.monotonic() - 30)

    found = await session.resolve(intent, known_refunds=known)

    assert Executed.UNKNOWN is found.outcome


async def test_known_refunds_travel_with_the_intent(box, session):
    """
    So that whoever resolves it later knows them.
    """
    payment = await orders.paid(session, box)
    intent = await _unknown(
        box,
        "drop_before",
        "/refund",
        session.refunds.create(
            payment.id, orders.refund("3.00"), known_refunds=["REFUND_B", "REFUND_A"]
        ),
    )

    assert {"known_refunds": "REFUND_A REFUND_B"} == intent.details


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("REFUND_SUCCESS", Executed.YES), ("REFUND_FAIL", Executed.NO)],
)
async def test_a_notified_refund_answers_by_its_state(session, state, outcome):
    """
    It was found under the refund's own number.
    """
    intent = Intent(
        call="refunds.create",
        at=datetime.now(UTC),
        payment_id="PAY_A",
        mer_reference_id="r-1",
    )
    stored = Stored(
        Refund(id="REFUND_A", state=RefundState(state), parent_payment="PAY_A")
    )

    assert outcome is (await session.resolve(intent, evidence=stored)).outcome
    assert [(None, "r-1")] == stored.asked


async def test_a_create_that_was_paid_has_a_row(box, session):
    """
    The order number is in the day's transactions.
    """
    paid = await orders.paid(session, box, reference="paid-1")
    intent = Intent(
        call="payments.create",
        at=datetime.now(UTC),
        mer_reference_id="paid-1",
        mer_date=f"{orders.DAY:%Y%m%d}",
    )
    resolution = await session.resolve(intent)

    assert resolution.outcome is Executed.YES
    assert isinstance(resolution.object, PaymentSummary)
    assert paid.id == resolution.object.payment_id


async def test_a_create_can_be_made_again_by_leave_only(box, session):
    """
    Nobody pays by a create: without leave the advice says so, with it there is one.
    """
    new = orders.card_payment()
    intent = await _unknown(
        box, "drop_after", "/payments/payment$", session.payments.create(new)
    )
    unknown = await session.resolve(intent)
    again = await session.resolve(intent, again=new, allow_repeat=True)

    assert unknown.outcome is Executed.UNKNOWN
    assert "Nobody has paid" in unknown.advice.en
    assert (Executed.YES, "repeat") == (again.outcome, again.evidence)
    assert new.order.mer_reference_id == again.object.order.mer_reference_id


def _create_intent(**changes):
    return Intent(
        **{
            "call": "payments.create",
            "at": datetime.now(UTC),
            "mer_reference_id": "n-1",
            "mer_date": f"{orders.DAY:%Y%m%d}",
            "amount": Decimal("10.00"),
            "currency": "USD",
            **changes,
        }
    )


def _notified_payment(payment_id="PAY_A", **changes):
    members = {"mer_reference_id": "n-1", "mer_date": orders.DAY, **changes}
    members.setdefault("amount", Amount(total=Decimal("10.00"), currency="USD"))

    return Payment(
        id=payment_id,
        state=PaymentState("TRADE_SUCCESS"),
        order=Order(**members),
    )


async def test_a_create_that_was_notified_needs_no_list(session):
    """
    A notification names the order number, its day, amount and currency.
    """
    stored = Stored(_notified_payment())
    resolution = await session.resolve(_create_intent(), evidence=stored)

    assert (Executed.YES, "notification") == (resolution.outcome, resolution.evidence)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Amount(total=Decimal("1.00"), currency="USD")},
        {"amount": Amount(total=Decimal("10.00"), currency="EUR")},
        {"mer_date": date(2020, 1, 1)},
        {"mer_reference_id": "n-2"},
        # What is missing is asked for, and the gateway knows no such payment.
        {"amount": None},
        {"amount": Amount(total=Decimal("10.00"))},
        {"mer_date": None},
    ],
)
async def test_a_notification_of_another_order_is_no_evidence(session, changes):
    """
    Number, day, amount and currency are compared; the day's list is asked as well.
    """
    stored = Stored(_notified_payment(**changes))
    resolution = await session.resolve(_create_intent(), evidence=stored)

    assert Executed.UNKNOWN is resolution.outcome


async def test_what_a_notification_leaves_out_is_asked_for(box, session):
    """
    The signed query names it.
    """
    paid = await orders.paid(session, box, reference="n-1")
    stored = Stored(_notified_payment(paid.id, amount=Amount(total_cny=Decimal(69))))
    right = await session.resolve(_create_intent(), evidence=stored)
    box.settings(execute="pending")
    other = await orders.paid(session, box, reference="n-9")
    stored = Stored(_notified_payment(other.id, amount=None))
    wrong = await session.resolve(_create_intent(), evidence=stored)

    assert (Executed.YES, "notification") == (right.outcome, right.evidence)
    # The list has the right one.
    assert (Executed.YES, "transactions") == (wrong.outcome, wrong.evidence)


@pytest.mark.parametrize(
    "changes", [{"amount": Decimal("9.99")}, {"currency": "EUR"}, {"mer_date": None}]
)
async def test_the_row_of_another_amount_is_not_our_order(box, session, changes):
    """
    Nor is there a list without a day.
    """
    await orders.paid(session, box, reference="n-1")
    resolution = await session.resolve(_create_intent(**changes))

    assert Executed.UNKNOWN is resolution.outcome


async def test_an_older_payment_of_the_number_that_failed_says_nothing(session):
    """
    The day's list is asked as well.
    """
    intent = Intent(
        call="payments.create",
        at=datetime.now(UTC),
        mer_reference_id="n-1",
        mer_date=f"{orders.DAY:%Y%m%d}",
    )
    stored = Stored(Payment(id="PAY_A", state=PaymentState("TRADE_FAIL")))

    assert Executed.UNKNOWN is (await session.resolve(intent, evidence=stored)).outcome


async def test_a_raw_refund_is_not_called_harmless(box, session):
    """
    Money may have moved, and nobody has read its number.
    """
    payment = await orders.paid(session, box)
    intent = await _unknown(
        box,
        "drop_after",
        "/refund",
        session.request(
            "POST", f"/payments/payment/{payment.id}/refund", orders.refund()
        ),
    )
    resolution = await session.resolve(intent)

    assert resolution.outcome is Executed.UNKNOWN
    assert "do not repeat" in resolution.advice.en


async def test_notifications_that_are_out_of_reach_do_not_stop_the_query(box, session):
    """
    Whatever the place of the shop raises.
    """

    class Broken:
        async def notified(self, **_):
            raise ConnectionError

    payment, payer = await _waiting(box, session)
    intent = await _unknown(
        box, "drop_after", "/execute", session.payments.execute(payment.id, payer)
    )

    assert Executed.YES is (await session.resolve(intent, evidence=Broken())).outcome


async def test_the_deadline_holds_for_all_of_it(session):
    """
    Evidence that hangs included.
    """

    class Hanging:
        async def notified(self, **_):
            await asyncio.sleep(60)

    intent = Intent(call="payments.execute", at=datetime.now(UTC), payment_id="PAY_A")
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(OutcomeUnknownError) as caught:
        await session.resolve(intent, evidence=Hanging(), deadline=0.2)

    assert isinstance(caught.value.__cause__, DeadlineExceededError)
    assert loop.time() - started < 1


@pytest.mark.parametrize(
    ("call", "moved"),
    [
        ("payments.execute", True),
        ("refunds.create", True),
        ("request POST /payments/payment/PAY_A/execute", True),
        ("payments.create", False),
    ],
)
async def test_a_gateway_that_is_away_says_nothing_of_the_write(box, call, moved):
    """
    What is true of the question, that no money has moved by it, is not of the write.
    """
    intent = Intent(
        call=call,
        at=datetime.now(UTC),
        payment_id="PAY_A",
        mer_reference_id="R1",
        mer_date="20261123",
    )

    async with UMFSession(box.config()) as session:
        await session.authorize()
        box.fault("drop_before", times=0)

        with pytest.raises(OutcomeUnknownError) as caught:
            await session.resolve(intent, deadline=1.0)

    error = caught.value

    assert isinstance(error.__cause__, UMFError)
    assert (intent, moved) == (error.intent, error.money_may_have_moved)
    assert "the outcome is still unknown" in error.what.en
    assert "结果仍然未知" in error.what.zh
    assert all(one in error.what.en for one in ("PAY_A", "R1"))
    assert all(one in error.what.zh for one in ("PAY_A", "R1"))


async def test_a_wrong_argument_does_not_say_that_no_money_has_moved(session):
    """
    It is about the question; the write may have been carried out all the same.
    """
    intent = Intent(call="payments.execute", at=datetime.now(UTC))

    with pytest.raises(ConfigError, match="the intent has no payment_id") as caught:
        await session.resolve(intent)

    assert caught.value.money_may_have_moved
    assert "still unknown" in caught.value.what.en


@pytest.mark.parametrize(
    ("intent", "members"),
    [
        (None, {}),
        ("payments.execute", {}),
        (
            Intent(call="payments.execute", at=datetime.now(UTC), payment_id="PAY_A"),
            {"expires_at": datetime(2026, 11, 23)},
        ),
        (
            Intent(
                call="payments.create",
                at=datetime.now(UTC),
                mer_reference_id="n",
                mer_date="2026-11-23",
            ),
            {},
        ),
    ],
)
async def test_what_is_no_question_is_refused(session, intent, members):
    """
    Before the gateway is asked.
    """
    with pytest.raises(ConfigError):
        await session.resolve(intent, **members)


def test_a_coroutine_cannot_be_on_unknown(box):
    """
    Nobody would await it, and the intent would be lost.
    """

    async def write_down(_intent):
        raise AssertionError

    with pytest.raises(ConfigError, match="on_unknown"):
        UMFSession(box.config(), on_unknown=write_down)


async def test_another_payment_is_not_created_in_place_of_the_intent(box, session):
    """
    Number, date and amount must be those of the intent.
    """
    new = orders.card_payment()
    other = attrs.evolve(new, order=orders.order())
    intent = await _unknown(
        box, "drop_before", "/payments/payment$", session.payments.create(new)
    )

    with pytest.raises(ConfigError):
        await session.resolve(intent, again=other, allow_repeat=True)

    with pytest.raises(ConfigError):
        await session.resolve(intent, again=new)

    with pytest.raises(ConfigError):
        await session.resolve(intent, allow_repeat=True)


async def test_what_has_no_query_stays_unknown(session):
    """
    No money moves by it; the advice says what to do.
    """
    intent = Intent(call="enterprises.register", at=datetime.now(UTC))
    resolution = await session.resolve(intent)

    assert (Executed.UNKNOWN, "") == (resolution.outcome, resolution.evidence)
    assert "Ask UMF" in resolution.advice.en


@pytest.mark.parametrize("call", ["payments.execute", "refunds.create"])
async def test_an_intent_without_an_id_is_refused(session, call):
    """
    There is nothing to ask for.
    """
    with pytest.raises(ConfigError):
        await session.resolve(Intent(call=call, at=datetime.now(UTC)))


async def test_a_cancelled_write_is_handed_over(box):
    """
    The caller gets CancelledError; the intent goes to on_unknown.
    """
    intents = []

    async with UMFSession(box.config(), on_unknown=intents.append) as session:
        payment, payer = await _waiting(box, session)
        box.fault("delay", method="POST", path="/execute", seconds=5)
        task = asyncio.create_task(session.payments.execute(payment.id, payer))

        while not box.requests(f"{payment.id}/execute"):
            await asyncio.sleep(0.01)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    assert ["payments.execute"] == [one.call for one in intents]
    assert payment.id == intents[0].payment_id


async def test_a_write_that_was_cancelled_before_it_left_is_not_handed_over(box):
    """
    Nothing can have happened; nor by a read.
    """
    intents = []

    async with UMFSession(box.config(), on_unknown=intents.append) as session:
        box.fault("delay", path="/oauth/authorize", seconds=5, times=0)
        box.fault("delay", path="/bank", seconds=5, times=0)
        calls = [
            session.payments.create(orders.card_payment()),
            session.banks.list("DEBIT_CARD"),
        ]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0.05)

        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)

    assert [] == intents


async def test_an_unknown_outcome_is_handed_over_before_it_is_raised(box):
    """
    One place for all of them, whatever becomes of the error.
    """
    intents = []

    async with UMFSession(box.config(), on_unknown=intents.append) as session:
        intent = await _unknown(
            box,
            "drop_after",
            "/payments/payment$",
            session.payments.create(orders.card_payment()),
        )

    assert [intent] == intents


async def test_what_on_unknown_raises_is_logged(box, caplog):
    """
    The caller still gets the error of the call.
    """

    def broken(_intent):
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, logger="umfpay"):
        async with UMFSession(box.config(), on_unknown=broken) as session:
            await _unknown(
                box,
                "drop_after",
                "/payments/payment$",
                session.payments.create(orders.card_payment()),
            )

    assert "on_unknown failed" in caplog.text


async def test_a_refusal_without_signature_tells_what_it_would_mean(box, session):
    """
    The most likely first-day mistake is a wrong merchant key.
    """
    box.settings(refusals="unsigned")
    wrong = UMFSession(box.config(merchant_key=PrivateKey.generate(1024)))

    async with wrong:
        with pytest.raises(OutcomeUnknownError) as caught:
            await wrong.payments.create(orders.card_payment())

    assert "00060710" in caught.value.advice.en
    assert "merchant key" in caught.value.advice.en
    assert "商户" in caught.value.advice.zh


async def test_a_forged_answer_to_a_write_names_the_settings_that_cause_it(
    box, session
):
    """
    With the certificate of another gateway no signature verifies, and the first write
    says what to look at.
    """
    # So that the answer with the token is not the first to be refused.
    box.settings(signature="meta")
    other = UMFSession(box.config(gateway_certificate=PrivateKey.generate(1024).public))

    async with other:
        with pytest.raises(OutcomeUnknownError) as caught:
            await other.payments.create(orders.card_payment())

    assert "gateway_certificate belong together" in caught.value.advice.en
    assert "Do not repeat the call" in caught.value.advice.en
    assert "gateway_certificate" in caught.value.advice.zh


async def test_an_unsigned_answer_to_a_write_names_the_setting_that_causes_it(
    box, session
):
    """
    A gateway that signs nothing does so at the first write, too.
    """
    box.settings(signature="none")

    with pytest.raises(OutcomeUnknownError) as caught:
        await session.payments.create(orders.card_payment())

    assert "unsigned_responses" in caught.value.advice.en


def test_a_resolution_is_plain_data():
    """
    It pickles, for a job queue.
    """
    from umfpay import Resolution

    made = Resolution(outcome=Executed.NO, evidence="query", advice=Text("a", "b"))

    assert made == pickle.loads(pickle.dumps(made))
