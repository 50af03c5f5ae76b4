"""
User hooks (signer, verifier, transport): whatever they raise becomes one of our errors.

Its own error is the cause, without the frames, which hold bodies and tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from umfpay._callbacks import was_cancelled
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
        if isinstance(error, asyncio.CancelledError) and was_cancelled():
            raise

        raise translated(error) from without_traceback(error)
