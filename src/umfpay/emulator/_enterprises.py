"""
Companies: register one, ask for it, enable or disable it (gateway.md 5.17, 5.18).
"""

from __future__ import annotations

from typing import Final

from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._members import members, required_text, text
from umfpay.emulator._messages import Refusal
from umfpay.emulator._store import Document


_ENTERPRISE_MEMBERS: Final = (
    "external_enterprise_id",
    "enterprise_name",
    "enterprise_phone",
    "enterprise_email",
    "enterprise_contacts",
    "busi_type",
    "enterprise_code",
)


def register(gateway_state: GatewayState, merchant: str, body: Members) -> Members:
    """
    Register a company: DISABLE until somebody has checked it (gateway.md 5.17).

    Raises:
        Refusal: Its number is missing, or its business is unknown.
    """
    # Older clients send it without the wrapper (gateway.md, trap 13).
    given = (
        members(body, "enterprise_qualification")
        or members(body, "external_enterprise")
        or members(body, "EnterpriseQualification")
        or body
    )
    external = required_text(
        given.get("external_enterprise_id"), "external_enterprise_id"
    )
    kind = required_text(given.get("busi_type"), "busi_type")

    if kind not in ("SJHG", "GFHG"):
        raise Refusal("00060700", "busi_type is SJHG or GFHG")

    company: Document = {name: text(given.get(name)) for name in _ENTERPRISE_MEMBERS}

    for known in gateway_state.store.about("enterprise", key_of(merchant, external)):
        if known["busi_type"] == kind:
            company = {**known, **company}

    company |= {"merchant": merchant, "about": key_of(merchant, external)}

    if "id" not in company:
        company["id"] = gateway_state.new_id(
            "enterprise",
            "EQ",
            f"{external}|{kind}{gateway_state.clock.today()}".encode(),
        )

    company.setdefault("enterprise_status", "DISABLE")
    company.setdefault("rank", "UNKNOWN")
    gateway_state.store.put("enterprise", company["id"], company)

    return {
        "enterprise_qualification": {
            name: company[name] for name in _ENTERPRISE_MEMBERS
        },
        "links": [
            gateway_state.link(
                "self", "GET", f"/enterprise_qualification/{company['id']}"
            )
        ],
    }


def query(gateway_state: GatewayState, merchant: str, key: str) -> Members:
    """
    Tell whether a company may pay (gateway.md 5.18).

    Raises:
        Refusal: There is no such company.
    """
    company = gateway_state.find("enterprise", key, merchant=merchant)

    return {
        "enterprise_qualification": {
            name: company[name]
            for name in (
                "external_enterprise_id",
                "busi_type",
                "enterprise_status",
                "rank",
                "enterprise_name",
            )
        }
    }


def settle(gateway_state: GatewayState, company: Document, state: str) -> None:
    """
    Enable or disable a company, as UMF's staff does. Merchants are not notified.
    """
    company["enterprise_status"] = state
    company["rank"] = "A" if state == "ENABLE" else "UNKNOWN"
    gateway_state.store.put("enterprise", company["id"], company)
