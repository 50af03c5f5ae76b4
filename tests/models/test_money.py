"""
Money that we send: exact, or refused.
"""

from __future__ import annotations

import pickle
from decimal import Context, Decimal, Inexact, Rounded, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.errors import ConfigError
from umfpay.models import Currency, Money


@pytest.mark.parametrize(
    ("total", "currency", "text"),
    [
        ("100.02", "USD", "100.02"),
        (" 5 ", "CNY", "5.00"),
        ("5.1", "EUR", "5.10"),
        (7, "USD", "7.00"),
        (Decimal("5.100"), "USD", "5.10"),
        (Decimal("1E+2"), "USD", "100.00"),
        (100, "JPY", "100"),
        ("100.00", "JPY", "100"),
        ("1", "XAU", "1.00"),
        ("9999999.99", "USD", "9999999.99"),
        ("9999999999", "JPY", "9999999999"),
        ("-0", "USD", "0.00"),
    ],
)
def test_text_on_the_wire(total, currency, text):
    """
    As many decimals as the currency has, no exponent, no minus zero.
    """
    assert text == Money(total, currency).text


@pytest.mark.parametrize(
    ("total", "currency", "reason"),
    [
        ("100.021", "USD", "more than 2 decimals"),
        ("100.5", "JPY", "more than 0 decimals"),
        ("-0.01", "USD", "below 0"),
        ("10000000.00", "USD", "more than 10 characters"),
        ("99999999999", "JPY", "more than 10 characters"),
        (Decimal("1E+400"), "USD", "more than 10 characters"),
        ("NaN", "USD", "no amount"),
        (Decimal("NaN"), "USD", "no amount"),
        (Decimal("Infinity"), "USD", "no amount"),
        ("1,000.00", "USD", "no amount"),
        ("1_000", "USD", "no amount"),
        ("１", "USD", "no amount"),
        ("", "USD", "no amount"),
        ("1", "usd", "three capital letters"),
        ("1", "", "three capital letters"),
        ("1", 840, "three capital letters"),
    ],
)
def test_what_cannot_be_sent_is_refused(total, currency, reason):
    """
    The refusal says what is wrong with it, before anything is sent.
    """
    with pytest.raises(ConfigError, match=reason):
        Money(total, currency)


@pytest.mark.parametrize("total", [1.5, True, None, b"1", [1]])
def test_a_float_is_a_type_error(total):
    """
    Binary fractions and other kinds are no money.
    """
    with pytest.raises(TypeError, match="money is Decimal, str or int"):
        Money(total, "USD")


def test_sums_and_differences():
    """
    They stay money, and what cannot be sent is refused.
    """
    one, two = Money("1.10", "USD"), Money("2.20", "USD")

    assert Money("3.30", "USD") == one + two
    assert Money("1.10", "USD") == two - one
    assert Money("0", "USD") == one - one

    with pytest.raises(ConfigError, match="below 0"):
        one - two


def test_order():
    """
    Money of one currency compares.
    """
    one, two = Money("1.10", "USD"), Money("2.20", "USD")

    assert one < two <= two
    assert two > one
    assert two >= one
    assert one != Money("1.10", "EUR")
    assert Money("1.1", "USD") == Money("1.10", "USD")
    assert 1 == len({Money("1.1", "USD"), Money("1.10", "USD")})


def test_currencies_do_not_mix():
    """
    Neither sums nor comparisons cross currencies.
    """
    with pytest.raises(ConfigError, match="USD and EUR do not add up"):
        Money(1, "USD") + Money(1, "EUR")

    with pytest.raises(ConfigError, match="USD and EUR do not add up"):
        Money(1, "USD") < Money(1, "EUR")  # noqa: B015


def test_money_and_numbers_do_not_mix():
    """
    A number has no currency.
    """
    with pytest.raises(TypeError, match="money and int do not add up"):
        Money(1, "USD") + 1


def test_shown_as_amount_and_currency():
    """
    `str` reads well, `repr` can be typed.
    """
    money = Money("100.02", Currency.USD)

    assert "100.02 USD" == str(money)
    assert "Money('100.02', 'USD')" == repr(money)


def test_half_made_money_can_be_shown():
    """
    A traceback with locals shows it without failing.
    """
    assert "Money('?', '?')" == repr(Money.__new__(Money))


def test_money_pickles():
    """
    It comes back equal.
    """
    money = Money("100.02", "USD")

    assert money == pickle.loads(pickle.dumps(money))


@settings(max_examples=150)
@given(cents=st.integers(0, 999999999), currency=st.sampled_from(list(Currency)))
def test_any_amount_that_fits_keeps_its_value(cents, currency):
    """
    The text says the same number, with the currency's decimals.
    """
    total = Decimal(cents).scaleb(-currency.decimals)
    text = Money(total, currency).text

    assert total == Decimal(text)
    assert currency.decimals == -Decimal(text).as_tuple().exponent


@pytest.fixture(
    name="context",
    params=[Context(prec=2), Context(prec=28, traps=[Inexact, Rounded])],
    ids=["few digits", "no rounding"],
)
def _context(request):
    """
    A caller's decimal context that would spoil plain arithmetic.
    """
    with localcontext(request.param):
        yield


def test_the_caller_s_decimal_context_changes_nothing(context):
    """
    Sums, differences and the form on the wire are exact in any context.
    """
    whole = Money("1234.56", "USD")

    assert "1234.56" == whole.text
    assert Money("1234.57", "USD") == whole + Money("0.01", "USD")
    assert Money("1234.55", "USD") == whole - Money("0.01", "USD")
    assert "1234.50" == Money("1234.5", "USD").text


def test_a_refusal_does_not_depend_on_the_context(context):
    """
    Too many decimals are a `ConfigError`, never an error of the decimal module.
    """
    with pytest.raises(ConfigError, match="more than 2 decimals"):
        Money("1234.567", "USD")
