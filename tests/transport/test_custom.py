"""
The user's own check of the header.
"""

from __future__ import annotations

from umfpay.transport._custom import CustomVerifier


def test_the_callable_is_asked_once_about_the_header_only(gateway):
    """Any other signature is the usual verifier's matter."""
    asked = []

    def decide(body, signature, keys):
        asked.append((body, signature))

        return False

    verifier = CustomVerifier(
        gateway.verifier, decide=decide, body=b"whole", header="h"
    )

    assert not verifier.verify(b"part", "h")
    assert not verifier.verify(b"other part", "h")
    assert asked == [(b"whole", "h")]
    assert verifier.verify(b"text", gateway.signer.sign(b"text"))
    assert not verifier.verify(b"text", gateway.signer.sign(b"other"))
    assert gateway.verifier.keys == verifier.keys
    assert gateway.verifier.off_loop == verifier.off_loop
