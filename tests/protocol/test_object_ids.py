"""
Object ids: found in hrefs as the gateway writes them, and made as it makes them.
"""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.protocol import new_object_id, object_id_from_href


OBJECT_ID = re.compile(r"[A-Z]+_[A-Z2-7]+")
OLD = "PAY_AAGSRXVMGCDZOAJTY2VD2"


@pytest.mark.parametrize(
    ("href", "found"),
    [
        (f"http://10.10.77.79:8081/V1/spay_rest/payments/payment/{OLD}/query?a=b", OLD),
        (f"http://10.10.77.79:8081/V1/spay_rest/payments/payment/{OLD}/verify/", OLD),
        (f"https://fx.soopay.net/cberest/v1//payments/payment/{OLD}", OLD),
        (f"/payments/payment/{OLD}#top", OLD),
        (f"/payments/payment/ {OLD}/query", OLD),
        (f"/payments/payment/%20{OLD}%20", OLD),
        ("https://x/cberest/v1//enterprise_qualification/EQ_ORSXG5A", "EQ_ORSXG5A"),
        ("https://x/payments/refund/REFUND_AAAAB", "REFUND_AAAAB"),
        ("https://x/payments/customs_declarations/CUST_AAAAB", "CUST_AAAAB"),
        (f"https://x/payments/payment/{OLD}/refund/REFUND_AAAAB", "REFUND_AAAAB"),
        (f"https://x/pay?next=/payments/payment/{OLD}", None),
        (f"https://x/payments/payment/x{OLD}", None),
        (f"https://x/payments/payment/{OLD}x", None),
        (f"https://x/payments/payment/{OLD}1/query", None),
        ("https://x/payments/payment/PAY_/query", None),
        ("https://x/payments/payment/pay_AAAA/query", None),
        ("https://x/payments/payment/OTHER_AAAA", None),
        (OLD, None),
        ("", None),
    ],
)
def test_the_last_id_in_the_path_is_found(href, found):
    """
    Query and fragment are not looked at; an id is a whole segment.
    """
    assert found == object_id_from_href(href)


@given(st.text(max_size=60))
def test_any_href_gives_an_id_or_none(text):
    """
    What is found is an object id of what was given.
    """
    found = object_id_from_href("/" + text)

    assert found is None or (OBJECT_ID.fullmatch(found) and found in text)


def test_an_id_of_the_gateway_holds_trace_and_date():
    """
    Base32 of 8 bytes trace, 4 bytes mer_date and one more (gateway.md 5.22).
    """
    raw = base64.b32decode(OLD.removeprefix("PAY_") + "===")

    assert 13 == len(raw)
    assert 20170410 == int.from_bytes(raw[8:12], "big")
    assert OBJECT_ID.fullmatch(OLD)
    assert OLD[:-2] == new_object_id("PAY", raw[:12])[:-2]


def test_a_new_id_has_the_length_of_the_gateways():
    """
    21 characters after PAY_ before June 2017, 40 since.
    """
    old = new_object_id("PAY", (71104).to_bytes(8, "big") + bytes(4))
    new = new_object_id("PAY", b"1704101234567890" + b"20170410")

    assert (25, 44) == (len(old), len(new))


@given(
    prefix=st.sampled_from(["PAY", "REFUND", "CUST", "EQ"]),
    payload=st.binary(min_size=1, max_size=40),
)
def test_a_new_id_is_found_again(prefix, payload):
    """
    The same payload gives the same id, and it holds that payload.
    """
    made = new_object_id(prefix, payload)
    text = made.partition("_")[2]

    assert made == new_object_id(prefix, payload)
    assert OBJECT_ID.fullmatch(made)
    assert made == object_id_from_href(f"https://x/a/{made}/query")
    assert payload == base64.b32decode(text + "=" * (-len(text) % 8))[:-1]
