"""
Values that must not be seen: `Secret`, `Private` and `Sealed`.

`Secret` is clear text that lives in memory only, `Sealed` is ciphertext that may be
stored, `Private` is sent in clear but hidden from people who read logs.
"""

from __future__ import annotations

import functools
import hmac
import inspect
import os
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NoReturn, ParamSpec, TypeVar

import attrs


HIDDEN: Final = "***"

P = ParamSpec("P")
T = TypeVar("T")


class _Hidden:
    """
    Text that shows itself only through `reveal()`.
    """

    # A closure: tools that walk the slots of an object find no text.
    __slots__ = ("_revealed",)

    _revealed: Callable[[], str]

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            kind = type(text).__name__
            # The value itself is never named, nor seen in this frame.
            del text

            raise TypeError(f"{type(self).__name__} takes a str, not {kind}")

        object.__setattr__(self, "_revealed", lambda: text)

    def reveal(self) -> str:
        """
        Return the clear text; keep it out of variables that outlive the call.
        """
        return self._revealed()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(HIDDEN, format_spec)

    def __bool__(self) -> bool:
        return bool(self._revealed())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented

        return hmac.compare_digest(
            self._revealed().encode("utf-8", "surrogatepass"),
            other._revealed().encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash((type(self), self._revealed()))


class NeverStored:
    """
    Gives its state to no tool that asks for it: pickle, copies, serialisers.
    """

    __slots__ = ()

    _never_stored = "it is never stored or copied"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(self._never_stored)

    def __reduce__(self) -> NoReturn:
        raise TypeError(self._never_stored)

    def __getstate__(self) -> NoReturn:
        raise TypeError(self._never_stored)

    def __copy__(self) -> NoReturn:
        raise TypeError(self._never_stored)

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError(self._never_stored)


class Secret(NeverStored, _Hidden):
    """
    Clear text that must never leave the process: card data, client secret, token.

    It shows itself as ``***`` in `repr`, `str` and `format`, and refuses pickle, copy
    and JSON with a `TypeError`. Before it is sent it is sealed (gateway.md 4).
    """

    __slots__ = ()

    _never_stored = "a Secret is never stored; store the Sealed value instead"


class Private(_Hidden):
    """
    Text that is sent in clear but hidden in `repr` and logs: phone, SMS code, e-mail.

    It may be stored and pickled.
    """

    __slots__ = ()

    def __getstate__(self) -> None:
        # All of it stands in `__reduce__`.
        return None

    def __reduce__(self) -> tuple[type[Private], tuple[str]]:
        return (type(self), (self._revealed(),))


class Sealed:
    """
    Base64 ciphertext that only the gateway can open; it may be stored and pickled.
    """

    __slots__ = ("ciphertext",)

    ciphertext: str

    def __init__(self, ciphertext: str) -> None:
        object.__setattr__(self, "ciphertext", ciphertext)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("Sealed is immutable")

    def __repr__(self) -> str:
        return f"Sealed({len(self.ciphertext)} characters)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sealed):
            return NotImplemented

        return self.ciphertext == other.ciphertext

    def __hash__(self) -> int:
        return hash((Sealed, self.ciphertext))

    def __reduce__(self) -> tuple[type[Sealed], tuple[str]]:
        return (Sealed, (self.ciphertext,))


class Unfit:
    """
    What is left of an argument of a wrong type: the name of the type.

    A card number in it would else be seen in a traceback that shows locals.
    """

    def __init__(self, value: object) -> None:
        self.kind: str = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def fitting(value: Any, *kinds: type[Any]) -> Any:
    """
    Return *value* if it is one of *kinds* or None, else what is left of it: `Unfit`.

    Of a list or tuple each member is looked at. It never raises.
    """
    if value is None or isinstance(value, (*kinds, Unfit)):
        return value

    if isinstance(value, list | tuple):
        return tuple(fitting(one, *kinds) for one in value)

    return Unfit(value)


def concealed(value: object) -> Any:  # Any: it takes the place of the argument
    """
    Return text as a `Secret`, an address too: it may hold a password; else an `Unfit`.
    """
    return fitting(Secret(value.strip()) if isinstance(value, str) else value, Secret)


def hidden_path(value: object) -> Any:  # Any: it takes the place of the argument
    """
    Return text as a `Secret`: a key or an address may have been given by mistake.
    """
    return value if isinstance(value, os.PathLike) else concealed(value)


def looks_like_address(text: str) -> bool:
    """
    Tell whether *text* is no path of a file: it has a scheme, or a user and password.

    One letter before a colon is a drive of Windows.
    """
    return _ADDRESS_PATTERN.search(text) is not None


_ADDRESS_PATTERN: Final = re.compile(r"\A\s*[A-Za-z][A-Za-z0-9+.-]+:|://|:[^/\\]*@")


def kind_of(value: object) -> str:
    """
    Return the name of the type of *value*, or of what is left of it.
    """
    return value.kind if isinstance(value, Unfit) else type(value).__name__


def withholds(
    **kinds: type[Any] | tuple[type[Any], ...],
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """
    Make a coroutine function see an `Unfit` where an argument is none of its *kinds*.

    So none of its frames holds the dict with a card number that was given in place of
    a model; that it is refused is its own work. A dict in any other place is one that
    was meant for another, and withheld, too.
    """

    def decorate(
        function: Callable[P, Awaitable[T]],
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        named = {
            name: kind if isinstance(kind, tuple) else (kind,)
            for name, kind in kinds.items()
        }
        places = list(inspect.signature(function).parameters)
        # The usual call: its object, and the first of *kinds*, in its place.
        first = named.get(places[1], ()) if len(places) > 1 else ()

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                if kwargs or len(args) != 2 or type(args[1]) not in first:
                    # No local of the loops holds a value.
                    for name in list(kwargs):
                        kwargs[name] = _withhold(kwargs[name], named.get(name))

                    for place, name in enumerate(places[: len(args)]):
                        args = (  # type: ignore[assignment]
                            *args[:place],
                            _withhold(args[place], named.get(name)),
                            *args[place + 1 :],
                        )

                running = function(*args, **kwargs)
            finally:
                # This frame is in every traceback.
                del args, kwargs

            return await running

        # For tests, which see whether a function is decorated and with what.
        vars(call)["__withheld__"] = named

        return call

    return decorate


def _withhold(value: Any, allowed: tuple[type[Any], ...] | None) -> Any:
    if allowed is not None:
        return fitting(value, *allowed)

    return Unfit(value) if isinstance(value, Mapping) else value


ClassT = TypeVar("ClassT")


def hides_arguments(cls: type[ClassT]) -> type[ClassT]:
    """
    Make *cls*, an attrs class, hide what its constructor is given before it can fail.

    An argument is a local of the constructor's frame, which a traceback may show; so
    is the object itself, half made. The metadata of its members tell how: ``hidden``
    is `Secret` or `Private` (``strip`` is False where blanks count), ``path`` is True
    where a path may be an address by mistake, ``kinds`` are the classes of what is no
    plain value, ``members`` those of what a sequence holds; ``hide`` is a function that
    does it. A misspelt name hides its value too.
    """
    make = cls.__init__

    @functools.wraps(make)
    def init(self: Any, **members: Any) -> None:
        hide_members(cls, members)
        make(self, **members)

    cls.__init__ = init  # type: ignore[method-assign]

    return shows_itself_half_made(cls)


def hide_members(cls: type[Any], members: dict[str, Any]) -> None:
    """
    Hide what is given for *members* of *cls*, in their place; see `hides_arguments`.
    """
    fields = {field.name: field.metadata for field in attrs.fields(cls)}

    # No local of the loop holds a value.
    for name in list(members):
        metadata = fields.get(name, _MISSPELT_NAMES)

        if "hide" in metadata:
            members[name] = metadata["hide"](members[name])
        elif "hidden" in metadata:
            members[name] = hide(
                members[name], metadata["hidden"], strip=metadata.get("strip", True)
            )
        elif "path" in metadata:
            members[name] = hidden_path(members[name])
        elif "kinds" in metadata:
            members[name] = fitting(members[name], *metadata["kinds"])
        elif "members" in metadata:
            members[name] = _fitting_members(members[name], metadata["members"])
        elif not _is_plain(members[name]):
            members[name] = Unfit(members[name])


def shows_itself_half_made(cls: type[ClassT]) -> type[ClassT]:
    """
    Make *cls* have a `repr` before its constructor has ended, too.

    A constructor that refuses an argument leaves such an object in its frame, and what
    shows the locals of a traceback would fail itself.
    """
    show = cls.__repr__

    @functools.wraps(show)
    def shown(self: Any) -> str:
        try:
            return show(self)
        except AttributeError:
            return f"<{type(self).__name__}, half made>"

    cls.__repr__ = shown  # type: ignore[method-assign]

    return cls


def _fitting_members(value: object, kinds: tuple[type[Any], ...]) -> object:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return fitting(value)

    return tuple(fitting(one, *kinds) for one in value)


_MISSPELT_NAMES: Final = {"hidden": Private}
_PLAIN_TYPES: Final = (str, int, float, Decimal, date, timedelta, NoneType)


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN_TYPES) or type(value).__module__.startswith(
        "umfpay."
    )


def hide(
    value: Any, kind: type[Secret] | type[Private], *, strip: bool = True
) -> Any:  # Any: what is no text comes back as it may stand in any argument
    """
    Return text as *kind*, without blanks around it if *strip*; None if it is empty.

    What is empty is left out, never sealed (gateway.md 4). What is no text is `Unfit`.
    """
    if isinstance(value, str):
        value = kind(value.strip() if strip else value)

    if value is None or isinstance(value, Secret | Private | Sealed | Unfit):
        return None if isinstance(value, kind) and not value else value

    return Unfit(value)
