"""
Errors without the frames that they came through.
"""

from __future__ import annotations

from typing import TypeVar


E = TypeVar("E", bound=BaseException)


def without_traceback(error: E) -> E:
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
