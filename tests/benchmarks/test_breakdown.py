"""
A call is taken apart, and its parts make the whole.
"""

from __future__ import annotations

import contextlib
import statistics

import pytest

from benchmarks import breakdown
from benchmarks._charts import draw
from benchmarks._in_process import codec_clock, in_process_session, without_rsa
from benchmarks.breakdown import PARTS, Plan
from benchmarks.canned import Keys
from benchmarks.orders import new_payment, payment_id
from umfpay import _codec, protocol
from umfpay.protocol import PrivateKey, Signer, Verifier


@pytest.fixture(name="result", scope="module")
def _result():
    return breakdown.result(Plan(rounds=2, calls=20))


def test_the_parts_of_a_bar_make_the_whole_call(result):
    """
    Unless noise made some of them more than the whole.
    """
    wholes = {
        figure.label.removesuffix(": a whole call"): figure.median
        for figure in result.figures
        if figure.label.endswith(": a whole call")
    }

    assert list(wholes) == [stack.label for stack in result.stacks]

    for stack in result.stacks:
        assert PARTS == tuple(stack.parts)
        assert all(size >= 0 for size in stack.parts.values())

        if stack.parts["network"] and stack.parts["middleware"]:
            assert wholes[stack.label] == pytest.approx(sum(stack.parts.values()))


def test_create_and_get_are_distinguished_and_have_a_mean(result):
    """
    The mean has the target, as a ratio: microseconds are the machine's.
    """
    mean, to_json, create, get = result.figures[:4]

    assert mean.target is None
    assert breakdown.IN_PROCESS == to_json.target
    assert to_json.below
    assert mean.median == pytest.approx(
        statistics.median(
            (one + other) / 2
            for one, other in zip(create.rounds, get.rounds, strict=True)
        )
    )


def test_its_chart_shows_the_parts(result, tmp_path):
    """
    By name, one colour each.
    """
    draw(result, tmp_path / "chart.svg")
    chart = (tmp_path / "chart.svg").read_text()

    assert all(name in chart for name in (*PARTS, "umfpay, at 100", "aiohttp, at 1"))


async def test_a_session_in_process_is_answered_and_watched():
    """
    With RSA and without it; the time of the codec is told, and nothing stays replaced.
    """
    keys = Keys.make(1024)
    faces = {name: getattr(_codec, name) for name in _codec.__all__}
    opening = protocol.open_envelope

    async with contextlib.AsyncExitStack() as stack:
        with without_rsa():
            blind = await stack.enter_async_context(in_process_session(keys))

        seeing = await stack.enter_async_context(in_process_session(keys))

        for session in (blind, seeing):
            with codec_clock() as clock:
                created = await session.payments.create(new_payment(1))

            assert payment_id(1) == created.id
            assert clock.seconds > 0

    assert faces == {name: getattr(_codec, name) for name in _codec.__all__}
    assert opening is protocol.open_envelope


def test_without_rsa_any_signature_is_good_until_it_is_over():
    """
    Of the right length.
    """
    key = PrivateKey.generate(1024)

    with without_rsa():
        signature = Signer(key).sign(b"a")

        assert Verifier([key.public]).verify(b"b", signature)

    assert not Verifier([key.public]).verify(b"b", signature)
