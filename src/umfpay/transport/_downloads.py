"""
Streamed downloads: hashed as they go, signature verified at the end.
"""

from __future__ import annotations

import email.utils
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from umfpay.transport import _refusals as refusals
from umfpay.transport._call import CallState
from umfpay.transport._errors import transport_error
from umfpay.transport._exchange import BodyStream, HTTPExchangeError
from umfpay.transport._file_proof import FileProof


class Download:
    """
    The bytes of a file; the last step proves that they are all, and genuine.

    It is an iterator, not a generator: nothing of ours is suspended between two chunks,
    and a reader who stops early leaves nothing open but *stream*, which he closes.

    Args:
        state: The call.
        stream: What the edge gave.
        head: What was read of it already.
        check: Told the SHA-256 digest at the end, and the bytes if *keep*; raises
            `SignatureError`. None if the answer has no signature.
        keep: Collect the bytes for *check*, at most this many; 0 collects none.
        end_is_proven: Asked at the end: whether the transport knows that nothing was
            cut off. A signature over all bytes proves it, too.

    Raises:
        TransportError: The connection broke before the end.
        SignatureError: The signature over all bytes does not verify.
        IncompleteStatementError: The bytes have ended, and nothing proves that they are
            all.
        EnvelopeError: There are more than *keep* bytes to collect.
    """

    def __init__(
        self,
        state: CallState,
        stream: BodyStream,
        *,
        head: bytes,
        check: Callable[[bytes, bytes], Awaitable[None]] | None,
        end_is_proven: Callable[[], bool],
        keep: int = 0,
    ) -> None:
        self._state = state
        self._stream = stream
        self._head = head
        self._check = check
        self._end_is_proven = end_is_proven
        self._keep = keep
        self._kept = bytearray()
        self._digest = hashlib.sha256()
        day = state.call.file_day
        self._proof = FileProof(
            day=None if day is None else f"{day:%Y%m%d}",
            framed=state.call.file_framed,
        )
        self._ended = False

    @property
    def date(self) -> datetime | None:
        """
        The gateway's clock when it answered: the header Date (RFC 9110, 6.6.1).
        """
        text = self._state.response_header(b"date")

        if text is None:
            return None

        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None

        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """
        Return the next chunk; the end comes only after all was proven.
        """
        if self._ended:
            raise StopAsyncIteration

        chunk = await self._next()

        if chunk is None:
            self._ended = True

            if self._check is not None:
                await self._check(self._digest.digest(), bytes(self._kept))

            self._must_be_whole()

            raise StopAsyncIteration

        self._proof.feed(chunk)

        if self._check is not None:
            self._digest.update(chunk)

            if self._keep:
                self._kept += chunk

                if len(self._kept) > self._keep:
                    raise refusals.too_large(self._state, self._keep)

        return chunk

    def _must_be_whole(self) -> None:
        end_is_proven = self._state.download_verified or self._end_is_proven()
        doubt = self._proof.doubt(end_is_proven=end_is_proven)

        if doubt is not None:
            raise refusals.unproven(self._state, doubt)

    async def _next(self) -> bytes | None:
        if self._head:
            chunk, self._head = self._head, b""

            return chunk

        try:
            return await anext(self._stream, None)
        except HTTPExchangeError as error:
            raise transport_error(self._state, error) from error.__cause__

    async def aclose(self) -> None:
        """
        Release the connection.
        """
        self._ended = True
        await self._stream.aclose()
