"""
The two backends: the same numbers, the same bytes, and no failure that shows a key.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import (
    Opener,
    PrivateKey,
    PublicKey,
    Sealer,
    Signer,
    Verifier,
    make_certificate,
)
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"


def _with_numbers(key, **changes):
    return PrivateKey(type(key.hidden)(attrs.evolve(key.hidden.value, **changes)))


@pytest.fixture(name="broken", scope="session")
def _broken(gateway) -> PrivateKey:
    """
    A key whose numbers do not fit together.
    """
    return _with_numbers(gateway, d=gateway.hidden.value.d + 2)


def test_both_backends_give_the_same_bytes(sized_gateway):
    """
    A worker with cryptography and one without are one merchant.
    """
    signatures = {
        Signer(sized_gateway, backend=backend).sign(b"x")
        for backend in ("pycryptodome", "cryptography")
    }

    assert 1 == len(signatures)


@pytest.mark.parametrize("other", ["pycryptodome", "cryptography"])
def test_each_backend_takes_what_the_other_made(sized_gateway, backend, other):
    """
    Signed by one, verified by the other; sealed by either, opened.
    """
    signature = Signer(sized_gateway, backend=backend).sign(b"x")
    sealed = Sealer(sized_gateway.public, backend=backend).seal(Secret("x"))

    assert Verifier([sized_gateway.public], backend=other).verify(b"x", signature)
    assert Secret("x") == Opener(sized_gateway).open(sealed)


def test_a_private_key_that_does_not_fit_is_a_config_error(
    broken, backend, must_not_show_key
):
    """
    At the first signature, or before; the library's words are dropped.
    """
    with pytest.raises(ConfigError, match="cannot work with this key") as caught:
        Signer(broken, backend=backend).sign(b"x")

    assert caught.value.__cause__ is None
    must_not_show_key(caught.value, broken.to_der_pkcs8())


def test_primes_of_another_modulus_are_a_config_error(gateway, must_not_show_key):
    """
    cryptography would sign with them; nobody could verify that.
    """
    broken = _with_numbers(gateway, n=gateway.hidden.value.n + 2)

    with pytest.raises(ConfigError, match="cannot work with this key") as caught:
        Signer(broken, backend="cryptography")

    must_not_show_key(caught.value, broken.to_der_pkcs8())


def test_a_signature_that_fails_is_a_config_error(gateway, backend, must_not_show_key):
    """
    Whatever a library raises while it signs.
    """
    signer = Signer(gateway, backend=backend)

    with pytest.raises(ConfigError, match="cannot work with this key") as caught:
        signer._rsa.sign(None)

    must_not_show_key(caught.value, gateway.to_der_pkcs8())


def test_no_certificate_is_made_of_a_key_that_does_not_fit(broken, must_not_show_key):
    """
    Making one signs with cryptography.
    """
    with pytest.raises(ConfigError, match="cannot work with this key") as caught:
        make_certificate(broken, common_name="x")

    must_not_show_key(caught.value, broken.to_der_pkcs8())


def test_a_public_key_that_strict_readers_refuse_is_a_config_error():
    """
    An even exponent is no key; pycryptodome does not look.
    """
    key = PublicKey(PublicKey.load(VECTORS / "gateway_1024.pub.pem").numbers[0], 4)

    with pytest.raises(ConfigError, match="cannot work with this key"):
        Verifier([key], backend="cryptography")


def test_a_field_that_fails_to_seal_is_not_shown(gateway, backend, shown_by):
    """
    The last net below the checks of size and charset.
    """
    operations = Sealer(gateway.public, backend=backend)._rsa

    with pytest.raises(ConfigError, match="could not be sealed") as caught:
        operations.seal(Secret("canary-2c70" * 50), "utf-8")

    assert caught.value.__context__ is None
    assert "canary" not in shown_by(caught.value)


@pytest.mark.parametrize("size", [1024, 1025, 1031, 2047])
def test_keys_of_odd_sizes_work(size, backend):
    """
    Their signatures have the bytes of the modulus, rounded up.
    """
    key = PrivateKey.load(openssl("genrsa", str(size)))
    sealed = Sealer(key.public, backend=backend).seal(Secret("x"))
    signature = Signer(key, backend=backend).sign(b"x")

    assert Verifier([key.public], backend=backend).verify(b"x", signature)
    assert Secret("x") == Opener(key).open(sealed)
