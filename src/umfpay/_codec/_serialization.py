"""
Serialize and deserialize objects, by generated code or else with care.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import attrs
import msgspec

from umfpay._codec._classes import UnusualError
from umfpay._codec._converter import cannot_be_sent, make_converter
from umfpay._codec._forms import DEFAULT_OPTIONS, EncodeOptions
from umfpay._codec._generated import reader, writer
from umfpay._codec._reading import MisfitError, is_absent
from umfpay.errors import ConfigError, EnvelopeError
from umfpay.models import NewEnterprise, Received
from umfpay.sensitive import Private, Sealed, Secret


T = TypeVar("T")


def structure(value: Any, cls: type[T], *, at: str = "") -> T:
    """
    Make a *cls* from parsed JSON.

    Args:
        at: Where *value* stands, for the error.

    Raises:
        EnvelopeError: A value does not fit; it names the path, never the value.
    """
    try:
        return cast("T", reader(cast("Any", cls))(value))
    except MisfitError as misfit:
        misfit.path.extend([at] if at else [])
        where, wanted = str(misfit), misfit.wanted

    raise EnvelopeError(
        f"In the answer, {where}, wanted is {wanted}.",
        f"应答中 {where}，与约定的类型（{wanted}）不符。",
    )


def structure_all(value: Any, cls: type[T], *, at: str) -> tuple[T, ...]:
    """
    Make several *cls*, or one, as `structure` does; what is absent is left out.
    """
    return tuple(
        structure(one, cls, at=f"{at}[{index}]")
        for index, one in enumerate(value if isinstance(value, list) else [value])
        if not is_absent(one)
    )


def encode(
    body: object,
    *,
    seal: Callable[[Secret], Sealed],
    options: EncodeOptions = DEFAULT_OPTIONS,
) -> bytes:
    """
    Write *body* as the bytes that are signed and sent: compact UTF-8.

    Each `Secret` is sealed into the new body; the caller's object is unchanged, and
    nothing unsealed can leave.

    Raises:
        ConfigError: Something in it is not of the gateway's kinds, floats among them,
            or holds itself.
    """
    try:
        return msgspec.json.encode(
            _values(body, options), enc_hook=partial(_clear_text, seal)
        )
    except RecursionError:
        refusal = ConfigError(
            "The body holds itself, or is nested too deeply.",
            "请求内容包含自身，或嵌套过深。",
        )
    except UnicodeEncodeError:
        refusal = cannot_be_sent("str")
    except ValueError:
        refusal = cannot_be_sent("int")  # of more digits than Python writes

    # Out here: the frames of those errors hold the body, a thousand of them.
    raise refusal


def _values(body: object, options: EncodeOptions) -> Any:
    try:
        value: Any = writer(cast("Any", type(body)), options)(body)
    except UnusualError:
        value = None  # what is left of it is in no context

    if value is None:
        value = make_converter(options).unstructure(body)

    if isinstance(body, NewEnterprise):
        value = {"enterprise_qualification": value}

    return value


def _clear_text(seal: Callable[[Secret], Sealed], hidden: Any) -> str:
    """
    Return the ciphertext of a `Secret`, which never leaves as it is (gateway.md 4), and
    the text of what is `Private`.
    """
    if isinstance(hidden, Private):
        return hidden.reveal()

    # The writers give text, lists, objects, numbers and what is hidden, nothing else.
    assert isinstance(hidden, Secret)

    return seal(hidden).ciphertext if hidden else ""


def dumps(value: Received) -> bytes:
    """
    Write an object that was read, to be shown or stored; unknown members are kept.
    """
    # Numbers of *extra* keep their exponent: written out, they could be too long.
    encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=Private.reveal)

    return encoder.encode(make_converter(DEFAULT_OPTIONS).unstructure(value))


def mark_verified(value: T, *, verified: bool) -> T:
    """
    Return *value* with the verdict of its answer on it.
    """
    # A member of that name on the wire says nothing.
    if isinstance(value, Received) and getattr(value, "verified", verified) != verified:
        return cast("T", attrs.evolve(cast("Any", value), verified=verified))

    return value
