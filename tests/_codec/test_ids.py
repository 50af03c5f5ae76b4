"""
The ids that an answer names, and the proof by counting that they are one.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay._codec import ids_named, surely_names_only


OWN = "PAY_AAAA"
PIECES = st.sampled_from(
    [
        OWN,
        "PAY_AAAAB",
        "PAY_B",
        "PAY",
        "_PAY_B",
        "X_PAY_AAAA",
        "REFUND_AAAA",
        "/",
        "//",
        " ",
        "%20",
        "?",
        "#",
        "\t",
        "\u3000",
        '"',
        "\\",
        "é",
        "https://h/payments/payment",
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
NAMES = st.sampled_from(["id", "payment_id", "href", "ref", "rel", "remark", OWN])
MEMBERS = st.recursive(
    TEXTS | st.none() | st.integers(),
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)


def others(members):
    return {one for one in ids_named(members) if one.startswith("PAY_")} - {OWN}


@given(st.dictionaries(NAMES, MEMBERS, max_size=5))
def test_what_is_proved_by_counting_is_found_by_looking(members):
    """Whatever the texts around them, no other payment is overlooked."""
    if surely_names_only(members, OWN):
        assert set() == others(members)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {
            "payment": {
                "id": OWN,
                "links": [{"ref": "self", "href": f"https://h//{OWN}"}],
            }
        },
        {
            "links": [{"ref": "x", "href": f"https://h/{OWN}/execute"}],
            "remark": "X_PAY",
        },
        {"refund": {"id": "REFUND_AAAA", "parent_payment": OWN, "amount": 1}},
    ],
)
def test_an_ordinary_answer_is_proved_by_counting(members):
    """Nobody looks through the objects of a usual answer."""
    assert surely_names_only(members, OWN)


@pytest.mark.parametrize(
    "members",
    [
        {"id": "PAY_B"},
        {"id": f" {OWN}"},
        {"x": [{"payment_id": "PAY_B"}], "id": OWN},
        {"remark": "CARD PAYMENT", "id": OWN},
        {"id": OWN, "odd": object()},
    ],
)
def test_what_cannot_be_counted_is_looked_at(members):
    """False says only that somebody has to look."""
    assert not surely_names_only(members, OWN)


def test_no_id_of_another_kind_is_proved_by_counting():
    """Refunds and declarations are looked for."""
    assert not surely_names_only({"id": "REFUND_AAAA"}, "REFUND_AAAA")
