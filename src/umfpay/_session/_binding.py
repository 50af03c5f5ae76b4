"""
Resources of one process and event loop: connections, middleware stack, token cache.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
from concurrent.futures import ThreadPoolExecutor

import attrs
import httpx

from umfpay import _codec
from umfpay._session._authorization import TokenRequest
from umfpay._session._transport_adapter import TransportAdapter
from umfpay._session._user_hooks import wrap_signer, wrap_verifier
from umfpay.config import Config
from umfpay.errors import ConfigError, Text, WrongLoopError
from umfpay.protocol import Sealer, Signer, Verifier
from umfpay.sensitive import Sealed, Secret
from umfpay.tokens import TokenCache, open_store, store_key
from umfpay.transport import (
    VerifyingTransport,
    build_stack,
    tls_context,
)


class Gate(httpx.AsyncBaseTransport):
    """
    Lets nothing through once it is closed: no retry, no token request.

    A transport may open new connections after its end, and nobody would close those.
    """

    def __init__(self, network: httpx.AsyncBaseTransport) -> None:
        self._network = network
        self._open = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Pass *request* on.

        Raises:
            ConfigError: The session was closed while the call was under way.
        """
        if not self._open:
            raise ConfigError(
                Text(
                    "The session was closed during the call.",
                    "会话在调用过程中被关闭。",
                ),
                advice=Text(
                    "Let calls end before the session does.",
                    "请在关闭会话前等待调用结束。",
                ),
            )

        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        """
        Close the network transport.
        """
        self._open = False
        await self._network.aclose()


@attrs.define(eq=False, kw_only=True)
class Binding:
    """
    The parts of a session that cannot leave their process and loop.
    """

    pid: int
    loop: asyncio.AbstractEventLoop
    network: httpx.AsyncBaseTransport
    stack: httpx.AsyncBaseTransport
    tokens: TokenCache
    sealer: Sealer
    executor: ThreadPoolExecutor
    options: _codec.EncodeOptions

    def is_ours(self) -> bool:
        """
        Tell whether the caller runs in this binding's process and loop.
        """
        return asyncio.get_running_loop() is self.loop and os.getpid() == self.pid

    async def encode(self, body: object) -> bytes:
        """
        Return *body* as the bytes to sign and send; secrets are sealed on the way.
        """
        work = functools.partial(
            _codec.encode, body, seal=self.sealer.seal, options=self.options
        )

        if self.sealer.off_loop:
            return await self.loop.run_in_executor(self.executor, work)

        return work()

    async def seal(self, secret: Secret) -> Sealed:
        """
        Return *secret* as only the gateway can read it.
        """
        if self.sealer.off_loop:
            return await self.loop.run_in_executor(
                self.executor, self.sealer.seal, secret
            )

        return self.sealer.seal(secret)

    async def aclose(self) -> None:
        """
        Close everything; to be called in the binding's own loop.
        """
        await self.tokens.aclose()
        await self.stack.aclose()
        self.executor.shutdown(wait=False)

    def abandon(self) -> None:
        """
        Drop everything without awaiting: the loop is closed or another process's.
        """
        # A transport of the user's is his to renew.
        abandon = getattr(self.network, "abandon", None)

        if abandon is not None:
            abandon()

        if os.getpid() == self.pid:
            self.executor.shutdown(wait=False)


def must_be_usable(binding: Binding) -> None:
    """
    Raise unless *binding* may be dropped for a new one.

    Raises:
        WrongLoopError: Its loop is still open in this process.
    """
    if os.getpid() == binding.pid and not binding.loop.is_closed():
        raise WrongLoopError(
            Text(
                "The session belongs to another event loop that is still open.",
                "该会话属于另一个仍未关闭的事件循环。",
            )
        )


def bind(
    config: Config, base: httpx.URL, transport: httpx.AsyncBaseTransport | None
) -> Binding:
    """
    Build the stack for the running loop.
    """
    network = _network(config) if transport is None else transport
    gate = Gate(network if transport is None else TransportAdapter(network))
    executor = ThreadPoolExecutor(
        max_workers=os.cpu_count(), thread_name_prefix="umfpay-rsa"
    )
    verifier = Verifier(config.gateway_certificate, backend=config.rsa_backend)
    decide = config.response_verifier
    response_verifier = None if decide is None else wrap_verifier(decide)
    # The token request has a stack of its own: neither token nor signature nor retry.
    token_request = TokenRequest(
        VerifyingTransport(
            gate,
            verifier=verifier,
            executor=executor,
            response_signatures=config.response_signatures,
            response_verifier=response_verifier,
        ),
        base=base,
        client_id=config.client_id,
        client_secret=config.client_secret,
        timeout=config.token_timeout,
    )
    tokens = TokenCache(
        open_store(
            config.token_store, key=store_key(config.base_url, config.client_id)
        ),
        token_request.fetch,
        token_timeout=config.token_timeout,
    )

    if config.signer is not None:
        signer: object = wrap_signer(config.signer)
    else:
        assert config.merchant_key is not None
        signer = Signer(config.merchant_key, backend=config.rsa_backend)

    return Binding(
        pid=os.getpid(),
        loop=asyncio.get_running_loop(),
        network=network,
        stack=build_stack(
            gate,
            origin=base,
            signer=signer,  # type: ignore[arg-type]
            verifier=verifier,
            token_source=tokens,
            executor=executor,
            unsigned_responses=config.unsigned_responses,
            response_signatures=config.response_signatures,
            response_verifier=response_verifier,
            glued_bearer=config.glued_bearer,
        ),
        tokens=tokens,
        sealer=Sealer(
            config.gateway_certificate[0],
            charset=config.sealing_charset,
            backend=config.rsa_backend,
        ),
        executor=executor,
        options=_codec.EncodeOptions(
            refund_body=config.refund_body,
            risk_names=config.risk_names,
            quantity_names=config.quantity_names,
        ),
    )


def _network(config: Config) -> httpx.AsyncBaseTransport:
    from umfpay.transport import AiohttpTransport

    return AiohttpTransport(
        max_connections=config.max_connections,
        connect_timeout=config.connect_timeout,
        proxy=config.proxy,
        ssl_context=tls_context(
            ca_file=config.ca_file,
            certificate=config.client_certificate,
            certificate_key=config.client_certificate_key,
        ),
    )


async def warm_up() -> None:
    """
    Import what a first call needs, in a thread: the loop goes on meanwhile.
    """
    await asyncio.get_running_loop().run_in_executor(None, _load)


def _load() -> None:
    _codec.make_converter()
    importlib.import_module("umfpay.transport._aiohttp")
