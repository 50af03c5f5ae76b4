"""
Paths among the settings: what is a key or an address by mistake is never shown.
"""

from __future__ import annotations

import os
from pathlib import Path

from umfpay.errors import ConfigError, Text
from umfpay.sensitive import Secret, kind_of, looks_like_address


def file_path(
    name: str, value: str | os.PathLike[str], *, advice: Text | None = None
) -> Path:
    """
    Return *value* as a path, unless it is an address, which may hold a password.

    What is there is a file, whatever its name looks like. No frame shows an address
    that is refused, the caller's own excepted: let it ``del`` the argument.

    Raises:
        ConfigError: It is an address.
    """
    path = Path(value)

    if not looks_like_address(os.fspath(value)) or os.path.exists(path):  # noqa: PTH110 (it raises for no name)
        return path

    del value, path

    raise ConfigError(
        f"{name}: it looks like an address, and a path is needed; a path with a"
        " colon in it begins with ./ or /.",
        f"{name}：看起来是地址，而这里需要路径；含冒号的路径请以 ./ 或 / 开头。",
        advice=advice,
    )


def existing_file(name: str, value: object) -> Path | None:
    """
    Return the path that `hidden_path()` gave, if there is a file.
    """
    if value is None:
        return None

    if isinstance(value, Secret | os.PathLike):
        path = _find(value)

        if path is not None:
            return path

        shown = _display_path(value)
    else:
        shown = Text(f"a {kind_of(value)}", kind_of(value))

    raise ConfigError.of(name, f"no such file: {shown.en}", f"文件不存在：{shown.zh}")


def _find(value: Secret | os.PathLike[str]) -> Path | None:
    path = Path(_text(value))

    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return None


def _display_path(value: Secret | os.PathLike[str]) -> Text:
    from umfpay.protocol import is_key_text

    text = _text(value)

    if looks_like_address(text) or is_key_text(text) or not text.isprintable():
        return Text("the given text, taken for a path", "给出的文本（视为路径）")

    return Text(text, text)


def _text(value: Secret | os.PathLike[str]) -> str:
    return value.reveal() if isinstance(value, Secret) else os.fspath(value)
