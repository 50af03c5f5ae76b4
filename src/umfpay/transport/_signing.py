"""
Middleware that signs the request body with the merchant's key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Protocol, cast

import httpx

from umfpay.errors import ConfigError, Text
from umfpay.transport._call import call_state
from umfpay.transport._messages import build_request


class BodySigner(Protocol):
    """
    What `umfpay.protocol.Signer` is to this layer.
    """

    @property
    def off_loop(self) -> bool:
        """
        Whether a signature takes too long for the event loop.
        """
        ...

    def sign(self, data: bytes, /) -> str:
        """
        Return the signature of *data*: base64 in one line.
        """
        ...


CustomSigner = Callable[[bytes], Awaitable[str]]
RequestSigner = BodySigner | CustomSigner


class SigningTransport(httpx.AsyncBaseTransport):
    """
    Sets the header Signature of every call that needs it (gateway.md 3.1).

    A call is signed once, however often it is sent.

    Args:
        wrapped: The next layer.
        signer: A `BodySigner`, or an async callable from body to signature.
        executor: Where a signer works that is too slow for the loop.
    """

    def __init__(
        self,
        wrapped: httpx.AsyncBaseTransport,
        *,
        signer: RequestSigner,
        executor: Executor | None = None,
    ) -> None:
        self._wrapped = wrapped
        self._executor = executor
        self._signer = cast("BodySigner", signer) if hasattr(signer, "sign") else None
        self._custom = cast("CustomSigner", signer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Sign the body if the call needs it, then pass on.

        Raises:
            ConfigError: A custom signer gave something that is no header line.
        """
        state = call_state(request)

        if state.needs_signature and state.signature is None:
            state.signature = await self._sign(state.body)
            request = build_request(state)

        return await self._wrapped.handle_async_request(request)

    async def _sign(self, body: bytes) -> str:
        signer = self._signer

        if signer is None:
            return _header_line(await self._custom(body))

        if signer.off_loop:
            loop = asyncio.get_running_loop()

            return await loop.run_in_executor(self._executor, signer.sign, body)

        return signer.sign(body)

    async def aclose(self) -> None:
        """
        Close the next layer.
        """
        await self._wrapped.aclose()


def _header_line(signature: object) -> str:
    """
    Return *signature* if it can stand in a header: base64 in one line.
    """
    if isinstance(signature, str) and signature.isascii() and signature.isprintable():
        return signature

    raise ConfigError(
        Text(
            "signer: it must return the signature as base64 in one line.",
            "signer：必须返回单行 base64 签名。",
        )
    )
