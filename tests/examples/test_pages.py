"""
The pages of the example shops: what a customer can do while a payment is open.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from umfpay.flows import PendingCardPayment
from umfpay.flows._pending import CodeAttempt, Merchant
from umfpay.models import Money, NewPayerInfo, PayerAgreement


EXAMPLES = str(Path(__file__).parents[2] / "examples")

if EXAMPLES not in sys.path:
    sys.path.append(EXAMPLES)

from bookstore.pages import order_page  # noqa: E402 (a folder of programs)


def _pending(*attempts, info=None):
    now = datetime.now(UTC)

    return PendingCardPayment(
        payment_id="PAY_A",
        mer_reference_id="order-1",
        mer_date=date(2026, 11, 29),
        amount=Money("9.90", "USD"),
        payment_method="CREDIT_CARD",
        bank_code="CCB",
        merchant=Merchant(client_id="c", base_url="https://a", gateway_key="f"),
        created_at=now,
        expires_at=now + timedelta(minutes=15),
        order_expires_at=None,
        attempts=list(attempts),
        info=info,
        kept={},
    ).to_json()


def _attempt(refused_with):
    return CodeAttempt(
        sent_at=datetime.now(UTC),
        code_mark="0f" * 32,
        sms_number=1,
        refused_with=refused_with,
    )


AGREEMENT = NewPayerInfo(
    payer_agreement=PayerAgreement(
        usr_busi_agreement_id="B1", usr_pay_agreement_id="P1"
    )
)


@pytest.mark.parametrize(
    ("pending", "form", "looked_at"),
    [
        (_pending(info=AGREEMENT), "/code", False),
        (_pending(_attempt("00200005"), info=AGREEMENT), "/code", False),
        (_pending(_attempt(None), info=AGREEMENT), None, True),
        (_pending(*[_attempt("00200005")] * 3), None, True),
        (None, "/card", False),
    ],
)
def test_no_other_payment_is_begun_while_one_is_open(pending, form, looked_at):
    """
    The code may be typed again; when nothing more can be tried there is no form.
    """
    order = {
        "number": "1",
        "state": "new",
        "trouble": None,
        "qr": None,
        "pending": pending,
    }
    page = order_page(order, gateway=None)

    assert ("<form" in page) == (form is not None)
    assert form is None or f'action="/orders/1{form}"' in page
    assert looked_at == ('id="checked"' in page)
