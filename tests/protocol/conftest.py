"""
Keys of the vectors, and what an error shows to a debugger.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from umfpay.protocol import PrivateKey, Signer, Verifier


VECTORS = Path(__file__).parent.parent / "vectors"


def _shown_by(error: BaseException) -> str:
    """
    Return all that a debugger shows of an error: words, and locals of every frame.

    The frame of the test itself is left out.
    """
    parts, todo, seen = [], [error], set()

    while todo:
        error = todo.pop()

        if error is None or id(error) in seen:
            continue

        seen.add(id(error))
        parts += [str(error), repr(error), repr(vars(error)), repr(error.args)]
        todo += [error.__cause__, error.__context__]
        trace = error.__traceback__

        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                parts += map(repr, trace.tb_frame.f_locals.values())

            trace = trace.tb_next

    return "\n".join(parts)


def _must_not_show_key(error: BaseException, key: bytes) -> None:
    """
    Fail if *error* shows a part of *key*, in whatever spelling.
    """
    shown = _shown_by(error)
    middle = key[len(key) // 2 : len(key) // 2 + 24]
    text = key.decode("latin-1")

    assert repr(middle)[2:-1] not in shown
    assert text[len(text) // 2 :][:24] not in shown
    assert str(int.from_bytes(middle, "big")) not in shown
    assert base64.b64encode(key).decode()[60:100] not in shown


@pytest.fixture(name="backend", params=["pycryptodome", "cryptography"])
def _backend(request) -> str:
    return request.param


@pytest.fixture(name="bits", params=[1024, 2048])
def _bits(request) -> int:
    return request.param


@pytest.fixture(name="gateway", scope="session")
def _gateway() -> PrivateKey:
    return PrivateKey.load(VECTORS / "gateway_1024.key.p8")


@pytest.fixture(name="sized_gateway")
def _sized_gateway(bits) -> PrivateKey:
    return PrivateKey.load(VECTORS / f"gateway_{bits}.key.p8")


@pytest.fixture(name="signer", scope="session")
def _signer(gateway) -> Signer:
    return Signer(gateway)


@pytest.fixture(name="verifier", scope="session")
def _verifier(gateway) -> Verifier:
    return Verifier([gateway.public])


@pytest.fixture(name="shown_by")
def _shown_by_fixture():
    return _shown_by


@pytest.fixture(name="must_not_show_key")
def _must_not_show_key_fixture():
    return _must_not_show_key
