"""
Streamed downloads: hashed as they go, signature verified at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

from umfpay.errors import call_errors
from umfpay.transport._call import CallState
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError, read_body


# A file has shown something but blanks by then.
_HEAD_BYTES: Final = 4096

# Byte order marks of UTF-8 and UTF-16, the zeros of UTF-16, and blanks.
_PADDING_BYTES: Final = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n\v\f"


class Download:
    """
    The bytes of a file; the last step proves that they are all, and genuine.

    It is an iterator, not a generator: nothing of ours is suspended between two chunks,
    and a reader who stops early leaves nothing open but this, which he closes.

    Args:
        state: The call.
        answer: What the edge gave, its body still to come. If it says where that ends,
            nothing can be cut off unseen; an announced end of the connection, or a
            signature over all bytes, proves it, too.
        check: Told the SHA-256 digest at the end, and the bytes if *keep*; raises
            `SignatureError`. None if the answer has no signature.
        keep: Collect the bytes for *check*, as many as the body of the call may have.

    Raises:
        TransportError: The connection broke before the end.
        SignatureError: The signature over all bytes does not verify.
        IncompleteStatementError: The bytes have ended, and nothing proves that they are
            all.
        EnvelopeError: There are more bytes than can be collected.
    """

    def __init__(
        self,
        state: CallState,
        answer: Answer,
        *,
        check: Callable[[bytes, bytes], Awaitable[None]] | None,
        keep: bool,
    ) -> None:
        assert state.call.download is not None
        assert answer.stream is not None
        self._state = state
        self._stream = answer.stream
        self._is_framed = answer.is_framed
        self._check = check
        self._keep = keep
        self._kept = bytearray()
        self._digest = hashlib.sha256()
        self._proof = state.call.download()
        self._head = b""
        self._ended = False

    async def open(self) -> bytes | None:
        """
        Read until it is known whether a file comes, or an error object (gateway.md 9.1).

        Returns:
            The object; None if it is a file, which is open then.

        Raises:
            EnvelopeError: It is neither.
            HTTPExchangeError: It broke off, or the object is too large.
        """
        is_file = False

        try:
            async for chunk in self._stream:
                self._head += chunk

                if first_byte(self._head) or len(self._head) >= _HEAD_BYTES:
                    break

            is_file = self._begins_file()

            if is_file:
                return None

            return await read_body(
                self._stream, self._state.call.body_limit, head=self._head
            )
        finally:
            if not is_file:
                await self._stream.aclose()

    def _begins_file(self) -> bool:
        state, label = self._state, self._state.call.label
        coding, first = content_coding(state), first_byte(self._head)

        if state.status == HTTPStatus.PARTIAL_CONTENT:
            raise call_errors.part_of_file(label)

        if coding is not None:
            raise call_errors.unreadable(
                label, status=state.status, reason="", coding=coding
            )

        if first == b"<":
            raise call_errors.page_for_file(label, status=state.status)

        if not first and len(self._head) >= _HEAD_BYTES:
            raise call_errors.blank_file(label)

        return first != b"{"

    @property
    def date(self) -> datetime | None:
        """
        The gateway's clock when it answered, None if it told none.
        """
        return self._state.response_date(b"date")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """
        Return the next chunk; the end comes only after all was proven.
        """
        if self._ended:
            raise StopAsyncIteration

        head, self._head = self._head, b""

        try:
            chunk: bytes | None = head or await anext(self._stream, None)

            if chunk is None:
                await self._prove()
                self._ended = True

                raise StopAsyncIteration

            self._proof.feed(chunk.lstrip(_PADDING_BYTES) if head else chunk)

            if self._check is not None:
                self._digest.update(chunk)

            if self._keep:
                self._kept += chunk

                if len(self._kept) > self._state.call.body_limit:
                    raise HTTPExchangeError(Failure.TOO_LARGE)
        except HTTPExchangeError as error:
            raise self._state.exchange_error(error) from error.__cause__

        return chunk

    async def _prove(self) -> None:
        if self._check is not None:
            await self._check(self._digest.digest(), bytes(self._kept))

        doubt = self._proof.doubt(
            end_is_proven=self._state.download_verified
            or self._is_framed
            or self._stream.ended_clean
        )

        if doubt is not None:
            raise call_errors.unproven_file(self._state.call.label, doubt)

    async def aclose(self) -> None:
        """
        Release the connection.
        """
        self._ended = True
        await self._stream.aclose()


def first_byte(head: bytes) -> bytes:
    """
    Return the first byte of *head* that is neither blank nor byte order mark, or none.
    """
    return head.lstrip(_PADDING_BYTES)[:1]


def content_coding(state: CallState) -> str | None:
    """
    Return how the answer is compressed, None if it is not.
    """
    coding = (state.response_header(b"content-encoding") or "").strip()

    return None if coding.lower() in ("", "identity") else coding
