"""
Files: paths among the settings, and where settings are read from.

What is a key or an address by mistake is never shown. Settings come from environment
variables, TOML files and ``KEY=value`` lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

import attrs

from umfpay.errors import ConfigError, Text, os_reason
from umfpay.sensitive import Secret, hidden_path, kind_of, looks_like_address


_PATH_SETTINGS: Final = {
    "ca_file",
    "client_certificate",
    "client_certificate_key",
    "gateway_certificate",
    "gateway_certificate_next",
    "merchant_key",
    "token_store",
}

_ENV_PREFIX: Final = "UMF_"
# One file may hold the account for papers too, which the documents room reads.
_PREFIXES: Final = ("UMF_FTP_", _ENV_PREFIX)
_QUOTES: Final = ("'", '"')


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

    raise ConfigError.of(
        name,
        "it looks like an address, and a path is needed; a path with a colon in it"
        " begins with ./ or /",
        "看起来是地址，而这里需要路径；含冒号的路径请以 ./ 或 / 开头",
        advice=advice,
    )


def resolved_path(name: str, value: str | os.PathLike[str]) -> Path:
    """
    Return where the file *value* is, so that neither chdir() nor a link splits its locks.

    Args:
        name: The setting, for the words of an error.
        value: As for `file_path()`; ``~`` is the home folder.

    Raises:
        ConfigError: It is an address, a name that cannot be resolved, or no file's.
    """
    try:
        given = file_path(name, value)
    finally:
        del value

    try:
        path = given.expanduser().resolve()

        if not path.name:
            raise IsADirectoryError(f"{path} is a folder")
    except (RuntimeError, OSError, ValueError) as error:
        raise ConfigError.of(
            name,
            f"the path {str(given)!r} cannot be resolved",
            f"无法解析路径 {str(given)!r}",
        ) from error

    return path


def existing_file(name: str, value: object) -> Path | None:
    """
    Return the path that `hidden_path()` gave, if there is a file.

    Raises:
        ConfigError: There is none; what may be a key or an address is not shown.
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


def file(value: str | os.PathLike[str] | None) -> Any:
    """
    Return the path of a file that is there, and anything else hidden.
    """
    given = hidden_path(value)
    found = _find(given) if isinstance(given, Secret | os.PathLike) else None

    return given if found is None else found


def is_file(_: object, field: attrs.Attribute[Any], value: object) -> None:
    existing_file(field.name, value)


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
    if file.suffix.lower() == ".toml":
        values = _read(file, _toml)
    else:
        values = from_environ(
            read_variables(file, prefix=_ENV_PREFIX, names=names),
            prefix=_ENV_PREFIX,
            names=names,
        )

    for name in _PATH_SETTINGS & values.keys():
        values[name] = _resolve_path(file.parent, values[name])

    return values


def read_variables(
    file: Path, *, prefix: str, names: Collection[str]
) -> dict[str, str]:
    """
    Return the variables that the ``KEY=value`` lines of *file* set.

    Empty lines, comments and variables of others are passed over.

    Args:
        file: UTF-8 text; it may begin with a byte order mark.
        prefix: ``UMF_`` or ``UMF_FTP_``: whose variables are wanted.
        names: The settings there are: *prefix* and one of them in capitals is a variable.

    Raises:
        ConfigError: The file cannot be read, or a line is none, names no setting, has
            its value in quotes, or says something else than one above. The content is
            never quoted.
    """
    return _read(file, lambda text: _lines(text, prefix=prefix, names=names))


# What reads the text never raises: no frame of a traceback holds it.
_Parsed = tuple[dict[str, Any], Text | None]


def _read(file: Path, parse: Callable[[str], _Parsed]) -> dict[str, Any]:
    values, problem = _parse_file(file, parse)

    if problem is not None:
        raise ConfigError.of(file, *problem)

    return values


def _parse_file(file: Path, parse: Callable[[str], _Parsed]) -> _Parsed:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, Text("no such file", "文件不存在")
    except OSError as error:
        reason = os_reason(error)

        return {}, Text(f"it cannot be read ({reason})", f"无法读取（{reason}）")
    except UnicodeDecodeError:
        return {}, Text("it cannot be read as UTF-8 text", "无法按 UTF-8 读取")
    except ValueError:
        return {}, Text(
            "it cannot be read (no name of a file)", "无法读取（不是文件名）"
        )

    return parse(text)


def _toml(text: str) -> _Parsed:
    import tomllib

    try:
        return tomllib.loads(text), None
    except (ValueError, RecursionError):
        return {}, Text("it is not valid TOML", "不是有效的 TOML")


def _lines(text: str, *, prefix: str, names: Collection[str]) -> _Parsed:
    known = {prefix + name.upper() for name in names}
    variables: dict[str, str] = {}

    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue

        key, equals, value = (part.strip() for part in line.partition("="))

        if not equals or not key.isidentifier():
            return {}, Text(
                f"line {number} must be KEY=value", f"第 {number} 行必须是 KEY=value"
            )

        if _prefix_of(key) != prefix:
            continue

        if key not in known:
            return {}, Text(f"{key}: no such setting", f"{key}：没有此设置")

        if value[:1] in _QUOTES and value[:1] == value[-1:]:
            return {}, Text(
                f"line {number}: the value stands in quotes; leave them out",
                f"第 {number} 行：值带有引号，请去掉引号",
            )

        if variables.setdefault(key, value) != value:
            return {}, Text(
                f"line {number}: {key} stands there twice, with different values",
                f"第 {number} 行：{key} 出现了两次，且值不同",
            )

    return variables, None


def _prefix_of(key: str) -> str | None:
    # Capitals are missing by mistake: it is a setting that does not exist.
    return next((one for one in _PREFIXES if key.upper().startswith(one)), None)


def _resolve_path(folder: Path, value: object) -> object:
    if isinstance(value, list):
        return [_resolve_path(folder, one) for one in value]

    return str(folder / value) if _looks_like_a_path(value) else value


def _looks_like_a_path(value: object) -> TypeGuard[str]:
    if not isinstance(value, str) or value in ("", "auto", "memory"):
        return False

    from umfpay.protocol import is_key_text

    return not looks_like_address(value) and not is_key_text(value)
