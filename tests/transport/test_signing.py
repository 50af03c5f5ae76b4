"""
The layer that signs.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umfpay.errors import ConfigError
from umfpay.transport import Effect, SigningTransport, build_request


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
async def test_the_signature_covers_the_bytes_that_go_on(merchant, play, call, body):
    """The bytes that are signed are the bytes that the next layer gets."""
    signer, verifier = merchant
    script, network = play(httpx.Response(200))
    layer = SigningTransport(network, signer=signer)
    await layer.handle_async_request(build_request(call(Effect.MONEY, body=body)))
    request = script.requests[0]

    assert body == request.read()
    assert verifier.verify(body, request.headers["signature"])


async def test_a_read_is_not_signed(merchant, play, call):
    """GET carries no signature."""
    script, network = play(httpx.Response(200))
    layer = SigningTransport(network, signer=merchant[0])
    await layer.handle_async_request(build_request(call()))

    assert "signature" not in script.requests[0].headers


async def test_a_call_is_signed_once(play, call):
    """A call that is sent again keeps its signature."""
    signed: list[bytes] = []

    async def sign(body: bytes) -> str:
        signed.append(body)

        return "b25jZQ=="

    script, network = play(httpx.Response(200), httpx.Response(200))
    layer = SigningTransport(network, signer=sign)
    state = call(Effect.MONEY)
    await layer.handle_async_request(build_request(state))
    await layer.handle_async_request(build_request(state))

    assert [state.body] == signed
    assert [r.headers["signature"] for r in script.requests] == ["b25jZQ=="] * 2


async def test_a_slow_signer_works_in_the_executor(play, call):
    """Signing that takes long does not stop the loop."""
    signer = Slow()
    _, network = play(httpx.Response(200))

    with ThreadPoolExecutor(1, thread_name_prefix="rsa") as executor:
        layer = SigningTransport(network, signer=signer, executor=executor)
        await layer.handle_async_request(build_request(call(Effect.MONEY)))

    assert signer.threads == ["rsa_0"]


@pytest.mark.parametrize("junk", [b"bytes", "two\r\nlines", "签名", None])
async def test_a_custom_signer_must_give_one_line(play, call, junk):
    """What cannot stand in a header is refused before anything is sent."""

    async def sign(body: bytes) -> object:
        return junk

    script, network = play()
    layer = SigningTransport(network, signer=sign)

    with pytest.raises(ConfigError, match="signer"):
        await layer.handle_async_request(build_request(call(Effect.MONEY)))

    assert script.requests == []


async def test_closing_closes_the_next_layer(merchant, play):
    """Closing goes through to the network."""
    script, network = play()
    await SigningTransport(network, signer=merchant[0]).aclose()

    assert script.closed
