"""
The order of the pipeline, and that nothing in it waits beyond the deadline.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import virtual_clock
from tests.servers.streams import read_request
from umfpay.errors import (
    AuthenticationError,
    ConfigError,
    DeadlineExceededError,
    EnvelopeError,
    SignatureError,
    TransportError,
)
from umfpay.protocol import Verdict
from umfpay.transport import (
    Answer,
    AnswerVerifier,
    CallEnd,
    Effect,
    Failure,
    HTTPExchangeError,
    HTTPXAdapter,
    classify,
)


WRITES = [Effect.CREATE, Effect.MONEY]
BARE_401 = Answer(status=401, headers=[])


async def test_a_call_goes_through_all_steps(play, call, gateway, merchant):
    """Signed, authorized, verified, and the facts are in the state."""
    script, pipeline = play(gateway.answer(payment={"id": "1"}))
    state = call(Effect.MONEY)

    assert await pipeline.send(state) is None

    (sent,) = script.requests

    assert merchant[1].verify(sent.body, sent.signature)
    assert sent.authorization == "Bearer token-1"
    assert (state.status, classify(state).ending) == (200, CallEnd.GOOD)
    assert Verdict.VERIFIED is state.envelope.verdict
    assert state.envelope.members["payment"] == {"id": "1"}


async def test_a_replay_keeps_signature_and_attempt(play, call, gateway):
    """A refused token is no attempt of retrying."""
    script, pipeline = play(gateway.answer("00280703", place="none"), gateway.answer())
    state = call(Effect.MONEY)
    await pipeline.send(state)

    assert (state.attempts, state.replays) == (1, 1)
    assert len({sent.signature for sent in script.requests}) == 1
    assert len({sent.body for sent in script.requests}) == 1


async def test_a_read_survives_html_of_a_proxy(play, call, gateway):
    """A 502 page of a proxy is a reason to ask again."""
    page = Answer(status=502, headers=[], body=b"<html>Bad Gateway</html>")
    _, pipeline = play(page, gateway.answer())
    state = call()
    await pipeline.send(state)

    assert (state.attempts, classify(state).ending) == (2, CallEnd.GOOD)


async def test_a_read_survives_refusal_and_failure_together(play, call, gateway):
    """A lost connection and a refused token in one call are both made good."""
    _, pipeline = play(HTTPExchangeError(Failure.BROKEN), BARE_401, gateway.answer())
    state = call()
    await pipeline.send(state)

    assert (state.attempts, state.replays) == (2, 1)


async def test_the_token_is_refused_twice_across_attempts(play, call):
    """A failure in between does not give a third token."""
    script, pipeline = play(BARE_401, HTTPExchangeError(Failure.BROKEN), BARE_401)

    with pytest.raises(AuthenticationError):
        await pipeline.send(call())

    assert script.steps == []


async def test_a_forged_answer_is_not_asked_again(play, call):
    """Forgery is no bad luck."""
    forged = Answer(
        status=200, headers=[], body=b'{"meta":{"sign":"x","ret_code":"0000"}}'
    )
    script, pipeline = play(forged)

    with pytest.raises(SignatureError):
        await pipeline.send(call())

    assert len(script.requests) == 1


@pytest.mark.parametrize("failure", [one for one in Failure if one != "too_large"])
async def test_failures_leave_the_pipeline_as_our_errors(play, call, failure):
    """Nobody outside meets an `HTTPExchangeError`; what caused it is the cause."""
    cause = OSError("x")
    error = HTTPExchangeError(failure)
    error.__cause__ = cause
    _, pipeline = play(*[error] * 3)
    state = call(Effect.MONEY)

    with pytest.raises(TransportError) as caught:
        await pipeline.send(state)

    sent = failure not in ("connect", "connect_timeout", "pool_timeout")

    assert sent is caught.value.request_sent
    assert cause is caught.value.__cause__
    assert (CallEnd.UNCLEAR if sent else CallEnd.FAILED) is classify(
        state, caught.value
    ).ending


async def test_a_failure_without_a_cause_is_the_cause_without_frames(play, call):
    """Frames of an edge hold the token and the body."""
    error = HTTPExchangeError(Failure.BROKEN, "words")
    _, pipeline = play(error)

    with pytest.raises(TransportError, match="words") as caught:
        await pipeline.send(call(Effect.MONEY))

    assert error is caught.value.__cause__
    assert error.__traceback__ is None


@pytest.mark.parametrize("effect", [Effect.READ, Effect.MONEY])
async def test_an_answer_that_is_too_large_is_an_answer(play, call, effect):
    """It is not asked for again, and no lost connection; a write has left."""
    script, pipeline = play(HTTPExchangeError(Failure.TOO_LARGE))
    state = call(effect, body_limit=399)

    with pytest.raises(EnvelopeError, match="larger than 399") as caught:
        await pipeline.send(state)

    assert 1 == len(script.requests)
    assert (CallEnd.UNCLEAR if effect is Effect.MONEY else CallEnd.FAILED) is classify(
        state, caught.value
    ).ending


@pytest.mark.parametrize("error", [TransportError, RuntimeError, OSError])
async def test_what_is_no_failure_of_an_exchange_passes(play, call, error):
    """Errors of ours are in their final form; a bug shows itself as one."""
    made = error("x", "x", request_sent=True) if error is TransportError else error("x")
    script, pipeline = play(made)
    state = call(Effect.MONEY)

    with pytest.raises(error) as caught:
        await pipeline.send(state)

    assert (made, 1) == (caught.value, len(script.requests))
    assert CallEnd.UNCLEAR is classify(state, made).ending


async def test_a_timeout_belongs_to_the_owner_of_the_deadline(play, call):
    """A TimeoutError is an OSError, but never a lost connection."""
    script, pipeline = play(TimeoutError())

    with pytest.raises(TimeoutError):
        await pipeline.send(call())

    assert 1 == len(script.requests)


async def test_settings_reach_their_steps(play, call, gateway):
    """Glued bearer and accepted unsigned answers are settings of the pipeline."""
    script, pipeline = play(
        gateway.answer(place="none"), glued_bearer=True, unsigned_responses="accept"
    )
    state = call()
    await pipeline.send(state)

    assert script.requests[0].authorization == "Bearertoken-1"
    assert state.unverified_accepted


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("late", [0.0, 1.0])
async def test_nothing_is_sent_when_the_deadline_has_passed(
    play, call, gateway, effect, late
):
    """A timeout of the loop works at the next pause only: a busy loop had none."""
    script, pipeline = play(gateway.answer())
    state = call(effect, deadline=asyncio.get_running_loop().time() - late)

    with pytest.raises(TimeoutError) as caught:
        await pipeline.send(state)

    assert ([], False) == (script.requests, state.may_have_been_sent())
    assert CallEnd.FAILED is classify(state, caught.value).ending


@pytest.mark.parametrize("effect", Effect)
async def test_a_closed_pipeline_sends_nothing(play, call, gateway, effect):
    """Neither a call nor the request of a token that somebody waited for."""
    script, pipeline = play(gateway.answer())
    pipeline.close()
    state = call(effect)

    with pytest.raises(ConfigError, match="closed during the call") as caught:
        await pipeline.send(state)

    assert ([], False) == (script.requests, state.may_have_been_sent())
    assert CallEnd.FAILED is classify(state, caught.value).ending


@pytest.mark.parametrize(
    ("first", "ending"),
    [
        (HTTPExchangeError(Failure.CONNECT), CallEnd.FAILED),
        ("00280703", CallEnd.UNCLEAR),
    ],
    ids=["nothing left", "a copy left"],
)
async def test_a_pipeline_that_is_closed_meanwhile_sends_no_second_copy(
    play, call, gateway, first, ending
):
    """What has left before stays as unclear as it was."""

    def close(state):
        pipeline.close()

        return gateway.answer(first, place="none") if isinstance(first, str) else first

    script, pipeline = play(close, gateway.answer())
    state = call(Effect.MONEY)

    with pytest.raises(ConfigError) as caught:
        await pipeline.send(state)

    assert 1 == len(script.requests)
    assert ending is classify(state, caught.value).ending


async def test_a_call_may_go_over_another_edge(play, make_script, call, gateway):
    """The steps are the same, and end for both edges at once."""
    script, pipeline = play(gateway.answer())
    other = make_script(gateway.answer())
    await pipeline.send(call(), other)

    assert ([], 1) == (script.requests, len(other.requests))

    pipeline.close()

    for edge in (None, other):
        with pytest.raises(ConfigError, match="closed during the call"):
            await pipeline.send(call(), edge)

    assert ([], 1) == (script.requests, len(other.requests))


async def never(*args, **options):
    """
    Hang.
    """
    await asyncio.Event().wait()


def sent(state):
    """
    Take the request, as an edge that watches the body.
    """
    state.body_tracked = state.body_started = True


class HangingFile:
    """
    A file that begins and does not come.
    """

    ended_clean = False
    __anext__ = never

    def __aiter__(self):
        return self

    async def aclose(self):
        pass


READ_AND_WRITES = [Effect.READ, *WRITES]
HANGING = [
    *[("signer", effect, False) for effect in WRITES],
    *[("token", effect, False) for effect in READ_AND_WRITES],
    *[("refusal", effect, True) for effect in READ_AND_WRITES],
    *[("next token", effect, True) for effect in READ_AND_WRITES],
    *[("file", effect, True) for effect in READ_AND_WRITES],
]


@pytest.mark.parametrize(("kind", "effect", "left"), HANGING)
def test_what_hangs_ends_at_the_deadline(
    play, call, gateway, tokens, monkeypatch, kind, effect, left
):
    """
    Nobody puts a timeout around the pipeline, and nothing in it lasts longer.
    """
    tokens.ready = kind != "token"

    if kind in ("token", "next token"):
        monkeypatch.setattr(type(tokens), "acquire", never)
    elif kind == "refusal":
        monkeypatch.setattr(type(tokens), "refuse", never)

    def step(state):
        sent(state)

        if kind == "file":
            return Answer(status=200, headers=[], stream=HangingFile())

        return gateway.answer("00280703", place="none")

    async def main():
        options = {"signer": never} if kind == "signer" else {}
        script, pipeline = play(step, **options)
        loop = asyncio.get_running_loop()
        state = call(effect, download=kind == "file", deadline=loop.time() + 30.0)

        with pytest.raises(TimeoutError) as caught:
            await pipeline.send(state)

        late = loop.time() - state.deadline

        return late, len(script.requests), classify(state, caught.value)

    late, requests, end = virtual_clock.run(main)

    assert (pytest.approx(0.0, abs=0.01), int(left)) == (late, requests)

    if left and effect is not Effect.READ:
        assert CallEnd.UNCLEAR is end.ending
        assert isinstance(end.error, TimeoutError)
    else:
        assert CallEnd.FAILED is end.ending
        assert isinstance(end.error, DeadlineExceededError)
        assert left is end.error.request_sent


class Stuck:
    """
    A key that works in a thread, and hangs there until it is released.
    """

    off_loop = True

    def __init__(self, keys=()):
        self.keys = keys
        self.is_busy = threading.Event()
        self.release = threading.Event()

    def sign(self, data):
        self.is_busy.set()
        self.release.wait(30)

        return "c2ln"

    def verify(self, data, signature):
        self.is_busy.set()
        self.release.wait(30)

        return True


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("signer", effect) for effect in WRITES]
    + [("verifier", effect) for effect in READ_AND_WRITES],
)
async def test_a_thread_that_hangs_holds_nobody_beyond_the_deadline(
    play, call, gateway, advance, kind, effect
):
    """The thread cannot be ended; the call does, and says whether it has left."""
    stuck = Stuck(gateway.verifier.keys)

    with ThreadPoolExecutor(1) as executor:
        options = (
            {"signer": stuck}
            if kind == "signer"
            else {"verifier": AnswerVerifier(stuck, executor=executor)}
        )

        def give(state):
            sent(state)

            return gateway.answer()

        script, pipeline = play(give, executor=executor, **options)
        state = call(effect)
        task = asyncio.create_task(pipeline.send(state))

        while not stuck.is_busy.is_set():
            await asyncio.sleep(0)

        advance(30.0)

        try:
            with pytest.raises(TimeoutError) as caught:
                await task
        finally:
            stuck.release.set()

    end = classify(state, caught.value)

    if kind == "verifier" and effect is not Effect.READ:
        assert CallEnd.UNCLEAR is end.ending
    else:
        assert isinstance(end.error, DeadlineExceededError)
        assert (kind == "verifier") is end.error.request_sent

    assert int(kind == "verifier") == len(script.requests)


def reset(writer):
    """
    Cut a connection without a goodbye.
    """
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture(name="over_sockets")
def _over_sockets(open_pool, make_pipeline):
    def over_sockets(served):
        """
        Return the pipeline before our own connections to *served*.
        """
        return make_pipeline(
            open_pool(served.url), origin=f"http://127.0.0.1:{served.port}/"
        )

    return over_sockets


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(min_size=1, max_size=3000))
async def test_the_bytes_signed_are_the_bytes_that_arrive(
    body, answering, over_sockets, call, merchant, gateway
):
    """Whatever the body holds, the server can verify it as it came."""
    served = await answering(gateway.body()[0])
    state = call(Effect.MONEY, url=served.url, body=body)
    await over_sockets(served).send(state)
    head, _, arrived = served.received[0].partition(b"\r\n\r\n")
    signature = next(
        line.split(b": ")[1].decode()
        for line in head.split(b"\r\n")
        if line.startswith(b"Signature")
    )

    assert body == arrived
    assert merchant[1].verify(arrived, signature)
    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("kind", ["drop", "reset", "half"])
@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.READ])
async def test_a_write_dropped_after_it_was_read_is_sent_exactly_once(
    serve, over_sockets, call, kind, effect
):
    """Money is never asked for twice because a connection broke; a read thrice."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))

        if kind == "reset":
            reset(writer)
        elif kind == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")

    served = await serve(talk)
    state = call(effect, url=served.url)

    with pytest.raises(TransportError) as caught:
        await over_sockets(served).send(state)

    times = 1 if effect is Effect.MONEY else 3

    assert (times, times) == (len(served.received), state.attempts)
    assert caught.value.request_sent
    assert (CallEnd.UNCLEAR if effect is Effect.MONEY else CallEnd.FAILED) is classify(
        state, caught.value
    ).ending


