"""
Reference data: enterprises, banks, rates, the WeChat page (gateway.md 5.2,
5.13-5.18).
"""

from __future__ import annotations

from urllib.parse import quote

from umfpay.emulator._gateway_state import GatewayState, Members, Query, key_of
from umfpay.emulator._members import CNY_RATES, members, required_text, text
from umfpay.emulator._messages import Refusal
from umfpay.emulator._store import Document
from umfpay.models import BANK_NAMES_ZH, CREDIT_BANKS, DEBIT_BANKS


_BANKS_OF_TYPE = {"CREDIT_CARD": CREDIT_BANKS, "DEBIT_CARD": DEBIT_BANKS}
_ENTERPRISE_MEMBERS = (
    "external_enterprise_id",
    "enterprise_name",
    "enterprise_phone",
    "enterprise_email",
    "enterprise_contacts",
    "busi_type",
    "enterprise_code",
)


def banks(_gateway_state: GatewayState, _merchant: str, query: Query) -> Members:
    """
    List the banks of a card type (gateway.md 5.2).

    Raises:
        Refusal: The query names no card type.
    """
    kind = query.get("type", "")

    if kind not in _BANKS_OF_TYPE:
        raise Refusal("00060700", "type is CREDIT_CARD or DEBIT_CARD")

    return {
        "banks": [
            {
                "name": name,
                "name_zh": BANK_NAMES_ZH.get(code, name),
                "code": code,
                "logo_url": "",
                "types": [kind, *_other_types(code, kind)],
            }
            for code, name in _BANKS_OF_TYPE[kind].items()
        ]
    }


def _other_types(code: str, kind: str) -> list[str]:
    return [
        other
        for other, banks_of_type in _BANKS_OF_TYPE.items()
        if other != kind and code in banks_of_type
    ]


def exchange_rate(
    _gateway_state: GatewayState, _merchant: str, query: Query
) -> Members:
    """
    Tell what one unit costs in CNY (gateway.md 5.13).

    Raises:
        Refusal: The query names no currency, or one that is not accepted.
    """
    currency = query.get("currency", "")

    if not currency:
        raise Refusal("00202000", "currency is missing")

    if currency not in CNY_RATES:
        raise Refusal("00281017", f"currency {currency[:3]} not accepted")

    return {"exchangeRates": [{"rate": CNY_RATES[currency], "currency": currency}]}


def wechat_openid(gateway_state: GatewayState, _merchant: str, query: Query) -> Members:
    """
    Give the page that leads to an open_id (gateway.md 5.14).

    Raises:
        Refusal: The query has no ``notify_url``.
    """
    notify_url = query.get("notify_url", "")

    if not notify_url:
        raise Refusal("00060700", "notify_url is missing")

    inner = f"{gateway_state.origin}/wechat/recvweixinGZHCodeNew.htm?notifyUrl={quote(notify_url, safe='')}"

    page = (
        f"{gateway_state.origin}/wechat/authorize"
        if gateway_state.settings.wechat_page == "own"
        else "https://open.weixin.qq.com/connect/oauth2/authorize"
    )

    return {
        "links": [
            {
                "ref": "weChat",
                "method": "GET",
                "href": f"{page}?appid=wx0000000000000000&response_type=code&scope=snsapi_base"
                f"&redirect_uri={quote(inner, safe='')}#wechat_redirect",
            }
        ]
    }


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


def enterprise(gateway_state: GatewayState, merchant: str, key: str) -> Members:
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
