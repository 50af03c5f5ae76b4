"""
What belongs to one loop is closed to its last part.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.resources
import sys
from pathlib import Path

import attrs
import httpx
import pytest

from umfpay import Config, UMFSession
from umfpay._session import _session_binding
from umfpay._session._session_binding import SessionBinding, Threads
from umfpay.errors import ConfigError, RefundRefusedError
from umfpay.protocol import PrivateKey, Signer, return_codes, sign_envelope


VECTORS = Path(__file__).parents[1] / "vectors"


class Part:
    """
    A part of a binding that is closed as *end* says.
    """

    def __init__(self, end=None):
        self.end = end
        self.closed = False

    async def aclose(self):
        self.closed = True

        if self.end is not None:
            await self.end()

    def close(self):
        self.closed = True

    def shutdown(self, *, wait):
        self.closed = not wait


@pytest.fixture(name="config")
def _config():
    return Config(
        client_id="c",
        client_secret="s",
        merchant_key=VECTORS / "merchant_1024.key.p8",
        gateway_certificate=VECTORS / "gateway_1024.cert.crt",
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )


def bind(config, tokens, edge):
    binding = SessionBinding(config, "http://127.0.0.1:9/", None)
    binding.tokens, binding.edge = tokens, edge
    binding.pipeline, binding.executor = Part(), Part()

    return binding


async def fail():
    raise RuntimeError


async def hang():
    await asyncio.Event().wait()


@pytest.mark.parametrize("end", [fail, hang])
@pytest.mark.parametrize("of", ["tokens", "edge"])
async def test_every_part_is_closed_though_one_fails_or_hangs(config, of, end):
    """
    A store of tokens that hangs costs no socket, also if its caller waits no longer.
    """
    parts = {"tokens": Part(), "edge": Part(), of: Part(end)}
    binding = bind(config, **parts)
    closing = asyncio.create_task(binding.aclose())

    for _ in range(3):
        await asyncio.sleep(0)

    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)

    assert closing.cancelled() or isinstance(closing.exception(), RuntimeError)
    assert parts["tokens"].closed
    assert parts["edge"].closed
    assert binding.pipeline.closed
    assert binding.executor.closed


async def test_a_call_whose_session_is_closed_between_two_steps_says_so():
    """What seals, signs or verifies in threads finds none: that is no RuntimeError."""
    threads = Threads(1)
    loop = asyncio.get_running_loop()

    assert b"" == await loop.run_in_executor(threads, bytes)

    threads.shutdown(wait=False)

    with pytest.raises(ConfigError, match="closed"):
        await loop.run_in_executor(threads, bytes)


@pytest.fixture(name="open_with_key")
def _open_with_key(monkeypatch):
    """
    Open and close a session of a merchant key, where cryptography is not installed.
    """
    _session_binding._name_faster_backend.cache_clear()
    monkeypatch.setitem(sys.modules, "cryptography", None)

    async def open_with_key(bits, **changes):
        config = Config(
            client_id="c",
            client_secret="s",
            merchant_key=VECTORS / f"merchant_{bits}.key.p8",
            gateway_certificate=VECTORS / f"gateway_{bits}.cert.crt",
            base_url="http://127.0.0.1:9/",
            token_store="memory",
            **changes,
        )

        async with UMFSession(config):
            pass

    return open_with_key


async def test_a_long_key_without_cryptography_is_named_once(open_with_key, caplog):
    """
    A process with many sessions has one line about the extra.
    """
    await open_with_key(2048)
    await open_with_key(2048)

    assert ["umfpay[fast]" in one.getMessage() for one in caplog.records] == [True]


@pytest.mark.parametrize(
    ("bits", "changes"), [(1024, {}), (2048, {"rsa_backend": "pycryptodome"})]
)
async def test_who_needs_no_faster_backend_hears_of_none(
    open_with_key, caplog, bits, changes
):
    """
    Short keys are fast enough, and who chose pycryptodome knows.
    """
    await open_with_key(bits, **changes)

    assert [] == caplog.records


@attrs.define
class Refusing(httpx.AsyncBaseTransport):
    """
    A transport that gives a token, and refuses any other request with a signed code.
    """

    signer: Signer

    async def handle_async_request(self, request):
        if request.url.path.endswith("/authorize"):
            return httpx.Response(200, json={"access_token": "T", "expires_in": 3600})

        refusal, _ = sign_envelope(
            {"meta": {"ret_code": "00202011"}}, signer=self.signer, place="meta"
        )

        return httpx.Response(200, content=refusal)


async def test_a_refusal_is_understood_though_no_file_can_be_opened(monkeypatch):
    """
    A busy process may have no descriptor left when its first refusal comes; a refund
    that was refused for certain is not called unclear then.
    """

    def no_descriptor(_package):
        raise OSError(errno.EMFILE, "Too many open files")

    gateway = PrivateKey.generate(1024)
    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=VECTORS / "merchant_1024.key.p8",
        gateway_certificate=gateway.public,
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )
    return_codes.cache_clear()

    async with UMFSession(config, transport=Refusing(Signer(gateway))) as session:
        monkeypatch.setattr(importlib.resources, "files", no_descriptor)

        with pytest.raises(RefundRefusedError):
            await session.request("POST", "/payments/payment/PAY_AB/refund", body={})
