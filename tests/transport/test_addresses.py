"""
The origin of an address, and what belongs to it.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.transport import Origin, origin_of


@pytest.mark.parametrize(
    ("url", "root", "host_and_port"),
    [
        ("https://h", "https://h/", "h:443"),
        ("https://h:443/a/b?c=d", "https://h/", "h:443"),
        ("HTTPS://Gateway.Example/", "https://gateway.example/", "gateway.example:443"),
        ("http://h:80/", "http://h/", "h:80"),
        ("http://h:443/", "http://h:443/", "h:443"),
        ("https://h:8443/x", "https://h:8443/", "h:8443"),
        ("http://127.0.0.1:8100/", "http://127.0.0.1:8100/", "127.0.0.1:8100"),
        ("http://[::1]/", "http://[::1]/", "[::1]:80"),
        ("http://[::1]:8080/", "http://[::1]:8080/", "[::1]:8080"),
        # Whoever is named in front of the host is no part of where it goes.
        ("https://u:p@h/", "https://h/", "h:443"),
    ],
)
def test_an_origin_is_written_in_one_way(url, root, host_and_port):
    """However its address was; CONNECT always wants the port."""
    origin = origin_of(url)

    assert (root, host_and_port) == (origin.root, origin.host_and_port)
    assert origin_of(origin.root) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "//h/",
        "/a",
        "ftp://h/",
        "https://",
        "https:///a",
        "https://:443/",
        "https://h:0/",
        "https://h:65536/",
        "https://h:x/",
        "https://[::1/",
    ],
)
def test_what_is_no_address_for_http_has_none(url):
    """It is refused before anything is sent there."""
    assert origin_of(url) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("gateway.example", "gateway.example"),
        ("gateway.example.", "gateway.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("127.0.0.1.example", "127.0.0.1.example"),
    ],
)
def test_the_name_that_a_certificate_must_bear(host, name):
    """A dot at the end is no part of it."""
    origin = Origin(scheme="https", host=host, port=443)

    assert name == origin.server_name


@given(
    st.from_regex(r"https?://[a-z.:@\[\]0-9]{1,20}/?", fullmatch=True),
    st.from_regex(r"https?://[a-z.:@\[\]0-9]{1,20}/", fullmatch=True),
)
def test_what_begins_with_the_root_has_the_same_origin(base, url):
    """A longer host or port is another one, whoever stands in front of it."""
    origin = origin_of(base)

    if origin is not None:
        assert origin_of(origin.root + "path") == origin

        if url.startswith(origin.root):
            assert origin_of(url) == origin
