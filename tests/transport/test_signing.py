"""
The signature of a request.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umfpay.errors import ConfigError
from umfpay.transport import Effect, Failure, HTTPExchangeError
from umfpay.transport._signing import sign


class Slow:
    """
    A signer that belongs in a thread.
    """

    off_loop = True

    def __init__(self) -> None:
        self.threads: list[str] = []

    def sign(self, data: bytes) -> str:
        self.threads.append(threading.current_thread().name)

        return "c2xvdw=="


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400))
async def test_the_signature_covers_the_bytes_that_go_on(
    merchant, play, call, gateway, body
):
    """The bytes that are signed are the bytes that the edge gets."""
    script, pipeline = play(gateway.answer())
    await pipeline.send(call(Effect.MONEY, body=body))
    (sent,) = script.requests

    assert body == sent.body
    assert merchant[1].verify(body, sent.signature)


@pytest.mark.parametrize("effect", Effect)
async def test_every_post_but_the_token_s_is_signed(play, call, gateway, effect):
    """GET carries no signature, and neither does the token request (gateway.md 2.1)."""
    script, pipeline = play(gateway.answer())
    await pipeline.send(call(effect))

    assert (effect not in (Effect.READ, Effect.TOKEN)) is (
        script.requests[0].signature is not None
    )


async def test_a_call_is_signed_once(play, call, gateway):
    """Sent again, after a failure or with a new token, it keeps its signature."""
    signed: list[bytes] = []

    async def once(body: bytes) -> str:
        signed.append(body)

        return "b25jZQ=="

    script, pipeline = play(
        HTTPExchangeError(Failure.CONNECT),
        gateway.answer("00280703"),
        gateway.answer(),
        signer=once,
    )
    state = call(Effect.MONEY)
    await pipeline.send(state)

    assert [state.body] == signed
    assert ["b25jZQ=="] * 3 == [sent.signature for sent in script.requests]


async def test_a_slow_signer_works_in_the_executor(call, play, gateway):
    """Signing that takes long does not stop the loop."""
    signer = Slow()

    with ThreadPoolExecutor(1, thread_name_prefix="rsa") as executor:
        script, pipeline = play(gateway.answer(), signer=signer, executor=executor)
        await pipeline.send(call(Effect.MONEY))

    assert ["rsa_0"] == signer.threads
    assert "c2xvdw==" == script.requests[0].signature


async def test_a_fast_signer_works_where_it_is(call, merchant):
    """A thread would cost more than the signature."""
    state = call(Effect.MONEY)
    coroutine = sign(state, merchant[0], None)

    with pytest.raises(StopIteration) as caught:
        # It ends without a pause.
        coroutine.send(None)

    assert merchant[1].verify(state.body, caught.value.value)


@pytest.mark.parametrize("junk", [b"bytes", "two\r\nlines", "签名", None])
async def test_a_custom_signer_must_give_one_line(play, call, junk):
    """What cannot stand in a header is refused before anything is sent."""

    async def give_junk(body: bytes) -> object:
        return junk

    script, pipeline = play(signer=give_junk)
    state = call(Effect.MONEY)

    with pytest.raises(ConfigError, match="signer"):
        await pipeline.send(state)

    assert ([], False) == (script.requests, state.may_have_been_sent())
