"""
Pages that a customer sees: the QR code, the cashier, the bank, WeChat.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import segno
from markupsafe import Markup

from umfpay.emulator._console._pages import Page, PageRefused
from umfpay.emulator._gateway_state import GatewayState
from umfpay.emulator._members import text
from umfpay.emulator._payment_answers import qr_code_url
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import move
from umfpay.models import PaymentMethod


_SCAN_PATH: Final = re.compile(r"/scan/(PAY_[A-Z2-7]+)")
_WECHAT_PATH: Final = re.compile(r"/wechat/pay/(?:wx)?([0-9]{16})")
# As it stands in pay_info.package.
_PREPAY_ID: Final = re.compile(r"(?:wx)?([0-9]{16})")
_CASHIER_METHODS: Final = tuple(
    one.value for one in PaymentMethod if one.by_card or one.by_scan
)
_MAX_SUMMARY_CHARACTERS: Final = 200


class CustomerPages:
    """
    ``/scan``, ``/upay`` and ``/wechat``
    """

    def __init__(self, gateway_state: GatewayState) -> None:
        self._gateway_state = gateway_state

    def page(self, path: str, query: Mapping[str, str]) -> Page | None:
        """
        Return the page at *path*, None if there is none.
        """
        if match := _SCAN_PATH.fullmatch(path):
            return self._scan(match[1])

        if path == "/upay/cbPluginPay.do":
            return self._cashier(query.get("trace", ""))

        if match := _WECHAT_PATH.fullmatch(path):
            return self._wechat(match[1])

        if path == "/wechat/pay":
            named = _PREPAY_ID.fullmatch(query.get("prepay_id", ""))

            return None if named is None else self._wechat(named[1])

        if path == "/wechat/authorize":
            return self._authorise(query.get("redirect_uri", ""))

        return None

    def _scan(self, key: str) -> Page | None:
        payment = self._gateway_state.payment(key)
        url = qr_code_url(payment)

        if url is None:
            return None

        # Our own drawing, of an address of our own.
        drawn = Markup(  # noqa: S704
            segno.make_qr(url).svg_inline(scale=6, border=4)
        )

        return _payment_page("scan.html", payment, code=drawn)

    def _cashier(self, trace: str) -> Page | None:
        payment = self._by_trace(trace)

        if payment is None or payment["interface"] == "SERVER_TO_SERVER":
            return None

        bank = payment["interface"] == "DIRECT_TO_BANK"

        return _payment_page(
            "bank.html" if bank else "cashier.html", payment, methods=methods(payment)
        )

    def _wechat(self, trace: str) -> Page | None:
        payment = self._by_trace(trace)

        if payment is None or not PaymentMethod(payment["method"]).in_wechat:
            return None

        return _payment_page("wechat.html", payment)

    def _by_trace(self, trace: str) -> Document | None:
        found = self._gateway_state.store.get("trace", trace)

        return None if found is None else self._gateway_state.payment(found["payment"])

    def _authorise(self, redirect_uri: str) -> Page | None:
        """
        Return WeChat's page: it leads to UMF's, which leads to the shop (gateway.md
        5.14).
        """
        try:
            shop = parse_qs(urlsplit(redirect_uri).query).get("notifyUrl", [""])[0]
        except ValueError:
            return None

        # One customer sits here: the shop knows him again.
        who = hashlib.sha256(self._gateway_state.salt + b"open_id").hexdigest()[:26]
        back = shop_address(shop, {"open_id": f"o{who}", "code": secrets.token_hex(16)})

        return (
            None
            if back is None
            else Page("authorise.html", {"back": back, "shop": shop})
        )

    def submit(self, key: str, verb: str, method: str) -> Page:
        """
        Pay, fail or give up as the customer; return the page that leads to the shop.

        Args:
            method: What was chosen at the cashier; empty on the other pages.

        Raises:
            PageRefused: *method* is none that the page offers.
        """
        payment = self._gateway_state.payment(key)

        # A page that lay open while the payment ended elsewhere changes nothing.
        if verb != "give_up" and payment["state"] == "WAIT_BUYER_PAY":
            if method and method not in methods(payment):
                raise PageRefused(400, "wrong_method")

            move(self._gateway_state, "payments", key, verb)
            payment = self._gateway_state.payment(key)

            if verb == "pay" and method:
                # For the console's reader; no document shows it in an answer.
                payment["paid_with"] = method
                self._gateway_state.store.put("payment", key, payment)

        return Page(
            "done.html",
            {
                "state": payment["state"],
                "given_up": verb == "give_up",
                "back": shop_address(payment["ret_url"]),
            },
        )


def customer_page(payment: Document) -> tuple[str, str] | None:
    """
    Return the word and address of the page where the customer pays, if there is one.
    """
    if payment["state"] != "WAIT_BUYER_PAY":
        return None

    if payment["interface"] != "SERVER_TO_SERVER":
        bank = payment["interface"] == "DIRECT_TO_BANK"

        return (
            "bank_page" if bank else "cashier",
            f"/upay/cbPluginPay.do?trace={payment['trace']}",
        )

    method = PaymentMethod(payment["method"])

    if method.by_scan:
        return "scan_page", f"/scan/{payment['id']}"

    if method.in_wechat:
        return "wechat_page", f"/wechat/pay/{payment['trace']}"

    return None


def methods(payment: Document) -> tuple[str, ...]:
    """
    Return what the cashier of *payment* offers: all, or the one that the shop fixed.
    """
    fixed = payment["method"]

    return _CASHIER_METHODS if fixed == "NOT_APPLICABLE" else (fixed,)


def shop_address(address: str, more: Mapping[str, str] | None = None) -> str | None:
    """
    Return *address* of a shop with *more* in its query, None if no browser may open it.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None

    if parts.scheme not in ("http", "https") or not host:
        return None

    if more:
        joined = "&".join(part for part in (parts.query, urlencode(more)) if part)
        parts = parts._replace(query=joined)

    return parts.geturl()


def _payment_page(template: str, payment: Document, **more: object) -> Page:
    order = payment["order"]
    summary = text(order.get("order_summary")) or text(order.get("mer_reference_id"))

    return Page(
        template,
        {
            "payment": payment,
            "summary": summary[:_MAX_SUMMARY_CHARACTERS],
            "waiting": payment["state"] == "WAIT_BUYER_PAY",
            **more,
        },
    )
