"""
A call is committed before it leaves, and one intent leaves once.
"""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta

import attrs
import httpx
import pytest
from sqlalchemy import select

from tests import orders
from umfpay import UMFSession
from umfpay.errors import (
    APIError,
    CommitUnknownError,
    ConfigError,
    DatabaseUnavailableError,
    DuplicateIntentError,
    JournalError,
    OutcomeUnknownError,
    TransportError,
)
from umfpay.journal import Journal, JournaledCall, JournalOutcome, JournalState


class Looks(httpx.AsyncBaseTransport):
    """
    A network that notes what the journal says when a request arrives.
    """

    def __init__(self, shop, inner):
        self._shop = shop
        self._inner = inner
        self.seen = {}

    async def handle_async_request(self, request):
        if request.method == "POST" and not request.url.path.endswith("/authorize"):
            rows = await self._shop.rows()
            verb = request.url.path.rpartition("/")[2]
            self.seen[verb] = [(row["call"], row["state"]) for row in rows]

        return await self._inner.handle_async_request(request)

    async def aclose(self):
        await self._inner.aclose()


async def test_a_row_is_committed_before_each_write_arrives(shop):
    """
    Another connection sees it, whatever made the call; a text message has none.
    """
    looks = None

    def wrap(inner):
        nonlocal looks
        looks = Looks(shop, inner)

        return looks

    session, journal = await shop.process(wrap=wrap)
    new = orders.card_payment()
    payment = await session.payments.create(new)
    await session.payments.verify(payment.id, orders.card())
    code = shop.sms_code(payment.id)
    await session.payments.execute(payment.id, orders.card(code))
    part = new.order.sub_orders[0].mer_sub_reference_id
    path = f"/payments/payment/{payment.id}/update_express_info"
    await session.request("POST", path, orders.parcels(part))
    rows = await shop.settled(journal)

    assert ("payments.create", "sending") == looks.seen["payment"][-1]
    assert ("payments.execute", "sending") == looks.seen["execute"][-1]
    assert looks.seen["update_express_info"][-1] == (
        f"request POST {path}"[:64],
        "sending",
    )
    assert 3 == len(rows)
    assert {("ended", "executed", "answer")} == {
        (row["state"], row["outcome"], row["decided_by"]) for row in rows
    }
    assert payment.id == rows[0]["payment_id"] == rows[0]["object_id"]
    assert rows[0]["expires_at"] > rows[0]["created_at"]
    assert rows[2]["open_intent"] is None


async def test_a_refusal_gives_the_intent_back(shop, process, paid):
    """
    What the gateway refused, signed, may be asked for again.
    """
    session, journal = process
    shop.settings(refusals="signed")

    for _ in range(2):
        with pytest.raises(APIError):
            await session.payments.execute("PAY_A", orders.card("123456"))

    rows = await shop.settled(journal)
    assert [("ended", "refused", None)] * 2 == [
        (row["state"], row["outcome"], row["open_intent"]) for row in rows[1:]
    ]
    assert rows[1]["refusal_code"]


class Broken(httpx.AsyncBaseTransport):
    """
    A network that can be cut before it takes anything.
    """

    def __init__(self, inner):
        self._inner = inner
        self.is_cut = False

    async def handle_async_request(self, request):
        if self.is_cut:
            raise httpx.ConnectError("cut")

        return await self._inner.handle_async_request(request)

    async def aclose(self):
        await self._inner.aclose()


async def test_what_was_not_sent_ends_so(shop, paid):
    """
    Nothing left: the same call may be made again at once.
    """
    networks = []

    def wrap(inner):
        networks.append(Broken(inner))

        return networks[0]

    session, journal = await shop.process(wrap=wrap)
    new = orders.refund()
    await session.authorize()
    networks[0].is_cut = True

    with pytest.raises(TransportError):
        await session.refunds.create(paid, new)

    networks[0].is_cut = False
    made = await session.refunds.create(paid, new)
    rows = await shop.settled(journal)

    assert ["executed", "not_sent", "executed"] == [row["outcome"] for row in rows]
    assert made.id == rows[2]["object_id"]
    # Several attempts of one call have one row.
    assert 3 == len(rows)


