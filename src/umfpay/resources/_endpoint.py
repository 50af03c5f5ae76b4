"""
What resources need of a session: `Sender`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from umfpay.resources._arguments import CallOptions
from umfpay.transport import Call, CallState


T = TypeVar("T")


class Download(Protocol):
    """
    An open download: chunks of bytes, proven when the last one was given.
    """

    @property
    def date(self) -> datetime | None:
        """
        The gateway's clock when it answered, None if it told none.
        """
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Sender(Protocol):
    """
    What resources need of a session.
    """

    async def send(self, call: Call[T], options: CallOptions) -> T:
        """
        Make the call; return what `Call.read` makes of the verified answer.
        """
        ...

    async def exchange(
        self, call: Call[T], options: CallOptions
    ) -> tuple[T, CallState]:
        """
        Make the call as `send()` does; return the facts of its answer as well.
        """
        ...

    def stream(
        self, call: Call[Any], options: CallOptions
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open a download.
        """
        ...
