"""
Half a card payment as JSON: strict, and never with clear card data.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from tests import orders
from umfpay.errors import ConfigError
from umfpay.flows import PendingCardPayment


SEALED = base64.b64encode(bytes(128)).decode()
SECRETS = ("6227000000000005", "张三", orders.ID_NUMBER, "15210838198")


def _attempt(**changes):
    """
    Return an execute that was refused, as JSON has it.
    """
    return {
        "sent_at": datetime.now(UTC).isoformat(),
        "code_mark": "0f" * 32,
        "sms_number": 1,
        "refused_with": "00200005",
        "verified": False,
        "checked": True,
        **changes,
    }


def _plain(**changes):
    """
    Return the members of a pending payment as JSON has them.
    """
    now = datetime.now(UTC)

    return {
        "version": 1,
        "merchant": {"client_id": "c", "base_url": "https://a", "gateway_key": "f"},
        "payment_id": "PAY_A",
        "mer_reference_id": "order-1",
        "mer_date": "2026-11-23",
        "amount": {"total": "10.00", "currency": "USD"},
        "payment_method": "CREDIT_CARD",
        "bank_code": "CCB",
        "created_at": now.isoformat(),
        "expires_at": (now + timedelta(minutes=15)).isoformat(),
        "order_expires_at": None,
        "code_sent_at": None,
        "codes_asked": 1,
        "attempts": [],
        "card": {"number": {"sealed": SEALED}, "citizen_id_type": "IDENTITY_CARD"},
        "agreement": None,
        "kept": {"phone": SEALED},
        **changes,
    }


def _read(**changes):
    return PendingCardPayment.from_json(json.dumps(_plain(**changes)))


def test_a_stored_payment_is_read():
    """
    What the tests below change one by one is good.
    """
    pending = _read()

    assert date(2026, 11, 23) == pending.mer_date
    assert not pending.forgotten


def test_attempts_are_read():
    """
    Another process knows which codes were refused, and how many are left.
    """
    pending = _read(attempts=[_attempt(), _attempt(refused_with=None, checked=False)])

    assert 1 == pending.attempts_left
    assert pending.execute_sent_at == pending.attempts[1].sent_at
    assert pending.was_sent("0f" * 32)
    assert not pending.was_sent("f0" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nothing",
        b"\xff",
        '{"version":1,"version":1}',
        "\ud800",
        None,
        5,
        {"version": 1},
    ],
)
def test_what_is_no_object_is_refused(text):
    """
    Nothing of it is quoted.
    """
    with pytest.raises(ConfigError, match="not a pending card payment"):
        PendingCardPayment.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"card": None, "agreement": {}},
        {"version": "1"},
        {"extra": 1},
        {"payment_id": ""},
        {"payment_id": 1},
        {"mer_date": "20261323"},
        {"amount": {"total": "10.00"}},
        {"amount": {"total": 10, "currency": "USD"}},
        {"amount": "10.00"},
        {"merchant": {"client_id": "c"}},
        {"created_at": None},
        {"expires_at": "2026-11-23T00:00:00"},
        {"expires_at": "soon"},
        {"code_sent_at": 5},
        {"codes_asked": -1},
        {"codes_asked": True},
        {"attempts": None},
        {"attempts": [5]},
        {"attempts": [_attempt(sent_at=None)]},
        {"attempts": [_attempt(code_mark="123456")]},
        {"attempts": [_attempt(sms_number="1")]},
        {"attempts": [_attempt(refused_with=200005)]},
        {"attempts": [_attempt(verified="yes")]},
        {"attempts": [_attempt(checked=1)]},
        {"attempts": [_attempt(code="123456")]},
        {"card": {"number": {"sealed": SEALED}, "colour": "red"}},
        {"card": []},
        {"agreement": {"usr_busi_agreement_id": "B", "usr_pay_agreement_id": "P"}},
        {"kept": {"cvv2": SEALED}},
        {"kept": None},
    ],
)
def test_what_is_not_as_it_was_written_is_refused(change):
    """
    Missing, unknown and wrong members alike.
    """
    with pytest.raises(ConfigError):
        _read(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"card": {"number": "6227000000000005"}},
        {"card": {"number": {"sealed": "6227000000000005"}}},
        {"card": {"number": {"sealed": SEALED, "clear": "6227000000000005"}}},
        {"card": {"number": {"sealed": SEALED}, "cvv2": "123"}},
        {"card": {"number": {"sealed": SEALED}, "phone": "15210838198"}},
        {"card": {"number": {"sealed": SEALED}, "phone": {"sealed": SEALED}}},
        {"card": {"number": {"sealed": 1}}},
        {"card": {"number": {"sealed": "6227 0000 0000 0005"}}},
        {"kept": {"phone": "15210838198"}},
    ],
)
def test_clear_card_data_are_refused(change):
    """
    The error names the member, never the value.
    """
    with pytest.raises(ConfigError) as caught:
        _read(**change)

    assert not any(
        secret in str(caught.value) for secret in ("6227", "15210838198", "123")
    )


def test_a_stored_member_of_the_caller_is_kept():
    """
    Ids and kinds are no secrets.
    """
    card = {"number": {"sealed": SEALED}, "external_customer_id": "c-1"}

    assert "c-1" == _read(card=card).info.bank_card.external_customer_id
    assert _read(card=None, kept={}).forgotten
    assert _read(bank_code=None).bank_code is None
