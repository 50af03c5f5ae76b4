"""
A payer's data are sealed for the gateway, or encrypted for ourselves.
"""

from __future__ import annotations

import pytest

from umfpay.errors import ConfigError
from umfpay.flows._payer_data import cipher_of, seal_payer
from umfpay.models import PayerAgreement
from umfpay.protocol import Opener
from umfpay.sensitive import Private, Sealed, Secret


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


async def test_a_cards_secrets_are_sealed_and_its_phone_is_ours(session, opener, card):
    """
    A member that was sealed before stays as it is.
    """
    before = await session.seal("李四")
    info, kept = await seal_payer(
        session, "PAY_A", card(payer_name=before), Private("15210838198")
    )
    sealed = info.bank_card

    assert "6227000000000005" == opener.open(sealed.number).reveal()
    assert before is sealed.payer_name
    assert sealed.phone is None
    assert Private("15210838198") == cipher_of(session).decrypt(
        kept["phone"], about="PAY_A phone"
    )


async def test_an_agreements_date_is_ours_and_its_cvv2_the_gateways(session):
    """
    The gateway wants the one in clear, the other sealed.
    """
    agreement = PayerAgreement(
        usr_busi_agreement_id="B",
        usr_pay_agreement_id="P",
        valid_date="3012",
        cvv2="123",
    )
    info, kept = await seal_payer(session, "PAY_A", agreement, None)

    assert isinstance(info.payer_agreement.cvv2, Sealed)
    assert info.payer_agreement.valid_date is None
    assert ["valid_date"] == list(kept)
