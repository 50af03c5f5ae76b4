"""
Cards: what is checked of the sealed data, and the numbers that fail on purpose.

Card numbers that end in these digits make the bank refuse, so that a shop can try it:
``0076`` card not supported, ``0875`` card BIN check failed, ``0502`` name and id number
do not match; in execute alone ``0730`` balance too low, ``0750`` the payment fails.
Invented.
"""

from __future__ import annotations

import re
from typing import Any, Final

from umfpay.emulator._gateway_state import GatewayState
from umfpay.emulator._member_aliases import members, text
from umfpay.emulator._refusal import Refusal


_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")
_EXPIRY_TEXT: Final = re.compile(r"[0-9]{2}(0[1-9]|1[0-2])")
_CVV_TEXT: Final = re.compile(r"[0-9]{3,4}")
_CITIZEN_ID: Final = re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]")

_CODE_OF_ENDING: Final = {
    "0076": "00060076",
    "0875": "00060875",
    "0502": "00290502",
}
FAILING_ENDING: Final = "0750"
LOW_BALANCE_ENDING: Final = "0730"
CARD_METHODS: Final = ("CREDIT_CARD", "DEBIT_CARD")


def check_card(
    gateway_state: GatewayState, payer: Any, *, method: str
) -> dict[str, str]:
    """
    Check the sealed card of a request; return what may be kept of it.

    Raises:
        Refusal: A member is missing, cannot be opened, or is wrong.
    """
    card = members(payer, "payer_info", "bank_card")
    number = gateway_state.unseal(
        card.get("number"), "bank_card.number", code="00200025"
    )
    name = gateway_state.unseal(card.get("payer_name"), "bank_card.payer_name")
    id_number = gateway_state.unseal(card.get("citizen_id_number"), "citizen_id_number")

    if _CARD_NUMBER.fullmatch(number) is None:
        raise Refusal("00200025", "bank_card.number is not 12 to 19 digits")

    if not name or _CITIZEN_ID.fullmatch(id_number) is None:
        raise Refusal("00060022", "citizen_id_number is not 15 or 18 characters")

    if method == "CREDIT_CARD":
        _check_credit(gateway_state, card)

    code = _CODE_OF_ENDING.get(number[-4:])

    if code is not None:
        raise Refusal(code, f"a card number that ends in {number[-4:]} is refused")

    return {"last_four": number[-4:], "hash": gateway_state.card_hash(number)}


def _check_credit(gateway_state: GatewayState, card: dict[str, Any]) -> None:
    valid = gateway_state.unseal(
        card.get("valid_date"), "bank_card.valid_date", code="00200025"
    )
    cvv = gateway_state.unseal(card.get("cvv2"), "bank_card.cvv2", code="00200025")
    match = _EXPIRY_TEXT.fullmatch(valid)

    if match is None or _CVV_TEXT.fullmatch(cvv) is None:
        raise Refusal("00200025", "valid_date must be YYMM, cvv2 3 or 4 digits")

    if match.group() < f"{gateway_state.clock.now():%y%m}":
        raise Refusal("00200026", "the card has expired")


def check_identity(gateway_state: GatewayState, payer: Any, *, holder: str) -> None:
    """
    Check name and id number of a QR or WeChat payment, where they are given.

    Nobody knows whether the gateway needs them (gateway.md 12.11); what is given must
    be sealed.
    """
    info = members(payer, "payer_info")
    number = text(members(info, holder).get("citizen_id_number"))

    if text(info.get("name")):
        gateway_state.unseal(info.get("name"), "payer_info.name")

    if number:
        plain = gateway_state.unseal(number, f"{holder}.citizen_id_number")

        if _CITIZEN_ID.fullmatch(plain) is None:
            raise Refusal("00060022", "citizen_id_number is not 15 or 18 characters")
