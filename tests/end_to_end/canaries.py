"""
What must not be seen, and everything in which it could be.
"""

from __future__ import annotations

import base64

import pytest

from umfpay import errors
from umfpay.models import BankCard, NewPayer, NewPayerInfo
from umfpay.protocol import PrivateKey


NUMBER = "6227001234567890005"
CVV = "973"
VALID = "3107"
NAME = "王金丝雀"
ID_NUMBER = "110101199003079937"
SECRET = "canary-secret-5f1c9e"


def of(box):
    """
    Return the secrets of a merchant and his customer, in the forms they could take.
    """
    key = box.emulator.credentials.merchant_key.to_der_pkcs8()
    private = PrivateKey.load(key)
    numbers = [str(getattr(private._key.value, name)) for name in ("d", "p", "q")]
    text = base64.b64encode(key).decode()

    return [
        NUMBER,
        NAME,
        ID_NUMBER,
        SECRET,
        box.emulator.credentials.client_secret.reveal(),
        text[40:100],
        repr(key)[60:120],
        key.hex()[120:180],
        *numbers,
    ]


def payer(code=None):
    """
    Return a payer whose card is made of canaries.
    """
    return NewPayer(
        payment_method="CREDIT_CARD",
        bank_code="CCB",
        payer_info=NewPayerInfo(
            bank_card=BankCard(
                number=NUMBER,
                valid_date=VALID,
                cvv2=CVV,
                payer_name=NAME,
                citizen_id_number=ID_NUMBER,
                phone="15210838198",
                verify_code=code,
            )
        ),
    )


def token(session):
    """
    Return the token that *session* uses now.
    """
    record = session._binding.tokens.current()

    return "no token yet" if record is None else record.token.reveal()


async def fails(call, cls=errors.UMFError):
    """
    Return the error that *call* ends with.
    """
    with pytest.raises(cls) as caught:
        await call

    return caught.value
