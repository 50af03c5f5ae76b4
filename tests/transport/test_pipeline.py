"""
The order of the layers.
"""

from __future__ import annotations

import httpx
import pytest

from umfpay.errors import AuthenticationError, SignatureError, TransportError
from umfpay.transport import (
    CallEnd,
    Effect,
    build_stack,
    classify,
    full_jitter,
    perform,
)


@pytest.fixture(name="stacked")
def _stacked(play, gateway, merchant, tokens):
    def stacked(*steps, **options):
        script, network = play(*steps)

        async def sleep(seconds):
            pass

        stack = build_stack(
            network,
            origin=gateway.base,
            signer=merchant[0],
            verifier=gateway.verifier,
            token_source=tokens,
            sleep=sleep,
            **options,
        )

        return script, stack

    return stacked


async def test_a_call_goes_through_all_layers(stacked, call, gateway, merchant):
    """Signed, authorized, verified, and the facts are in the state."""
    script, stack = stacked(gateway.answer(payment={"id": "1"}))
    state = call(Effect.MONEY)
    response = await perform(stack, state)
    sent = script.requests[0]

    assert merchant[1].verify(sent.read(), sent.headers["signature"])
    assert sent.headers["authorization"] == "Bearer token-1"
    assert (response.status_code, classify(state).ending) == (200, CallEnd.GOOD)
    assert state.envelope.members["payment"] == {"id": "1"}


async def test_a_replay_keeps_signature_and_attempt(stacked, call, gateway):
    """A refused token is no attempt of the retrying layer."""
    script, stack = stacked(gateway.answer("00280703", place="none"), gateway.answer())
    state = call(Effect.MONEY)
    await perform(stack, state)

    assert (state.attempts, state.replays) == (1, 1)
    assert len({request.headers["signature"] for request in script.requests}) == 1
    assert len({request.read() for request in script.requests}) == 1


async def test_a_read_survives_html_of_a_proxy(stacked, call, gateway):
    """A 502 page of a proxy is a reason to ask again."""
    page = httpx.Response(502, content=b"<html>Bad Gateway</html>")
    _, stack = stacked(page, gateway.answer())
    state = call()
    await perform(stack, state)

    assert (state.attempts, classify(state).ending) == (2, CallEnd.GOOD)


async def test_a_read_survives_refusal_and_failure_together(stacked, call, gateway):
    """A lost connection and a refused token in one call are both made good."""
    _, stack = stacked(
        httpx.ReadError("x"), httpx.Response(401, content=b""), gateway.answer()
    )
    state = call()
    await perform(stack, state)

    assert (state.attempts, state.replays) == (2, 1)


async def test_the_token_is_refused_twice_across_attempts(stacked, call):
    """A failure in between does not give a third token."""
    script, stack = stacked(
        httpx.Response(401, content=b""),
        httpx.ReadError("x"),
        httpx.Response(401, content=b""),
    )

    with pytest.raises(AuthenticationError):
        await perform(stack, call())

    assert script.steps == []


async def test_a_forged_answer_is_not_asked_again(stacked, call):
    """Forgery is no bad luck."""
    forged = httpx.Response(200, content=b'{"meta":{"sign":"x","ret_code":"0000"}}')
    script, stack = stacked(forged)

    with pytest.raises(SignatureError):
        await perform(stack, call())

    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError("x"), False),
        (httpx.ReadTimeout("x"), True),
        (httpx.ReadError("x"), True),
        (httpx.InvalidURL("x"), True),
        (OSError("x"), True),
    ],
)
async def test_errors_leave_the_stack_as_ours(stacked, call, error, sent):
    """Outside of the stack nobody meets an error of httpx."""
    _, stack = stacked(*[error] * 3)
    state = call(Effect.MONEY)

    with pytest.raises(TransportError) as caught:
        await perform(stack, state)

    assert sent is caught.value.request_sent
    assert error is caught.value.__cause__
    assert (CallEnd.UNCLEAR if sent else CallEnd.FAILED) is classify(
        state, caught.value
    ).ending


async def test_a_timeout_belongs_to_the_owner_of_the_deadline(stacked, call):
    """A TimeoutError is an OSError, but never a lost connection."""
    _, stack = stacked(TimeoutError())

    with pytest.raises(TimeoutError):
        await perform(stack, call())


async def test_the_retry_policy_is_given(stacked, call):
    """The caller of the stack decides how often."""
    script, stack = stacked(
        *[httpx.ReadError("x")] * 3, retry_policy=full_jitter(attempts=1)
    )

    with pytest.raises(TransportError):
        await perform(stack, call())

    assert len(script.requests) == 1


async def test_settings_reach_their_layers(stacked, call, gateway):
    """Glued bearer and accepted unsigned answers are settings of the stack."""
    script, stack = stacked(
        gateway.answer(place="none"), glued_bearer=True, unsigned_responses="accept"
    )
    state = call()
    await perform(stack, state)

    assert script.requests[0].headers["authorization"] == "Bearertoken-1"
    assert state.unverified_accepted


async def test_closing_the_stack_closes_the_network(stacked):
    """The stack owns its network transport."""
    script, stack = stacked()
    await stack.aclose()

    assert script.closed
