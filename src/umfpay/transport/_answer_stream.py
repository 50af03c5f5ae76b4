"""
The body of an answer as aiohttp gives it, in the form of httpx.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httpx

from umfpay.transport._errors import as_closed_session_error, without_traceback


class Content(Protocol):
    """
    What this needs of `aiohttp.StreamReader`.
    """

    async def readany(self) -> bytes:
        """
        Return what is there, waiting for the first byte; nothing at the end.
        """
        ...

    def at_eof(self) -> bool:
        """
        Tell whether all was read.
        """
        ...


class AnswerStream(httpx.AsyncByteStream):
    """
    Gives the bytes as they come; an iterator, so that no generator stays suspended.

    Args:
        content: Gives the bytes.
        release: Gives the connection back after the end.
        close: Closes it before the end.
        done: Told once that the connection is not ours any more.
        translate: Gives the error to raise in place of one of *content*'s, or None.
        ended_clean: Asked after the end: whether the connection's end was announced.
    """

    def __init__(
        self,
        content: Content,
        *,
        release: Callable[[], object],
        close: Callable[[], object],
        done: Callable[[], None],
        translate: Callable[[BaseException], httpx.TransportError | None],
        ended_clean: Callable[[], bool],
    ) -> None:
        self._content = content
        self._release = release
        self._close = close
        self._done = done
        self._translate = translate
        self._ended_clean = ended_clean
        self._open = True

    def __aiter__(self) -> AnswerStream:
        return self

    @property
    def ended_clean(self) -> bool:
        """
        Whether the end of the connection, which was the body's end, was announced.
        """
        return self._ended_clean()

    async def __anext__(self) -> bytes:
        chunk = await self._next()

        if isinstance(chunk, BaseException):
            await self.aclose()
            raise self._translate(chunk) or chunk from None

        if not chunk:
            raise StopAsyncIteration

        return chunk

    async def _next(self) -> bytes | BaseException:
        try:
            return await self._content.readany()
        except BaseException as error:  # noqa: BLE001 (it is raised by the caller)
            return without_traceback(as_closed_session_error(error))

    async def aclose(self) -> None:
        """
        Give the connection back, or close it if the body was not read to its end.

        Nothing is awaited, so that a cancelled call does this, too.
        """
        if not self._open:
            return

        self._open = False
        self._done()

        if self._content.at_eof():
            self._release()
        else:
            self._close()
