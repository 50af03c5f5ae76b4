"""
Serialize and deserialize objects, by generated code or else with care.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import attrs
import msgspec

from umfpay._codec import _reading as reading
from umfpay._codec._converter import DEFAULT_OPTIONS, make_converter
from umfpay._codec._readers import generate_reader, reader
from umfpay._codec._source import UnusualError
from umfpay._codec._writers import generate_writer, writer
from umfpay._codec._writing import EncodeOptions, cannot_be_sent
from umfpay.errors import ConfigError, EnvelopeError
from umfpay.models import NewEnterprise, Received
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Private, Sealed, Secret


T = TypeVar("T")

_STORAGE_ENCODER = msgspec.json.Encoder(
    decimal_format="number", enc_hook=Private.reveal
)


def structure(value: Any, cls: type[T], *, at: str = "") -> T:
    """
    Make a *cls* from parsed JSON.

    Args:
        at: Where *value* stands, for the error.

    Raises:
        EnvelopeError: A value does not fit; it names the path, never the value.
    """
    try:
        if not issubclass(cls, Received):
            return make_converter().structure(value, cls)

        kind: Any = cls

        return cast("T", reader(kind)(value))
    except reading.MisfitError as misfit:
        misfit.path.extend([at] if at else [])
        where, wanted = str(misfit), misfit.wanted
    except reading.OddDateError:
        where, wanted = f"{at or 'the object'} is text", "a date"

    raise EnvelopeError(
        f"In the answer, {where}, wanted is {wanted}.",
        f"应答中 {where}，与约定的类型（{wanted}）不符。",
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
    data = b""
    nested = False
    kind = "str"

    try:
        data = msgspec.json.encode(
            _values(body, options), enc_hook=partial(_clear_text, seal)
        )
    except RecursionError:
        nested = True
    except UnicodeEncodeError:
        pass
    except ValueError:
        kind = "int"  # of more digits than Python writes

    if data:
        return data

    # Out here: the frames of those errors hold the body, a thousand of them.
    if nested:
        raise ConfigError(
            "The body holds itself, or is nested too deeply.",
            "请求内容包含自身，或嵌套过深。",
        )

    raise cannot_be_sent(kind)


def _values(body: object, options: EncodeOptions) -> Any:
    kind: Any = type(body)
    value: Any = None

    try:
        value = writer(kind, options)(body)
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
    Write an object that was read, to be stored; unknown members are kept.

    Raises:
        EnvelopeError: It holds text that UTF-8 cannot write: the gateway sent none.
    """
    data = b""

    try:
        # Numbers of *extra* keep their exponent: written out, they could be too long.
        data = _STORAGE_ENCODER.encode(make_converter().unstructure(value))
    except UnicodeEncodeError:
        data = b""  # that error holds the text: it must not be anybody's context

    if not data:
        raise EnvelopeError(
            "The object holds half of a surrogate pair.", "对象包含无效的文本。"
        )

    return data


def loads(data: bytes, cls: type[T]) -> T:
    """
    Read what `dumps()` wrote.

    Raises:
        EnvelopeError: *data* is not that.
    """
    try:
        value = parse_json(data)
    except JSONRefusedError as refusal:
        raise EnvelopeError(
            f"The data is not readable: {refusal}.", "数据无法读取。"
        ) from None

    return structure(value, cls)


def mark_verified(value: T, *, verified: bool) -> T:
    """
    Return *value* with the verdict of its answer on it.
    """
    # A member of that name on the wire says nothing.
    if not isinstance(value, Received) or getattr(value, "verified", None) in (
        None,
        verified,
    ):
        return value

    changed: Any = attrs.evolve(cast("Any", value), verified=verified)

    return cast("T", changed)


def generated_source(cls: type[Any]) -> str:
    """
    Return the generated code that reads a *cls*, or writes it.
    """
    if issubclass(cls, Received):
        return generate_reader(cls)[0]

    return generate_writer(cls, DEFAULT_OPTIONS)[0]
