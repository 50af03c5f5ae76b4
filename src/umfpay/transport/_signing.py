"""
Sign the request body with the merchant's key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Protocol, cast

from umfpay._callbacks import translate_errors
from umfpay.errors import call_errors
from umfpay.protocol import Signer
from umfpay.transport._call import CallState


class BodySigner(Protocol):
    """
    What `umfpay.protocol.Signer` is to the pipeline.
    """

    @property
    def off_loop(self) -> bool:
        """
        Whether a signature takes too long for the event loop.
        """

    def sign(self, data: bytes, /) -> str:
        """
        Return the signature of *data*: base64 in one line.
        """


CustomSigner = Callable[[bytes], Awaitable[str]]
RequestSigner = BodySigner | CustomSigner


async def sign(
    state: CallState, signer: RequestSigner, executor: Executor | None
) -> str:
    """
    Return the signature of a call's body (gateway.md 3.1).

    Args:
        signer: A `BodySigner`, or an async callable from body to signature.
        executor: Where a signer works that is too slow for the loop.

    Raises:
        ConfigError: A signer of the user's failed, or gave no header line.
        TimeoutError: The deadline has passed.
    """
    body = state.body

    # The usual way waits for nothing.
    if isinstance(signer, Signer) and not signer.off_loop:
        return signer.sign(body)

    async with asyncio.timeout_at(state.deadline):
        with translate_errors(call_errors.signer_failed):
            if not hasattr(signer, "sign"):
                return _header_line(await signer(body))

            own = cast("BodySigner", signer)

            if not own.off_loop:
                return own.sign(body)

            work = translate_errors(call_errors.signer_failed)(own.sign)

        return await asyncio.get_running_loop().run_in_executor(executor, work, body)


def _header_line(signature: object) -> str:
    """
    Return *signature* if it can stand in a header: base64 in one line.
    """
    if isinstance(signature, str) and signature.isascii() and signature.isprintable():
        return signature

    raise call_errors.bad_signature()
