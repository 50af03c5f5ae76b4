"""
What goes wrong on the way: reads survive, writes are never sent twice.
"""

from __future__ import annotations

import logging

import pytest

from tests import orders
from umfpay import errors
from umfpay.errors import OutcomeUnknownError


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("error_before", {"status": 502}),
        ("error_after", {"status": 504}),
        ("busy", {"seconds": 1}),
        ("drop_before", {}),
        ("drop_after", {}),
    ],
)
async def test_a_read_survives_a_passing_fault(box, session, kind, members):
    """
    It is made again, after the pause that the gateway asks for.
    """
    await session.authorize()
    box.fault(kind, path="/exchange_rate", **members)

    assert (await session.exchange_rates.get("USD")).rate
    assert 2 == len(box.requests("/exchange_rate"))


@pytest.mark.parametrize(
    ("kind", "members", "cause"),
    [
        ("drop_before", {}, errors.TransportError),
        ("drop_after", {}, errors.TransportError),
        ("error_before", {}, errors.GatewayBusyError),
        ("error_after", {}, errors.GatewayBusyError),
        # Any firewall writes such a page, also after the gateway has paid.
        ("error_after", {"status": 401}, errors.PermissionDeniedError),
        ("forge", {}, errors.SignatureError),
        ("unsign", {}, errors.UnsignedResponseError),
    ],
)
@pytest.mark.parametrize("call", ["create", "execute", "refund"])
async def test_a_write_is_sent_once_and_its_end_is_unknown(
    box, session, kind, members, cause, call
):
    """
    The error that made it unclear is the cause; the intent says what was asked.
    """
    if call == "create":
        payment, path = None, "/payments/payment"
    elif call == "execute":
        payment = await session.payments.create(orders.card_payment())
        await session.payments.verify(payment.id, orders.card())
        path = f"{payment.id}/execute"
    else:
        payment = await orders.paid(session, box)
        path = f"{payment.id}/refund"

    before = len(box.requests(path))
    box.fault(kind, method="POST", path=f"{path}$", times=0, **members)

    with pytest.raises(OutcomeUnknownError) as caught:
        if call == "create":
            await session.payments.create(orders.card_payment(reference="unclear"))
        elif call == "execute":
            code = box.sms_code(payment.id)
            await session.payments.execute(payment.id, orders.card(code))
        else:
            await session.refunds.create(payment.id, orders.refund())

    unknown = caught.value

    assert isinstance(unknown.__cause__, cause)
    assert (call != "create") == unknown.money_may_have_moved
    assert before + 1 == len(box.requests(path))

    if call == "create":
        assert "unclear" == unknown.intent.mer_reference_id
        assert "20261123" == unknown.intent.mer_date
    else:
        assert payment.id == unknown.intent.payment_id


async def test_a_signed_refusal_is_definite(box, session):
    """
    Only a verified refusal says that nothing was done.
    """
    box.settings(refusals="signed")
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())

    with pytest.raises(errors.VerificationCodeError) as caught:
        await session.payments.execute(payment.id, orders.card("000000x"))

    assert "00200005" == caught.value.ret_code
    assert caught.value.verified
    assert not caught.value.money_may_have_moved


async def test_an_sms_that_may_have_been_sent_is_reported(box, session):
    """
    A text message is no money: the plain error, with request_sent.
    """
    payment = await session.payments.create(orders.card_payment())
    box.fault("drop_after", path="/verify")

    with pytest.raises(errors.TransportError) as caught:
        await session.payments.verify(payment.id, orders.card())

    assert caught.value.request_sent
    assert 1 == len(box.requests("/verify"))


@pytest.mark.parametrize(
    ("kind", "error"),
    [("forge", errors.SignatureError), ("unsign", errors.UnsignedResponseError)],
)
async def test_an_answer_that_is_not_believed_gives_nothing(box, session, kind, error):
    """
    For reads: the error itself, at once.
    """
    await session.authorize()
    box.fault(kind, path="/exchange_rate", times=0)

    with pytest.raises(error):
        await session.exchange_rates.get("USD")


async def test_a_forged_file_is_refused_at_its_end(box, session, tmp_path):
    """
    Its name never appears.
    """
    box.fault("forge", path="_download", times=0)

    with pytest.raises(errors.SignatureError):
        await session.statements.download_transactions(orders.DAY, tmp_path / "t.txt")

    assert [] == list(tmp_path.iterdir())


async def test_unsigned_answers_are_accepted_on_demand_and_marked(
    box, open_session, caplog
):
    """
    The object says that it is not verified, and one warning is logged an endpoint.
    """
    box.settings(signature="none")
    session = await open_session(unsigned_responses="accept")

    with caplog.at_level(logging.WARNING, "umfpay"):
        payment = await session.payments.create(orders.card_payment())
        again = await session.payments.get(payment.id)
        await session.payments.get(payment.id)

    assert not payment.verified
    assert not again.verified
    assert 2 == sum("unsigned answer" in record.message for record in caplog.records)


async def test_a_deadline_ends_reads_plainly_and_writes_unclearly(box, session):
    """
    Whether the body had begun to leave decides.
    """
    await session.authorize()
    box.fault("delay", path="exchange_rate|payments/payment$", seconds=5, times=0)

    with pytest.raises(errors.DeadlineExceededError):
        await session.exchange_rates.get("USD", deadline=0.3)

    with pytest.raises(OutcomeUnknownError) as caught:
        await session.payments.create(orders.card_payment(), deadline=0.3)

    assert not caught.value.money_may_have_moved


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.customs.apply_only(orders.declaration()),
        lambda s: s.customs.declare_again("1"),
        lambda s: s.enterprises.register(orders.company()),
        lambda s: s.payments.update_express_info("PAY_A", orders.parcels()),
        lambda s: s.request("POST", "/declare_again", {"mer_reference_id": "1"}),
    ],
)
async def test_what_may_exist_afterwards_is_unclear_but_no_money(box, session, call):
    """
    Customs, companies, parcels and the escape hatch: sent once.
    """
    await session.authorize()
    box.fault("drop_after", method="POST", times=0)

    with pytest.raises(OutcomeUnknownError) as caught:
        await call(session)

    assert isinstance(caught.value.__cause__, errors.TransportError)
    assert not caught.value.money_may_have_moved
    # The token's request and this one.
    assert 2 == sum(one["method"] == "POST" for one in box.requests(""))


async def test_a_deadline_during_execute_says_that_money_may_have_moved(box, session):
    """
    The customer may have paid: the intent names the payment to ask about.
    """
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())
    code = box.sms_code(payment.id)
    box.fault("delay", path="/execute", seconds=1)

    with pytest.raises(OutcomeUnknownError) as caught:
        await session.payments.execute(payment.id, orders.card(code), deadline=0.3)

    assert caught.value.money_may_have_moved
    assert payment.id == caught.value.intent.payment_id
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert (await session.payments.get(payment.id)).state == "TRADE_SUCCESS"


async def test_a_gateway_that_is_gone_is_a_transport_error(open_session, box):
    """
    With a token at hand the call itself says that nothing was sent.
    """
    session = await open_session()
    await session.authorize()
    dead = await open_session(base_url="http://127.0.0.1:9/cberest/v1")

    with pytest.raises(errors.UMFError, match="no connection") as caught:
        await dead.exchange_rates.get("USD")

    assert not caught.value.money_may_have_moved
