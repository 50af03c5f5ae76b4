"""
Encrypt a payer's data: for the gateway, and for our own storage.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from umfpay._session import UMFSession
from umfpay.models import BankCard, NewPayerInfo, PayerAgreement
from umfpay.protocol import LocalCipher
from umfpay.sensitive import Private, Secret


_ENCRYPTION_PURPOSE: Final = "umfpay.flows.PendingCardPayment"


def cipher_of(session: UMFSession) -> LocalCipher:
    """
    Return what encrypts the data that the gateway wants in clear.
    """
    return LocalCipher(session.config.client_secret, purpose=_ENCRYPTION_PURPOSE)


async def seal_payer(
    session: UMFSession,
    payment_id: str,
    payer: BankCard | PayerAgreement,
    phone: Private | None,
) -> tuple[NewPayerInfo, dict[str, str]]:
    """
    Return the data sealed for the gateway, and by name those encrypted for us.

    Args:
        payment_id: What the data belong to.
        phone: Of the payer, wherever the caller gave it.
    """
    changes: dict[str, Any] = {}  # members of either class
    clear = {} if phone is None else {"phone": phone}

    for field in attrs.fields(type(payer)):
        value = getattr(payer, field.name)

        if isinstance(value, Secret):
            changes[field.name] = await session.seal(value)
        elif isinstance(value, Private):
            changes[field.name] = None

            # An agreement's; a card's is sealed (gateway.md 4).
            if field.name == "valid_date":
                clear["valid_date"] = value

    cipher = cipher_of(session)
    kept = {
        name: cipher.encrypt(text, about=f"{payment_id} {name}")
        for name, text in clear.items()
    }

    if isinstance(payer, BankCard):
        return NewPayerInfo(bank_card=attrs.evolve(payer, **changes)), kept

    return NewPayerInfo(payer_agreement=attrs.evolve(payer, **changes)), kept
