"""
The converter: the only door to cattrs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import attrs
import msgspec

from umfpay._codec import _reading as reading
from umfpay._codec._writing import EncodeOptions, add_writing
from umfpay.errors import ConfigError, EnvelopeError, Text
from umfpay.models import NewEnterprise, OpenEnum, Received
from umfpay.protocol import JSONRefusedError, dump_json, parse_json
from umfpay.sensitive import Private, Sealed, Secret


if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_DEFAULTS = EncodeOptions()


def configure_converter(converter: Converter, options: EncodeOptions) -> None:
    """
    Teach *converter* the gateway's forms.
    """
    scalars: dict[Any, Callable[..., Any]] = {
        str: reading.read_text,
        Decimal: reading.read_decimal,
        int: reading.read_int,
        bool: reading.read_bool,
        date: reading.read_date,
        Private: reading.read_private,
        Mapping[str, Any]: reading.read_mapping,
    }

    # By identity: a hook for str must not catch every StrEnum.
    for kind, hook in scalars.items():
        converter.register_structure_hook_func(partial(operator.eq, kind), hook)

    converter.register_structure_hook_func(
        lambda t: isinstance(t, type) and issubclass(t, OpenEnum), reading.read_enum
    )
    converter.register_structure_hook_factory(
        lambda t: isinstance(t, type) and issubclass(t, Received),
        lambda t: reading.received_hook(converter, t),
    )
    add_writing(converter, options)


@cache
def make_converter(options: EncodeOptions = _DEFAULTS) -> Converter:
    """
    Return the converter for *options*, made once.
    """
    # Imported when it is used: constructing a session must stay light.
    from cattrs import Converter

    converter = Converter()
    configure_converter(converter, options)

    return converter


def structure(value: Any, cls: type[T]) -> T:
    """
    Make a *cls* from parsed JSON.

    Raises:
        EnvelopeError: A value does not fit; it names the path, never the value.
    """
    try:
        return make_converter().structure(value, cls)
    except reading.MisfitError as misfit:
        where, wanted = str(misfit), misfit.wanted
    except reading.OddDateError:
        where, wanted = "the answer", "a date"

    raise EnvelopeError(
        Text(
            f"In the answer, {where}, wanted is {wanted}.",
            f"应答中 {where}，与约定的类型（{wanted}）不符。",
        )
    )


def encode(
    body: object,
    *,
    seal: Callable[[Secret], Sealed],
    options: EncodeOptions = _DEFAULTS,
) -> bytes:
    """
    Write *body* as the bytes that are signed and sent: compact UTF-8.

    Each `Secret` is sealed into the new body; the caller's object is unchanged, and
    nothing unsealed can leave.

    Raises:
        ConfigError: Something in it is not of the gateway's kinds, floats among them.
    """
    value = make_converter(options).unstructure(body)

    if isinstance(body, NewEnterprise):
        value = {"enterprise_qualification": value}

    def hook(given: object) -> str:
        if isinstance(given, Secret):
            return seal(given).ciphertext

        return _refuse(given)

    _no_floats(value)

    return msgspec.json.encode(value, enc_hook=hook)


def _no_floats(value: object) -> None:
    if isinstance(value, float):
        _refuse(value)

    if isinstance(value, dict):
        for one in value.values():
            _no_floats(one)
    elif isinstance(value, list):
        for one in value:
            _no_floats(one)


def _refuse(value: object) -> NoReturn:
    kind = type(value).__name__

    raise ConfigError(
        Text(
            f"The body holds a {kind}; give text, int, Decimal, dates or models.",
            f"请求内容包含 {kind}；请使用文本、整数、Decimal、日期或模型对象。",
        )
    )


def dumps(value: Received) -> bytes:
    """
    Write an object that was read, to be stored; unknown members are kept.
    """
    return dump_json(make_converter().unstructure(value))


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
            Text(f"The data is not readable: {refusal}.", "数据无法读取。")
        ) from None

    return structure(value, cls)


def mark_verified(value: T, *, verified: bool) -> T:
    """
    Return *value* with the verdict of its answer on it.
    """
    if verified:
        return value

    if isinstance(value, Received) and hasattr(value, "verified"):
        changed: Any = attrs.evolve(cast("Any", value), verified=False)

        return cast("T", changed)

    return value
