"""
Payments: create, SMS code, execute, query, parcels (gateway.md 5.3-5.6, 5.21).
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._members import (
    CNY_RATES,
    entries,
    in_cny,
    members,
    required_text,
    text,
)
from umfpay.emulator._messages import Refusal
from umfpay.emulator._orders import (
    FAILING_ENDING,
    LOW_BALANCE_ENDING,
    check_card,
    check_identity,
    check_order,
    expires_at,
    find_sub_order,
    must_be_paid,
    payer_method,
    payer_phone,
)
from umfpay.emulator._payment_answers import (
    created_answer,
    executed_answer,
    links_of_new,
    queried_answer,
)
from umfpay.emulator._store import Document
from umfpay.models import InterfaceType, PaymentMethod
from umfpay.protocol import new_object_id


_SMS_PAUSE_SECONDS: Final = 60.0
_MAX_SMS: Final = 5
# The last is a word of SDK1 (gateway.md 7.4).
_METHODS: Final = frozenset({*PaymentMethod, "B2C_ONLINE_BANKING"})
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
_INTERFACES: Final = frozenset(InterfaceType)


def create(gateway_state: GatewayState, merchant: str, body: Members) -> Members:
    """
    Create a payment (gateway.md 5.3). It waits for the buyer; nobody has paid.

    Raises:
        Refusal: A member is missing, unknown or wrong, or the order number was paid
            before.
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
    if PaymentMethod(method).by_card and text(members(info, "bank_card").get("number")):
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


def verify(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Send the SMS code (gateway.md 5.4): it can be read in the control API.

    Raises:
        Refusal: It is no card payment that waits, the card is wrong, or a code was sent
            less than a minute ago, or five times.
    """
    payment = _waiting_card_payment(gateway_state, merchant, key, "verify")
    payer = members(body, "payer")
    payment["card"] = _card(gateway_state, payer, payment)
    now = gateway_state.clock.time()
    sms = payment["sms"]

    if sms is not None and now - sms["sent_at"] < _SMS_PAUSE_SECONDS:
        raise Refusal("00080706", "a code was sent less than a minute ago")

    if payment["sms_count"] >= _MAX_SMS:
        raise Refusal("00080707", f"{_MAX_SMS} codes were sent for this order")

    payment["sms_count"] += 1
    payment["sms"] = {"code": f"{secrets.randbelow(1_000_000):06d}", "sent_at": now}
    gateway_state.store.put("payment", key, payment)
    path = f"/payments/payment/{key}"

    return {
        "links": [
            gateway_state.link("self", "GET", path),
            gateway_state.link("confirm", "POST", f"{path}/execute"),
        ]
    }


def _waiting_card_payment(
    gateway_state: GatewayState, merchant: str, key: str, call: str
) -> Document:
    payment = gateway_state.payment(key, merchant=merchant)

    if payment["state"] == "TRADE_PENDING":
        raise Refusal("00060761", "the money is under way")

    if payment["state"] == "TRADE_CLOSED":
        raise Refusal("00060762", "the order has expired")

    if payment["state"] != "WAIT_BUYER_PAY":
        raise Refusal("00060763", f"the payment is {payment['state']}")

    if not PaymentMethod(payment["method"]).by_card:
        raise Refusal("00060700", f"{call} is for cards only")

    return payment


def execute(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Take the money (gateway.md 5.5): once.

    Raises:
        Refusal: It is no card payment that waits, the code or the card is wrong, the bank
            refuses, or the order number was paid with another payment.
    """
    payment = _waiting_card_payment(gateway_state, merchant, key, "execute")
    payer = members(body, "payer")
    info = members(payer, "payer_info")
    code = text(members(info, "bank_card").get("verify_code")) or text(
        info.get("verify_code")
    )

    if payment["sms"] is None or code != payment["sms"]["code"]:
        raise Refusal("00200005", "verify_code is not the code that was sent")

    card = _card(gateway_state, payer, payment)

    if card != payment["card"]:
        raise Refusal("00200025", "the SMS code was sent for another card")

    if gateway_state.was_paid(merchant, text(payment["order"].get("mer_reference_id"))):
        raise Refusal("00060763", "mer_reference_id was paid with another payment")

    if card["last_four"] == LOW_BALANCE_ENDING:
        raise Refusal(
            "00060730",
            f"a card number that ends in {LOW_BALANCE_ENDING} has no balance",
        )

    if gateway_state.settings.execute == "pending":
        payment["settles_at"] = gateway_state.settles_at()
        payment["settles_to"] = _result(card)
        gateway_state.move(payment, "TRADE_PENDING")
    else:
        settle(gateway_state, payment, _result(card))

    return {
        "payment": executed_answer(payment),
        "links": [
            gateway_state.link("self", "GET", f"/payments/payment/{key}"),
            gateway_state.link("refund", "POST", f"/payments/payment/{key}/refund"),
        ],
    }


def _card(
    gateway_state: GatewayState, payer: Members, payment: Document
) -> dict[str, str]:
    """
    Return what is kept of the card, or of the agreement that stands for it.
    """
    agreement = members(payer, "payer_info", "payer_agreement")
    key = text(agreement.get("usr_pay_agreement_id"))

    # The samples send blank agreements next to a card.
    if not key:
        return check_card(gateway_state, payer, method=payment["method"])

    return {
        "last_four": "0000",
        "agreement": key,
        "business_agreement": text(agreement.get("usr_busi_agreement_id")),
    }


def _result(card: dict[str, str]) -> str:
    return "TRADE_FAIL" if card["last_four"] == FAILING_ENDING else "TRADE_SUCCESS"


def settle(gateway_state: GatewayState, payment: Document, state: str) -> None:
    """
    End a payment as *state* and tell the merchant.
    """
    if state == "TRADE_SUCCESS":
        payment["paid_at"] = gateway_state.clock.now().isoformat()
        payment["settle_date"] = gateway_state.clock.today()

        if payment["business"] == "B2B":
            # The papers have to be approved within a day (gateway.md 5.20).
            payment["papers_due"] = gateway_state.clock.time() + 24 * 3600

    if state == "TRADE_CANCEL":
        payment.pop("papers_due", None)

    payment.pop("settles_at", None)
    gateway_state.move(payment, state)
    gateway_state.notify("payment", payment["id"])


def query(gateway_state: GatewayState, merchant: str, key: str) -> Members:
    """
    Return the state of a payment (gateway.md 5.6): the truth.

    Raises:
        Refusal: There is no such payment.
    """
    payment = gateway_state.find("payment", key, merchant=merchant, asked=True)

    return {"payment": queried_answer(payment)}


def update_express_info(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Take the parcel numbers of a paid order (gateway.md 5.21).

    Raises:
        Refusal: The payment is not paid, or there is no such sub order.
    """
    payment = gateway_state.payment(key, merchant=merchant)

    must_be_paid(payment)

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
