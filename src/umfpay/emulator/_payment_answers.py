"""
Payments as answers and notifications show them (gateway.md 5.3-5.6, 3.3).
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from umfpay.emulator._gateway_state import GatewayState, Members
from umfpay.emulator._members import cents, entries, text
from umfpay.emulator._store import Document
from umfpay.models import PaymentMethod


_SCHEME_OF_METHOD: Final = {
    "WECHAT_SCAN": "weixin://wxpay/bizpayurl?pr=",
    "ALIPAY_SCAN": "https://qr.alipay.com/",
}
_BLANK_CARD: Final = {
    "number": "",
    "cvv2": "",
    "valid_date": "",
    "citizen_id_number": "",
    "phone": "",
    "citizen_id_type": "IDENTITY_CARD",
    "payer_name": "",
}


def qr_code_url(payment: Document) -> str | None:
    """
    Return what the customer's wallet scans, None if the payment is not by QR code.
    """
    scheme = _SCHEME_OF_METHOD.get(payment["method"])

    if scheme is None or payment["interface"] != "SERVER_TO_SERVER":
        return None

    return f"{scheme}{payment['id'][4:]}"


def created_answer(
    gateway_state: GatewayState, payment: Document, *, risk_info: Members
) -> Members:
    """
    Return a payment as the answer to its creation shows it (gateway.md 5.3).

    Args:
        risk_info: What the request had there; it is echoed.
    """
    info: Members = {}
    method = payment["method"]

    if PaymentMethod(method).by_card:
        info["bank_card"] = dict(_BLANK_CARD)
        info["payer_agreement"] = {
            "usr_busi_agreement_id": "",
            "usr_pay_agreement_id": "",
        }
    elif qr_code_url(payment) is not None:
        info["qr_code_scan"] = {
            "citizen_id_type": "IDENTITY_CARD",
            "citizen_id_number": "",
            "qr_code_url": qr_code_url(payment),
        }
    elif method in ("WECHAT_IN_APP", "WECHAT_WEB"):
        name = "wechat_in_app" if method == "WECHAT_IN_APP" else "wechat_in_app_web"
        info[name] = {"pay_info": _pay_info(gateway_state, payment)}
    elif method == "WECHAT_H5":
        info["wechat_H5"] = {
            "wechat_h5_url": f"https://wx.tenpay.com/h5?prepay_id={payment['trace']}"
        }

    order = payment["order"]

    return {
        "pay_elements": "",
        "risk_info": risk_info,
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


def _pay_info(gateway_state: GatewayState, payment: Document) -> Members:
    return {
        "app_id": "wx0000000000000000",
        "time_stamp": str(int(gateway_state.clock.time())),
        "sign_type": "MD5",
        "package": f"prepay_id=wx{payment['trace']}",
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


def links_of_new(gateway_state: GatewayState, payment: Document) -> list[Members]:
    """
    Return the links of a new payment: what can be done with it next (gateway.md 5.3).
    """
    path = f"/payments/payment/{payment['id']}"

    by_card = PaymentMethod(payment["method"]).by_card

    if by_card and payment["interface"] == "SERVER_TO_SERVER":
        return [
            gateway_state.link("self", "GET", path),
            gateway_state.link("sms_verify", "POST", f"{path}/verify"),
        ]

    links = [
        gateway_state.link("self", "GET", path),
        gateway_state.link("refund", "POST", f"{path}/refund"),
        gateway_state.link("apply_to_customs", "POST", f"{path}/apply_to_customs"),
    ]

    if payment["interface"] != "SERVER_TO_SERVER":
        links.append(_cashier_link(gateway_state, payment))

    return links


def _cashier_link(gateway_state: GatewayState, payment: Document) -> Members:
    """
    Return the link to the cashier or bank page (gateway.md 5.19), safely quoted
    (gateway.md, trap 31).
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

    return {
        "ref": "upay",
        "method": "GET",
        "href": f"{gateway_state.origin}/upay/cbPluginPay.do?{urlencode(query)}",
    }


def executed_answer(payment: Document) -> Members:
    """
    Return a payment as the answer to execute shows it (gateway.md 5.5).
    """
    order = payment["order"]

    return {
        "settle_date": payment.get("settle_date", ""),
        "state": payment["state"],
        "execute_success_time": payment.get("settle_date", ""),
        "payer": {
            "bank_code": "B001",
            "payer_info": {
                "payer_agreement": {
                    "usr_busi_agreement_id": payment["card"].get(
                        "business_agreement", ""
                    ),
                    "last_four_cardid": payment["card"]["last_four"],
                    "gate_id": "B001",
                    "usr_pay_agreement_id": payment["card"].get("agreement", ""),
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


def queried_answer(payment: Document) -> Members:
    """
    Return a payment as the answer to a query shows it (gateway.md 5.6).
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


def notification_body(gateway_state: GatewayState, key: str) -> Members:
    """
    Return the body of a payment's notification (gateway.md 3.3).
    """
    payment = gateway_state.payment(key)
    shown = queried_answer(payment)
    shown["order"].pop("expire_time")

    return {"payment": {"id": key, "notify_url": payment["notify_url"], **shown}}
