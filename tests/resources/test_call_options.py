"""
The options of one call.
"""

from __future__ import annotations

import pytest

from umfpay import Config
from umfpay.resources import checked_options


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
