"""
The shop's pages, without JavaScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from bookstore.orders import Order, State
from umfpay.models import DEBIT_BANKS


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)


def front_page(orders: Sequence[Order], *, gateway: str | None) -> str:
    """
    Return the page with all orders.

    Args:
        gateway: The address of the emulator's console, None without an emulator.
    """
    return _templates.get_template("front.html").render(orders=orders, gateway=gateway)


def order_page(order: Order, *, gateway: str | None) -> str:
    """
    Return the page of one order: how to pay, what to wait for, or how it has ended.
    """
    return _templates.get_template("order.html").render(
        order=order,
        qr=None if order.qr is None else Markup(order.qr),  # noqa: S704 (our own SVG)
        waiting=order.state == State.PAYING and order.code_for is None,
        State=State,
        banks=DEBIT_BANKS,
        gateway=gateway,
    )
