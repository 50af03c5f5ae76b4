"""
Which calls are made again, after which wait, and which never.
"""

from __future__ import annotations

import asyncio
import email.utils
import math

import pytest

from umfpay.errors import TransportError
from umfpay.transport import (
    Answer,
    AnswerVerifier,
    CallEnd,
    Effect,
    Failure,
    HTTPExchangeError,
    Pipeline,
    classify,
)
from umfpay.transport._retrying import retry_after, wait_before_retry


LASTING = [Failure.ADDRESS, Failure.TOO_LARGE]
PASSING = [failure for failure in Failure if failure not in LASTING]
WRITES = [Effect.MONEY, Effect.CREATE, Effect.SMS]


@pytest.fixture(name="waits")
def _waits():
    return []


@pytest.fixture(name="waiting")
def _waiting(play, waits):
    def waiting(*steps, **options):
        async def sleep(seconds):
            waits.append(seconds)

        options.setdefault("random", lambda: 1.0)

        return play(*steps, sleep=sleep, **options)

    return waiting


def busy(status, **headers):
    """
    Return the page of a server that is busy or away.
    """
    pairs = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in headers.items()
    ]

    return Answer(status=status, headers=pairs, body=b"<html>busy</html>")


def cut(failure, *, started):
    """
    Fail as an edge that watches the body.
    """

    def step(state):
        state.body_tracked = True
        state.body_started = started

        return HTTPExchangeError(failure)

    return step


@pytest.mark.parametrize("failure", PASSING)
async def test_a_read_survives_a_lost_connection(waiting, call, gateway, failure):
    """A read is made again whatever became of the connection."""
    state = call()
    _, pipeline = waiting(HTTPExchangeError(failure), gateway.answer())
    await pipeline.send(state)

    assert (state.status, state.attempts) == (200, 2)
    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_survives_a_busy_gateway(waiting, call, gateway, waits, status):
    """A read is made again after a wait that grows."""
    state = call()
    _, pipeline = waiting(busy(status), busy(status), gateway.answer())
    await pipeline.send(state)

    assert state.status == 200
    assert waits == [0.25, 0.5]


@pytest.mark.parametrize("status", [400, 404, 500, 501])
async def test_other_statuses_are_answers(waiting, call, status):
    """A status that no repetition changes is passed outward at once."""
    state = call()
    script, pipeline = waiting(busy(status))
    await pipeline.send(state)

    assert (status, 1) == (state.status, state.attempts)
    assert 1 == len(script.requests)


async def test_three_attempts_are_enough(waiting, call):
    """The third failure is the last."""
    state = call()
    script, pipeline = waiting(*[HTTPExchangeError(Failure.BROKEN)] * 4)

    with pytest.raises(TransportError):
        await pipeline.send(state)

    assert (state.attempts, len(script.steps)) == (3, 1)


async def test_the_last_busy_answer_is_passed_on(waiting, call):
    """When all attempts met a busy gateway, its answer is the result."""
    state = call()
    script, pipeline = waiting(*[busy(503)] * 4)
    await pipeline.send(state)

    assert (state.status, state.attempts, len(script.steps)) == (503, 3, 1)


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize("failure", PASSING)
async def test_a_write_whose_body_left_is_never_sent_again(
    waiting, call, effect, failure
):
    """Once a byte of the body left, a write fails at once."""
    script, pipeline = waiting(cut(failure, started=True))

    with pytest.raises(TransportError) as caught:
        await pipeline.send(call(effect))

    assert len(script.requests) == 1
    assert caught.value.request_sent


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize("failure", PASSING)
async def test_a_write_of_which_nothing_left_is_sent_again(
    waiting, call, gateway, effect, failure
):
    """A write is made again if no byte of its body left, whatever the failure."""
    state = call(effect)
    _, pipeline = waiting(cut(failure, started=False), gateway.answer())
    await pipeline.send(state)

    assert (state.status, state.attempts) == (200, 2)


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_answered_write_is_never_sent_again(waiting, call, status, effect):
    """A busy gateway may have worked before it answered a write."""
    script, pipeline = waiting(busy(status))
    await pipeline.send(call(effect))

    assert len(script.requests) == 1


async def test_a_token_request_is_never_sent_again(waiting, call):
    """Only the token cache repeats a token request."""
    for step in (cut(Failure.CONNECT, started=False), busy(503)):
        script, pipeline = waiting(step)

        if callable(step):
            with pytest.raises(TransportError):
                await pipeline.send(call(Effect.TOKEN))
        else:
            await pipeline.send(call(Effect.TOKEN))

        assert len(script.requests) == 1


