"""
Settings as text: environment variables, TOML, and ``KEY=value`` lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from umfpay.config._checks import refusal


_PATHS: Final = {
    "ca_file",
    "client_certificate",
    "client_certificate_key",
    "gateway_certificate",
    "gateway_certificate_next",
    "merchant_key",
    "token_store",
}


def from_environ(
    environ: Mapping[str, str], *, prefix: str, names: Collection[str]
) -> dict[str, Any]:
    """
    Return the settings *names* that *environ* holds under *prefix* + capitals.
    """
    values: dict[str, Any] = {}

    for name in names:
        variable = prefix + name.upper()

        if environ.get(variable, "") != "":
            values[name] = environ[variable]

    # The environment has one place to say it: a URL that is set decides.
    if "base_url" in values:
        values.pop("environment", None)

    return values


def from_file(file: Path, *, names: Collection[str]) -> dict[str, Any]:
    """
    Return the settings that *file* holds; relative paths start at its folder.

    Raises:
        ConfigError: The file cannot be read; its content is never quoted.
    """
    values: dict[str, Any] | None = None

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        en, zh = "no such file", "文件不存在"
    except (OSError, UnicodeDecodeError):
        en, zh = "it cannot be read as UTF-8 text", "无法按 UTF-8 读取"
    else:
        if file.suffix == ".toml":
            values, en, zh = _from_toml(text), "it is not valid TOML", "不是有效的 TOML"
        else:
            values, number = _from_lines(text, names)
            en, zh = (
                f"line {number} must be KEY=value",
                f"第 {number} 行必须是 KEY=value",
            )

        del text

    if values is None:
        raise refusal(str(file), en, zh)

    for name in _PATHS & values.keys():
        if _looks_like_a_path(values[name]):
            values[name] = str(file.parent / values[name])

    return values


def _looks_like_a_path(value: object) -> bool:
    if not isinstance(value, str) or value in ("", "auto", "memory"):
        return False

    return "-----BEGIN" not in value and "://" not in value and len(value) <= 300


def _from_lines(text: str, names: Collection[str]) -> tuple[dict[str, Any] | None, int]:
    environ: dict[str, str] = {}

    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue

        key, equals, value = line.partition("=")

        if not equals or not key.strip().isidentifier():
            return None, number

        environ[key.strip()] = value.strip()

    return from_environ(environ, prefix="UMF_", names=names), 0


def _from_toml(text: str) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
