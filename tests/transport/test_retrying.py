"""
The layer that makes calls again.
"""

from __future__ import annotations

import asyncio
import email.utils

import httpx
import pytest

from umfpay.transport import Effect, RetryingTransport, build_request, full_jitter
from umfpay.transport._retrying import retry_after


PASSING = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
]
WRITES = [Effect.MONEY, Effect.CREATE, Effect.SMS]


@pytest.fixture(name="waits")
def _waits():
    return []


@pytest.fixture(name="layered")
def _layered(play, waits):
    def layered(*steps, **options):
        script, network = play(*steps)

        async def sleep(seconds):
            waits.append(seconds)

        options.setdefault("policy", full_jitter(random=lambda: 1.0))

        return script, RetryingTransport(network, sleep=sleep, **options)

    return layered


def busy(state, status, **headers):
    """
    Answer as the verifying layer would leave it.
    """

    def step(request):
        state.status = status
        state.response_headers = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
        ]

        return httpx.Response(status)

    return step


def cut(state, error, *, started):
    """
    Fail as our network transport would.
    """

    def step(request):
        state.handed_over = state.body_tracked = True
        state.body_started = started

        return error("x")

    return step


@pytest.mark.parametrize("error", PASSING)
async def test_a_read_survives_a_lost_connection(layered, call, error):
    """A read is made again whatever became of the connection."""
    state = call()
    _, layer = layered(error("x"), busy(state, 200))
    response = await layer.handle_async_request(build_request(state))

    assert (response.status_code, state.attempts) == (200, 2)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_read_survives_a_busy_gateway(layered, call, waits, status):
    """A read is made again after a wait that grows."""
    state = call()
    _, layer = layered(busy(state, status), busy(state, status), busy(state, 200))
    response = await layer.handle_async_request(build_request(state))

    assert response.status_code == 200
    assert waits == [0.25, 0.5]


@pytest.mark.parametrize("status", [200, 400, 404, 500, 501])
async def test_other_statuses_are_answers(layered, call, status):
    """A status that no repetition changes is passed outward at once."""
    state = call()
    _, layer = layered(busy(state, status))
    response = await layer.handle_async_request(build_request(state))

    assert (status, 1) == (response.status_code, state.attempts)


async def test_three_attempts_are_enough(layered, call):
    """The third failure is the last."""
    state = call()
    script, layer = layered(*[httpx.ReadError("x")] * 4)

    with pytest.raises(httpx.ReadError):
        await layer.handle_async_request(build_request(state))

    assert (state.attempts, len(script.steps)) == (3, 1)


async def test_the_last_busy_answer_is_passed_on(layered, call):
    """When all attempts met a busy gateway, its answer is the result."""
    state = call()
    _, layer = layered(*[busy(state, 503)] * 3)
    response = await layer.handle_async_request(build_request(state))

    assert (response.status_code, state.attempts) == (503, 3)


@pytest.mark.parametrize("effect", WRITES)
async def test_a_write_whose_body_left_is_never_sent_again(layered, call, effect):
    """Once a byte of the body left, a write fails at once."""
    state = call(effect)
    script, layer = layered(cut(state, httpx.ReadError, started=True))

    with pytest.raises(httpx.ReadError):
        await layer.handle_async_request(build_request(state))

    assert len(script.requests) == 1


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError])
async def test_a_write_of_which_nothing_left_is_sent_again(
    layered, call, effect, error
):
    """A write is made again if no byte of its body left, whatever the error."""
    state = call(effect)
    _, layer = layered(cut(state, error, started=False), busy(state, 200))
    response = await layer.handle_async_request(build_request(state))

    assert (response.status_code, state.attempts) == (200, 2)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_answered_write_is_never_sent_again(layered, call, status):
    """A busy gateway may have worked before it answered a write."""
    state = call(Effect.CREATE)
    script, layer = layered(busy(state, status))
    await layer.handle_async_request(build_request(state))

    assert len(script.requests) == 1


async def test_a_token_request_is_never_sent_again(layered, call):
    """Only the token cache repeats a token request."""
    state = call(Effect.TOKEN)
    script, layer = layered(cut(state, httpx.ConnectError, started=False))

    with pytest.raises(httpx.ConnectError):
        await layer.handle_async_request(build_request(state))

    assert len(script.requests) == 1


async def test_our_own_mistakes_are_not_repeated(layered, call):
    """An address that is no http address stays one."""
    script, layer = layered(httpx.UnsupportedProtocol("x"))

    with pytest.raises(httpx.UnsupportedProtocol):
        await layer.handle_async_request(build_request(call()))

    assert len(script.requests) == 1


async def test_no_attempt_starts_past_the_deadline(layered, call, waits):
    """A wait that reaches the deadline is not begun."""
    state = call(deadline=asyncio.get_running_loop().time() + 0.2)
    _, layer = layered(httpx.ReadError("x"))

    with pytest.raises(httpx.ReadError):
        await layer.handle_async_request(build_request(state))

    assert waits == []


async def test_retry_after_is_honoured(layered, call, waits):
    """The wait is what the gateway asks for, and our own on top."""
    state = call()
    _, layer = layered(busy(state, 429, Retry_After="7"), busy(state, 200))
    await layer.handle_async_request(build_request(state))

    assert waits == [7.25]


async def test_retry_after_past_the_deadline_ends_the_call(layered, call, waits):
    """A gateway that asks for an hour gets its answer passed on."""
    state = call()
    _, layer = layered(busy(state, 429, Retry_After="3600"))
    response = await layer.handle_async_request(build_request(state))

    assert (response.status_code, waits) == (429, [])


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
    state = call(response_headers=[(b"Retry-After", text.encode())])

    assert seconds == retry_after(state, now=1000.0)


def test_the_wait_is_drawn_and_capped(call):
    """Full jitter: between nothing and a bound that doubles up to the cap."""
    policy = full_jitter(attempts=9, base=1.0, cap=3.0, random=lambda: 0.5)

    assert [
        policy(call(attempts=n), httpx.ReadError("x")) for n in (1, 2, 3, 8, 9)
    ] == [0.5, 1.0, 1.5, 1.5, None]


async def test_a_policy_is_a_plain_callable(layered, call):
    """A caller's policy decides how often, never whether it is safe."""
    state = call(Effect.MONEY)
    script, layer = layered(
        cut(state, httpx.ReadError, started=True), policy=lambda state, error: 0.0
    )

    with pytest.raises(httpx.ReadError):
        await layer.handle_async_request(build_request(state))

    assert len(script.requests) == 1


async def test_a_deadline_between_two_attempts_is_harmless(play, call):
    """A write that waits for its second attempt has not been sent."""

    async def late(seconds):
        pass

    def foreign(request):
        state.handed_over = True

        return httpx.ConnectError("x")

    def stuck(request):
        return TimeoutError()

    state = call(Effect.MONEY)
    _, network = play(foreign, stuck)
    layer = RetryingTransport(network, sleep=late)

    with pytest.raises(TimeoutError):
        await layer.handle_async_request(build_request(state))

    assert not state.may_have_been_sent()


async def test_closing_closes_the_next_layer(layered):
    """Closing goes through to the network."""
    script, layer = layered()
    await layer.aclose()

    assert script.closed


async def test_it_sleeps_really_by_default(play, call):
    """Without an injected sleep the wait is spent in the loop."""
    state = call()
    _, network = play(httpx.ReadError("x"), busy(state, 200))
    layer = RetryingTransport(network, policy=lambda state, error: 0.02)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await layer.handle_async_request(build_request(state))

    assert loop.time() - begin >= 0.02
