"""
Compile generated functions, so that debuggers and tracebacks show their lines.

They are straight lines for what nearly every object holds, made once from the attrs
classes, when a class is first used. For anything else they raise an `UnusualError`, and
the careful reader or writer decides (`_converter`).
"""

from __future__ import annotations

import linecache
import typing
from collections.abc import Callable
from typing import Any

import attrs


class UnusualError(Exception):
    """
    Raised when something is not what nearly every object holds.
    """


def member_hints(cls: Any) -> dict[str, Any]:
    """
    Return the types of the members of an attrs class; what is unknown has none.
    """
    hints = typing.get_type_hints(cls)

    return {
        field.name: hints[field.name]
        for field in attrs.fields(cls)
        if field.name != "extra"
    }


def compile_function(
    name: str, source: str, namespace: dict[str, Any]
) -> Callable[[Any], Any]:
    """
    Return the function *name* of *source*, whose globals are *namespace*.
    """
    filename = f"<umfpay {name}>"
    linecache.cache[filename] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        filename,
    )
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 (our own text)
    function: Callable[[Any], Any] = namespace[name]

    return function


def deferred(
    namespace: dict[str, Any], name: str, make: Callable[[], Callable[[Any], Any]]
) -> Callable[[Any], Any]:
    """
    Return a function that makes the real *name* of *namespace* when it is first called.
    """

    def function(value: Any) -> Any:
        namespace[name] = make()

        return namespace[name](value)

    return function
