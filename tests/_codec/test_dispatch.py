"""
Which hook cattrs takes: ours, for each kind of member (design: the traps of cattrs).
"""

from __future__ import annotations

import pickle
from datetime import date
from decimal import Decimal

import attrs
import pytest

from umfpay import Private
from umfpay._codec import DEFAULT_OPTIONS, make_converter, mark_verified, structure
from umfpay._codec import _reading as reading
from umfpay.errors import EnvelopeError
from umfpay.models import (
    ItemType,
    LinkRef,
    OpenEnum,
    Payment,
    PaymentState,
    Received,
    Refund,
    SubOrder,
)


@pytest.mark.parametrize(
    ("kind", "hook"),
    [
        (str, reading.read_text),
        (int, reading.read_int),
        (bool, reading.read_bool),
        (Decimal, reading.read_decimal),
        (date, reading.read_date),
        (Private, reading.SCALARS[Private]),
        *((cls, reading.read_enum) for cls in OpenEnum.__subclasses__()),
    ],
)
def test_each_kind_has_our_hook(kind, hook):
    """
    cattrs has hooks of its own for str, int and their subclasses, and finds them first.
    """
    assert hook is make_converter(DEFAULT_OPTIONS).get_structure_hook(kind)


def test_false_in_text_is_false():
    """
    The default hook would say that any text is true.
    """
    assert structure({"is_customs": "FALSE"}, SubOrder).is_customs is False


def test_words_lose_their_blanks():
    """
    The default hook would take " ELECTRONIC" for a new word (gateway.md, trap 5).
    """
    assert ItemType.ELECTRONIC is make_converter(DEFAULT_OPTIONS).structure(
        " ELECTRONIC", ItemType
    )
    assert LinkRef.SELF is make_converter(DEFAULT_OPTIONS).structure("self ", LinkRef)


@pytest.mark.parametrize(
    "members",
    [
        {"id": {}},
        {"id": []},
        {"id": True},
        {"id": "PAY_A", "state": {}},
        {"id": "PAY_A", "state": True},
        {"id": "PAY_A", "notify_url": ["x"]},
    ],
)
def test_other_kinds_are_no_text(members):
    """
    The default hook would make text of anything, or raise an error of its own.
    """
    with pytest.raises(EnvelopeError, match="wanted is text"):
        structure(members, Payment)


@pytest.mark.parametrize("given", ["“TRUE”", "“TRUE", '"TRUE"'])
def test_quotes_around_a_truth_value_are_cut(given):
    """
    A sample of the reference has curly quotes there (gateway.md, trap 5).
    """
    assert structure({"is_customs": given}, SubOrder).is_customs is True


def test_only_the_session_says_what_is_verified():
    """
    A member of that name in an answer says nothing.
    """
    claims_less = structure({"id": "PAY_A", "verified": False}, Payment)
    claims_more = structure({"id": "PAY_A", "verified": True}, Payment)

    assert mark_verified(claims_less, verified=True).verified
    assert not mark_verified(claims_more, verified=False).verified


def test_an_unknown_word_is_kept_and_known_as_such():
    """
    The gateway may learn new words.
    """
    state = make_converter(DEFAULT_OPTIONS).structure("TRADE_PARKED", PaymentState)

    assert ("TRADE_PARKED", False) == (state, state.known)


@pytest.mark.parametrize("cls", Received.__subclasses__())
def test_an_object_is_what_its_class_would_make(cls):
    """
    Objects are made without ``__init__``: no class may check or convert anything.
    """
    for field in attrs.fields(cls):
        assert field.validator is None
        assert field.converter is None

    assert not hasattr(cls, "__attrs_post_init__")

    given = {"id": "PAY_1"} if cls in (Payment, Refund) else {}
    made = structure(given, cls)

    assert made == cls(**given)
    assert repr(made) == repr(cls(**given))
    assert pickle.loads(pickle.dumps(made)) == made

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.extra = {}
