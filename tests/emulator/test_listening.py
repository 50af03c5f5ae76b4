"""
A port and an address of this machine, or what to change.
"""

from __future__ import annotations

import os

import pytest

from umfpay.emulator._server import _listening_socket as listening_socket
from umfpay.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "port", "option"),
    [
        ("127.0.0.1", 70_000, "--port"),
        ("127.0.0.1", -1, "--port"),
        ("192.0.2.1", 0, "--host"),
        ("a" * 64, 0, "--host"),
        (os.fsdecode(b"\xff"), 0, "--host"),
        ("a\0b", 0, "--host"),
        ("", 0, "--host"),
    ],
)
def test_an_address_that_is_none_is_refused(host, port, option):
    """
    No port, the address of another machine, or none at all; the advice names which.
    """
    with pytest.raises(ConfigError, match="cannot listen") as caught:
        listening_socket(host, port)

    assert option in caught.value.advice.en
    assert option in caught.value.advice.zh
    assert "\0" not in str(caught.value)
