"""
The shop's pages, without JavaScript.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from umfpay.flows import PendingCardPayment
from umfpay.models import DEBIT_BANKS


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)
_PAID = "TRADE_SUCCESS"


def front_page(orders: list[dict[str, Any]], *, gateway: str | None) -> str:
    """
    Return the page with all orders.

    Args:
        gateway: The address of the emulator's console, None without an emulator.
    """
    return _templates.get_template("front.html").render(orders=orders, gateway=gateway)


def order_page(order: dict[str, Any], *, gateway: str | None) -> str:
    """
    Return the page of one order: how to pay, what to wait for, or that it is paid.
    """
    return _templates.get_template("order.html").render(
        order=order,
        qr=None if order["qr"] is None else Markup(order["qr"]),  # noqa: S704 (our own SVG)
        paid=order["state"] == _PAID,
        waiting=order["qr"] is not None and order["state"] == "new",
        checked=_is_checked(order["pending"]),
        banks=DEBIT_BANKS,
        gateway=gateway,
    )


def _is_checked(stored: str | None) -> bool:
    """
    Tell whether the customer can do nothing more: the payment's final state decides.
    """
    if stored is None:
        return False

    pending = PendingCardPayment.from_json(stored)

    return pending.forgotten or pending.execute_sent_at is not None