@pytest.mark.parametrize("effect", [Effect.READ, Effect.MONEY])
async def test_our_own_mistakes_are_not_repeated(waiting, call, effect):
    """An address that is no http address stays one."""
    script, pipeline = waiting(cut(Failure.ADDRESS, started=False))

    with pytest.raises(TransportError, match="not an http address"):
        await pipeline.send(call(effect))

    assert len(script.requests) == 1


async def test_no_attempt_starts_past_the_deadline(waiting, call, waits):
    """A wait that reaches the deadline is not begun."""
    state = call(deadline=asyncio.get_running_loop().time() + 0.2)
    _, pipeline = waiting(HTTPExchangeError(Failure.BROKEN))

    with pytest.raises(TransportError):
        await pipeline.send(state)

    assert waits == []


async def test_retry_after_is_honoured(waiting, call, gateway, waits):
    """The wait is what the gateway asks for, and our own on top."""
    _, pipeline = waiting(busy(429, retry_after="7"), gateway.answer())
    await pipeline.send(call())

    assert waits == [7.25]


async def test_retry_after_past_the_deadline_ends_the_call(waiting, call, waits):
    """A gateway that asks for an hour gets its answer passed on."""
    state = call()
    _, pipeline = waiting(busy(429, retry_after="3600"))
    await pipeline.send(state)

    assert (state.status, waits) == (429, [])


async def test_what_a_lost_connection_follows_asks_for_no_wait(
    waiting, call, gateway, waits
):
    """Retry-After of an answer before it is no word about this failure."""
    _, pipeline = waiting(
        busy(429, retry_after="7"), HTTPExchangeError(Failure.BROKEN), gateway.answer()
    )
    await pipeline.send(call())

    assert waits == [7.25, 0.5]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12.0),
        (" 3 ", 3.0),
        (email.utils.formatdate(1090, usegmt=True), 90.0),
        (email.utils.formatdate(1090), 90.0),
        (email.utils.formatdate(10, usegmt=True), 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0.0),
    ],
)
def test_retry_after_has_two_forms(call, text, seconds):
    """Seconds or a date; anything else asks for nothing."""
    state = call(response_headers=[(b"retry-after", text.encode())])

    assert seconds == retry_after(state, now=1000.0)


def test_without_retry_after_nothing_is_asked_for(call):
    """The usual case."""
    assert 0.0 == retry_after(call(), now=1000.0)


def test_only_a_busy_answer_says_how_long_to_wait(call):
    """One whose body broke off was no answer, whatever its head asked for."""
    state = call(attempts=1, response_headers=[(b"retry-after", b"7")])
    failure = HTTPExchangeError(Failure.BROKEN)

    assert 7.25 == wait_before_retry(state, None, random=lambda: 1.0)
    assert 0.25 == wait_before_retry(state, failure, random=lambda: 1.0)


def test_the_wait_is_drawn_and_has_an_end(call):
    """Full jitter: between nothing and a bound that doubles; there is no fourth time."""
    failure = HTTPExchangeError(Failure.BROKEN)

    assert [0.125, 0.25, math.inf] == [
        wait_before_retry(call(attempts=n), failure, random=lambda: 0.5)
        for n in (1, 2, 3)
    ]


async def test_a_deadline_between_two_attempts_is_harmless(play, call):
    """A write that waits for its second attempt has not been sent."""

    async def late(seconds):
        state.deadline = 0.0

    state = call(Effect.MONEY)
    script, pipeline = play(
        HTTPExchangeError(Failure.CONNECT), TimeoutError(), sleep=late
    )

    with pytest.raises(TimeoutError):
        await pipeline.send(state)

    assert (1, False) == (len(script.requests), state.may_have_been_sent())


async def test_it_sleeps_really_by_default(
    call, gateway, merchant, tokens, make_script
):
    """Without an injected sleep the wait is spent in the loop."""
    pipeline = Pipeline(
        make_script(HTTPExchangeError(Failure.BROKEN), gateway.answer()),
        origin=gateway.origin,
        signer=merchant[0],
        verifier=AnswerVerifier(gateway.verifier),
        token_source=tokens,
        random=lambda: 0.08,
    )
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await pipeline.send(call())

    assert loop.time() - begin >= 0.02
