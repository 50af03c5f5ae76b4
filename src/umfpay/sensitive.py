"""
Values that must not be seen: the three kinds of sensitive data.

`Secret` is clear text that lives in memory only, `Sealed` is ciphertext that may be
stored, `Private` is sent in clear but hidden from people who read logs.
"""

from __future__ import annotations

import hmac
from typing import Any, Final, NoReturn


HIDDEN: Final = "***"


class _Hidden:
    """
    Text that shows itself only through `reveal()`.
    """

    __slots__ = ("_text",)

    _text: str

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            # The value itself is never named: it may be the secret.
            raise TypeError(
                f"{type(self).__name__} takes a str, not {type(text).__name__}"
            )

        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """
        Return the clear text; keep it out of variables that outlive the call.
        """
        return self._text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(HIDDEN, format_spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented

        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class Secret(_Hidden):
    """
    Clear text that must never leave the process: card data, client secret, token.

    It shows itself as ``***`` in `repr`, `str` and `format`, and refuses pickle, copy
    and JSON with a `TypeError`. Before it is sent it is sealed (gateway.md 4).
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is never stored; store the Sealed value instead")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Secret is never copied")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a Secret is never copied")


class Private(_Hidden):
    """
    Text that is sent in clear but hidden in `repr` and logs: phone, SMS code, e-mail.

    It may be stored and pickled.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[type[Private], tuple[str]]:
        return (type(self), (self._text,))


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
