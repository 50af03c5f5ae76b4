"""
Captured answers, keys that seal and open, and strategies for what is read.
"""

from __future__ import annotations

import base64
import functools
import json
import typing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import strategies as st

from tests._codec.mutated_answers import RECEIVED, VECTORS
from umfpay import Private
from umfpay.models import OpenEnum, Received
from umfpay.protocol import (
    Opener,
    PrivateKey,
    PublicKey,
    Sealer,
    parse_json,
)


TEXT = st.text(min_size=1, max_size=8).filter(lambda text: text.strip())
MOMENTS = st.datetimes(
    timezones=st.none() | st.just(timezone(timedelta(hours=8))) | st.just(UTC)
)
DECIMALS = st.decimals(
    min_value=-(10**15), max_value=10**15, allow_nan=False, allow_infinity=False
).filter(lambda number: len(number.as_tuple().digits) < 40)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    Private: TEXT.map(Private),
    Decimal: DECIMALS | st.just(Decimal("6.9800")) | st.just(Decimal("1E+2")),
    int: st.integers(-(10**20), 10**20),
    bool: st.booleans(),
    date: st.dates(),
    date | datetime: st.dates() | MOMENTS,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | DECIMALS | st.just(""),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
EXTRA = st.dictionaries(TEXT.map(lambda text: f"x-{text}"), JSON, max_size=2)

WIRE_NAMES = sorted(
    {
        name
        for cls in RECEIVED
        for field in attrs.fields(cls)
        for name in (field.name, *field.metadata.get("wire", ()))
    }
)


def _value(hint: Any) -> st.SearchStrategy[Any]:
    if hint in SCALARS:
        return SCALARS[hint]

    if typing.get_origin(hint) is tuple:
        return st.lists(_value(typing.get_args(hint)[0]), max_size=2).map(tuple)

    if issubclass(hint, OpenEnum):
        return st.sampled_from(list(hint)) | TEXT.map(str.strip).map(hint)

    return received(hint)


def _member(hint: Any) -> st.SearchStrategy[Any]:
    options = [arg for arg in typing.get_args(hint) if arg is not type(None)]

    if typing.get_origin(hint) is tuple:
        return _value(hint)

    if len(options) == len(typing.get_args(hint)):
        return _value(hint)

    return st.none() | _value(options[0] if len(options) == 1 else date | datetime)


@functools.cache
def received(cls: type[Received]) -> st.SearchStrategy[Any]:
    """
    Objects of *cls* with any members, known and unknown.
    """
    hints = typing.get_type_hints(cls)

    return st.builds(
        cls,
        **{
            field.name: EXTRA if field.name == "extra" else _member(hints[field.name])
            for field in attrs.fields(cls)
        },
    )


def wire_json(names: list[str], leaf: str) -> st.SearchStrategy[Any]:
    """
    Nested JSON whose names are those of the wire, blanks and others among them.
    """
    keys = st.sampled_from(names) | st.sampled_from(names).map(lambda name: f"{name} ")

    return st.recursive(
        st.sampled_from([None, "", leaf, 5, True, Decimal("6.9800"), "20170410"])
        | st.sampled_from(["PAY_A", "/payments/payment/PAY_A", "6.98", "self"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(keys | TEXT, inner, max_size=6)
        ),
        max_leaves=25,
    )


def vector_bodies(name: str, verdict: str) -> dict[str, Any]:
    """
    Return the parsed bodies of a file of vectors by name.
    """
    cases = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))

    return {
        case["name"]: parse_json(base64.b64decode(case["raw_base64"]))
        for case in cases
        if case["verdict"] == verdict
    }


@pytest.fixture(name="captures", scope="session")
def _captures() -> dict[str, Any]:
    return vector_bodies("gateway_captures", "valid")


@pytest.fixture(name="seal", scope="session")
def _seal() -> Any:
    return Sealer(PublicKey.load(VECTORS / "gateway_2048.cert.crt")).seal


@pytest.fixture(name="opened", scope="session")
def _opened() -> Any:
    opener = Opener(PrivateKey.load(VECTORS / "gateway_2048.key.p8"))

    def opened(ciphertext: str) -> str | None:
        secret = opener.open(ciphertext)

        return None if secret is None else secret.reveal()

    return opened


@pytest.fixture(name="strategies", scope="session")
def _strategies() -> Any:
    """
    What tests of this room draw from.
    """

    class Strategies:
        objects = staticmethod(received)
        wire = staticmethod(wire_json)
        wire_names = WIRE_NAMES

    return Strategies
