"""
Replies to notifications: four variants acknowledge.
"""

from __future__ import annotations

import pytest

from umfpay.emulator._notifier import _with_scheme as with_scheme
from umfpay.emulator._notifier import outcome_of_reply


@pytest.mark.parametrize(
    "reply",
    [
        b'{"order_id":"1","mer_date":"20261123","ret_code":"0000","ret_msg":"ok"}',
        b'{"meta":{"ret_code":"0000"},"payment":{"id":"PAY_A"}}',
        b'{"meta":{"ret_code":"0000","ret_msg":["SUCCESS"]}}',
        b"ret_code=0000&ret_msg= ok",
        b"\n mer_id=1&ret_code=0000&sign=x\n",
    ],
)
def test_these_acknowledge(reply):
    """
    Flat JSON, meta, an array in meta, plain text.
    """
    assert "acknowledged" == outcome_of_reply(200, reply)
    assert "failed: HTTP 201" == outcome_of_reply(201, reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"OK",
        b"success",
        b"null",
        b"[]",
        b'"0000"',
        b'{"ret_code":"0001"}',
        b'{"meta":"0000"}',
        b"ret_code=00001",
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_these_do_not(reply):
    """
    There is no ret_code 0000 in them.
    """
    assert outcome_of_reply(200, reply).startswith("failed")


def test_a_bare_host_gets_a_scheme():
    """
    Nothing stays nothing.
    """
    assert "http://shop.test/n" == with_scheme("shop.test/n")
    assert "https://shop.test/n" == with_scheme("https://shop.test/n")
    assert "" == with_scheme("")