async def test_an_unclear_end_holds_the_intent_in_every_process(shop, process, paid):
    """
    The error tells what is known of the first one, and pickles.
    """
    session, journal = process
    new = orders.refund()
    shop.fault("drop_after", path="refund")

    with pytest.raises(OutcomeUnknownError) as unknown:
        await session.refunds.create(paid, new)

    shop.fault(None)
    await shop.settled(journal)
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError) as caught:
        await other.refunds.create(paid, new)

    error = pickle.loads(pickle.dumps(caught.value))
    row = (await shop.rows())[-1]
    assert ("unknown", None, row["position"]) == (error.state, error.outcome, error.row)
    assert new.mer_reference_id == error.mer_reference_id
    assert paid == error.payment_id
    assert error.money_may_have_moved
    assert 1 == len(shop.requests("/refund"))
    assert str(row["position"]) == unknown.value.intent.details["journal_row"]


async def test_what_was_carried_out_is_not_carried_out_again(shop, process, paid):
    """
    Not under the same number, and not under the shop's own name of it.
    """
    session, journal = process
    new = orders.refund(total="1.00")
    await session.refunds.create(paid, new, intent_id="return 42")
    await shop.settled(journal)
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError) as caught:
        await other.refunds.create(
            paid, orders.refund(total="1.00"), intent_id="return 42"
        )

    assert "executed" == caught.value.outcome
    assert caught.value.object_id
    assert 1 == len(shop.requests("/refund"))


async def test_of_sixty_that_want_the_same_one_sends(shop, paid):
    """
    In several processes at once: 60 rounds of races have one winner each.
    """
    processes = [await shop.process() for _ in range(4)]

    for number in range(60):
        new = orders.refund(total="0.05")
        ends = await asyncio.gather(
            *(
                session.refunds.create(paid, new, intent_id=f"return {number}")
                for session, _ in processes
            ),
            return_exceptions=True,
        )

        refused = [end for end in ends if isinstance(end, DuplicateIntentError)]
        assert 3 == len(refused), [repr(end)[:300] for end in ends]

    assert 60 == len(shop.requests("/refund"))


async def test_a_row_whose_end_is_unknown_is_taken_over_by_leave(shop, process):
    """
    Creating again under the same number; a refusal then says nothing of the first.
    """
    session, journal = process
    new = orders.cashier_payment()
    shop.fault("drop_after", path="payment$", times=1)

    with pytest.raises(OutcomeUnknownError) as unknown:
        await session.payments.create(new)

    found = await session.resolve(unknown.value.intent, again=new, allow_repeat=True)
    rows = await shop.settled(journal)

    assert 1 == len(rows)
    assert ("ended", "executed", 3) == (
        rows[0]["state"],
        rows[0]["outcome"],
        rows[0]["fence"],
    )
    assert found.object.id == rows[0]["object_id"]


async def test_a_refusal_of_a_second_copy_leaves_the_first_unknown(shop, process, paid):
    """
    Only the gateway's state decides then.
    """
    session, journal = process
    new = orders.refund()
    shop.fault("drop_after", path="refund")

    with pytest.raises(OutcomeUnknownError):
        await session.refunds.create(paid, new)

    shop.fault("error_before", path="refund", status=400)

    with pytest.raises((APIError, OutcomeUnknownError)):
        await session.refunds.create(paid, new, take_over=True)

    rows = await shop.settled(journal)
    assert ("unknown", 3) == (rows[-1]["state"], rows[-1]["fence"])
    assert rows[-1]["open_intent"]


async def test_nothing_is_taken_over_from_who_sends(shop, process, paid):
    """
    Its lease is not over.
    """
    session, _ = process
    new = orders.refund()
    shop.fault("delay", path="refund", seconds=2)
    first = asyncio.create_task(session.refunds.create(paid, new))

    while not any(row["call"] == "refunds.create" for row in await shop.rows()):
        await asyncio.sleep(0.01)

    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError) as caught:
        await other.refunds.create(paid, new, take_over=True)

    assert "sending" == caught.value.state
    await first


