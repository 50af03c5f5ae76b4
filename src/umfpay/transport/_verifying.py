"""
Verify the gateway's signature of an answer, and judge what may pass without one.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import lru_cache, partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final, TypeVar, cast
from urllib.parse import unquote

from umfpay._callbacks import translate_errors
from umfpay.config import ResponseSignatures, ResponseVerifier, UnsignedResponses
from umfpay.errors import call_errors
from umfpay.protocol import Envelope, Verdict, Verifier, open_envelope
from umfpay.transport._call import CallState, find_header
from umfpay.transport._downloads import Download, content_coding
from umfpay.transport._exchange import Answer
from umfpay.transport._outcome import claims_success


_SUCCESS_CODE: Final = "0000"

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
            Signature in place of *verifier*: nobody has seen which bytes a later gateway
            signs in it, so it gets the whole body.
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
        self._custom: ResponseVerifier | None = None

        if response_verifier is not None:
            self._custom = translate_errors(call_errors.verifier_failed)(
                response_verifier
            )

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
            signature = state.response_header(b"signature")
            file = Download(
                state,
                answer,
                check=None
                if signature is None
                else partial(self._check, state, signature),
                keep=signature is not None and self._custom is not None,
            )

            async with asyncio.timeout_at(state.deadline):
                found = await file.open()

            if found is None:
                return file

            body = found

        state.response_body = body

        if 300 <= answer.status < 400:
            raise call_errors.redirected(state.call.label, status=answer.status)

        coding = find_header(answer.headers, b"content-encoding")

        if coding is None or content_coding(state) is None:
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

    async def _check(
        self, state: CallState, signature: str, digest: bytes, body: bytes
    ) -> None:
        """
        Verify the header *signature* over a file.
        """
        custom, verifier = self._custom, self._verifier
        state.download_verified = await self._work(
            partial(verifier.verify_digest, digest, signature)
            if custom is None
            else partial(custom, body, signature, verifier.keys)
        )

        if not state.download_verified:
            self._refuse_forged(state, "header Signature over the file")

    async def _open(
        self, state: CallState, body: bytes, signature: str | None
    ) -> Envelope:
        """
        Open an envelope in a thread, or by a verifier of the user's, or both.
        """
        custom, verifier = self._custom, self._verifier

        def work() -> Envelope:
            chosen = verifier

            if custom is not None and signature is not None:
                chosen = _decided(is_good=custom(body, signature, verifier.keys))

            return open_envelope(body, header_signature=signature, verifier=chosen)

        async with asyncio.timeout_at(state.deadline):
            return await self._work(work)

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
                and envelope.ret_code == _SUCCESS_CODE
                and not envelope.other_codes
            )

            # Only then anybody asks what was signed before.
            if self._accepts_unsigned:
                self._signed.add(endpoint_of(state.call.path))

            return

        if verdict is Verdict.FORGED:
            self._refuse_forged(state, envelope.reason)
            # What it says, as if it were signed: an object, or nothing to be read.
            state.envelope = envelope = open_envelope(
                body, header_signature="", verifier=_decided(is_good=True)
            )

            if envelope.verdict is Verdict.VERIFIED:
                envelope.verdict = Verdict.FORGED
                state.unverified_accepted = True

                return

            verdict = envelope.verdict

        assert state.status is not None

        # A refusal may pass, since retries and tokens depend on it. It gives nothing.
        if state.status >= 400:
            return

        if verdict is Verdict.UNREADABLE:
            raise call_errors.unreadable(
                state.call.label,
                status=state.status,
                reason=envelope.reason,
                coding=content_coding(state),
            )

        if not claims_success(envelope.ret_code):
            return

        if not state.call.unsigned_allowed:
            self._refuse_unsigned(state)

        state.unverified_accepted = True

    def _refuse_forged(self, state: CallState, reason: str) -> None:
        if not self._reports_only:
            raise call_errors.forged(state.call.label, reason)

        _log.warning("%s: forged answer (%s)", state.call.label, reason)

    def _refuse_unsigned(self, state: CallState) -> None:
        if not self._accepts_unsigned:
            raise call_errors.unsigned(state.call.label)

        endpoint = endpoint_of(state.call.path)

        if endpoint in self._signed:
            raise call_errors.stripped(state.call.label)

        if endpoint not in self._warned:
            self._warned.add(endpoint)
            _log.warning(
                '%s: unsigned answer let through by unsigned_responses="accept"',
                state.call.label,
            )


def _decided(*, is_good: bool) -> Verifier:
    """
    Return what stands in for a `Verifier` where the signature was decided about.
    """
    return cast("Verifier", SimpleNamespace(verify=lambda *_: is_good))


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
