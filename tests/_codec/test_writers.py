"""
Generated writers: what they write, the careful writer writes alike.
"""

from __future__ import annotations

import enum
import random
import subprocess
import sys
import traceback
import typing
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import attrs
import pytest

from tests._codec.mutated_answers import MUTATIONS, PARTS
from umfpay import Private, Sealed, Secret, models
from umfpay._codec import (
    EncodeOptions,
    PayerBody,
    UnusualError,
    _serialization,
    encode,
    writer,
)
from umfpay._codec.__main__ import generated_source
from umfpay.errors import ConfigError
from umfpay.models import (
    Amount,
    BankCard,
    Currency,
    ItemType,
    Money,
    NewEnterprise,
    NewItem,
    NewRefund,
    Payment,
    Received,
    RiskInfo,
)


CANARY = "canary-6217000010045997833"

SENT = [
    cls
    for cls in vars(models).values()
    if attrs.has(cls) and not issubclass(cls, Received | Money)
] + [PayerBody]
OPTIONS = [
    EncodeOptions(),
    EncodeOptions(refund_body="order", risk_names="sdk"),
    EncodeOptions(refund_body="orders", quantity_names="both"),
]


class OddText(str):
    __slots__ = ()


class OddNumber(int):
    pass


class OddMoney(Money):
    pass


@attrs.frozen(kw_only=True)
class OddItem(NewItem):
    colour: str = "red"


class Words(enum.StrEnum):
    ONE = "one"


ODD = [
    None,
    "",
    "中/文",
    "\ud800",
    OddText("odd"),
    Words.ONE,
    ItemType.FOOD,
    ItemType("NEW"),
    5,
    OddNumber(5),
    10**30,
    True,
    1.5,
    Decimal("1E+2"),
    Decimal("NaN"),
    date(2017, 4, 10),
    datetime(2017, 4, 10, 1, 2, 3, tzinfo=UTC),
    timedelta(seconds=90),
    Money("5", "JPY"),
    OddMoney("5", "JPY"),
    Secret(""),
    Secret("x"),
    Private("x"),
    Sealed("x="),
    (),
    (None,),
    ("a", 5),
    [OddText("a")],
    {"a": 1.5},
    {"a": None, "b": Private("x")},
    {5: "a"},
    b"x",
    {1},
    object(),
    OddItem(mer_item_id="1", type="FOOD", amount=Money(1, "USD")),
    RiskInfo(user_id="u"),
    NewEnterprise(external_enterprise_id="e", busi_type="SJHG"),
    Amount(total=Decimal("1E+2"), extra={"a": Decimal("1.50")}),
    Payment(id="PAY_A"),
]


def built(hint, dice):
    """
    Return a value that fits *hint*, unchecked.
    """
    options = typing.get_args(hint) or (hint,)

    if typing.get_origin(hint) is Sequence:
        return tuple(built(options[0], dice) for _ in range(dice.randrange(3)))

    # What is to be hidden is hidden by the constructor.
    hidden = {Secret, Private} & {*options}
    kind = dice.choice([one for one in options if not hidden or one is not str])

    if attrs.has(kind) and kind is not Money:
        return built_model(kind, dice)

    if issubclass(kind, models.OpenEnum):
        return dice.choice([*kind, kind("NEW")])

    return {
        type(None): None,
        str: dice.choice(["a", "中文", "/"]),
        int: dice.randrange(10 ** dice.randrange(1, 25)),
        bool: dice.random() < 0.5,
        date: date(2017, 4, 1) + timedelta(dice.randrange(10**5)),
        timedelta: timedelta(minutes=dice.randrange(10**4)),
        Money: Money(dice.randrange(10**6), dice.choice([*Currency])),
        Secret: Secret(dice.choice(["", CANARY])),
        Sealed: Sealed("abc="),
        Private: Private(dice.choice(["", "152"])),
    }[kind]


def built_model(cls, dice, odd=0.0):
    """
    Return a *cls* whose members nobody has checked; some are odd.
    """
    value = object.__new__(cls)
    hints = typing.get_type_hints(cls)

    for field in attrs.fields(cls):
        object.__setattr__(
            value,
            field.name,
            dice.choice(ODD) if dice.random() < odd else built(hints[field.name], dice),
        )

    return value


def outcome(body, options):
    try:
        return encode(
            body, seal=lambda one: Sealed(one.reveal()[::-1]), options=options
        )
    except (ConfigError, KeyError, TypeError) as error:
        return type(error), str(error)


