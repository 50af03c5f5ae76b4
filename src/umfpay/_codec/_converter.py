"""
The careful reader and writer, a cattrs converter: the only door to cattrs.

Generated code does the ordinary work (`_readers`, `_writers`). This decides what becomes
of odd objects, and makes all errors; cattrs is imported when the first of them comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from umfpay._codec._forms import EncodeOptions, Members, form_of
from umfpay._codec._reading import MAX_EXPONENT, SCALARS, read_object
from umfpay.errors import ConfigError
from umfpay.models import Money, OpenEnum, Received
from umfpay.sensitive import Private, Sealed, Secret


if TYPE_CHECKING:
    from cattrs import Converter


def wire_text(value: Any) -> str:
    """
    Return a scalar as the gateway's text.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"

    if isinstance(value, timedelta):
        return str(value // timedelta(minutes=1))

    if isinstance(value, datetime):
        return value.isoformat()

    if isinstance(value, date):
        return value.isoformat().replace("-", "")

    return str(value)


def write_money(value: Money) -> Members:
    """
    Return *value* as the gateway's object.
    """
    return {"total": value.text, "currency": str(value.currency)}


def digits(value: Decimal) -> str:
    """
    Return *value* as the gateway's text: 100, never 1E+2.

    Raises:
        ConfigError: It is not finite, or so large that to write it fills the memory.
    """
    if value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT:
        return f"{value:f}"

    return refuse(value)


def refuse(value: object) -> NoReturn:
    """
    Refuse *value*.

    Raises:
        ConfigError: Always.
    """
    raise cannot_be_sent(type(value).__name__)


def cannot_be_sent(kind: str) -> ConfigError:
    """
    Return the error for a *kind* of value that the gateway does not take.
    """
    return ConfigError(
        f"The body holds a {kind} that cannot be sent; give text, int, Decimal,"
        " dates or models.",
        f"请求内容包含无法发送的 {kind}；请使用文本、整数、Decimal、日期或模型对象。",
    )


@cache
def make_converter(options: EncodeOptions) -> Converter:
    """
    Return the converter for *options*, made once.
    """
    # Imported when it is used: an ordinary call has no need of it.
    from cattrs import Converter

    converter = Converter()
    configure_converter(converter, options)

    return converter


def configure_converter(converter: Converter, options: EncodeOptions) -> None:
    """
    Teach *converter* the gateway's forms.
    """
    # By class, not by predicate: cattrs looks at its own hooks for str and int first,
    # and bool and every StrEnum would fall to those. OpenEnum is nearer than str.
    for kind, hook in SCALARS.items():
        converter.register_structure_hook(kind, hook)

    converter.register_structure_hook(
        Received, partial(read_object, converter.structure)
    )
    _configure_writing(converter, options)


def _configure_writing(converter: Converter, options: EncodeOptions) -> None:
    """
    Let *converter* turn what we send, and everything read, into JSON values, or refuse it.
    """
    write = converter.unstructure

    def members(given: Members, kind: type[Any], text: Callable[[Any], str]) -> Members:
        return {
            name: text(one) if isinstance(one, kind) else write(one)
            for name, one in given.items()
            if one is not None and one != ()
        }

    def sent(value: Any) -> Members:
        # Numbers and truth values of ours are text on the wire.
        result = members(attrs.asdict(value, recurse=False), int, wire_text)
        form = form_of(type(value), options)

        return result if form is None else form(result)

    def received(value: Received) -> Members:
        known = {**attrs.asdict(value, recurse=False), "extra": None}

        # The unknown as it came; all digits as they came, an exponent too.
        return {**value.extra, **members(known, Decimal, str)}

    def mapping(value: Mapping[Any, Any]) -> Members:
        if not all(isinstance(name, str) for name in value):
            raise cannot_be_sent("dict")

        return {name: write(one) for name, one in value.items() if one is not None}

    # What no hook below knows is refused: cattrs would take sets and floats.
    converter.register_unstructure_hook_func(lambda _: True, refuse)
    converter.register_unstructure_hook_func(attrs.has, sent)
    hooks: dict[type[Any], Callable[[Any], Any]] = {
        **dict.fromkeys((datetime, date, timedelta), wire_text),
        **dict.fromkeys((tuple, list), lambda value: [write(one) for one in value]),
        **dict.fromkeys((str, OpenEnum), str.__str__),
        # What is hidden stays so until the bytes are written: see encode().
        **dict.fromkeys((int, type(None), Private, Secret), lambda value: value),
        Mapping: mapping,
        Received: received,
        Decimal: digits,
        Money: write_money,
        Sealed: attrgetter("ciphertext"),
        bytes: refuse,
    }

    for kind, hook in hooks.items():
        converter.register_unstructure_hook(kind, hook)
