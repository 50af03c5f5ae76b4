"""
What is sent to the control API.
"""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"advance":1,"advance":2}',
        b'{"a":' * 2000,
        b'{"a":"' + b"x" * 5_000_000 + b'"}',
    ],
)
def test_a_body_that_is_no_object_is_refused(shop, body):
    """
    Lists, broken JSON, repeated members, bombs.
    """
    reply = shop.raw(
        "POST",
        "/_emulator/clock",
        body,
        {"content-type": "application/json; charset=x"},
    )

    assert 400 == reply.status
    assert "body" in reply.json["error"]


def test_numbers_may_have_fractions_at_any_depth(shop):
    """
    They are seconds and probabilities, no money.
    """
    plan = shop.faults({"kind": "busy", "seconds": 0.25, "probability": 0.5})

    assert (0.25, 0.5) == (plan["rules"][0]["seconds"], plan["rules"][0]["probability"])
    assert 0.5 == shop.settings(settle_after=0.5)["settle_after"]
