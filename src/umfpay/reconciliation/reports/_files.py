"""
Files of reports, whose names appear when they are whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from umfpay._private_files import replacing
from umfpay.errors import ConfigError, os_reason


def write_file(
    to: str | os.PathLike[str],
    write: Callable[[Any], object],
    *,
    encoding: str | None = None,
) -> Path:
    """
    Let *write* fill a file whose name appears when it is whole.

    Raises:
        ConfigError: It cannot be written.
    """
    target = Path(to)

    try:
        with replacing(target, encoding=encoding) as file:
            write(file)
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError(
            f"{target}: cannot be written: {reason}.", f"{target}：无法写入：{reason}。"
        ) from error

    return target


def ending_error(to: object, ending: str, endings: tuple[str, ...]) -> ConfigError:
    """
    Return what to raise for a file whose *ending* is none of *endings*.
    """
    known = ", ".join(endings)

    return ConfigError(
        f"{to}: a report ends in one of {known}, not in {ending!r}.",
        f"{to}：报告文件扩展名必须是 {known} 之一，而不是 {ending!r}。",
    )
