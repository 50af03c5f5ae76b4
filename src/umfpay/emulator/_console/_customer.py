"""
Pages that a customer sees: the QR code, the cashier, the bank, WeChat.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import segno
from markupsafe import Markup

from umfpay.emulator._console._pages import Page
from umfpay.emulator._payment_answers import qr_code_url
from umfpay.emulator._store import Document
from umfpay.emulator._world import World


_SCAN: Final = re.compile(r"/scan/(PAY_[A-Z2-7]+)")
_WECHAT: Final = re.compile(r"/wechat/pay/([0-9]{16})")
_METHODS: Final = ("CREDIT_CARD", "DEBIT_CARD", "WECHAT_SCAN", "ALIPAY_SCAN")


class CustomerPages:
    """
    ``/scan``, ``/upay`` and ``/wechat``
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def page(self, path: str, query: Mapping[str, str]) -> Page | None:
        """
        Return the page at *path*, None if there is none.
        """
        if match := _SCAN.fullmatch(path):
            return self._scan(match[1])

        if path == "/upay/cbPluginPay.do":
            return self._cashier(query.get("trace", ""))

        if match := _WECHAT.fullmatch(path):
            return _paying("wechat.html", self._by_trace(match[1]))

        if path == "/wechat/authorize":
            return _authorise(query.get("redirect_uri", ""))

        return None

    def _scan(self, key: str) -> Page | None:
        payment = self._world.payment(key)
        url = qr_code_url(payment)

        if url is None:
            return None

        drawn = segno.make_qr(url).svg_inline(scale=6, border=4)
        # Our own drawing, of an address of our own.
        page = _paying("scan.html", payment)

        return Page(page.template, {**page.members, "code": Markup(drawn)})  # noqa: S704

    def _cashier(self, trace: str) -> Page | None:
        payment = self._by_trace(trace)

        if payment is None or payment["interface"] == "SERVER_TO_SERVER":
            return None

        bank = payment["interface"] == "DIRECT_TO_BANK"
        fixed = payment["method"] != "NOT_APPLICABLE"
        page = _paying("bank.html" if bank else "cashier.html", payment)

        return Page(
            page.template,
            {**page.members, "methods": (payment["method"],) if fixed else _METHODS},
        )

    def _by_trace(self, trace: str) -> Document | None:
        found = self._world.store.get("trace", trace)

        return None if found is None else self._world.payment(found["payment"])


def _paying(template: str, payment: Document | None) -> Page:
    waiting = payment is not None and payment["state"] == "WAIT_BUYER_PAY"

    return Page(template, {"payment": payment, "waiting": waiting})


def shop_address(address: str, more: Mapping[str, str] | None = None) -> str | None:
    """
    Return *address* of a shop with *more* in its query, None if no browser may open it.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return None

    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None

    if more:
        joined = "&".join(part for part in (parts.query, urlencode(more)) if part)
        parts = parts._replace(query=joined)

    return parts.geturl()


def _authorise(redirect_uri: str) -> Page | None:
    """
    Return WeChat's page: it leads to UMF's, which leads to the shop (5.14).
    """
    try:
        inner = parse_qs(urlsplit(redirect_uri).query).get("notifyUrl", [""])[0]
    except ValueError:
        return None

    back = shop_address(
        inner,
        {"open_id": f"o{secrets.token_hex(13)}", "code": secrets.token_hex(16)},
    )

    return (
        None if back is None else Page("authorise.html", {"back": back, "shop": inner})
    )
