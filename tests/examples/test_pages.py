"""
The pages of the example shops: what a customer can do while a payment is open.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


EXAMPLES = str(Path(__file__).parents[2] / "examples")

if EXAMPLES not in sys.path:
    sys.path.append(EXAMPLES)

from bookstore.orders import Order, State  # noqa: E402 (a folder of programs)
from bookstore.pages import order_page  # noqa: E402


@pytest.mark.parametrize(
    ("state", "code_for", "forms", "looked_at"),
    [
        (State.NEW, None, ["/card", "/qr"], False),
        (State.PAYING, "PAY_A", ["/code"], False),
        (State.PAYING, None, [], True),
        (State.PAID, "PAY_A", [], False),
        (State.NOT_PAID, "PAY_A", [], False),
    ],
)
def test_no_other_payment_is_begun_while_one_is_open(state, code_for, forms, looked_at):
    """
    The code may be typed again; when nothing more can be tried there is no form.
    """
    order = Order(number="1", state=state, code_for=code_for)
    page = order_page(order, gateway=None)

    assert len(forms) == page.count("<form")
    assert all(f'action="/orders/1{form}"' in page for form in forms)
    assert looked_at == ('id="checked"' in page)
    assert looked_at == ("refresh" in page)


def test_what_went_wrong_is_no_longer_said_of_an_order_that_is_paid():
    """
    A code that was mistyped is forgotten.
    """
    order = Order(number="1", state=State.PAID, trouble="The code is wrong.")

    assert "wrong" not in order_page(order, gateway=None)
