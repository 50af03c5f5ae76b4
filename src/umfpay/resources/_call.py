"""
`Call`: one call, described for the session.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Generic, Protocol, TypedDict, TypeVar
from urllib.parse import quote, urlencode

import attrs

from umfpay.errors import InvalidValueError, Text
from umfpay.transport import BODY_LIMIT, Effect


T = TypeVar("T")

_UNRESERVED_TEXT: Final = re.compile(r"[A-Za-z0-9_]+")


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


@attrs.frozen(kw_only=True)
class Subject:
    """
    What a write is about, for the `Intent` of an unclear end.
    """

    payment_id: str | None = None
    mer_reference_id: str | None = None
    mer_date: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    details: Mapping[str, str] = attrs.field(factory=dict)


_NO_SUBJECT = Subject()


@attrs.frozen(kw_only=True, eq=False)
class Call(Generic[T]):
    """
    One request and how its answer is read.

    Args:
        name: Resource and verb, ``payments.execute``.
        path: Template below the base URL, ``/payments/payment/{payment_id}``.
        read: Turns the verified members of the answer into an object.
        parameters: Fill the template; quoted here.
        query: Query parameters; None is left out.
        body: The object to send; None sends no body.
        subject: What the call is about.
        lookup: Returns the query that names what the answer leaves out, to be made
            within the same deadline; its `read` compares. None if nothing is missing.
        may_fail: Made as a *lookup*, it only adds: an answer that is bound without it
            stands if it cannot be made.
        query_after_refusal: The query that decides after a refusal that may mean "done already".
        unsigned_allowed: The endpoint is documented without a signature.
        body_limit: Largest answer in bytes.
        file_day: Day that a file's first line must name, where it has one.
        file_framed: A file without the first line of a transaction file is none.
    """

    name: str
    method: str
    path: str
    effect: Effect
    read: Callable[[Mapping[str, Any]], T]
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    query: Mapping[str, str | None] = attrs.field(factory=dict)
    body: object | None = None
    subject: Subject = _NO_SUBJECT
    lookup: Callable[[T], Call[Any] | None] | None = None
    may_fail: bool = False
    query_after_refusal: Call[T] | None = None
    unsigned_allowed: bool = False
    body_limit: int = BODY_LIMIT
    file_day: date | None = None
    file_framed: bool = False

    def target(self) -> str:
        """
        Return the path and query, relative to the base URL, percent-encoded.
        """
        path = self.path.lstrip("/")

        for name, text in self.parameters.items():
            # The gateway's ids are letters and digits; merchants' numbers may be more.
            quoted = text if _UNRESERVED_TEXT.fullmatch(text) else quote(text, safe="")
            path = path.replace(f"{{{name}}}", quoted, 1)

        if not self.query:
            return path

        query = {name: text for name, text in self.query.items() if text is not None}

        try:
            return f"{path}?{urlencode(query)}" if query else path
        except UnicodeEncodeError:
            # Half a surrogate pair; the error would show the text around it.
            pass

        raise InvalidValueError(
            Text(
                f"{self.name}: a parameter is not Unicode text.",
                f"{self.name}：参数不是有效的 Unicode 文本。",
            )
        )


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


def needed_id(name: str, value: str) -> str:
    """
    Return *value*, an id for a path.

    Raises:
        ConfigError: It is empty or not text; the call would reach another endpoint.
    """
    if (
        not isinstance(value, str)
        or not value.strip()
        or value in (".", "..")
        or not value.isprintable()
    ):
        raise InvalidValueError(
            Text(f"{name}: an id is needed.", f"{name}：需要编号。"),
        )

    return value


def wire_date(value: date) -> str:
    """
    Return *value* as ``YYYYMMDD``, the gateway's form of a business date.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(
            Text("A datetime.date is needed.", "需要 datetime.date 日期。")
        )

    return value.isoformat().replace("-", "")
