"""
Clients of httpx over `UMFTransport` and the emulator: on our own connections, on httpx's,
and in this process.
"""

from __future__ import annotations

import asyncio
import pickle
from decimal import Decimal

import httpx
import pytest

from tests import tracebacks
from tests.end_to_end import canaries as seen
from umfpay import UMFSession, errors
from umfpay.emulator import Emulator
from umfpay.testing import EmulatorBox, emulator_transport
from umfpay.transport import UMFTransport


RATE = "exchange_rate?currency=USD"
ORDER = {
    "mer_reference_id": "order-1",
    "mer_date": "20261123",
    "amount": {"total": "10.00", "currency": "USD"},
    "order_summary": "books",
    "expire_time": "30",
    "user_ip": "192.0.2.7",
    "sub_orders": [
        {
            "mer_sub_reference_id": "order-1-1",
            "amount": {"total": "10.00", "currency": "USD"},
            "trans_code": "01122030",
            "items": [
                {
                    "mer_item_id": "order-1-1-1",
                    "type": "OTHER",
                    "name": "book",
                    "quantity": "1",
                    "amount": {"total": "10.00", "currency": "USD"},
                }
            ],
        }
    ],
}
REFUND = {
    "refund_info": {
        "mer_reference_id": "refund-1",
        "mer_date": "20261123",
        "amount": {"total": "4.00", "currency": "USD"},
        "refund_summary": "returned",
    }
}


def card(number, valid_date, cvv2, name, citizen, code=None):
    """
    Return a payer of whom every member is text already.
    """
    bank_card = {
        "number": number,
        "valid_date": valid_date,
        "cvv2": cvv2,
        "payer_name": name,
        "citizen_id_type": "IDENTITY_CARD",
        "citizen_id_number": citizen,
        "phone": "15210838198",
    }

    if code is not None:
        bank_card["verify_code"] = code

    return {
        "payment_method": "CREDIT_CARD",
        "interface_type": "SERVER_TO_SERVER",
        "business_type": "B2C",
        "bank_code": "CCB",
        "payer_info": {"bank_card": bank_card},
    }


async def sealed_card(session, code=None):
    texts = (seen.NUMBER, seen.VALID, seen.CVV, "张三", "110101199003070011")
    sealed = [(await session.seal(text)).ciphertext for text in texts]

    return card(*sealed, code)


class Place:
    """
    The emulator, the session of its merchant, and a client of httpx over that.
    """

    def __init__(self, box, transport):
        self.box = box
        self.is_httpx = transport is httpx.AsyncHTTPTransport
        self.unknown = []
        self._transport = transport

    def session(self, **changes):
        return UMFSession(
            self.box.config(**changes),
            transport=self._transport(),
            on_unknown=self.unknown.append,
        )

    def client(self, given, **options):
        transport = None if isinstance(given, UMFSession) else self._transport()

        return httpx.AsyncClient(
            transport=UMFTransport(given, transport=transport),
            base_url=self.box.base_url,
            **options,
        )

    def fault(self, kind, **members):
        rules = [{"kind": kind, **members}]
        self.box.control("PUT", "/faults", {"rules": rules})

    def executed(self):
        return len(self.box.requests("/execute"))


@pytest.fixture(
    name="place", params=["our connections", "httpx on a socket", "in this process"]
)
def _place(request, credentials, umf_server_thread):
    """
    The emulator behind each edge.
    """
    emulator = Emulator(credentials=credentials)

    if request.param == "in this process":
        yield Place(EmulatorBox(emulator), lambda: emulator_transport(emulator))
        asyncio.run(emulator.aclose())

        return

    is_ours = request.param == "our connections"

    with umf_server_thread.serve(emulator) as box:
        yield Place(box, (lambda: None) if is_ours else httpx.AsyncHTTPTransport)


async def created(session, client):
    """
    Return the id of a new card payment whose customer has got a code.
    """
    body = {"payer": await sealed_card(session), "order": ORDER}
    response = await client.post("payments/payment", json=body)
    payment = response.extensions["umfpay"]["payment"]
    await client.post(
        f"payments/payment/{payment['id']}/verify", json={"payer": body["payer"]}
    )

    return payment["id"]


async def test_a_payment_is_made_paid_and_refunded(place):
    """
    All of it by a client of httpx, over every edge.
    """
    async with place.session() as session, place.client(session) as client:
        key = await created(session, client)
        payer = await sealed_card(session, place.box.sms_code(key))
        path = f"payments/payment/{key}"
        await client.post(f"{path}/execute", json={"payer": payer})
        payment = (await client.get(path)).extensions["umfpay"]["payment"]
        refund = await client.post(f"{path}/refund", json=REFUND)

    assert ("TRADE_SUCCESS", Decimal("10.00")) == (
        payment["state"],
        Decimal(payment["order"]["amount"]["total"]),
    )
    assert refund.extensions["umfpay"]["refund"]
    assert 1 == len(place.box.requests("/oauth/authorize"))


