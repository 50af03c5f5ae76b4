"""
A card payment half made: what it holds, forgets and gives back.
"""

from __future__ import annotations

import base64
import json
import pickle
from datetime import timedelta

import pytest

from tests import orders
from umfpay.errors import ConfigError, PendingExpiredError
from umfpay.flows import PendingCardPayment, begin_card_payment, confirm_card_payment
from umfpay.models import PayerAgreement
from umfpay.protocol import Opener
from umfpay.sensitive import Private, Sealed, Secret


SEALED = base64.b64encode(bytes(128)).decode()
SECRETS = ("6227000000000005", "张三", orders.ID_NUMBER, "15210838198")


@pytest.fixture(name="begun")
async def _begun(session, order, card):
    return await begin_card_payment(session, order, card(), bank_code="CCB")


async def test_nothing_in_it_is_in_clear(begun):
    """
    Neither in JSON, repr nor pickle: card, name, id number and phone.
    """
    shown = [begun.to_json(), repr(begun), str(vars_of(begun))]
    pickled = pickle.dumps(begun)

    for secret in SECRETS:
        assert not any(secret in text for text in shown)
        assert secret.encode() not in pickled

    assert '"cvv2":{"sealed":"' in begun.to_json()
    assert "until" in repr(begun)


def vars_of(pending):
    return [pending.info, pending.kept, pending.merchant]


async def test_it_comes_back_from_json_as_it_was(begun):
    """
    The same text again; the same members.
    """
    text = begun.to_json()
    again = PendingCardPayment.from_json(text.encode())

    assert text == again.to_json()
    assert (begun.amount, begun.mer_date) == (again.amount, again.mer_date)
    assert begun.expires_at == again.expires_at


async def test_it_expires_after_fifteen_minutes_by_default(begun, session, card):
    """
    The order's own end is known, too.
    """
    short = await begin_card_payment(
        session, orders.order(), card(), keep_for=timedelta(minutes=1)
    )

    assert timedelta(minutes=15) == begun.expires_at - begun.created_at
    assert timedelta(minutes=1) == short.expires_at - short.created_at
    assert timedelta(minutes=30) == begun.order_expires_at - begun.created_at


async def test_what_is_forgotten_is_gone_for_good(session, begun, box):
    """
    No ciphertext is left in it or in its JSON; it pays no more.
    """
    code = await box.code(begun)
    begun.forget()
    members = json.loads(begun.to_json())
    resumed = PendingCardPayment.from_json(begun.to_json())

    assert (None, None, {}) == (
        members["card"],
        members["agreement"],
        members["kept"],
    )
    assert "forgotten" in repr(begun)

    for pending in (begun, resumed):
        with pytest.raises(PendingExpiredError, match="forgotten") as caught:
            await confirm_card_payment(session, pending, code)

        assert pending is caught.value.last


async def test_what_was_paid_and_forgotten_is_still_found(session, begun, box):
    """
    The payment is asked for before the data are needed.
    """
    box.pay(begun.payment_id)
    begun.forget()
    payment = await confirm_card_payment(session, begun, "123456")

    assert begun.payment_id == payment.id


async def test_the_gateway_gets_what_it_wants_in_clear(session, begun):
    """
    The phone, and the code that was just entered.
    """
    card = begun.payer(session, Private("123456")).payer_info.bank_card

    assert ("15210838198", "123456") == (
        card.phone.reveal(),
        card.verify_code.reveal(),
    )


async def test_an_agreement_is_kept_the_same_way(session, box, order):
    """
    Its valid_date is sent in clear and not stored so.
    """
    agreement = PayerAgreement(
        usr_busi_agreement_id="B1",
        usr_pay_agreement_id="P1",
        valid_date="3012",
        cvv2="123",
    )
    begun = await begin_card_payment(
        session, order, agreement, payment_method="CREDIT_CARD", phone="13800000000"
    )
    resumed = PendingCardPayment.from_json(begun.to_json())
    info = resumed.payer(session, Private("1")).payer_info

    assert "3012" not in json.loads(begun.to_json())["agreement"].values()
    assert "3012" == info.payer_agreement.valid_date.reveal()
    assert ("13800000000", "1") == (info.phone.reveal(), info.verify_code.reveal())
    assert (
        "TRADE_SUCCESS"
        == (await confirm_card_payment(session, resumed, await box.code(begun))).state
    )


async def test_another_client_secret_cannot_read_it(begun, open_session):
    """
    The customer gives the data anew.
    """
    other = await open_session(client_secret="another")

    with pytest.raises(PendingExpiredError, match="client_secret"):
        begun.payer(other, None)


@pytest.fixture(name="opener")
def _opener(box):
    return Opener(box.emulator.credentials.gateway_key)


@pytest.mark.parametrize("off_loop", [False, True])
async def test_a_session_seals_what_only_the_gateway_opens(session, opener, off_loop):
    """
    In a thread where the key is long.
    """
    session._bound().sealer.off_loop = off_loop
    sealed = [await session.seal("张三"), await session.seal(Secret("张三"))]

    assert ["张三", "张三"] == [opener.open(one).reveal() for one in sealed]
    assert sealed[0] != sealed[1]


async def test_what_is_too_long_for_the_key_is_refused(session):
    """
    Its text is not in the error.
    """
    with pytest.raises(ConfigError) as caught:
        await session.seal("secret" * 100)

    assert "secret" not in str(caught.value)


async def test_a_cards_secrets_are_sealed_and_its_phone_is_ours(
    session, order, opener, card
):
    """
    A member that was sealed before stays as it is.
    """
    before = await session.seal("李四")
    begun = await begin_card_payment(session, order, card(payer_name=before))
    sealed = begun.info.bank_card

    assert "6227000000000005" == opener.open(sealed.number).reveal()
    assert before is sealed.payer_name
    assert sealed.phone is None
    assert ["phone"] == list(begun.kept)


async def test_an_agreements_date_is_ours_and_its_cvv2_the_gateways(session, order):
    """
    The gateway wants the one in clear, the other sealed.
    """
    agreement = PayerAgreement(
        usr_busi_agreement_id="B",
        usr_pay_agreement_id="P",
        valid_date="3012",
        cvv2="123",
    )
    begun = await begin_card_payment(
        session, order, agreement, payment_method="CREDIT_CARD"
    )

    assert isinstance(begun.info.payer_agreement.cvv2, Sealed)
    assert begun.info.payer_agreement.valid_date is None
    assert ["valid_date"] == list(begun.kept)