async def test_what_cannot_be_written_down_is_not_sent(
    shop, process, paid, monkeypatch
):
    """
    The database is away: no money has moved.
    """
    session, journal = process
    await shop.settled(journal)

    async def run(*_, **__):
        raise DatabaseUnavailableError("away", "不可用")

    monkeypatch.setattr(journal.database, "run", run)

    with pytest.raises(JournalError) as caught:
        await session.refunds.create(paid, orders.refund())

    assert not caught.value.money_may_have_moved
    assert not shop.requests("/refund")
    monkeypatch.undo()
    assert 1 == len(await shop.settled(journal))


@pytest.mark.parametrize("was_kept", [False, True])
async def test_after_a_lost_commit_nothing_is_sent(
    shop, process, paid, monkeypatch, was_kept
):
    """
    Whether it was kept is found out by the journal, which then ends the row.
    """
    session, journal = process
    await shop.settled(journal)
    real, lost = journal.database.run, []

    async def run(work, **options):
        if not lost:
            lost.append(1)

            if was_kept:
                await real(work, **options)

            raise CommitUnknownError("lost", "丢失")

        return await real(work, **options)

    monkeypatch.setattr(journal.database, "run", run)
    monkeypatch.setattr("umfpay.journal._record.LEASE_MARGIN_SECONDS", 0.0)
    new = orders.refund()

    with pytest.raises(JournalError):
        # What was not kept is looked for until then.
        await session.refunds.create(paid, new, deadline=10 if was_kept else 0.3)

    rows = await shop.settled(journal)
    assert not shop.requests("/refund")
    assert ["not_sent"] * was_kept == [row["outcome"] for row in rows[1:]]
    await session.refunds.create(paid, new)


async def test_a_verified_answer_is_given_though_its_end_cannot_be_written(
    shop, process, paid, monkeypatch, caplog
):
    """
    One warning; the end is written when the database is back, and the intent is held.
    """
    session, journal = process
    await shop.settled(journal)
    real, away = journal.database.run, []

    async def run(work, **options):
        if away:
            raise DatabaseUnavailableError("away", "不可用")

        return await real(work, **options)

    monkeypatch.setattr(journal.database, "run", run)
    shop.fault("delay", path="refund", seconds=0.3)
    call = asyncio.create_task(session.refunds.create(paid, orders.refund()))

    while not shop.requests("/refund"):
        await asyncio.sleep(0.01)

    away.append(1)
    made = await call
    await asyncio.sleep(0.4)

    assert "sending" == (await shop.rows())[-1]["state"]
    assert 1 == sum("goes on trying" in one.message for one in caplog.records)

    away.clear()
    rows = await shop.settled(journal)
    assert ("executed", made.id) == (rows[-1]["outcome"], rows[-1]["object_id"])


async def test_who_is_cancelled_before_sending_sends_nothing(shop, process, paid):
    """
    Wherever it is cancelled: each row is ended, and tells the truth.
    """
    session, journal = process
    rounds = 30

    for number in range(rounds):
        new = orders.refund(total="0.01")
        call = asyncio.create_task(session.refunds.create(paid, new))

        # Another place in each round, however fast the machine is.
        for _ in range(number):
            await asyncio.sleep(0)

        call.cancel()
        await asyncio.wait({call})

    rows = [
        row for row in await shop.settled(journal) if row["call"] == "refunds.create"
    ]
    numbers = {row["mer_reference_id"]: (row["state"], row["outcome"]) for row in rows}
    assert {("ended", "not_sent"), ("unknown", None), ("ended", "executed")} >= {
        *numbers.values()
    }
    sent = len(shop.requests("/refund"))
    not_sent = sum(("ended", "not_sent") == end for end in numbers.values())
    assert sent <= len(numbers) - not_sent


async def test_a_call_whose_lease_is_over_sends_nothing(shop, paid, monkeypatch):
    """
    The machine slept between the commit and the first byte.
    """
    ahead = [0.0]
    real = __import__("umfpay.journal._record", fromlist=["uptime"]).uptime
    monkeypatch.setattr("umfpay.journal._record.uptime", lambda: real() + ahead[0])
    session, _ = await shop.process()
    real_write = JournaledCall.write

    async def slow(self, **when):
        await real_write(self, **when)
        ahead[0] = 3600.0

    monkeypatch.setattr(JournaledCall, "write", slow)

    with pytest.raises(JournalError, match="lease"):
        await session.refunds.create(paid, orders.refund())

    assert not shop.requests("/refund")


