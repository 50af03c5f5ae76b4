"""
Aliases of member names on the wire, old and new (gateway.md 11).
"""

from __future__ import annotations

from typing import Any, Final


_TODAYS_NAME_OF: Final = {
    "bankCard": "bank_card",
    "busi_agreement_id": "usr_busi_agreement_id",
    "agreement_id": "usr_pay_agreement_id",
    "card_holder": "payer_name",
    "enterprise_contact": "enterprise_contacts",
    "item_quantity": "quantity",
    "last_four_cardId": "last_four_cardid",
    "mer_cust_id": "external_customer_id",
    "payerAgreement": "payer_agreement",
}
_OLD_NAME_OF: Final = {
    "bank_card": "bankCard",
    "customs_declarations": "customsDeclarations",
    "last_four_cardid": "last_four_cardId",
    "payer_agreement": "payerAgreement",
    "quantity": "item_quantity",
}


def canonical(value: Any) -> Any:
    """
    Return a request with today's names, and without the blanks of the samples.
    """
    if isinstance(value, dict):
        result: dict[str, Any] = {}

        for name, one in value.items():
            key = name.strip()
            # Today's name wins where a client sends both.
            target = _TODAYS_NAME_OF.get(key, key)

            if key.lower() == "currency":
                target = "currency"

            if target == key or target not in result:
                result[target] = canonical(one)

        return result

    if isinstance(value, list):
        return [canonical(one) for one in value]

    return value.strip() if isinstance(value, str) else value


def with_old_names(value: Any) -> Any:
    """
    Return an answer with the names of April 2017.
    """
    if isinstance(value, dict):
        return {
            _OLD_NAME_OF.get(name, name): with_old_names(one)
            for name, one in value.items()
        }

    if isinstance(value, list):
        return [with_old_names(one) for one in value]

    return value


def is_true(value: Any) -> bool:
    """
    Read a flag: true, "TRUE", "true", and in the curly quotes of the samples.
    """
    return text(value).strip('\u201c\u201d"').upper() == "TRUE"


def text(value: Any) -> str:
    """
    Return a scalar of a request as text; "" for anything else.
    """
    if value is None or isinstance(value, dict | list):
        return ""

    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"

    return str(value).strip()


def member(value: Any, *path: str) -> Any:
    """
    Return what stands at *path* inside *value*, None if anything is missing.
    """
    for name in path:
        if not isinstance(value, dict):
            return None

        value = value.get(name)

    return value


def members(value: Any, *path: str) -> dict[str, Any]:
    """
    Return the object at *path*, {} if there is none.
    """
    found = member(value, *path)

    return found if isinstance(found, dict) else {}


def entries(value: Any, *path: str) -> list[dict[str, Any]]:
    """
    Return the objects of the list at *path*.
    """
    found = member(value, *path)

    return (
        [one for one in found if isinstance(one, dict)]
        if isinstance(found, list)
        else []
    )
