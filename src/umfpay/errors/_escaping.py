"""
What may be shown of an error, a log, a stranger's text: escaped, cut, without frames.
"""

from __future__ import annotations

import logging
import re
import traceback
from typing import Final, TypeVar


_ErrorT = TypeVar("_ErrorT", bound=BaseException)

_MAX_QUOTE_CHARACTERS: Final = 200
_MAX_RECORD_CHARACTERS: Final = 8_000
# An ideographic space is a space of Chinese text.
_WIDE_SPACE: Final = "\u3000"
# What a traceback says itself; the rest of it is the text of an exception.
_TRACEBACK_LINE: Final = re.compile(
    r"[\s|+-]*(File \"|Traceback|Exception Group Traceback|The above exception was"
    r"|During handling of|\[Previous line)"
)


def escape(text: str, *, limit: int = _MAX_QUOTE_CHARACTERS) -> str:
    """
    Return *text* in one line that a terminal shows and does not obey.

    Control, format and bidirectional characters, line ends and lone surrogates become
    escapes such as ``\\x1b``; what comes after *limit* characters is cut, and the
    length told.
    """
    if len(text) <= limit and text.isprintable():
        return text

    shown = "".join(
        one
        if one.isprintable() or one == _WIDE_SPACE
        else one.encode("unicode_escape").decode("ascii")
        for one in text[:limit]
    )

    if len(shown) <= limit and len(text) <= limit:
        return shown

    return f"{shown[:limit]}... ({len(text)} chars)"


def format_error(error: BaseException) -> str:
    """
    Return the traceback of *error*, in which no text of an exception makes a line.

    Exceptions of hooks and libraries quote what strangers sent.
    """
    parts = traceback.TracebackException(
        type(error), error, error.__traceback__, compact=True
    ).format()

    return "\n".join(line for part in parts for line in _lines(part))


def _lines(part: str) -> list[str]:
    if _TRACEBACK_LINE.match(part):
        return [
            escape(line, limit=_MAX_RECORD_CHARACTERS) for line in part.split("\n")[:-1]
        ]

    return [escape(part.removesuffix("\n"), limit=_MAX_RECORD_CHARACTERS)]


def without_traceback(error: _ErrorT) -> _ErrorT:
    """
    Return *error* without its frames, which hold bodies and tokens; its causes likewise.
    """
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]

    while queue:
        one = queue.pop()

        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            queue += [one.__cause__, one.__context__]

    return error


def os_reason(error: Exception) -> str:
    """
    Return why the system refused, in its own words and without the path: "Permission
    denied"; the name of the class where it says nothing.

    Of any other error it is the name of the class.
    """
    return getattr(error, "strerror", None) or type(error).__name__


class EscapingFilter(logging.Filter):
    """
    Escapes what a record of our loggers says, text of exceptions included.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """
        Let every record pass, in one clean line and a clean traceback.
        """
        message = record.getMessage()
        shown = escape(message, limit=_MAX_RECORD_CHARACTERS)

        if shown != message:
            record.msg, record.args = shown, ()

        error = record.exc_info[1] if record.exc_info else None

        if error is not None:
            shown = format_error(error)

            if shown != "".join(traceback.format_exception(error)).rstrip("\n"):
                # Formatters take what stands here in place of a traceback of theirs.
                record.exc_text = shown

        return True


def install_filter() -> None:
    """
    Put an `EscapingFilter` on the loggers of this package, once.
    """
    for name in ("umfpay", "umfpay.emulator"):
        logger = logging.getLogger(name)

        if not any(isinstance(one, EscapingFilter) for one in logger.filters):
            logger.addFilter(EscapingFilter())
