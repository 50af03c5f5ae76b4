"""
User hooks (signer, verifier, transport): whatever they raise becomes one of our errors.

Its own error is the cause, without the frames, which hold bodies and tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from umfpay.errors import UMFError, without_traceback


@contextmanager
def translate_errors(
    translated: Callable[[BaseException], Exception],
    *,
    passing: tuple[type[Exception], ...] = (UMFError,),
) -> Iterator[None]:
    """
    Raise what *translated* makes of an error, but for those that pass as they are.

    A context manager, or the decorator of a hook that is called.
    """
    try:
        yield
    except passing:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise

        raise translated(error) from without_traceback(error)


def _is_cancelled() -> bool:
    """
    Tell whether somebody cancelled the task that runs; a thread runs none.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False

    return task is not None and task.cancelling() > 0
