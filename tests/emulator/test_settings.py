"""
Settings: only what exists can be set.
"""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from umfpay.emulator import EmulatorSettings
from umfpay.errors import ConfigError


WORDS = [
    (name, word)
    for name, hint in get_type_hints(EmulatorSettings).items()
    for word in get_args(hint)
]


@pytest.mark.parametrize(("name", "word"), WORDS)
def test_every_word_can_be_set_and_serves_a_payment(shop, name, word):
    """
    A card payment and a refund work in every variant.
    """
    shop.settings(**{name: word}, settle_after=0)
    key = shop.created()

    assert "0000" == shop.execute(key).code

    shop.forward(1)

    assert "TRADE_SUCCESS" == shop.state(key)
    assert "0000" == shop.refund(key).code


@pytest.mark.parametrize(
    "changes",
    [
        {"nonsense": 1},
        {"names": "x"},
        {"names": ["old"]},
        {"names": None},
        {"token_lifetime": "60"},
        {"token_lifetime": 0.5},
        {"token_lifetime": True},
        {"settle_after": -1},
        {"settle_after": 1e90},
        {"settle_after": float("nan")},
        {"notification_attempts": 2.5},
        {"changed": 1},
    ],
)
def test_what_is_no_setting_is_refused(changes):
    """
    By name or by value.
    """
    with pytest.raises(ConfigError):
        EmulatorSettings().with_changes(changes)


def test_a_change_leaves_the_rest():
    """
    And the original.
    """
    before = EmulatorSettings()
    after = before.with_changes({"settle_after": 1, "token_lifetime": 5})

    assert (1, 5, "both") == (after.settle_after, after.token_lifetime, after.signature)
    assert EmulatorSettings() == before
