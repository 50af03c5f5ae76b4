"""
The SDKs that the benchmarks compare us with get answers that they accept.

They are installed by ``nox -s bench`` alone, which runs these tests, too.
"""

from __future__ import annotations

import importlib

import attrs
import pytest

from benchmarks import rivals
from benchmarks.canned import Keys, gateway
from benchmarks.rivals import HEADER, OURS, RIVALS, Plan


MODULES = {
    rivals.WECHAT: ("wechatpayv3", rivals.WeChatPay),
    "openai": ("openai", rivals.OpenAI),
    "stripe": ("stripe", rivals.Stripe),
}
TINY = Plan(concurrency=(2,), rounds=2, divisor=50)


def _installed(module):
    try:
        importlib.import_module(module)
    except ImportError:
        return False

    return True


PRESENT = [name for name, (module, _) in MODULES.items() if _installed(module)]


@pytest.fixture(name="place", scope="module")
def _place():
    keys = Keys.make(2048)

    with gateway(keys, pool=4, others=rivals.routes(keys)) as place:
        yield place


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
@pytest.mark.parametrize("name", PRESENT)
async def test_a_rival_accepts_two_answers_that_differ(place, name):
    """
    To what it creates and to what it queries.
    """
    peer = MODULES[name][1](place, [])

    try:
        created = [await peer.create(number) for number in (1, 2)]
        queried = [await peer.query(number) for number in (1, 2)]
    finally:
        await peer.aclose()

    assert created[0] != created[1]
    assert queried[0] != queried[1]


@pytest.mark.skipif(rivals.WECHAT not in PRESENT, reason="only in nox -s bench")
async def test_wechatpayv3_really_verifies(place):
    """
    With another gateway's key it refuses the answer.
    """
    other = attrs.evolve(place.keys, gateway=Keys.make(2048).gateway)
    peer = rivals.WeChatPay(attrs.evolve(place, keys=other), [])

    try:
        with pytest.raises(Exception, match="failed to verify the signature"):
            await peer.query(1)
    finally:
        await peer.aclose()


def test_one_table_says_what_a_call_costs_and_what_each_does():
    """
    A row for each that is compared, and a ratio for each but us.
    """
    names = (OURS, "aiohttp", "httpx and cryptography")
    found = rivals.result(TINY, names)
    ratios = [figure.label for figure in found.figures if not figure.is_detail]
    header, *rows = found.table

    assert ["", "us of CPU at 2", "calls/s at 2", *HEADER] == header
    assert list(names) == [row[0] for row in rows]
    assert [RIVALS[name].words for name in names] == [row[3:] for row in rows]
    assert [f"umfpay / {name}, at 2, by CPU time" for name in names[1:]] == ratios
    assert {2} == {len(figure.rounds) for figure in found.figures}
