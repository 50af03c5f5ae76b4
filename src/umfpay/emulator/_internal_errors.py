"""
Log internal errors: one line where the disk is to blame, a traceback for a bug.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Final


_log: Final = logging.getLogger("umfpay.emulator")


def is_of_the_disk(error: Exception) -> bool:
    """
    Tell whether *error* comes from the books, and is no bug of ours.
    """
    return isinstance(error, sqlite3.Error) and not isinstance(
        error, sqlite3.ProgrammingError
    )


def log_internal_error(error: Exception, what: str) -> str:
    """
    Write *error*, which ended *what*, to the log.

    Returns:
        What an answer may say of it.
    """
    shown = what.encode("unicode_escape").decode("ascii")[:200]

    if is_of_the_disk(error):
        _log.error(
            "%s: the emulator's books cannot be used (%s); look at the disk of its data"
            " folder. | 模拟器数据无法使用（%s），请检查数据目录所在的磁盘。",
            shown,
            error,
            error,
        )

        return f"the emulator's books cannot be used: {error}"

    _log.error("%s", shown, exc_info=error)

    return "a bug of the emulator; see its log"
