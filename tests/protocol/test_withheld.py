"""
A key, a passphrase or a token of a wrong type is refused, and no frame shows it.
"""

from __future__ import annotations

import copy
import pickle

import pytest
from Crypto.PublicKey import RSA

from tests import tracebacks
from umfpay.protocol import (
    LocalCipher,
    Opener,
    PrivateKey,
    PublicKey,
    Sealer,
    Signer,
    Verifier,
    inspect_key,
)
from umfpay.sensitive import Private, Secret
from umfpay.testing import NotificationSigner, signed_answer


CANARY = "canary-key-91bd"


@pytest.mark.parametrize("value", [CANARY, CANARY.encode(), [CANARY], {"a": CANARY}])
@pytest.mark.parametrize(
    "use",
    [
        Signer,
        Sealer,
        Opener,
        NotificationSigner,
        lambda value: Verifier([value]),
        lambda value: signed_answer({}, value),
        lambda value: PrivateKey.load(b"no key", passphrase=value),
        lambda value: PublicKey.load({"pem": value}),
        lambda value: inspect_key(b"no key", passphrase=value),
        lambda value: LocalCipher([value], purpose="x"),
        lambda value: Secret([value]),
        lambda value: Private([value]),
    ],
)
def test_what_has_a_wrong_type_is_withheld(use, value):
    """
    From the error's text and from every frame of ours.
    """
    with pytest.raises(Exception) as caught:
        use(value)

    shown = tracebacks.everything(caught.value)

    assert "src/umfpay" in shown
    assert CANARY not in shown


def test_a_passphrase_may_be_text(tmp_path):
    """
    It is hidden at once.
    """
    key = PrivateKey.generate(1024)

    assert key == PrivateKey.load(key.to_der_pkcs8(), passphrase=CANARY)


@pytest.mark.parametrize(
    "door",
    [
        lambda one: one.__getstate__(),
        lambda one: object.__getstate__(one),
        lambda one: one.__reduce__(),
        lambda one: object.__reduce_ex__(one, 2),
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        lambda one: {name: getattr(one, name) for name in type(one).__slots__},
    ],
)
def test_a_private_key_has_no_side_door(door):
    """
    Nor has what holds it: tools that ask an object for its state get a refusal or stars.
    """
    key = PrivateKey.generate(1024)
    secret = RSA.import_key(key.to_der_pkcs8())

    for one in (key, key._key):
        try:
            state = door(one)
        except TypeError as error:
            state = error

        assert str(secret.d) not in repr(state)
        assert "RSA key" not in repr(state)
