"""
Resources of one process and event loop: connections, pipeline, token cache.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

from umfpay import _codec
from umfpay._loop_binding import LoopBinding
from umfpay._session._authorization import fetch_token
from umfpay.config import Config
from umfpay.errors import Text, call_errors
from umfpay.protocol import Sealer, Signer, Verifier, return_codes
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


T = TypeVar("T")

# From this size on pycryptodome is felt.
_SLOW_KEY_BITS: Final = 2048

_log = logging.getLogger("umfpay")


class Threads(ThreadPoolExecutor):
    """
    Threads for RSA work that is too slow for the loop; they end with their session.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """
        Have a thread call *fn*.

        Raises:
            ConfigError: The session was closed.
        """
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            raise call_errors.closed() from None


class SessionBinding(LoopBinding):
    """
    The parts of a session that cannot leave their process and loop.

    Args:
        config: The settings.
        root: The base URL as it is sent.
        transport: What the user gave in place of our own connections.
    """

    def __init__(
        self, config: Config, root: str, transport: HTTPXTransport | None
    ) -> None:
        super().__init__()
        # Whoever judges an answer opens no file: there may be no descriptor left.
        return_codes()
        self.executor = Threads(
            max_workers=os.cpu_count(), thread_name_prefix="umfpay-rsa"
        )
        self.edge: Edge = (
            _connections(config, root) if transport is None else HTTPXAdapter(transport)
        )
        self.sealer = Sealer(
            config.gateway_certificate[0],
            charset=config.sealing_charset,
            backend=config.rsa_backend,
        )
        self.options = _codec.EncodeOptions(
            refund_body=config.refund_body,
            risk_names=config.risk_names,
            quantity_names=config.quantity_names,
        )
        origin = origin_of(root)
        assert origin is not None
        self.pipeline = Pipeline(
            self.edge,
            origin=origin.root,
            signer=_signer(config),
            verifier=AnswerVerifier(
                Verifier(config.gateway_certificate, backend=config.rsa_backend),
                executor=self.executor,
                unsigned_responses=config.unsigned_responses,
                response_signatures=config.response_signatures,
                response_verifier=config.response_verifier,
            ),
            executor=self.executor,
            glued_bearer=config.glued_bearer,
        )
        self.pipeline.token_source = self.tokens = TokenCache(
            open_store(
                config.token_store, key=store_key(config.base_url, config.client_id)
            ),
            functools.partial(fetch_token, self.pipeline, config, root),
            token_timeout=config.token_timeout,
        )

    async def encode(self, body: object, *, deadline: float) -> bytes:
        """
        Return *body* as the bytes to sign and send; secrets are sealed on the way.

        Raises:
            TimeoutError: The deadline passed while a thread sealed them.
        """
        if isinstance(body, RawBody):
            return body.data

        seal, options = self.sealer.seal, self.options

        if not self.sealer.off_loop:
            return _codec.encode(body, seal=seal, options=options)

        work = functools.partial(_codec.encode, body, seal=seal, options=options)

        async with asyncio.timeout_at(deadline):
            return await self.loop.run_in_executor(self.executor, work)

    async def seal(self, secret: Secret) -> Sealed:
        """
        Return *secret* as only the gateway can read it.
        """
        if not self.sealer.off_loop:
            return self.sealer.seal(secret)

        return await self.loop.run_in_executor(self.executor, self.sealer.seal, secret)

    async def aclose(self) -> None:
        """
        Close everything; of another loop or process drop it without awaiting.
        """
        if not self.is_current():
            self._abandon()

            return

        self.pipeline.close()

        # Each, even if the one before fails or its caller does not wait for it.
        try:
            await self.tokens.aclose()
        finally:
            try:
                await self.edge.aclose()
            finally:
                self.executor.shutdown(wait=False)

    def give_way(self) -> None:
        """
        Drop everything for a new binding: the loop is closed or another process's.

        Raises:
            WrongLoopError: The loop is still open in this process.
        """
        self.check_left(Text("The session", "该会话"))
        self._abandon()

    def _abandon(self) -> None:
        self.edge.abandon()

        if os.getpid() == self.pid:
            self.executor.shutdown(wait=False)


def _signer(config: Config) -> RequestSigner:
    if config.signer is not None:
        return cast("RequestSigner", config.signer)

    assert config.merchant_key is not None
    signer = Signer(config.merchant_key, backend=config.rsa_backend)

    if (
        config.rsa_backend == "auto"
        and signer.backend == "pycryptodome"
        and config.merchant_key.bits >= _SLOW_KEY_BITS
    ):
        _name_faster_backend()

    return signer


@functools.cache
def _name_faster_backend() -> None:
    """
    Say once in a process what makes signatures with long keys faster.
    """
    _log.warning(
        "signing with a key of %d bits or more by pycryptodome keeps the event loop"
        " waiting several times as long as by cryptography: pip install"
        ' "umfpay[fast]", or set rsa_backend="pycryptodome" to hear no more of it',
        _SLOW_KEY_BITS,
    )


def _connections(config: Config, root: str) -> Edge:
    from umfpay.transport import ConnectionPool

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
