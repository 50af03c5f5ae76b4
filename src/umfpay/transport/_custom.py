"""
Custom response verifiers: the user's own, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import attrs

from umfpay.protocol import Envelope, PublicKey, Verdict, Verifier, open_envelope


ResponseVerifier = Callable[[bytes, str, Sequence[PublicKey]], bool]


class CustomVerifier:
    """
    Stands in for a `Verifier` while one answer with a header Signature is opened.

    Nobody has seen which bytes a later gateway signs in the header (gateway.md
    3.2), so the callable gets the whole body. It is asked once.

    Args:
        inner: Checks every other signature.
        decide: ``(body, signature, keys) -> bool``.
        body: The answer as received.
        header: Its header Signature.
    """

    def __init__(
        self,
        inner: Verifier,
        *,
        decide: ResponseVerifier,
        body: bytes,
        header: str,
    ) -> None:
        self._inner = inner
        self._decide = decide
        self._body = body
        self._header = header
        self._decision: bool | None = None
        self.keys = inner.keys
        self.off_loop = inner.off_loop

    def verify(self, data: bytes, signature: str) -> bool:
        """
        Tell whether *signature* is good.
        """
        if signature != self._header:
            return self._inner.verify(data, signature)

        if self._decision is None:
            self._decision = self._decide(self._body, signature, self.keys)

        return self._decision


def read_unchecked(body: bytes, *, forged: Envelope) -> Envelope:
    """
    Return what a *forged* answer says, for ``response_signatures="report"`` only.

    Returns:
        The members under the verdict forged, or an unreadable envelope.
    """
    envelope = open_envelope(
        body, header_signature="", verifier=cast("Verifier", _AcceptingVerifier())
    )

    if envelope.verdict is Verdict.VERIFIED:
        return attrs.evolve(envelope, verdict=Verdict.FORGED, reason=forged.reason)

    return Envelope(verdict=Verdict.UNREADABLE, reason=envelope.reason)


class _AcceptingVerifier:
    """
    Believes every signature.
    """

    def verify(self, data: bytes, signature: str, /) -> bool:  # noqa: ARG002
        return True
