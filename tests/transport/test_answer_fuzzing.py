"""
Answers that are cut and changed at every byte do no harm.
"""

from __future__ import annotations

import os

import pytest

from tests.transport.answer_fuzzing import cases, fuzz, objection
from tests.transport.readers import Reading


CASES = int(os.environ.get("UMFPAY_FUZZED_ANSWERS", "2000"))
SEED = 20_261_129


@pytest.mark.timeout(120 + CASES // 50)
async def test_a_changed_answer_is_refused_or_read_as_h11_reads_it():
    """
    No error but those of an exchange, no hang, no connection that is used again after
    anything odd, and the next call gets its own answer.

    ``UMFPAY_FUZZED_ANSWERS=200000`` tries more.
    """
    objections, ends = await fuzz(CASES, SEED)

    assert [] == objections
    assert {"answer", "broken", "protocol"} <= set(ends)
    assert CASES == ends.total()


def test_the_same_seed_is_the_same_cases():
    """
    What was found can be found again by its number.
    """
    assert list(cases(600, 1)) == list(cases(600, 1))
    assert list(cases(600, 1)) != list(cases(600, 2))


@pytest.mark.parametrize(
    "reading",
    [
        Reading(200, b"hello", kept=True, following=b"stray"),
        Reading(None, words="!ValueError: x"),
        Reading(None, words="hangs"),
        Reading(None, words="protocol: x", kept=True),
        Reading(200, b"hell"),
        Reading(500, b"hello"),
    ],
)
def test_the_fuzzer_sees_what_is_wrong(reading):
    """
    A fuzzer that objects to nothing proves nothing.
    """
    assert objection(next(iter(_whole())), reading)


def _whole():
    return (one for one in cases(4000, 1) if one.sent == HELLO)


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
