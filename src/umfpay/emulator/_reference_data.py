"""
Reference data: banks, rates, the WeChat page (gateway.md 5.2, 5.13, 5.14).
"""

from __future__ import annotations

from urllib.parse import quote

from umfpay.emulator._gateway_state import GatewayState, Members, Query
from umfpay.emulator._members import CNY_RATES
from umfpay.emulator._messages import Refusal
from umfpay.models import BANK_NAMES_ZH, CREDIT_BANKS, DEBIT_BANKS


_BANKS_OF_TYPE = {"CREDIT_CARD": CREDIT_BANKS, "DEBIT_CARD": DEBIT_BANKS}


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
