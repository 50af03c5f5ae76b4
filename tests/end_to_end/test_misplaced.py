"""
Card data and settings that are given in the wrong place: refused, and nowhere shown.
"""

from __future__ import annotations

import json

import pytest

from tests import tracebacks
from umfpay import UMFSession, flows
from umfpay.errors import ConfigError
from umfpay.flows import PendingCardPayment
from umfpay.notifications import NotificationReceiver


CARD = {"number": "6227000000000005", "cvv2": "cvv2-canary", "phone": "15210838198"}
SECRETS = tuple(CARD.values())


async def _nobody(*_):
    raise AssertionError("nobody is asked for a code")


CALLS = {
    "execute, swapped": lambda session: session.payments.execute(CARD, "PAY_AAAA"),
    "verify, swapped": lambda session: session.payments.verify(CARD, "PAY_AAAA"),
    "refund, swapped": lambda session: session.refunds.create(CARD, "PAY_AAAA"),
    "a card as an option": lambda session: session.payments.execute(
        "PAY_AAAA", CARD, deadline=CARD
    ),
    "card_payment, swapped": lambda session: flows.card_payment(
        CARD, session, CARD, verification_code=_nobody
    ),
    "a card as a bank": lambda session: flows.begin_card_payment(
        session, CARD, CARD, bank_code=CARD, phone=CARD
    ),
    "a card for a code": lambda session: flows.confirm_card_payment(
        session, CARD, CARD
    ),
    "a payer as a shop's page": lambda session: flows.checkout(
        session, CARD, open_page=print, ret_url=CARD
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_card_in_another_place_is_shown_by_no_error(session, name):
    """
    Neither in its text nor in any frame, whichever argument it was given for.
    """
    with pytest.raises(Exception) as caught:
        await CALLS[name](session)

    tracebacks.assert_silent(tracebacks.everything(caught.value), SECRETS)


def test_what_is_given_for_a_transport_or_a_config_is_not_shown(session):
    """
    Proxies as a dict, as another library takes them; settings as a dict.
    """
    proxies = {"https": "http://shop:proxy-canary@proxy.example:3128"}
    settings = {"client_secret": "secret-canary"}

    for make in (
        lambda: UMFSession(session.config, transport=proxies),
        lambda: UMFSession(settings),
        lambda: NotificationReceiver.from_config(settings),
    ):
        with pytest.raises(ConfigError) as caught:
            make()

        tracebacks.assert_silent(
            tracebacks.everything(caught.value), ["proxy-canary", "secret-canary"]
        )


@pytest.mark.parametrize(
    "stored",
    [
        json.dumps({"version": 1, "card": CARD}),
        json.dumps({"version": 1, "card": CARD})[:-1],
        json.dumps(CARD).encode(),
        {"version": 1, "card": CARD},
        [CARD],
    ],
)
def test_a_stored_payment_with_clear_card_data_is_refused_and_not_shown(stored):
    """
    What read it has no frame left.
    """
    with pytest.raises(ConfigError) as caught:
        PendingCardPayment.from_json(stored)

    tracebacks.assert_silent(tracebacks.everything(caught.value), SECRETS)
