"""
The converter as a whole: what is written is read again, and nothing else is.
"""

from __future__ import annotations

import typing
from datetime import date
from decimal import Decimal
from functools import partial

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests._codec.mutated_answers import RECEIVED
from umfpay import Private, _codec
from umfpay._codec import (
    DEFAULT_OPTIONS,
    EncodeOptions,
    dumps,
    make_converter,
    mark_verified,
    structure,
)
from umfpay.errors import EnvelopeError
from umfpay.models import (
    Amount,
    Bank,
    CustomsDeclaration,
    EnterpriseQualification,
    Pagination,
    Payer,
    Payment,
    PaymentState,
    Received,
    ReconciliationsPage,
    Refund,
    TransactionsPage,
)
from umfpay.protocol import parse_json


# Objects with all members, and nested JSON, take their time to be drawn.
WIDE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def loads(data: bytes, cls: type[Received]) -> Received:
    """
    Return what `dumps()` wrote.
    """
    return structure(parse_json(data), cls)


def digits(value: object) -> object:
    """
    Return *value* with each Decimal as its text: equal numbers may differ in digits.
    """
    if isinstance(value, Decimal):
        return str(value)

    if isinstance(value, tuple):
        return [digits(one) for one in value]

    if isinstance(value, Received):
        return {
            field.name: digits(getattr(value, field.name))
            for field in attrs.fields(type(value))
            if field.name != "extra"
        }

    return value


@pytest.mark.parametrize("cls", RECEIVED)
@settings(WIDE, max_examples=20)
@given(data=st.data())
def test_what_is_written_is_read_again(strategies, cls, data):
    """
    Every object that we read: unknown members and words, digits, dates, hidden text.
    """
    value = data.draw(strategies.objects(cls))
    again = loads(dumps(value), cls)

    assert value == again
    assert digits(value) == digits(again)


def test_the_written_form():
    """
    Recommended names, text for numbers, what is absent left out, the unknown kept.
    """
    payment = structure(
        {
            "id": "PAY_A",
            "state": "TRADE_PARKED",
            "settle_date": "2017-04-24",
            "execute_success_time": "2017-04-24T10:00:00+08:00",
            "payer": {"payer_info": {"phone": "152"}},
            "order": {"amount": {"total": Decimal("6.9800"), "Currency": "USD"}},
            "new": Decimal("1.50"),
        },
        Payment,
    )
    expected = (
        '{"new":1.50,"id":"PAY_A","state":"TRADE_PARKED",'
        '"payer":{"payer_info":{"phone":"152"}},'
        '"order":{"amount":{"total":"6.9800","currency":"USD"}},'
        '"execute_success_time":"2017-04-24T10:00:00+08:00",'
        '"settle_date":"20170424","verified":true}'
    )

    assert expected == dumps(payment).decode()


def test_early_years_have_four_digits():
    """
    A date of the year 1 is written so that it is read again.
    """
    payment = Payment(id="PAY_A", settle_date=date(1, 2, 3))

    assert b'"00010203"' in dumps(payment)
    assert payment == loads(dumps(payment), Payment)


@pytest.mark.parametrize("number", ["1E-99", "1E+99", "1.5E-7", "6.9800"])
def test_unknown_numbers_keep_their_form(number):
    """
    An exponent is not written out: it could be too long to be read again.
    """
    value = loads(f'{{"new":{number}}}'.encode(), Amount)

    assert number == str(value.extra["new"])
    assert f'{{"new":{number}}}'.encode() == dumps(value)


CANARY = "canary-6217000010045997833"


@pytest.mark.parametrize("cls", RECEIVED)
@settings(WIDE, max_examples=40)
@given(data=st.data())
def test_nothing_but_envelope_error_leaves_structure(strategies, cls, data):
    """
    Whatever the JSON; the error holds no value, and what is read can be stored.
    """
    given_value = data.draw(strategies.wire(strategies.wire_names, CANARY))

    value = refusal = None

    try:
        value = structure(given_value, cls)
    except EnvelopeError as error:
        refusal = error

    assert CANARY not in str(refusal)
    assert value is None or value == loads(dumps(value), cls)


READERS = {
    "payment": partial(_codec.read_object, cls=Payment),
    "links": _codec.read_sms,
    "refund": partial(_codec.read_object, cls=Refund),
    "banks": _codec.read_banks,
    "exchangeRates": lambda members: _codec.read_rate(members, currency="USD"),
    "customs_declaration": partial(_codec.read_object, cls=CustomsDeclaration),
    "customes_declaration_only": _codec.read_standalone_declaration,
    "enterprise_qualification": partial(
        _codec.read_object, cls=EnterpriseQualification
    ),
    "links ": _codec.read_wechat_link,
    "transactions": partial(_codec.read_page, cls=TransactionsPage),
    "reconciliations": partial(_codec.read_page, cls=ReconciliationsPage),
    "refunds": _codec.read_notification,
}


@pytest.mark.parametrize("name", READERS)
@settings(WIDE, max_examples=100)
@given(data=st.data())
def test_nothing_but_envelope_error_leaves_a_reader(strategies, name, data):
    """
    Whatever the members of the answer.
    """
    names = [*strategies.wire_names, *READERS, "meta", "rate", "orders"]
    anything = strategies.wire(names, CANARY)
    members = data.draw(
        st.fixed_dictionaries(
            {name: anything}, optional={" links": anything, "pagination": anything}
        )
        | st.dictionaries(st.sampled_from(names), anything, max_size=4)
    )

    refusal = None

    try:
        READERS[name](members)
    except EnvelopeError as error:
        refusal = error

    assert CANARY not in str(refusal)


def test_a_converter_is_made_once_for_each_choice():
    """
    Making one takes milliseconds.
    """
    made = make_converter(DEFAULT_OPTIONS)

    assert made is make_converter(EncodeOptions())
    assert made is not make_converter(EncodeOptions(risk_names="sdk"))


def test_the_verdict_is_put_on_what_was_read():
    """
    Only where there is a place for it.
    """
    payment = Payment(id="PAY_A")

    assert payment is mark_verified(payment, verified=True)
    assert not mark_verified(payment, verified=False).verified
    assert not mark_verified(EnterpriseQualification(), verified=False).verified
    assert Bank(code="CCB") == mark_verified(Bank(code="CCB"), verified=False)
    assert mark_verified(None, verified=False) is None


def test_an_unverified_object_stays_one():
    """
    Storing it does not make it proven.
    """
    payment = mark_verified(Payment(id="PAY_A"), verified=False)

    assert not loads(dumps(payment), Payment).verified


def test_hooks_of_text_do_not_catch_words_or_hidden_text():
    """
    A hook for str that matched its subclasses would lose enums.
    """
    payer = structure({"payment_method": "NEW", "bank_code": "CCB"}, Payer)

    assert type(payer.payment_method).__name__ == "PaymentMethod"
    assert type(payer.bank_code) is str
    assert type(make_converter(DEFAULT_OPTIONS).structure("a", Private)) is Private
    assert (
        type(make_converter(DEFAULT_OPTIONS).structure("TRADE_FAIL", PaymentState))
        is PaymentState
    )
    assert 5 == make_converter(DEFAULT_OPTIONS).structure("5", int)
    assert Pagination() == structure({}, Pagination)


def test_hints_of_all_members_are_known():
    """
    Each class that we read can be read.
    """
    for cls in RECEIVED:
        assert set(typing.get_type_hints(cls)) == {
            field.name for field in attrs.fields(cls)
        }
        assert callable(make_converter(DEFAULT_OPTIONS).get_structure_hook(cls))
