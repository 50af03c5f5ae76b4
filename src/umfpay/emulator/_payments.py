"""
Payments: create, query, parcels (gateway.md 5.3, 5.6, 5.21).
"""

from __future__ import annotations

from typing import Any, Final

from umfpay.emulator._cards import CARD_METHODS, check_card, check_identity
from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._member_aliases import entries, members, text
from umfpay.emulator._money import CNY_RATES, in_cny
from umfpay.emulator._orders import (
    check_order,
    expires_at,
    find_sub_order,
    payer_method,
    payer_phone,
    required_text,
)
from umfpay.emulator._payment_answers import (
    created_answer,
    links_of_new,
    queried_answer,
)
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document
from umfpay.protocol import new_object_id


_METHODS: Final = frozenset(
    {
        *CARD_METHODS,
        "WECHAT_SCAN",
        "ALIPAY_SCAN",
        "WECHAT_IN_APP",
        "WECHAT_WEB",
        "WECHAT_H5",
        "NOT_APPLICABLE",
        "B2C_ONLINE_BANKING",
    }
)
_ORDER_MEMBERS: Final = (
    "mer_reference_id",
    "mer_date",
    "amount",
    "order_summary",
    "expire_time",
    "user_ip",
    "sub_orders",
    "sub_mer_id",
)
_INTERFACES: Final = frozenset(
    {"SERVER_TO_SERVER", "SERVER_TO_WEB", "SERVER_TO_H5WEB", "DIRECT_TO_BANK"}
)


def create(gateway_state: GatewayState, merchant: str, body: Members) -> Members:
    """
    Create a payment. It waits for the buyer; nobody has paid.
    """
    payer, order = members(body, "payer"), members(body, "order")

    if not payer or not order:
        raise Refusal("00060700", "payer or order is missing")

    method, interface, business = payer_method(payer)

    if method not in _METHODS or interface not in _INTERFACES:
        raise Refusal("00060700", "payment_method or interface_type is unknown")

    if business not in ("B2C", "B2B"):
        raise Refusal("00060700", "business_type is B2C or B2B")

    if (method, interface) == ("NOT_APPLICABLE", "DIRECT_TO_BANK"):
        required_text(payer.get("bank_code"), "payer.bank_code")

    total, currency = check_order(order)
    _check_payer(gateway_state, merchant, payer, method, business)

    # An order number of a merchant is unique and paid only once (OBJ:220).
    if gateway_state.was_paid(merchant, text(order["mer_reference_id"])):
        raise Refusal("00060740", "mer_reference_id was paid before")

    trace = gateway_state.trace()
    key = new_object_id("PAY", f"{trace}{text(order['mer_date'])}".encode())
    payment: Document = {
        "id": key,
        "merchant": merchant,
        "trace": trace,
        "state": "WAIT_BUYER_PAY",
        "method": method,
        "interface": interface,
        "business": business,
        "bank_code": text(payer.get("bank_code")),
        "phone": payer_phone(payer),
        "enterprise": text(
            members(payer, "enterprise_qualification").get("external_enterprise_id")
        ),
        # What else stands there may be sealed, and is nobody's to keep.
        "order": {name: order[name] for name in _ORDER_MEMBERS if name in order},
        "total": str(total),
        "currency": currency,
        "rate": CNY_RATES[currency],
        "total_cny": str(in_cny(total, currency)),
        "notify_url": text(body.get("notify_url")),
        "ret_url": text(body.get("ret_url")),
        "created_at": gateway_state.clock.time(),
        "expires_at": expires_at(gateway_state, order),
        "sms": None,
        "sms_count": 0,
        "refunded": "0.00",
        "refunded_cny": "0.00",
        "timeline": [[gateway_state.clock.now().isoformat(), "WAIT_BUYER_PAY"]],
    }
    gateway_state.store.put("payment", key, payment)
    # Pages of the gateway and of WeChat name a payment by its trace.
    gateway_state.store.put("trace", trace, {"payment": key})

    return {
        # It may hold identity numbers: echoed, and not kept.
        "payment": created_answer(
            gateway_state, payment, risk_info=members(body, "risk_info")
        ),
        "links": links_of_new(gateway_state, payment),
    }


def _check_payer(
    gateway_state: GatewayState,
    merchant: str,
    payer: dict[str, Any],
    method: str,
    business: str,
) -> None:
    info = members(payer, "payer_info")

    # The official demo sends the whole sealed card at create, docs the phone alone.
    if method in CARD_METHODS and text(members(info, "bank_card").get("number")):
        check_card(gateway_state, payer, method=method)

    holders = {
        "WECHAT_SCAN": "qr_code_scan",
        "ALIPAY_SCAN": "qr_code_scan",
        "NOT_APPLICABLE": "qr_code_scan",
        "WECHAT_IN_APP": "wechat_in_app",
        "WECHAT_WEB": "wechat_in_app_web",
        "WECHAT_H5": "wechat_H5",
    }

    if method in holders:
        check_identity(gateway_state, payer, holder=holders[method])

    if method == "WECHAT_WEB":
        required_text(members(info, "wechat_in_app_web").get("open_id"), "open_id")

    if business == "B2B" and text(
        members(payer, "enterprise_qualification").get("external_enterprise_id")
    ):
        _check_enterprise(gateway_state, merchant, payer)


def _check_enterprise(
    gateway_state: GatewayState, merchant: str, payer: dict[str, Any]
) -> None:
    given = text(payer["enterprise_qualification"]["external_enterprise_id"])

    known = gateway_state.store.about("enterprise", key_of(merchant, given))

    if not known:
        raise Refusal("00060114", "the enterprise is not registered")

    if known[0]["enterprise_status"] != "ENABLE":
        raise Refusal("00060114", "the enterprise is not ENABLE yet")


def query(gateway_state: GatewayState, merchant: str, key: str) -> Members:
    """
    Tell the state of a payment: the truth.
    """
    payment = gateway_state.find("payment", key, merchant=merchant, asked=True)

    return {"payment": queried_answer(payment)}


def update_express_info(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Take the parcel numbers of a paid order (gateway.md 5.21).
    """
    payment = gateway_state.payment(key, merchant=merchant)

    if payment["state"] != "TRADE_SUCCESS":
        raise Refusal("00060764", f"the payment is {payment['state']}")

    subs = entries(body, "order", "sub_orders")

    if not subs:
        raise Refusal("00060700", "order.sub_orders is empty")

    for sub in subs:
        found = find_sub_order(payment["order"], text(sub.get("mer_sub_reference_id")))

        if found is None:
            raise Refusal("00202015", "no such sub order")

        found["tracking_number"] = required_text(
            sub.get("tracking_number"), "tracking_number"
        )

    gateway_state.store.put("payment", key, payment)

    return {}
