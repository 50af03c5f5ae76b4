"""
Payments: create, send the SMS code, execute, query, parcels (5.3-5.6, 5.21).
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from umfpay.emulator._cards import FAILS, check_card, check_identity
from umfpay.emulator._money import RATES, cents, in_cny
from umfpay.emulator._orders import (
    check_order,
    expires_at,
    find_sub_order,
    needed,
    payer_method,
    payer_phone,
)
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document
from umfpay.emulator._wire import entries, members, text
from umfpay.emulator._world import Members, World
from umfpay.protocol import new_object_id


_CARDS: Final = ("CREDIT_CARD", "DEBIT_CARD")
_METHODS: Final = frozenset(
    {
        *_CARDS,
        "WECHAT_SCAN",
        "ALIPAY_SCAN",
        "WECHAT_IN_APP",
        "WECHAT_WEB",
        "WECHAT_H5",
        "NOT_APPLICABLE",
        "B2C_ONLINE_BANKING",
    }
)
_INTERFACES: Final = frozenset(
    {"SERVER_TO_SERVER", "SERVER_TO_WEB", "SERVER_TO_H5WEB", "DIRECT_TO_BANK"}
)
_SCHEMES: Final = {
    "WECHAT_SCAN": "weixin://wxpay/bizpayurl?pr=",
    "ALIPAY_SCAN": "https://qr.alipay.com/",
}
_SMS_PAUSE: Final = 60.0
_SMS_MAX: Final = 5
_BLANK_CARD: Final = {
    "number": "",
    "cvv2": "",
    "valid_date": "",
    "citizen_id_number": "",
    "phone": "",
    "citizen_id_type": "IDENTITY_CARD",
    "payer_name": "",
}


def create(world: World, body: Members) -> Members:
    """
    Create a payment. It waits for the buyer; nobody has paid.
    """
    payer, order = members(body, "payer"), members(body, "order")

    if not payer or not order:
        raise Refusal("00060700", "payer or order is missing")

    method, interface, business = payer_method(payer)

    if method not in _METHODS or interface not in _INTERFACES:
        raise Refusal("00060700", "payment_method or interface_type is unknown")

    total, currency = check_order(order)
    _check_payer(world, payer, method, business)
    _check_unpaid(world, order)
    trace = world.trace()
    key = new_object_id("PAY", f"{trace}{text(order['mer_date'])}".encode())
    payment: Document = {
        "id": key,
        "trace": trace,
        "state": "WAIT_BUYER_PAY",
        "method": method,
        "interface": interface,
        "business": business,
        "bank_code": text(payer.get("bank_code")),
        "phone": payer_phone(payer),
        "agreement": members(payer, "payer_info", "payer_agreement"),
        "enterprise": text(
            members(payer, "enterprise_qualification").get("external_enterprise_id")
        ),
        "order": order,
        "total": str(total),
        "currency": currency,
        "rate": RATES[currency],
        "total_cny": str(in_cny(total, currency)),
        "notify_url": text(body.get("notify_url")),
        "ret_url": text(body.get("ret_url")),
        "risk_info": members(body, "risk_info"),
        "created_at": world.clock.time(),
        "expires_at": expires_at(world, order),
        "sms": None,
        "sms_count": 0,
        "refunded": "0.00",
        "timeline": [[world.clock.now().isoformat(), "WAIT_BUYER_PAY"]],
    }
    world.store.put("payment", key, payment)

    return {"payment": _created(world, payment), "links": _links_of_new(world, payment)}


def _check_payer(
    world: World, payer: dict[str, Any], method: str, business: str
) -> None:
    info = members(payer, "payer_info")

    # The official demo sends the whole sealed card at create, docs the phone alone.
    if method in _CARDS and text(members(info, "bank_card").get("number")):
        check_card(world, payer, method=method)

    holders = {
        "WECHAT_SCAN": "qr_code_scan",
        "ALIPAY_SCAN": "qr_code_scan",
        "NOT_APPLICABLE": "qr_code_scan",
        "WECHAT_IN_APP": "wechat_in_app",
        "WECHAT_WEB": "wechat_in_app_web",
        "WECHAT_H5": "wechat_H5",
    }

    if method in holders:
        check_identity(world, payer, holder=holders[method])

    if method == "WECHAT_WEB":
        needed(members(info, "wechat_in_app_web").get("open_id"), "open_id")

    if business == "B2B" and text(
        members(payer, "enterprise_qualification").get("external_enterprise_id")
    ):
        _check_enterprise(world, payer)


def _check_enterprise(world: World, payer: dict[str, Any]) -> None:
    given = text(payer["enterprise_qualification"]["external_enterprise_id"])

    for company in world.store.all("enterprise"):
        if company["external_enterprise_id"] == given:
            if company["enterprise_status"] != "ENABLE":
                raise Refusal("00060114", "the enterprise is not ENABLE yet")

            return

    raise Refusal("00060114", "the enterprise is not registered")


def _check_unpaid(world: World, order: dict[str, Any]) -> None:
    """
    An order number is unique and paid only once (OBJ:220).
    """
    reference = text(order.get("mer_reference_id"))

    for payment in world.store.all("payment"):
        if text(payment["order"].get("mer_reference_id")) == reference and payment[
            "state"
        ] in ("TRADE_SUCCESS", "TRADE_PENDING", "TRADE_CANCEL"):
            raise Refusal("00060740", "mer_reference_id was paid before")


def _created(world: World, payment: Document) -> Members:
    info: Members = {}
    method = payment["method"]

    if method in _CARDS:
        info["bank_card"] = dict(_BLANK_CARD)
        info["payer_agreement"] = {
            "usr_busi_agreement_id": "",
            "usr_pay_agreement_id": "",
        }
    elif method in _SCHEMES and payment["interface"] == "SERVER_TO_SERVER":
        info["qr_code_scan"] = {
            "citizen_id_type": "IDENTITY_CARD",
            "citizen_id_number": "",
            "qr_code_url": f"{_SCHEMES[method]}{payment['id'][4:]}",
        }
    elif method in ("WECHAT_IN_APP", "WECHAT_WEB"):
        name = "wechat_in_app" if method == "WECHAT_IN_APP" else "wechat_in_app_web"
        info[name] = {"pay_info": _pay_info(world)}
    elif method == "WECHAT_H5":
        info["wechat_H5"] = {
            "wechat_h5_url": f"https://wx.tenpay.com/h5?prepay_id={payment['trace']}"
        }

    order = payment["order"]

    return {
        "pay_elements": "",
        "risk_info": payment["risk_info"],
        "id": payment["id"],
        "state": "WAIT_BUYER_PAY",
        "notify_url": payment["notify_url"],
        "payer": {
            "bank_code": payment["bank_code"],
            "business_type": payment["business"],
            "interface_type": payment["interface"],
            "payment_method": method,
            "payer_info": info,
        },
        "ret_url": payment["ret_url"],
        "is_from_US": "Y",
        "order": {
            "amount": amount(payment),
            "mer_date": text(order.get("mer_date")),
            "mer_reference_id": text(order.get("mer_reference_id")),
            "order_summary": text(order.get("order_summary")),
            "expire_time": text(order.get("expire_time")),
            "user_ip": text(order.get("user_ip")),
            "sub_orders": entries(order, "sub_orders"),
        },
    }


def _pay_info(world: World) -> Members:
    return {
        "app_id": "wx0000000000000000",
        "time_stamp": str(int(world.clock.time())),
        "sign_type": "MD5",
        "package": f"prepay_id=wx{world.trace()}",
        "nonce_str": secrets.token_hex(16),
        "pay_sign": secrets.token_hex(16).upper(),
    }


def amount(payment: Document) -> Members:
    """
    Return the amount of a payment as answers show it.
    """
    if payment["currency"] == "CNY":
        return {"total": payment["total"], "currency": "CNY"}

    return {
        "total": payment["total"],
        "exchange_rate": {"rate": payment["rate"], "currency": payment["currency"]},
        "currency": payment["currency"],
        "total_cny": payment["total_cny"],
    }


def _links_of_new(world: World, payment: Document) -> list[Members]:
    path = f"/payments/payment/{payment['id']}"

    if payment["method"] in _CARDS and payment["interface"] == "SERVER_TO_SERVER":
        return [
            world.link("self", "GET", path),
            world.link("sms_verify", "POST", f"{path}/verify"),
        ]

    links = [
        world.link("self", "GET", path),
        world.link("refund", "POST", f"{path}/refund"),
        world.link("apply_to_customs", "POST", f"{path}/apply_to_customs"),
    ]

    if payment["interface"] != "SERVER_TO_SERVER":
        links.append(_upay(world, payment))

    return links


def _upay(world: World, payment: Document) -> Members:
    """
    Return the link to the cashier or bank page (5.19), safely quoted (trap 31).
    """
    order = payment["order"]
    query = {
        "rpid": f"PSP{payment['trace']}",
        "trace": payment["trace"],
        "orderId": text(order.get("mer_reference_id")),
        "orderDate": text(order.get("mer_date")),
        "amount": cents(Decimal(payment["total_cny"])),
        "oriAmount": cents(Decimal(payment["total"])),
        "currency": payment["currency"],
        "exchangeRate": payment["rate"],
        "goodsInf": text(order.get("order_summary")),
        "interfaceType": payment["interface"],
        "binBankId": payment["bank_code"],
        "retUrl": payment["ret_url"],
        "notifyUrl": payment["notify_url"],
        "sign": secrets.token_hex(20),
    }
    root = world.base_url.partition("/cberest")[0]

    return {
        "ref": "upay",
        "method": "GET",
        "href": f"{root}/upay/cbPluginPay.do?{urlencode(query)}",
    }


def verify(world: World, key: str, body: Members) -> Members:
    """
    Send the SMS code: it can be read in the control API.
    """
    payment = world.payment(key)
    _check_waiting(payment)

    if payment["method"] not in _CARDS:
        raise Refusal("00060700", "verify is for cards only")

    payer = members(body, "payer")
    agreement = members(payer, "payer_info", "payer_agreement")

    if not agreement:
        payment["card"] = check_card(world, payer, method=payment["method"])

    now = world.clock.time()
    sms = payment["sms"]

    if sms is not None and now - sms["sent_at"] < _SMS_PAUSE:
        raise Refusal("00080706", "a code was sent less than a minute ago")

    if payment["sms_count"] >= _SMS_MAX:
        raise Refusal("00080707", f"{_SMS_MAX} codes were sent for this order")

    payment["sms_count"] += 1
    payment["sms"] = {"code": f"{secrets.randbelow(1_000_000):06d}", "sent_at": now}
    world.store.put("payment", key, payment)
    path = f"/payments/payment/{key}"

    return {
        "links": [
            world.link("self", "GET", path),
            world.link("confirm", "POST", f"{path}/execute"),
        ]
    }


def _check_waiting(payment: Document) -> None:
    if payment["state"] == "TRADE_CLOSED":
        raise Refusal("00060762", "the order has expired")

    if payment["state"] != "WAIT_BUYER_PAY":
        raise Refusal("00060763", f"the payment is {payment['state']}")


def execute(world: World, key: str, body: Members) -> Members:
    """
    Take the money: once.
    """
    payment = world.payment(key)
    _check_waiting(payment)

    if payment["method"] not in _CARDS:
        raise Refusal("00060700", "execute is for cards only")

    payer = members(body, "payer")
    info = members(payer, "payer_info")
    agreement = members(info, "payer_agreement")
    code = text(members(info, "bank_card").get("verify_code")) or text(
        info.get("verify_code")
    )

    if payment["sms"] is None or code != payment["sms"]["code"]:
        raise Refusal("00200005", "verify_code is not the code that was sent")

    if text(agreement.get("usr_pay_agreement_id")):
        card = {"last_four": "0000", "hash": ""}
    else:
        card = check_card(world, payer, method=payment["method"])

    payment["card"] = card
    payment["agreement"] = agreement

    if world.settings.execute == "pending":
        payment["settles_at"] = world.clock.time() + world.settings.settle_after
        payment["settles_to"] = _result(card)
        world.move(payment, "TRADE_PENDING")
    else:
        settle(world, payment, _result(card))

    return {
        "payment": _executed(payment),
        "links": [
            world.link("self", "GET", f"/payments/payment/{key}"),
            world.link("refund", "POST", f"/payments/payment/{key}/refund"),
        ],
    }


def _result(card: dict[str, str]) -> str:
    return "TRADE_FAIL" if card["last_four"] == FAILS else "TRADE_SUCCESS"


def settle(world: World, payment: Document, state: str) -> None:
    """
    End a payment as *state* and tell the merchant.
    """
    if state == "TRADE_SUCCESS":
        payment["paid_at"] = world.clock.now().isoformat()
        payment["settle_date"] = world.clock.today()

        if payment["business"] == "B2B":
            # The papers have to be approved within a day (5.20).
            payment["papers_due"] = world.clock.time() + 24 * 3600

    payment.pop("settles_at", None)
    world.move(payment, state)
    world.notify("payment", payment["id"])


def _executed(payment: Document) -> Members:
    order = payment["order"]

    return {
        "settle_date": payment.get("settle_date", ""),
        "state": payment["state"],
        "execute_success_time": payment.get("settle_date", ""),
        "payer": {
            "bank_code": "B001",
            "payer_info": {
                "payer_agreement": {
                    "usr_busi_agreement_id": text(
                        payment["agreement"].get("usr_busi_agreement_id")
                    ),
                    "last_four_cardid": payment["card"]["last_four"],
                    "gate_id": "B001",
                    "usr_pay_agreement_id": text(
                        payment["agreement"].get("usr_pay_agreement_id")
                    ),
                }
            },
        },
        "order": {
            "amount": {
                "total": payment["total"],
                "currency": payment["currency"],
                "total_cny": payment["total_cny"],
            },
            "mer_date": text(order.get("mer_date")),
            "mer_reference_id": text(order.get("mer_reference_id")),
        },
    }


def query(world: World, key: str) -> Members:
    """
    Tell the state of a payment: the truth.
    """
    return {"payment": queried(world.payment(key))}


def queried(payment: Document) -> Members:
    """
    Return a payment as the answer to a query shows it (5.6).
    """
    order = payment["order"]

    return {
        "settle_date": payment.get("settle_date", ""),
        "state": payment["state"],
        "execute_success_time": payment.get("settle_date", ""),
        "payer": {"payment_method": payment["method"]},
        "order": {
            "user_ip": text(order.get("user_ip")),
            "amount": amount(payment),
            "mer_date": text(order.get("mer_date")),
            "expire_time": "",
            "mer_reference_id": text(order.get("mer_reference_id")),
        },
    }


def update_express_info(world: World, key: str, body: Members) -> Members:
    """
    Take the parcel numbers of a paid order (5.21).
    """
    payment = world.payment(key)

    if payment["state"] != "TRADE_SUCCESS":
        raise Refusal("00060764", f"the payment is {payment['state']}")

    subs = entries(body, "order", "sub_orders")

    if not subs:
        raise Refusal("00060700", "order.sub_orders is empty")

    for sub in subs:
        found = find_sub_order(payment["order"], text(sub.get("mer_sub_reference_id")))

        if found is None:
            raise Refusal("00202015", "no such sub order")

        found["tracking_number"] = needed(sub.get("tracking_number"), "tracking_number")

    world.store.put("payment", key, payment)

    return {}


def notified(world: World, key: str) -> Members:
    """
    Return the body of a payment's notification (3.3).
    """
    payment = world.payment(key)
    shown = queried(payment)
    shown["order"].pop("expire_time")

    return {"payment": {"id": key, "notify_url": payment["notify_url"], **shown}}
