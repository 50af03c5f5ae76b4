"""
Verify the gateway's signature of an answer, and judge what may pass without one.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Literal, TypeVar, cast
from urllib.parse import unquote

from umfpay.errors import Text
from umfpay.protocol import Envelope, Verdict, Verifier, open_envelope
from umfpay.transport import _refusals as refusals
from umfpay.transport._call import CallState, find_header
from umfpay.transport._custom import (
    CustomVerifier,
    ResponseVerifier,
    read_unchecked,
)
from umfpay.transport._downloads import Download
from umfpay.transport._exchange import Answer, BodyStream
from umfpay.transport._file_proof import first_byte
from umfpay.transport._outcome import claims_success


UnsignedResponses = Literal["refuse", "accept"]
ResponseSignatures = Literal["enforce", "report"]

SUCCESS_CODE: Final = "0000"

# A file has shown something but blanks by then.
_HEAD_BYTES: Final = 4096

_ID: Final = re.compile(r"\{\w+\}|[A-Z]+_[A-Z2-7]+")

_log = logging.getLogger("umfpay")

T = TypeVar("T")


class AnswerVerifier:
    """
    Opens the envelope of an answer and judges what may pass (gateway.md 3.2).

    Args:
        verifier: Holds the gateway's keys.
        executor: Where a verifier works that is too slow for the loop.
        unsigned_responses: Whether an answer without signature may give something.
        response_signatures: ``"report"`` logs forged answers and lets them through.
        response_verifier: ``(body, signature, keys) -> bool``, decides about the header
            Signature in place of *verifier*.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        executor: Executor | None = None,
        unsigned_responses: UnsignedResponses = "refuse",
        response_signatures: ResponseSignatures = "enforce",
        response_verifier: ResponseVerifier | None = None,
    ) -> None:
        self._verifier = verifier
        self._executor = executor
        self._accepts_unsigned = unsigned_responses == "accept"
        self._reports_only = response_signatures == "report"
        self._custom = response_verifier
        self._signed: set[str] = set()
        self._warned: set[str] = set()

        if self._reports_only:
            _log.warning(
                'response_signatures="report": forged answers are logged, not refused'
            )

    async def verify(self, state: CallState, answer: Answer) -> Download | None:
        """
        Leave status, headers and envelope of *answer* in *state*.

        Returns:
            The file, if the answer is one; it is verified as it is read.

        Raises:
            SignatureError: The answer is forged.
            UnsignedResponseError: It gives something and has no signature.
            EnvelopeError: It cannot be read, is too large or a redirect.
            TimeoutError: The deadline passed while a thread verified it.
        """
        state.status = answer.status
        state.response_headers = answer.headers
        body = answer.body

        if answer.stream is not None:
            async with asyncio.timeout_at(state.deadline):
                file = await self._file_or_body(state, answer.stream, answer)

            if isinstance(file, Download):
                return file

            body = file

        state.response_body = body

        if 300 <= answer.status < 400:
            raise refusals.redirected(state)

        coding = find_header(answer.headers, b"content-encoding")

        if coding is None or refusals.content_coding(state) is None:
            signature = find_header(answer.headers, b"signature")

            # The usual way waits for nothing.
            state.envelope = (
                open_envelope(body, header_signature=signature, verifier=self._verifier)
                if self._custom is None and not self._verifier.off_loop
                else await self._open(state, body, signature)
            )
        else:
            # Signed is what was compressed: nothing can be said about its signature.
            state.envelope = Envelope(
                verdict=Verdict.UNREADABLE, reason="Content-Encoding"
            )

        self._judge(state, state.envelope, body)

        return None

    async def _file_or_body(
        self, state: CallState, stream: BodyStream, answer: Answer
    ) -> Download | bytes:
        """
        Return what streams: a file, or the error object in its place.
        """
        is_file = False

        try:
            head = await _head(stream)
            is_file = _begins_file(state, head)

            if is_file:
                return self._file(state, stream, head, is_framed=answer.is_framed)

            return await _rest(state, stream, head)
        finally:
            if not is_file:
                await stream.aclose()

    async def _open(
        self, state: CallState, body: bytes, signature: str | None
    ) -> Envelope:
        verifier = self._verifier

        if self._custom is not None and signature is not None:
            custom = CustomVerifier(
                verifier, decide=self._custom, body=body, header=signature
            )
            # It has the two members that an envelope needs, without any key of its own.
            verifier = cast("Verifier", custom)

        if not verifier.off_loop:
            return open_envelope(body, header_signature=signature, verifier=verifier)

        async with asyncio.timeout_at(state.deadline):
            return await self._work(
                lambda: open_envelope(
                    body, header_signature=signature, verifier=verifier
                )
            )

    async def _work(self, job: Callable[[], T]) -> T:
        if self._verifier.off_loop:
            loop = asyncio.get_running_loop()

            return await loop.run_in_executor(self._executor, job)

        return job()

    def _judge(self, state: CallState, envelope: Envelope, body: bytes) -> None:
        verdict = envelope.verdict

        if verdict is Verdict.VERIFIED:
            state.signed_success = (
                state.status == HTTPStatus.OK
                and envelope.ret_code == SUCCESS_CODE
                and not envelope.other_codes
            )

            # Only then anybody asks what was signed before.
            if self._accepts_unsigned:
                self._signed.add(endpoint_of(state.call.path))

            return

        if verdict is Verdict.FORGED:
            self._forged(state, envelope.reason)
            state.envelope = read_unchecked(body, forged=envelope)

            if state.envelope.verdict is Verdict.FORGED:
                state.unverified_accepted = True

                return

            envelope = state.envelope
            verdict = envelope.verdict

        assert state.status is not None

        # A refusal may pass: Authorizing and Retrying must see it. It gives nothing.
        if state.status >= 400:
            return

        if verdict is Verdict.UNREADABLE:
            raise refusals.unreadable(state, envelope.reason)

        if not claims_success(envelope.ret_code):
            return

        if not state.call.unsigned_allowed:
            self._unsigned(state)

        state.unverified_accepted = True

    def _forged(self, state: CallState, reason: str) -> None:
        if not self._reports_only:
            raise refusals.forged(state, reason)

        _log.warning(
            "%s %s: forged answer (%s)", state.call.method, state.call.path, reason
        )

    def _unsigned(self, state: CallState) -> None:
        if not self._accepts_unsigned:
            raise refusals.unsigned(state)

        endpoint = endpoint_of(state.call.path)

        if endpoint in self._signed:
            raise refusals.stripped(state)

        if endpoint not in self._warned:
            self._warned.add(endpoint)
            _log.warning(
                '%s %s: unsigned answer let through by unsigned_responses="accept"',
                state.call.method,
                state.call.path,
            )

    def _file(
        self, state: CallState, stream: BodyStream, head: bytes, *, is_framed: bool
    ) -> Download:
        signature = state.response_header(b"signature")
        custom = self._custom

        def end_is_proven() -> bool:
            return is_framed or stream.ended_clean

        async def check(digest: bytes, body: bytes) -> None:
            assert signature is not None

            if custom is not None:
                good = await self._work(
                    lambda: custom(body, signature, self._verifier.keys)
                )
            else:
                good = await self._work(
                    lambda: self._verifier.verify_digest(digest, signature)
                )

            if good:
                state.download_verified = True
            else:
                self._forged(state, "header Signature over the file")

        return Download(
            state,
            stream,
            head=head,
            check=None if signature is None else check,
            end_is_proven=end_is_proven,
            keep=state.call.body_limit if custom is not None else 0,
        )