def carefully(body, options):
    def leave(kind, options):
        def write(body):
            raise UnusualError

        return write

    with patch.object(_serialization, "writer", leave):
        return outcome(body, options)


@pytest.mark.parametrize("part", range(PARTS))
def test_both_writers_write_alike(part):
    """
    Every class that is sent, with usual and odd members, in every form.
    """
    for number in range(part, MUTATIONS, PARTS):
        # Not for secrets: the same number gives the same body.
        dice = random.Random(number)
        body = built_model(dice.choice(SENT), dice, odd=dice.choice([0, 0, 0.1]))
        options = dice.choice(OPTIONS)

        assert carefully(body, options) == outcome(body, options)


@pytest.mark.parametrize("cls", SENT)
@pytest.mark.parametrize("options", OPTIONS)
def test_what_fits_is_not_odd(cls, options):
    """
    The generated writer takes whatever the checks of the class let through.
    """
    for number in range(20):
        writer(cls, options)(built_model(cls, random.Random(number)))


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (OddText("a"), b'"name":"a"'),
        (Words.ONE, b'"name":"one"'),
        (OddNumber(5), b'"name":"5"'),
    ],
)
def test_what_is_odd_is_written_with_care(odd, expected):
    """
    The checks let subclasses through.
    """
    item = NewItem(mer_item_id="1", type="FOOD", amount=Money(1, "USD"))
    object.__setattr__(item, "name", odd)

    with pytest.raises(UnusualError):
        writer(NewItem, EncodeOptions())(item)

    assert expected in encode(item, seal=None)


def test_odd_text_in_a_list_is_written_with_care():
    """
    The JSON encoder would take it for something hidden.
    """
    declaration = models.NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="c",
        mer_sub_reference_id="s1",
        mer_item_ids=[OddText("a")],
        sub_order_amount=Money(1, "USD"),
    )

    assert b'"items":[{"mer_item_id":"a"}]' in encode(declaration, seal=None)


def test_a_subclass_is_written_with_its_members():
    """
    As a shop may derive one.
    """
    item = OddItem(mer_item_id="1", type="FOOD", amount=Money(1, "USD"))
    sub_order = models.NewSubOrder(
        mer_sub_reference_id="s1", amount=Money(1, "USD"), trans_code="1", items=[item]
    )

    assert b'"colour":"red"' in encode(sub_order, seal=None)


def test_what_is_hidden_stays_hidden_until_the_bytes_are_written():
    """
    So that no frame shows it: neither a secret nor a phone number.
    """
    card = BankCard(number=CANARY, phone=CANARY)
    written = writer(BankCard, EncodeOptions())(card)

    assert {"number": Secret(CANARY), "phone": Private(CANARY)} == written
    assert CANARY not in repr(written)


@pytest.mark.parametrize("odd", [None, 1.5])
def test_a_refused_body_shows_nothing_hidden(odd):
    """
    Whether the sealer fails or a member is refused, on the fast path or with care.
    """

    def broken(secret):
        raise ConfigError("too long", "太长")

    card = BankCard(number=CANARY, phone=CANARY)
    object.__setattr__(card, "external_customer_id", odd)

    with pytest.raises(ConfigError) as caught:
        encode(card, seal=broken)

    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )

    assert CANARY not in "".join(shown.format())
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "odd", [{}, {"a": 5}, {5: "a"}, {"a": OddText("b")}, {"a": []}]
)
def test_an_object_of_text_alone_is_not_odd(odd):
    """
    Such as the query of a company; any other is left to the careful writer.
    """
    write = writer(dict, EncodeOptions())

    assert {"a": "b"} == write({"a": "b"})

    with pytest.raises(UnusualError):
        write(odd)


def test_forms_are_checked_once():
    """
    Where no option is given, the code of a class that has but one form asks for none.
    """
    assert "form(body)" not in generated_source(NewItem)
    assert "form(body)" not in generated_source(RiskInfo)
    assert "form(body)" in generated_source(NewRefund)


_ORDINARY = """
import sys
from umfpay._codec import PayerBody, encode
from tests.guide_orders import card_payer, guide_payment
from umfpay.sensitive import Sealed
seal = lambda secret: Sealed("abc=")
encode(guide_payment("https://shop.example/notify"), seal=seal)
encode(PayerBody(payer=card_payer("123456")), seal=seal)
encode({"external_enterprise_id": "c-9", "busi_type": "SJHG"}, seal=seal)
assert "cattrs" not in sys.modules
"""


def test_cattrs_is_loaded_for_odd_bodies_only():
    """
    A shop that makes payments has no need of it.
    """
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", _ORDINARY], check=True, cwd=root)
