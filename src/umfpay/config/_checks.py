"""
Validation: what each setting takes (attrs converters and validators).

A converter brings a value into its form; a validator raises a `ConfigError` that names the
setting that is wrong.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.sensitive import Secret, Unfit, concealed, kind_of, looks_like_address


if TYPE_CHECKING:
    from umfpay.protocol import PrivateKey, PublicKey


KeySource = str | bytes | os.PathLike[str]

_FLAG_OF_WORD: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
}


def no_config(given: Any) -> ConfigError:
    """
    Return the error for what was given in the place of a `Config`; it is not shown.
    """
    kind = given.__name__ if isinstance(given, type) else type(given).__name__

    return ConfigError.of(
        "config",
        f"a Config is needed, not {kind}",
        f"需要 Config 对象，而不是 {kind}",
        advice=Text(
            'Give Config.from_file("umf.env"), Config.from_env() or Config(...).',
            '请传入 Config.from_file("umf.env")、Config.from_env() 或 Config(...)。',
        ),
    )


def missing_error(name: str) -> ConfigError:
    """
    Return the error for a setting that is needed.
    """
    return ConfigError.of(name, "it is missing or empty", "缺失或为空")


# How an argument is hidden before anything can fail: see `umfpay.sensitive.hides_arguments`.


def hidden_address(value: object) -> object:
    """
    Return *value*; an address is a `Secret`, for it may hold a password.

    What holds other values is `Unfit`, unless it is a token store.
    """
    if isinstance(value, str) and looks_like_address(value):
        return Secret(value)

    if isinstance(value, Secret) and not looks_like_address(value.reveal()):
        return value.reveal()

    if isinstance(value, Collection) and not isinstance(value, str):
        return value if hasattr(value, "refreshing") else Unfit(value)

    return value


def hidden_key(value: object) -> object:
    """
    Return *value* in a form that a traceback may show: key text goes into a closure.
    """
    if isinstance(value, str | bytes):
        return (lambda: value) if value else None

    # No form of a key: what it holds may be one.
    return Unfit(value) if isinstance(value, Collection) else value


def as_given(value: object) -> object:
    """
    Return *value*: there is nothing to hide.
    """
    return value


def stripped(value: str) -> Any:
    """
    Return text without blanks around it, and anything else as it is.
    """
    return value.strip() if isinstance(value, str) else value


def optional_stripped(value: str | None) -> Any:
    """
    Return what `stripped()` does, or None.
    """
    return None if value is None else stripped(value)


def secret(value: Secret | str) -> Any:
    """
    Return text as a `Secret`.
    """
    return concealed(value)


def optional_secret(value: Secret | str | None) -> Any:
    """
    Return text as a `Secret`, or None.
    """
    return concealed(value)


def key_source(value: KeySource | PrivateKey | None) -> Any:
    """
    Return *value*; it is loaded with its passphrase.
    """
    return value


def number(value: float) -> float:
    """
    Return *value*, which may be text, as a number; NaN if it is none.
    """
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def whole_number(value: int) -> int:
    """
    Return *value*, which may be text, as a whole number; 0 if it is none.
    """
    try:
        return 0 if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def truth(value: bool) -> Any:  # noqa: FBT001 (attrs gives it alone)
    """
    Return *value*, which may be a word, as True or False; as it is if it is neither.
    """
    word = value.strip().lower() if isinstance(value, str) else ""

    return _FLAG_OF_WORD.get(word, value)


def gateway_certificate(
    value: KeySource | PublicKey | Sequence[KeySource | PublicKey],
) -> tuple[PublicKey, ...]:
    """
    Load the certificates of the gateway.

    Raises:
        ConfigError: There is none, or one cannot be read.
    """
    from umfpay.protocol import PublicKey

    sources: Sequence[object]

    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        sources = value
    else:
        sources = [value]

    if not sources or any(source is None or source == "" for source in sources):
        raise ConfigError.of("gateway_certificate", "it is empty", "为空")

    for source in sources:
        if not isinstance(source, PublicKey | str | bytes | os.PathLike):
            raise ConfigError.of(
                "gateway_certificate",
                "give a path, bytes or text",
                "请给出路径、字节或文本",
            )

    return tuple(PublicKey.load(source) for source in sources)  # type: ignore[arg-type]


def merchant_key(
    source: Any,
    *,
    passphrase: Secret | None,
    signer: object,
    public_keys: tuple[PublicKey, ...],
) -> PrivateKey | None:
    """
    Load the merchant's key from what `hidden_key()` gave; None with a *signer* instead.

    Raises:
        ConfigError: It cannot be read, or is the key of one of *public_keys*.
    """
    from umfpay.protocol import PrivateKey, check_key_pair

    if source is None and signer is not None:
        return None

    if isinstance(source, PrivateKey):
        key = source
    elif isinstance(source, os.PathLike):
        key = PrivateKey.load(source, passphrase=passphrase)
    elif callable(source):
        key = PrivateKey.load(source(), passphrase=passphrase)
    else:
        raise missing_error("merchant_key")

    check_key_pair(key, public_keys)

    return key


def is_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigError.of(field.name, "it is empty", "为空")


def is_secret(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Secret):
        raise ConfigError.of(field.name, "it must be text", "必须是文本")


def is_needed_secret(_: object, field: attrs.Attribute[Any], value: object) -> None:
    is_secret(_, field, value)

    if not value:
        raise missing_error(field.name)


def is_token_store(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """
    Whether it can be a store is told when it is opened.
    """
    if isinstance(value, Unfit):
        raise ConfigError.of(
            field.name,
            f'"auto", "memory", a path, an address, a Database or a TokenStore object is'
            f" wanted, not {kind_of(value)}",
            f'应为 "auto"、"memory"、路径、地址、Database 或 TokenStore 对象，'
            f"而不是 {kind_of(value)}",
        )


def is_seconds(_: object, field: attrs.Attribute[Any], value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise ConfigError.of(
            field.name, "it must be seconds above 0", "必须是大于 0 的秒数"
        )


def is_count(_: object, field: attrs.Attribute[Any], value: int) -> None:
    if value < 1:
        raise ConfigError.of(
            field.name, "it must be a number above 0", "必须是大于 0 的整数"
        )


def is_truth(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigError.of(
            field.name, "it must be true or false", "必须是 true 或 false"
        )


def is_one_of(allowed: Any) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """
    Return the validator for the words of the literal type *allowed*.
    """
    words: tuple[str, ...] = get_args(allowed)
    listed = ", ".join(words)

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            raise ConfigError.of(
                field.name, f"it must be one of {listed}", f"必须是 {listed} 之一"
            )

    return validate


def is_function(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise ConfigError.of(field.name, "it must be a function", "必须是函数")


def is_signer(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """
    It can sign, by a call or a method of that name.
    """
    if not hasattr(value, "sign"):
        is_function(_, field, value)


def is_header_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """
    A header can hold it: printable ASCII.
    """
    if value is None:
        return

    if not (
        isinstance(value, str) and value and value.isascii() and value.isprintable()
    ):
        raise ConfigError.of(
            field.name,
            "it must be text of ASCII characters",
            "必须是 ASCII 字符组成的文本",
        )
