"""
Validation: one check (attrs converter) for each setting.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

from umfpay.config._environment import Environment
from umfpay.errors import ConfigError, Text
from umfpay.sensitive import (
    Secret,
    Unfit,
    concealed,
    kind_of,
    looks_like_address,
)


if TYPE_CHECKING:
    from umfpay.protocol import PrivateKey, PublicKey


def client_id(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError.of("client_id", "it is empty", "为空")

    return value.strip()


def no_config(given: Any) -> ConfigError:
    """
    Return the error for what was given in the place of a `Config`; it is not shown.
    """
    kind = given.__name__ if isinstance(given, type) else type(given).__name__

    return ConfigError(
        f"config: a Config is needed, not {kind}.",
        f"config：需要 Config 对象，而不是 {kind}。",
        advice=Text(
            'Give Config.from_file("umf.env"), Config.from_env() or Config(...).',
            '请传入 Config.from_file("umf.env")、Config.from_env() 或 Config(...)。',
        ),
    )


def hidden(name: str, value: object) -> Secret | None:
    """
    Return *value*, which `concealed()` gave, if it was text.
    """
    if value is None or isinstance(value, Secret):
        return value

    raise ConfigError.of(name, "it must be text", "必须是文本")


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


def token_store(value: Any) -> Any:
    """
    Return what `hidden_address()` gave; whether it can be a store is told when it is
    opened.
    """
    if isinstance(value, Unfit):
        raise ConfigError.of(
            "token_store",
            f'"auto", "memory", a path, an address, a Database or a TokenStore object is'
            f" wanted, not {kind_of(value)}",
            f'应为 "auto"、"memory"、路径、地址、Database 或 TokenStore 对象，'
            f"而不是 {kind_of(value)}",
        )

    return value


def hidden_key(value: object) -> object:
    """
    Return *value* in a form that a traceback may show: key text goes into a closure.
    """
    if isinstance(value, str | bytes):
        return (lambda: value) if value else None

    # No form of a key: what it holds may be one.
    return Unfit(value) if isinstance(value, Collection) else value


def merchant_key(
    value: Any, *, passphrase: Secret | None, signer: object
) -> PrivateKey | None:
    from umfpay.protocol import PrivateKey

    if value is None and signer is not None:
        return None

    if isinstance(value, PrivateKey):
        return value

    if isinstance(value, os.PathLike):
        return PrivateKey.load(value, passphrase=passphrase)

    if not callable(value):
        raise ConfigError.of("merchant_key", "it is missing or empty", "缺失或为空")

    return PrivateKey.load(value(), passphrase=passphrase)


def key_pair(
    private_key: PrivateKey | None, public_keys: tuple[PublicKey, ...]
) -> None:
    from umfpay.protocol import check_key_pair

    if private_key is not None:
        check_key_pair(private_key, public_keys)


_CONCEALED_SETTINGS: Final = (
    "client_secret",
    "merchant_key_passphrase",
    "base_url",
    "notify_url",
    "ret_url",
    "proxy",
)


# Where an address or a key may be given by mistake.
_HIDDEN_PATHS: Final = (
    "ca_file",
    "client_certificate",
    "client_certificate_key",
    "environment",
    "token_store",
)


def hide_secrets(settings: dict[str, Any]) -> None:
    """
    Replace secret text in *settings*, so that no frame shows it when a check fails.
    """
    if "merchant_key" in settings:
        settings["merchant_key"] = hidden_key(settings.pop("merchant_key"))

    for name in _CONCEALED_SETTINGS:
        if name in settings:
            settings[name] = concealed(settings.pop(name))

    for name in _HIDDEN_PATHS:
        if isinstance(settings.get(name), str):
            settings[name] = Secret(settings.pop(name))


def gateway_certificate(value: object) -> tuple[PublicKey, ...]:
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


def environment(value: object) -> Environment | None:
    if value is None or isinstance(value, Environment):
        return value

    try:
        return Environment[str(value).strip().upper()]
    except KeyError:
        names = ", ".join(Environment.__members__)
        raise ConfigError.of(
            "environment", f"it must be one of {names}", f"必须是 {names} 之一"
        ) from None


def seconds(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan

    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise ConfigError.of(name, "it must be seconds above 0", "必须是大于 0 的秒数")

    return number


def count(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0

    if isinstance(value, bool) or number < 1:
        raise ConfigError.of(name, "it must be a number above 0", "必须是大于 0 的整数")

    return int(number)


def one_of(name: str, value: Any, allowed: Any) -> Any:
    """
    Return *value* when it is one of the words of the literal type *allowed*.
    """
    words: tuple[str, ...] = get_args(allowed)

    if value not in words:
        listed = ", ".join(words)
        raise ConfigError.of(
            name, f"it must be one of {listed}", f"必须是 {listed} 之一"
        )

    return value


_FLAG_OF_WORD: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
}


def flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value

    if isinstance(value, str) and value.strip().lower() in _FLAG_OF_WORD:
        return _FLAG_OF_WORD[value.strip().lower()]

    raise ConfigError.of(name, "it must be true or false", "必须是 true 或 false")


def function(name: str, value: Any) -> Any:
    """
    Return *value* when it can be called, or is None.
    """
    if value is not None and not callable(value):
        raise ConfigError.of(name, "it must be a function", "必须是函数")

    return value


def signer(value: Any) -> Any:
    """
    Return *value* when it can sign, by a call or a method of that name, or is None.
    """
    return value if hasattr(value, "sign") else function("signer", value)


def header_text(name: str, value: object) -> str | None:
    """
    Return *value* when a header can hold it: printable ASCII.
    """
    if value is None:
        return None

    if isinstance(value, str) and value.strip():
        text = value.strip()

        if text.isascii() and text.isprintable():
            return text

    raise ConfigError.of(
        name, "it must be text of ASCII characters", "必须是 ASCII 字符组成的文本"
    )