async def test_a_read_survives_a_page_of_a_proxy(serve, over_sockets, call, gateway):
    """A 502 page in HTML is followed by the answer."""
    reply, _ = gateway.body()
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply)

    async def talk(served, reader, writer):
        for step in (page, answer):
            served.received.append(await read_request(reader))
            writer.write(step)

    served = await serve(talk)
    state = call(url=served.url)
    await over_sockets(served).send(state)

    assert (2, CallEnd.GOOD) == (len(served.received), classify(state).ending)


@pytest.mark.parametrize("edge", ["ours", "httpx"])
@pytest.mark.parametrize("effect", [Effect.READ, *WRITES])
async def test_an_edge_that_hangs_ends_at_the_deadline(
    serve, open_pool, make_pipeline, call, advance, edge, effect
):
    """The request has left, and nothing comes; the attempt alone would take longer."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        await reader.read()

    served = await serve(talk)
    adapter = HTTPXAdapter(httpx.AsyncHTTPTransport())
    pipeline = make_pipeline(
        open_pool(served.url) if edge == "ours" else adapter,
        origin=f"http://127.0.0.1:{served.port}/",
    )
    state = call(effect, url=served.url, timeout=1000.0)
    task = asyncio.create_task(pipeline.send(state))

    while not served.received:
        await asyncio.sleep(0)

    advance(30.0)

    with pytest.raises(TimeoutError) as caught:
        await task

    end = classify(state, caught.value)

    assert 1 == len(served.received)

    if effect is Effect.READ:
        assert isinstance(end.error, DeadlineExceededError)
        assert end.error.request_sent
    else:
        assert CallEnd.UNCLEAR is end.ending
        assert "deadline passed after the request left" in end.reason.en

    # Nobody waits for the exchange that hangs.
    for task in adapter._left:
        task.cancel()

    await adapter.aclose()
