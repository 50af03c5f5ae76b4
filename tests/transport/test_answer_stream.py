"""
The body of an answer.
"""

from __future__ import annotations

import httpx
import pytest

from umfpay.transport._answer_stream import AnswerStream


class Content:
    """
    Plays chunks and errors.
    """

    def __init__(self, *steps):
        self.steps = list(steps)

    async def readany(self):
        step = self.steps.pop(0) if self.steps else b""

        if isinstance(step, BaseException):
            raise step

        return step

    def at_eof(self):
        return not self.steps


@pytest.fixture(name="opened")
def _opened():
    def opened(*steps):
        done = []
        stream = AnswerStream(
            Content(*steps),
            release=lambda: done.append("released"),
            close=lambda: done.append("closed"),
            done=lambda: done.append("done"),
            translate=lambda error: (
                httpx.ReadError("x") if isinstance(error, OSError) else None
            ),
            ended_clean=lambda: "done" in done,
        )

        return stream, done

    return opened


async def test_a_body_that_was_read_gives_its_connection_back(opened):
    """Once, however often it is closed."""
    stream, done = opened(b"a", b"b")

    assert [chunk async for chunk in stream] == [b"a", b"b"]
    assert done == []

    await stream.aclose()
    await stream.aclose()

    assert done == ["done", "released"]


async def test_whether_the_end_was_announced_is_asked_at_the_end(opened):
    """It is known only then."""
    stream, _ = opened(b"a")

    assert not stream.ended_clean

    await stream.aclose()

    assert stream.ended_clean


async def test_a_body_that_was_not_read_closes_its_connection(opened):
    """Nobody else may get the rest of the answer."""
    stream, done = opened(b"a", b"b")
    await anext(stream)
    await stream.aclose()

    assert done == ["done", "closed"]


async def test_an_error_closes_and_is_translated(opened):
    """The error of the library below is the cause."""
    stream, done = opened(OSError("gone"), b"rest")

    with pytest.raises(httpx.ReadError) as caught:
        await anext(stream)

    # The way it came is cut off: aiohttp's frames hold token and body.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert done == ["done", "closed"]


async def test_an_error_of_nobody_stays_itself(opened):
    """Cancellation is no failure of the network."""
    stream, _ = opened(KeyError("x"))

    with pytest.raises(KeyError):
        await anext(stream)
