"""
A box on the way repeats requests: the first copy is carried out, the second one refused.

We see the second answer only, signed. It proves nothing about the first.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests import orders
from tests.servers.streams import listening, read_request
from umfpay import Executed
from umfpay.errors import (
    CustomsRefusedError,
    OutcomeUnknownError,
    PaymentStateError,
    RefundRefusedError,
    VerificationCodeError,
)
from umfpay.flows import card_payment, refund
from umfpay.models import BankCard, Money, NewCustomsDeclaration, PaymentState


CARD = BankCard(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name="张三",
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number=orders.ID_NUMBER,
    phone="15210838198",
)


class RepeatingBox:
    """
    A proxy that sends each POST twice, once after the other, and gives the last answer.

    The token's request it sends once: that of a second token ends the first.
    """

    def __init__(self, port):
        self._gateway = port
        self.repeated = []

    async def serve(self, reader, writer):
        while True:
            request = await read_request(reader)
            line = request.decode("latin-1").partition("\r\n")[0]
            answer = await self._ask(request)

            if line.startswith("POST") and "/oauth/" not in line:
                self.repeated.append(line.split(" ")[1])
                answer = await self._ask(request)

            writer.write(answer)

    async def _ask(self, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._gateway)

        try:
            writer.write(request)

            # An answer ends as a request does.
            return await read_request(reader)
        finally:
            writer.close()

            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture(name="repeating")
async def _repeating(box):
    """
    Refusals are signed: those of a second copy, too.
    """
    box.settings(refusals="signed", refund="immediate")
    port = int(box.base_url.split(":")[2].partition("/")[0])
    repeating = RepeatingBox(port)

    async with listening(repeating.serve) as own:
        repeating.base_url = box.base_url.replace(str(port), str(own))

        yield repeating


@pytest.fixture(name="through")
async def _through(repeating, open_session):
    return await open_session(base_url=repeating.base_url)


async def _waiting(box, session, **changes):
    payment = await session.payments.create(orders.card_payment(**changes))
    await session.payments.verify(payment.id, orders.card())

    return payment.id, box.sms_code(payment.id)


async def test_an_execute_that_was_paid_by_the_first_copy_is_paid(
    box, session, through, repeating
):
    """
    The second copy is refused: the payment is asked for, and is the answer.
    """
    key, code = await _waiting(box, session)
    payment = await through.payments.execute(key, orders.card(code))

    assert [f"/cberest/v1/payments/payment/{key}/execute"] == repeating.repeated
    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_wrong_code_stays_a_wrong_code(box, session, through):
    """
    The payment waits, and the request left us once.
    """
    key, _ = await _waiting(box, session)

    with pytest.raises(VerificationCodeError) as caught:
        await through.payments.execute(key, orders.card("000000"))

    assert caught.value.verified
    assert not caught.value.money_may_have_moved
    assert PaymentState.WAIT_BUYER_PAY == (await session.payments.get(key)).state


async def test_a_payment_that_failed_stays_failed(box, session, through):
    """
    It is final and unpaid: the refusal was the truth.
    """
    key, code = await _waiting(box, session)
    box.control("POST", f"/payments/{key}/fail", {})

    with pytest.raises(PaymentStateError) as caught:
        await through.payments.execute(key, orders.card(code))

    assert not caught.value.money_may_have_moved


async def test_an_execute_is_unclear_while_the_payment_cannot_be_asked(
    box, session, through
):
    """
    `resolve()` says so later.
    """
    key, code = await _waiting(box, session)
    box.fault("drop_before", method="GET", path=key, times=0)

    with pytest.raises(OutcomeUnknownError) as caught:
        await through.payments.execute(key, orders.card(code), deadline=3)

    box.fault("drop_before", method="GET", path="/nothing")
    found = await through.resolve(caught.value.intent)

    assert isinstance(caught.value.__cause__, PaymentStateError)
    assert caught.value.money_may_have_moved
    assert Executed.YES is found.outcome


async def test_a_raw_execute_is_unclear_and_can_be_resolved(box, session, through):
    """
    The way out asks nothing by itself.
    """
    key, code = await _waiting(box, session)

    with pytest.raises(OutcomeUnknownError) as caught:
        await through.request(
            "POST", f"/payments/payment/{key}/execute", {"payer": orders.card(code)}
        )

    assert Executed.YES is (await through.resolve(caught.value.intent)).outcome


async def test_a_refund_is_unclear_and_found_in_the_list(box, session, through):
    """
    The list has the documented members only: the id holds the number.
    """
    box.settings(refund_rows="documented")
    paid = await orders.paid(session, box)

    with pytest.raises(OutcomeUnknownError) as caught:
        await through.refunds.create(paid.id, orders.refund("3.00"))

    found = await through.resolve(caught.value.intent)

    assert isinstance(caught.value.__cause__, RefundRefusedError)
    assert caught.value.money_may_have_moved
    assert (Executed.YES, "transactions") == (found.outcome, found.evidence)


async def test_a_declaration_is_unclear(box, session, through):
    """
    No money moves by it.
    """
    paid = await orders.paid(session, box, reference="c-1", customs=True)

    with pytest.raises(OutcomeUnknownError) as caught:
        await through.customs.apply(
            paid.id,
            NewCustomsDeclaration(
                customs_id="HZ",
                mer_customs_code="3301",
                mer_sub_reference_id="c-1-1",
                mer_item_ids=["c-1-1-1"],
                sub_order_amount=Money("10.00", "USD"),
            ),
        )

    assert isinstance(caught.value.__cause__, CustomsRefusedError)
    assert not caught.value.money_may_have_moved


async def test_a_refund_flow_ends_with_the_one_refund_that_was_made(
    box, session, through
):
    """
    A row with its number is in the list, and it is final.
    """
    paid = await orders.paid(session, box)
    back = await refund(
        through,
        paid.id,
        mer_reference_id="r-once",
        mer_date=orders.DAY,
        amount=Money("3.00", "USD"),
    )
    refunds = box.control("GET", "/refunds")["refunds"]

    assert [back.id] == [one["id"] for one in refunds]
    assert "REFUND_SUCCESS" == back.state


async def test_the_sms_code_was_sent_by_the_first_copy(box, repeating, open_session):
    """
    The second copy is refused as too soon: the customer has the code all the same.
    """
    through = await open_session(base_url=repeating.base_url)
    codes = []

    async def read_sms(pending):
        codes.append(box.sms_code(pending.payment_id))

        return codes[-1]

    paid = await card_payment(
        through, orders.order(), CARD, bank_code="CCB", verification_code=read_sms
    )

    assert any(path.endswith("/verify") for path in repeating.repeated)
    assert 1 == len(codes)
    assert PaymentState.TRADE_SUCCESS == paid.state
