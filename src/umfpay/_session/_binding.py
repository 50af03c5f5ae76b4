"""
Resources of one process and event loop: connections, pipeline, token cache.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar, cast

import attrs

from umfpay import _codec
from umfpay._session._authorization import TokenRequest
from umfpay.config import Config
from umfpay.errors import WrongLoopError, call_errors
from umfpay.protocol import Sealer, Signer, Verifier
from umfpay.sensitive import Sealed, Secret
from umfpay.tokens import TokenCache, open_store, store_key
from umfpay.transport import (
    AnswerVerifier,
    Edge,
    HTTPXAdapter,
    HTTPXTransport,
    Pipeline,
    RawBody,
    RequestSigner,
    origin_of,
    tls_context,
)


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads(ThreadPoolExecutor):
    """
    Threads for RSA work that is too slow for the loop; they end with their session.
    """

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """
        Have a thread call *fn*.

        Raises:
            ConfigError: The session was closed.
        """
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            pass

        raise call_errors.closed()


# From this size on pycryptodome is felt.
_SLOW_KEY_BITS: Final = 2048

_faster_backend_named = False

_log = logging.getLogger("umfpay")


@attrs.define(eq=False, kw_only=True)
class Binding:
    """
    The parts of a session that cannot leave their process and loop.
    """

    pid: int
    loop: asyncio.AbstractEventLoop
    edge: Edge
    pipeline: Pipeline
    tokens: TokenCache
    sealer: Sealer
    executor: Threads
    options: _codec.EncodeOptions

    def is_ours(self) -> bool:
        """
        Tell whether the caller runs in this binding's process and loop.
        """
        return asyncio.get_running_loop() is self.loop and os.getpid() == self.pid

    async def encode(self, body: object, *, deadline: float) -> bytes:
        """
        Return *body* as the bytes to sign and send; secrets are sealed on the way.

        Raises:
            TimeoutError: The deadline passed while a thread sealed them.
        """
        if isinstance(body, RawBody):
            return body.data

        work = functools.partial(
            _codec.encode, body, seal=self.sealer.seal, options=self.options
        )

        if not self.sealer.off_loop:
            return work()

        async with asyncio.timeout_at(deadline):
            return await self.loop.run_in_executor(self.executor, work)

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
        self.pipeline.close()

        # Each, even if the one before fails or its caller does not wait for it.
        try:
            await self.tokens.aclose()
        finally:
            try:
                await self.edge.aclose()
            finally:
                self.executor.shutdown(wait=False)

    def abandon(self) -> None:
        """
        Drop everything without awaiting: the loop is closed or another process's.
        """
        self.edge.abandon()

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
            "The session belongs to another event loop that is still open.",
            "该会话属于另一个仍未关闭的事件循环。",
        )


def bind(config: Config, root: str, transport: HTTPXTransport | None) -> Binding:
    """
    Build the pipeline for the running loop.

    Args:
        root: The base URL as it is sent.
        transport: What the user gave in place of our own connections.
    """
    edge: Edge = (
        _connections(config, root) if transport is None else HTTPXAdapter(transport)
    )
    executor = Threads(max_workers=os.cpu_count(), thread_name_prefix="umfpay-rsa")

    if config.signer is not None:
        signer = cast("RequestSigner", config.signer)
    else:
        assert config.merchant_key is not None
        signer = Signer(config.merchant_key, backend=config.rsa_backend)

        if config.rsa_backend == "auto":
            _name_faster_backend(signer, bits=config.merchant_key.bits)

    origin = origin_of(root)
    assert origin is not None
    pipeline = Pipeline(
        edge,
        origin=origin.root,
        signer=signer,
        verifier=AnswerVerifier(
            Verifier(config.gateway_certificate, backend=config.rsa_backend),
            executor=executor,
            unsigned_responses=config.unsigned_responses,
            response_signatures=config.response_signatures,
            response_verifier=config.response_verifier,
        ),
        executor=executor,
        glued_bearer=config.glued_bearer,
    )
    token_request = TokenRequest(
        pipeline,
        root=root,
        client_id=config.client_id,
        client_secret=config.client_secret,
        timeout=config.token_timeout,
    )
    pipeline.token_source = tokens = TokenCache(
        open_store(
            config.token_store, key=store_key(config.base_url, config.client_id)
        ),
        token_request.fetch,
        token_timeout=config.token_timeout,
    )

    return Binding(
        pid=os.getpid(),
        loop=asyncio.get_running_loop(),
        edge=edge,
        pipeline=pipeline,
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


def _name_faster_backend(signer: Signer, *, bits: int) -> None:
    """
    Say once in a process what makes signatures with long keys faster.
    """
    global _faster_backend_named

    if (
        signer.backend == "cryptography"
        or bits < _SLOW_KEY_BITS
        or _faster_backend_named
    ):
        return

    _faster_backend_named = True
    _log.warning(
        "signing with a key of %d bits by pycryptodome keeps the event loop waiting"
        ' several times as long as by cryptography: pip install "umfpay[fast]", or set'
        ' rsa_backend="pycryptodome" to hear no more of it',
        bits,
    )


def _connections(config: Config, root: str) -> Edge:
    from umfpay.transport._connection_pool import ConnectionPool

    return ConnectionPool(
        root,
        max_connections=config.max_connections,
        connect_timeout=config.connect_timeout,
        proxy=config.proxy,
        ssl_context=functools.partial(
            tls_context,
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
    importlib.import_module("umfpay.transport._connection_pool")
