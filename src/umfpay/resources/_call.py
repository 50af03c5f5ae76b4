"""
What resources need of a session (`Sender`), and what every call takes (`CallOptions`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Any, Protocol, TypedDict, TypeVar

from umfpay.errors import InvalidValueError
from umfpay.transport import Call


T = TypeVar("T")


class CallOptions(TypedDict, total=False):
    """
    What every call takes.

    *timeout* is seconds for one attempt, *deadline* seconds for the whole call, token
    and retries included; *extra_headers* are added to the request and override none
    of ours.
    """

    timeout: float
    deadline: float
    extra_headers: Mapping[str, str]


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

    def stream(
        self, call: Call[Any], options: CallOptions
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open a download.
        """
        ...


def wire_date(value: date) -> str:
    """
    Return *value* as ``YYYYMMDD``, the gateway's form of a business date.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(
            "A datetime.date is needed.", "需要 datetime.date 日期。"
        )

    return value.isoformat().replace("-", "")
