"""
Checks of single members: the refusal names the member.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import attrs
import pytest

from tests import tracebacks
from umfpay import Private, Sealed, Secret, models
from umfpay.errors import ConfigError, InvalidValueError
from umfpay.models import (
    BankCard,
    Money,
    NewEnterprise,
    NewItem,
    NewPayerInfo,
    NewRefund,
    NewStandaloneDeclaration,
    PayerAgreement,
    Received,
    WeChatInAppWeb,
)


CANARY = "canary-6217000010045997833"

SENT = [
    cls
    for cls in vars(models).values()
    if attrs.has(cls) and not issubclass(cls, Received)
]
HIDING = [
    cls
    for cls in SENT
    if any("hidden" in field.metadata for field in attrs.fields(cls))
]
NEEDED = {
    PayerAgreement: {"usr_busi_agreement_id": "a", "usr_pay_agreement_id": "b"},
    WeChatInAppWeb: {"open_id": "o"},
    NewEnterprise: {"external_enterprise_id": "e", "busi_type": "SJHG"},
    NewStandaloneDeclaration: {
        "mer_reference_id": "o1",
        "order_amount": Money(1, "USD"),
        "customs_id": "HZ",
        "mer_customs_code": "c",
        "mer_pay_date": date(2017, 4, 10),
    },
}


def hidden(cls):
    return [field.name for field in attrs.fields(cls) if "hidden" in field.metadata]


def test_hiding_classes_are_found():
    """
    The parametrised tests below have something to look at.
    """
    assert 9 <= len(HIDING)


@pytest.mark.parametrize("cls", HIDING)
def test_plain_text_is_hidden(cls):
    """
    Text becomes what the member is: sealed later, or sent clear and not shown.
    """
    needed = NEEDED.get(cls, {})
    value = cls(**needed, **dict.fromkeys(hidden(cls), f" {CANARY} "))

    assert CANARY not in repr(value)

    for field in attrs.fields(cls):
        if kind := field.metadata.get("hidden"):
            assert kind(CANARY) == getattr(value, field.name)


@pytest.mark.parametrize("cls", HIDING)
@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blank_text_is_left_out(cls, blank):
    """
    Empty values are not sent sealed (gateway.md 4).
    """
    value = cls(**NEEDED.get(cls, {}), **dict.fromkeys(hidden(cls), blank))

    assert {None} == {getattr(value, name) for name in hidden(cls)}


def test_blank_hidden_text_is_left_out():
    """
    The same for text that the caller hid himself.
    """
    card = BankCard(number=Secret(""), phone=Private(""))

    assert card.number is None
    assert card.phone is None


def test_hidden_and_sealed_values_pass():
    """
    What the caller made is taken as it is.
    """
    card = BankCard(number=Sealed("abc"), cvv2=Secret("123"), phone=Private("1"))

    assert Sealed("abc") == card.number
    assert Secret("123") == card.cvv2
    assert Private("1") == card.phone


@pytest.mark.parametrize("cls", HIDING)
def test_a_misspelt_name_does_not_show_the_value(cls):
    """
    A traceback with locals of the refusal holds no clear text, and can be made.
    """
    with pytest.raises(TypeError, match="numbr") as caught:
        cls(numbr=CANARY, **dict.fromkeys(hidden(cls), CANARY))

    assert CANARY not in tracebacks.everything(caught.value)


@pytest.mark.parametrize("cls", HIDING)
def test_a_wrong_kind_does_not_show_the_others(cls):
    """
    The refusal names the member and the kind, not the values.
    """
    first, *others = hidden(cls)
    members = {**NEEDED.get(cls, {}), **dict.fromkeys(others, CANARY)}

    with pytest.raises(ConfigError, match=f"{first}: .*not int") as caught:
        cls(**{first: 6217000010045997833}, **members)

    assert CANARY not in tracebacks.everything(caught.value)
    assert CANARY not in str(caught.value)
    assert "6217000010045997833" not in str(caught.value)


def test_a_half_made_object_can_be_shown():
    """
    A debugger may look at it before its members are there.
    """
    assert "<BankCard, half made>" == repr(BankCard.__new__(BankCard))


@pytest.mark.parametrize(
    ("cls", "members", "named"),
    [
        (NewItem, {"mer_item_id": ""}, "mer_item_id"),
        (NewItem, {"mer_item_id": 5}, "mer_item_id"),
        (NewItem, {"type": ""}, "type"),
        (NewItem, {"type": None}, "type"),
        (NewItem, {"name": 5}, "name"),
        (NewItem, {"amount": "10.00"}, "amount"),
        (NewItem, {"amount": Money(0, "USD")}, "amount"),
        (NewItem, {"quantity": 0}, "quantity"),
        (NewItem, {"quantity": True}, "quantity"),
        (NewItem, {"quantity": "2"}, "quantity"),
        (NewPayerInfo, {"bank_card": {"number": "1"}}, "bank_card"),
        (BankCard, {"citizen_id_type": 1}, "citizen_id_type"),
        (NewStandaloneDeclaration, {"tax_amount": "1"}, "tax_amount"),
        (NewStandaloneDeclaration, {"mer_pay_time": ""}, "mer_pay_time"),
    ],
)
def test_a_wrong_member_is_named(cls, members, named, right):
    """
    The refusal is a `ConfigError` that starts with the name.
    """
    needed = {
        **NEEDED,
        NewItem: {"mer_item_id": "1", "type": "FOOD", "amount": Money(1, "USD")},
    }

    with pytest.raises(ConfigError, match=f"^{named}: "):
        cls(**{**needed.get(cls, {}), **members})


@pytest.mark.parametrize("day", [None, "20170410", datetime(2017, 4, 10)])
def test_a_business_date_is_a_date(right, day):
    """
    A moment has a time zone to get wrong; a business date has none.
    """
    with pytest.raises(ConfigError, match="mer_date: it must be a"):
        right.order(mer_date=day)


@pytest.mark.parametrize(
    "span", [360, timedelta(seconds=90), timedelta(0), timedelta(minutes=-5)]
)
def test_expiry_is_whole_minutes(right, span):
    """
    The gateway counts minutes from now (gateway.md, trap 22).
    """
    with pytest.raises(ConfigError, match="expire_time: "):
        right.order(expire_time=span)


@pytest.mark.parametrize("address", ["", "256.1.1.1", "localhost", 5, b"\x7f\0\0\1"])
def test_an_ip_address_is_one(right, address):
    """
    Numbers and bytes are not taken for addresses.
    """
    with pytest.raises(ConfigError, match="user_ip: "):
        right.order(user_ip=address)


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", None])
def test_both_kinds_of_ip_addresses_pass(right, address):
    """
    Old and new, or none.
    """
    assert address == right.order(user_ip=address).user_ip


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/x",
        "ftp://example.com",
        "http://",
        "http://[::1",
        "http://example.com/a b",
        "http://example\n.com/",
        "http://example.com/\x00",
        5,
    ],
)
def test_a_url_leads_to_a_host(right, url):
    """
    The gateway could not call back (gateway.md, trap 28).
    """
    with pytest.raises(ConfigError, match="notify_url: it must begin with"):
        right.payment(notify_url=url)


@pytest.mark.parametrize("items", ["ab", {"a": 1}, [1], None, 5])
def test_a_sequence_holds_its_class(right, items):
    """
    Anything else is refused by name.
    """
    with pytest.raises(ConfigError, match="items: it must be a sequence of NewItem"):
        right.sub_order(items=items)


def test_a_sequence_may_be_any_iterable(right):
    """
    It is kept as a tuple.
    """
    assert (right.item(),) == right.sub_order(items=iter([right.item()])).items


@pytest.mark.parametrize("cls", HIDING)
def test_a_hidden_member_of_a_wrong_kind_is_not_shown(cls):
    """
    A card number given as a number is in no frame of a traceback.
    """
    first, *_ = hidden(cls)

    with pytest.raises(ConfigError, match=f"{first}: .*not int") as caught:
        cls(**{first: 6217000010045997833}, **NEEDED.get(cls, {}))

    assert "6217000010045997833" not in tracebacks.everything(caught.value)
    assert f"{first}=<int>" in tracebacks.everything(caught.value)


@pytest.mark.parametrize("flag", ["TRUE", 1, 0])
def test_a_flag_is_true_or_false(right, flag):
    """
    Text and numbers are refused; left out is neither.
    """
    with pytest.raises(ConfigError, match="is_customs: it must be True or False"):
        right.sub_order(is_customs=flag)

    assert right.sub_order().is_customs is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Money("0.001", "USD"),
        lambda: Money("ten", "USD"),
        lambda: Money("10.00", "usd"),
        lambda: NewRefund(mer_reference_id="", mer_date=None, amount=None),
        lambda: BankCard(number=5),
    ],
)
def test_a_value_of_a_customer_is_no_setting(make):
    """
    It has a class of its own, and an advice that speaks of the value.
    """
    with pytest.raises(InvalidValueError) as caught:
        make()

    assert "setting" not in str(caught.value)
    assert "Correct this value" in caught.value.advice.en
    assert "请更正该值" in caught.value.advice.zh
