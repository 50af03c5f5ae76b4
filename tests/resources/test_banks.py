"""
The list of banks, and how long an answer may be used again.
"""

from __future__ import annotations

import pytest

from umfpay.models import Bank
from umfpay.resources._banks import Banks


@pytest.fixture(name="banks")
def _banks(sender):
    sender.answers = [{"banks": [{"code": str(index)}]} for index in range(9)]
    clock = [100.0]
    banks = Banks(sender, clock=lambda: clock[0])
    banks.wait = lambda seconds: clock.__setitem__(0, clock[0] + seconds)

    return banks


async def test_banks_of_a_kind(banks, sender):
    """
    One call with the gateway's word.
    """
    assert (Bank(code="0"),) == await banks.list("CREDIT_CARD", timeout=3.0)
    assert ["bank?type=CREDIT_CARD"] == sender.targets
    assert [{"timeout": 3.0}] == sender.options


async def test_each_call_asks(banks, sender):
    """
    Unless an age is allowed.
    """
    first = await banks.list("CREDIT_CARD")

    assert first != await banks.list("CREDIT_CARD")


async def test_an_answer_is_used_again(banks, sender):
    """
    While it is younger than *max_age*, each kind by itself.
    """
    first = await banks.list("CREDIT_CARD", max_age=60)
    other = await banks.list("DEBIT_CARD", max_age=60)
    banks.wait(59.0)

    assert first != other
    assert first == await banks.list("CREDIT_CARD", max_age=60)
    assert other == await banks.list("DEBIT_CARD", max_age=60)
    assert 2 == len(sender.calls)

    banks.wait(1.0)

    assert first != await banks.list("CREDIT_CARD", max_age=60)


async def test_a_failure_is_not_remembered(banks, sender):
    """
    The next call asks again.
    """
    sender.answers.insert(0, {})

    with pytest.raises(Exception, match="holds no banks"):
        await banks.list("CREDIT_CARD", max_age=60)

    assert (Bank(code="0"),) == await banks.list("CREDIT_CARD", max_age=60)
