"""
Options, ids and days of a call.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from umfpay import Config
from umfpay.errors import ConfigError
from umfpay.resources import checked_options, wire_date
from umfpay.transport import needed_id


@pytest.fixture(name="config")
def _config(credentials):
    return Config(
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        merchant_key=credentials.merchant_key,
        gateway_certificate=credentials.gateway_certificate,
        base_url="https://gateway.example/",
        accept_language="zh-CN",
    )


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, [(b"Accept-Language", b"zh-CN")]),
        ({"X-A": "1"}, [(b"Accept-Language", b"zh-CN"), (b"X-A", b"1")]),
        ({"accept-language": "en"}, [(b"accept-language", b"en")]),
    ],
)
def test_a_header_of_the_call_goes_before_that_of_the_config(config, given, sent):
    """
    One language is sent, however its header is spelled.
    """
    _, _, headers = checked_options({"extra_headers": given}, config)

    assert sent == headers


@pytest.mark.parametrize("value", ["", "  ", ".", "..", None, 5])
def test_an_id_is_needed(value):
    """
    Without one the call would reach another endpoint.
    """
    with pytest.raises(ConfigError, match="payment_id: an id is needed"):
        needed_id("payment_id", value)


def test_a_good_id_is_given_back():
    """
    As it is.
    """
    assert "PAY_A" == needed_id("payment_id", "PAY_A")


def test_dates_on_the_wire():
    """
    Eight digits, in early years too.
    """
    assert "20170213" == wire_date(date(2017, 2, 13))
    assert "00010203" == wire_date(date(1, 2, 3))


@pytest.mark.parametrize("value", ["20170213", None, datetime(2017, 2, 13)])
def test_other_kinds_are_no_dates(value):
    """
    A moment is the day before somewhere.
    """
    with pytest.raises(ConfigError, match="date is needed"):
        wire_date(value)
