"""
Checks of method arguments, before anything is sent.
"""

from __future__ import annotations

from typing import TypeVar

from umfpay.errors import InvalidValueError
from umfpay.sensitive import kind_of


T = TypeVar("T")


def needed_object(name: str, value: T, kind: type[T]) -> T:
    """
    Return *value*, an object of *kind*.

    Raises:
        ConfigError: It is something else; the gateway would get an empty shell.
    """
    if isinstance(value, kind):
        return value

    # The type alone: the value may be a card number in a wrong place.
    given = kind_of(value)

    raise InvalidValueError(
        f"{name}: a {kind.__name__} is needed, not {given}.",
        f"{name}：需要 {kind.__name__}，而不是 {given}。",
    )


def needed_count(name: str, value: int) -> int:
    """
    Return *value*, a whole number from 1.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value

    raise InvalidValueError(
        f"{name}: whole numbers start at 1.", f"{name}：必须是从 1 开始的整数。"
    )
