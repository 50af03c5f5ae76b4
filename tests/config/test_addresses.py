"""
An address among the settings can be called, or it is refused.
"""

from __future__ import annotations

import pytest

from umfpay import Config, Secret
from umfpay.config import is_loopback
from umfpay.errors import ConfigError


CANARY = "canary-secret-7f3a"

UNREACHABLE = [
    "http://",
    "http://:8080",
    "https://../",
    "https://a..b/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 130}example/",
    "https://a b.example/",
    "https://a\nb.example/",
    "https://a<b.example/",
    "https://a.example:0/",
    "https://a.example:99999/",
    "https://256.1.1.1/",
    "https://1.2.3/",
    "https://[v1.a]/",
    "https://\N{SNOWMAN}.example/",
]


@pytest.mark.parametrize("name", ["base_url", "proxy"])
@pytest.mark.parametrize("url", [*UNREACHABLE, f"http://u:{CANARY}@[bad"])
def test_an_address_that_nobody_can_call_is_refused(settings, name, url):
    """
    Before a session finds out; a password in it is shown nowhere.
    """
    settings[name] = url

    with pytest.raises(ConfigError, match=f"{name}: it must be") as caught:
        Config(**settings)

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway_1.example/",
        "https://gateway.example.:8443/a",
        "https://xn--mnchen-3ya.de/",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/",
        "http://[::1]:8100/cberest/v1",
    ],
)
def test_a_host_has_a_name_or_a_number(settings, url):
    """
    Of either kind.
    """
    assert url.rstrip("/") + "/" == Config(**{**settings, "base_url": url}).base_url


def test_a_proxy_may_hold_a_password(settings):
    """
    Percent-encoded, with or without a port.
    """
    for url in ("http://u:p%40ss@proxy.example:3128", "https://127.0.0.1"):
        assert Secret(url) == Config(**{**settings, "proxy": url}).proxy


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_known_by_name_and_number(host, expected):
    """
    Plain http is for these only.
    """
    assert expected == is_loopback(host)
