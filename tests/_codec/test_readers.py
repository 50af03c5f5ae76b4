"""
Generated readers: what they read, the careful reader reads alike.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests._codec import mutated_answers
from tests._codec.mutated_answers import ANSWERS, MUTATIONS, PARTS, mutated_answer
from umfpay import Private
from umfpay._codec import (
    DEFAULT_OPTIONS,
    MisfitError,
    OddDateError,
    _generated,
    make_converter,
    reader,
    structure,
)
from umfpay._codec.__main__ import generated_source
from umfpay.errors import EnvelopeError
from umfpay.models import (
    Amount,
    Bank,
    CustomsDeclaration,
    EnterpriseQualification,
    ExchangeRate,
    Item,
    Link,
    Payment,
    Received,
    ReceivedCard,
    Refund,
    TransactionsPage,
)


CLASSES = {
    "payment": Payment,
    "refund": Refund,
    "refunds": Refund,
    "customs_declaration": CustomsDeclaration,
    "transactions": TransactionsPage,
    "enterprise_qualification": EnterpriseQualification,
    "banks": Bank,
    "exchangeRates": ExchangeRate,
    "amount": Amount,
    "links": Link,
}


def shown(value):
    """
    Return all that *value* is: digits, hidden text, the order of what is unknown.
    """
    if isinstance(value, Received):
        assert {field.name for field in attrs.fields(type(value))} == set(vars(value))

        return type(value), [(name, shown(one)) for name, one in vars(value).items()]

    if isinstance(value, dict):
        return [(name, shown(one)) for name, one in value.items()]

    if isinstance(value, list | tuple):
        return type(value), [shown(one) for one in value]

    return type(value), value.reveal() if isinstance(value, Private) else str(value)


def outcome(read, value):
    """
    Return what *read* makes of *value*, or how it refuses it.
    """
    try:
        return shown(read(value))
    except MisfitError as misfit:
        return str(misfit), misfit.wanted
    except OddDateError:
        return "an odd date"


def check(value, cls):
    def carefully(value):
        return make_converter(DEFAULT_OPTIONS).structure(value, cls)

    assert outcome(carefully, value) == outcome(reader(cls), value)


@pytest.mark.parametrize("part", range(PARTS))
def test_both_readers_read_mutated_answers_alike(part):
    """
    Aliases, repeated members, blanks, absent values, other kinds, lists for objects.
    """
    for number in range(part, MUTATIONS, PARTS):
        answer = mutated_answer(number)

        for name, cls in CLASSES.items():
            for value in [answer.get(name, answer)], answer.get(name, answer):
                check(value, cls)

            if isinstance(answer.get(name), list):
                for value in answer[name]:
                    check(value, cls)


@pytest.mark.parametrize("cls", mutated_answers.RECEIVED)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_both_readers_read_anything_alike(strategies, cls, data):
    """
    Whatever the JSON, for each class.
    """
    check(data.draw(strategies.wire(strategies.wire_names, "soon")), cls)


@pytest.mark.parametrize("words", [["", "USD"], ["USD", None, " "], [None], [], ""])
def test_a_word_that_is_absent_is_none_of_several(words):
    """
    By either reader.
    """
    check({"types": words}, Bank)
    assert all(reader(Bank)({"types": words}).types)


@pytest.fixture(name="odd")
def _odd(monkeypatch):
    """
    The classes of the objects that were left to the careful reader.
    """
    odd = []

    def spy(value, cls):
        odd.append(cls)

        return make_converter(DEFAULT_OPTIONS).structure(value, cls)

    monkeypatch.setattr(_generated, "read_carefully", spy)
    _generated.reader.cache_clear()

    yield odd

    _generated.reader.cache_clear()


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_the_gateway_has_sent_is_not_odd(odd, answer):
    """
    Nor are other names of a member, one rate for an object of one, or members that
    nobody knows yet.
    """
    answer = {**answer, "brand_new": "1"}

    for name, cls in CLASSES.items():
        given = answer.get(name, [])

        for one in given if isinstance(given, list) else [given]:
            with contextlib.suppress(EnvelopeError):
                structure({"id": "X_A", "brand_new": {}, **one}, cls)

    assert [] == odd


@pytest.mark.parametrize(
    ("given", "cls"),
    [
        ({"item_quantity": "2", "quantity": "3"}, Item),
        ({"quantity ": "3"}, Item),
        ({"quantity": "many"}, Item),
        ({"amount": []}, Item),
        ({"state": "TRADE_FAIL"}, Payment),
        ({"id": "PAY_A", "settle_date": "soon"}, Payment),
        ([], Amount),
    ],
)
def test_what_is_odd_is_read_with_care(odd, given, cls):
    """
    Two names of one member, blanks around a name, what does not fit.
    """
    with contextlib.suppress(EnvelopeError):
        structure(given, cls)

    assert cls in odd


def test_one_odd_row_of_a_page_is_read_with_care_alone(odd):
    """
    The thousand others do not pay for it.
    """
    rows = [{"payment_id": f"PAY_{n}"} for n in range(5)]
    rows[3]["settle_date"] = "soon"
    page = structure({"payment_summaries": rows}, TransactionsPage)

    assert 1 == len(odd)
    assert {"settle_date": "soon"} == page.payment_summaries[3].extra


def test_errors_of_the_fast_path_are_in_no_context():
    """
    Their frames hold the answer.
    """
    with pytest.raises(EnvelopeError) as caught:
        structure({"id": "PAY_A", "order": {"amount": {"total": "x"}}}, Payment)

    assert caught.value.__context__ is None
    assert "order.amount.total is str, wanted is a number" in caught.value.what.en


def test_private_text_is_not_remembered(monkeypatch):
    """
    Days and words are; a phone number would outlive its call.
    """
    assert "read_Private_of" not in generated_source(ReceivedCard)
    assert 'members["phone"] = Private(one)' in generated_source(ReceivedCard)


def test_long_words_are_not_remembered():
    """
    A thousand of them would fill the memory.
    """
    words = reader(Payment).__globals__["read_PaymentState_of"]
    words.cache_clear()

    for state in ("NEW", "X" * 64):
        payment = structure({"id": "PAY_A", "state": state}, Payment)

        assert state == payment.state

    assert 1 == words.cache_info().currsize


def test_the_source_of_a_reader_can_be_read():
    """
    It is what debuggers show, too.
    """
    source = generated_source(Amount)

    assert source.startswith("def read_Amount(given):\n")
    assert '(name := "total") in given or (name := "cb_amount") in given:\n' in source


def test_the_generated_code_is_printed():
    """
    ``python -m umfpay._codec`` prints it, of one class or of all.
    """
    command = [sys.executable, "-m", "umfpay._codec"]
    one, everything = (
        subprocess.run([*command, *names], check=True, capture_output=True, text=True)
        for names in (["Payment"], [])
    )

    assert one.stdout.strip() == generated_source(Payment).strip()
    assert one.stdout in everything.stdout


_ORDINARY = """
import sys
sys.path.insert(0, {folder!r})
from tests._codec.mutated_answers import ANSWERS
from umfpay import _codec
from umfpay.models import Payment, Refund, TransactionsPage
for answer in ANSWERS:
    if "payment" in answer:
        _codec.read_object(answer, Payment, asked="PAY_A")
    elif "refund" in answer:
        _codec.read_object(answer, Refund)
    elif "transactions" in answer:
        _codec.read_page(answer, TransactionsPage)
assert "cattrs" not in sys.modules
"""


def test_cattrs_is_loaded_for_odd_objects_only():
    """
    It takes longer to import than a call takes.
    """
    code = _ORDINARY.format(folder=str(Path(mutated_answers.__file__).parent))

    subprocess.run([sys.executable, "-c", code], check=True)