async def test_an_execute_whose_answer_is_lost_is_sent_once(place):
    """
    The session is told of it, and finds out that it was executed.
    """
    async with place.session() as session, place.client(session) as client:
        key = await created(session, client)
        payer = await sealed_card(session, place.box.sms_code(key))
        place.fault("drop_after", path="/execute$", times=0)
        error = await seen.fails(
            client.post(f"payments/payment/{key}/execute", json={"payer": payer}),
            errors.OutcomeUnknownError,
        )
        place.fault("delay", path="/nothing$", seconds=0)
        resolution = await session.resolve(error.intent)

    assert 1 == place.executed()
    assert ([error.intent], key) == (place.unknown, error.intent.payment_id)
    assert "executed" == resolution.outcome


async def test_a_client_of_its_own_works_too(place):
    """
    With a Config alone; a write that was not sent is no unknown end.
    """
    async with place.client(place.box.config()) as client:
        response = await client.get("exchange_rate", params={"currency": "USD"})
        place.fault("drop_before", path="/oauth/authorize$", times=0)

    assert Decimal(response.extensions["umfpay"]["exchangeRates"][0]["rate"])


def test_a_transport_works_in_a_second_run(place):
    """
    As a session does: what belonged to the old loop is dropped and made anew.
    """
    session = place.session()
    # A pool of httpx belongs to its loop, and to whoever gave it.
    runs = 1 if place.is_httpx else 3

    async def ask(*, last):
        client = place.client(session)
        assert 200 == (await client.get(RATE)).status_code

        if last:
            await client.aclose()
            await session.aclose()

    for number in range(runs):
        asyncio.run(ask(last=number == runs - 1))

    assert runs == len(place.box.requests("/exchange_rate"))


@pytest.mark.parametrize("turns", [0, 1, 3, 5, 8, 13, 34])
async def test_a_cancelled_execute_is_handed_over_if_it_may_have_left(place, turns):
    """
    Whenever it is cancelled: what the gateway saw, the session heard of.
    """
    async with place.session() as session, place.client(session) as client:
        key = await created(session, client)
        payer = await sealed_card(session, place.box.sms_code(key))
        call = asyncio.create_task(
            client.post(f"payments/payment/{key}/execute", json={"payer": payer})
        )

        for _ in range(turns):
            await asyncio.sleep(0)

        call.cancel()
        (end,) = await asyncio.gather(call, return_exceptions=True)
        assert 200 == (await client.get(RATE)).status_code

    if isinstance(end, asyncio.CancelledError):
        assert place.executed() <= len(place.unknown)
    else:
        assert ([], 1) == (place.unknown, place.executed())


async def test_forty_cancelled_reads_leave_a_usable_client(place):
    """
    Neither a connection nor a task is lost.
    """
    async with place.session() as session, place.client(session) as client:
        await client.get(RATE)
        reads = [asyncio.create_task(client.get(RATE, timeout=5.0)) for _ in range(40)]
        await asyncio.sleep(0)

        for index, read in enumerate(reads):
            await asyncio.sleep(0)

            if index % 2:
                read.cancel()

        ends = await asyncio.gather(*reads, return_exceptions=True)
        answers = await asyncio.gather(*(client.get(RATE) for _ in range(20)))

    kinds = {type(end) for end in ends}

    assert kinds <= {asyncio.CancelledError, httpx.Response}
    assert 20 == len(answers)


@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "error_after", "forge", "delay"]
)
async def test_a_failing_call_shows_neither_token_nor_card(place, caplog, fault):
    """
    In errors, tracebacks with locals, logs and pickles.
    """
    caplog.set_level("DEBUG")

    async with (
        place.session(timeout=0.5) as session,
        place.client(session, timeout=0.3) as client,
    ):
        key = await created(session, client)
        canaries = [*seen.of(place.box), seen.token(session)]
        place.fault(fault, path="payment/PAY_", times=0, seconds=1)
        # Nobody sealed it: the client was given it as it is.
        payer = card(seen.NUMBER, seen.VALID, seen.CVV, seen.NAME, seen.ID_NUMBER)
        path = f"payments/payment/{key}"
        execute = await seen.fails(
            client.post(f"{path}/execute", json={"payer": payer})
        )
        read = await seen.fails(client.get(path, extensions={"timeout": {"read": 0.2}}))

    for error in (execute, read):
        tracebacks.assert_silent(tracebacks.by_us(error), canaries)
        tracebacks.assert_silent(repr(pickle.dumps(error)), canaries)
        assert type(error) is type(pickle.loads(pickle.dumps(error)))

    tracebacks.assert_silent(caplog.text, canaries)


async def test_it_is_neither_pickled_nor_shown(place):
    """
    It holds keys and a token: a repr is silent, a pickle refused.
    """
    async with place.client(place.box.config()) as client:
        await client.get(RATE)
        transport = client._transport
        canaries = [*seen.of(place.box), seen.token(transport._session)]

        with pytest.raises(TypeError) as caught:
            pickle.dumps(transport)

        tracebacks.assert_silent(repr(transport) + str(caught.value), canaries)
        tracebacks.assert_silent(repr(vars(transport)), canaries)