async def test_a_row_begun_in_the_shops_transaction_is_sent_once(shop, process, paid):
    """
    By who has it, after the commit.
    """
    session, journal = process
    new = orders.refund()

    async def work(connection):
        return await journal.begin(connection, "return 7", payment_id=paid)

    recorded = await shop.database.run(work)
    assert "recorded" == (await shop.rows())[-1]["state"]

    with pytest.raises(DuplicateIntentError):
        await session.refunds.create(paid, new, intent_id="return 7")

    made = await journal.send_recorded(recorded, session.refunds.create, paid, new)

    with pytest.raises(JournalError, match="recorded row"):
        await journal.send_recorded(recorded, session.refunds.create, paid, new)

    rows = await shop.settled(journal)
    assert (made.id, "executed") == (rows[-1]["object_id"], rows[-1]["outcome"])
    assert 1 == len(shop.requests("/refund"))

    with pytest.raises(DuplicateIntentError):
        await shop.database.run(work)


async def test_a_row_that_is_not_committed_is_not_sent(shop, process, paid):
    """
    Nobody sees it: the shop's transaction may still be rolled back.
    """
    session, journal = process
    kept = []

    async def work(connection):
        kept.append(await journal.begin(connection, "return 8"))

        raise ValueError

    with pytest.raises(ValueError):
        await shop.database.run(work)

    with pytest.raises(JournalError):
        await journal.send_recorded(
            kept[0], session.refunds.create, paid, orders.refund()
        )

    assert not shop.requests("/refund")


async def test_ended_rows_are_pruned(shop, process, paid):
    """
    Open ones never are.
    """
    session, journal = process
    shop.fault("drop_after", path="refund")

    with pytest.raises(OutcomeUnknownError):
        await session.refunds.create(paid, orders.refund())

    await shop.settled(journal)
    assert 0 == await journal.prune(older_than=timedelta(days=1))
    assert 1 == await journal.prune(older_than=timedelta(0))
    assert ["unknown"] == [row["state"] for row in await shop.rows()]

    open_items = await journal.open_items()
    assert 1 == len(open_items)
    assert open_items[0].is_alarming
    assert timedelta(0) <= open_items[0].age < timedelta(minutes=1)
    assert open_items[0].state is JournalState.UNKNOWN


async def test_a_journal_has_one_merchant(shop, process):
    """
    Two sessions of one share it.
    """
    session, journal = process
    UMFSession(session.config, journal=journal)

    with pytest.raises(ConfigError):
        UMFSession(attrs.evolve(session.config, client_id="other"), journal=journal)

    with pytest.raises(ConfigError):
        str(Journal(shop.url).rows)


@pytest.mark.parametrize("wrong", ["", " ", "a\n", "x" * 151, 5])
async def test_an_intent_has_a_printable_name(process, paid, wrong):
    session, _ = process

    with pytest.raises(ConfigError, match="intent_id"):
        await session.refunds.create(paid, orders.refund(), intent_id=wrong)


async def test_no_card_stands_in_any_table(shop, process):
    """
    Nor a code, a CVV or a name.
    """
    session, journal = process
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())
    code = shop.sms_code(payment.id)
    shop.fault("drop_after", path="execute")

    with pytest.raises(OutcomeUnknownError):
        await session.payments.execute(payment.id, orders.card(code))

    await shop.settled(journal)

    for table in shop.database.tables.metadata.tables.values():

        async def read(connection, table=table):
            return (await connection.execute(select(table))).mappings().all()

        for row in await shop.database.run(read, read_only=True):
            texts = [str(one) for name, one in row.items() if isinstance(one, str)]

            for canary in ("6227000000000005", "张三", orders.ID_NUMBER, "15210838198"):
                assert not any(canary in text for text in texts)

            assert code not in texts


def test_outcomes_have_their_words():
    assert "not_sent" == JournalOutcome.NOT_SENT