@lru_cache(maxsize=256)
def endpoint_of(path: str) -> str:
    """
    Return what is asked at *path*, whichever object it is about.

    A path of the caller's holds an id where ours have a name in braces.
    """
    return "/".join(
        "{id}" if _ID.fullmatch(one) else one
        for one in unquote(path).replace(" ", "").split("/")
        if one
    )


async def _head(stream: BodyStream) -> bytes:
    """
    Return the begin of a download, as much as it takes to know what it is.
    """
    head = b""

    async for chunk in stream:
        head += chunk

        if first_byte(head) or len(head) >= _HEAD_BYTES:
            break

    return head


async def _rest(state: CallState, stream: BodyStream, head: bytes) -> bytes:
    """
    Return the whole body, of which *head* was read.

    Raises:
        EnvelopeError: It is larger than the call allows.
    """
    limit = state.call.body_limit
    body = bytearray(head)

    while len(body) <= limit:
        chunk = await anext(stream, None)

        if chunk is None:
            return bytes(body)

        body += chunk

    raise refusals.too_large(state, limit)


def _begins_file(state: CallState, head: bytes) -> bool:
    """
    Tell whether a download is a file, and not an error object (gateway.md 9.1).

    Raises:
        EnvelopeError: It is neither.
    """
    if state.status == HTTPStatus.PARTIAL_CONTENT:
        raise refusals.no_file(state, Text("HTTP 206, a part", "HTTP 206，只是一部分"))

    if refusals.content_coding(state) is not None:
        raise refusals.unreadable(state, "")

    first = first_byte(head)

    if first == b"<":
        raise refusals.page(state)

    if not first and len(head) >= _HEAD_BYTES:
        raise refusals.no_file(state, Text("it begins with blanks", "开头全是空白"))

    return first != b"{"
