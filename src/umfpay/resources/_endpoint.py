"""
`Endpoint`, what all calls of one kind have in common, and `Sender`, who makes them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import attrs

from umfpay.errors import MismatchedResponseError, UMFError
from umfpay.models import Amount, Currency, Received
from umfpay.resources._arguments import CallOptions
from umfpay.resources._matching import KnownOrder
from umfpay.resources._refund_identity import RefundIds
from umfpay.transport import (
    GOOD_VERDICT,
    Call,
    CallState,
    CallVerdict,
    Effect,
    unconfirmed,
)


T = TypeVar("T")
Members = Mapping[str, Any]

_log = logging.getLogger("umfpay")


class Endpoint(Generic[T]):
    """
    An entry of a resource: what all calls of one kind have in common.

    A method of a resource makes its `Call` of it; `request()` finds it by method and
    path, and compares the answer as the method does.

    Args:
        name: Resource and verb, ``payments.execute``.
        method: GET or POST.
        path: Template below the base URL, ``/payments/payment/{payment_id}``.
        effect: What a call of the method does; that of `request()` is told by its path.
        about: The class of what the answer is about, for `must_be_about()`.
        expected: Returns what the answer to a call of `request()` must be about; None if
            the call does not say.
        also: Further ways to the same answer, ``POST /payments/payment/{payment_id}``.
        fixed: Further members of every `Call`.

    Attributes:
        call: Makes a `Call` of what only that one has, its *read* among it.
    """

    def __init__(
        self,
        name: str,
        method: str,
        path: str,
        effect: Effect,
        *,
        about: type[Received],
        expected: Callable[[RawRequest], ExpectedAnswer[Any] | None],
        also: tuple[str, ...] = (),
        **fixed: Any,  # what the fields of a Call take
    ) -> None:
        self.name = name
        self.about = about
        self.expected = expected
        # Not a method: each call makes one of these.
        self.call: Callable[..., Call[T]] = partial(
            Call, name=name, method=method, path=path, effect=effect, **fixed
        )
        self._patterns = [_pattern(way) for way in (f"{method} {path}", *also)]

    def ids_in(self, method: str, path: str) -> Mapping[str, str] | None:
        """
        Return the ids in *path*, by their names in the template; None if it is another.

        Args:
            path: Without slashes at its ends.
        """
        for pattern in self._patterns:
            if found := pattern.fullmatch(f"{method} {path}"):
                return found.groupdict()

        return None


def _pattern(way: str) -> re.Pattern[str]:
    template = way.replace(" /", " ", 1)

    # Money is looked for in any spelling, and so is what must be compared.
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), re.IGNORECASE)


@attrs.frozen
class ExpectedAnswer(Generic[T]):
    """
    What the signed answer to one call must be about.

    Args:
        read: Returns the object that the answer holds; raises `MismatchedResponseError`
            if it is another one than was asked for.
        lookup: As in `Call`.
    """

    read: Callable[[Members], T]
    lookup: Callable[[T], Call[Any] | None] | None = None


@attrs.frozen(kw_only=True)
class RawRequest:
    """
    What the answer to a call of `request()` is compared with.

    Args:
        ids: Of the path, by their names in the endpoint's template.
        query: Parameters of the address.
        body: What the caller gives: models, dicts or anything else.
        refund_ids: Of the session; a new refund is noted there.
    """

    ids: Mapping[str, str]
    query: Mapping[str, str]
    body: object
    refund_ids: RefundIds

    def text(self, *names: str) -> str | None:
        """
        Return the text at *names* in the body, one in the other; None if there is none.
        """
        return text_of(member_of(self.body, *names))

    def day(self, name: str) -> date | None:
        """
        Return the day ``YYYYMMDD`` that a parameter names, None if it names none.
        """
        return day_of(self.query.get(name))

    def number(self, name: str) -> int | None:
        """
        Return the whole number that a parameter names, None if it names none.
        """
        given = self.query.get(name, "")

        return int(given) if given.isdecimal() else None


def member_of(given: object, *names: str) -> Any:
    """
    Return a member of a model or of a dict, None if there is none.

    Args:
        names: One in the other.
    """
    for name in names:
        given = (
            given.get(name)
            if isinstance(given, Mapping)
            else getattr(given, name, None)
        )

    return given


def text_of(given: object) -> str | None:
    """
    Return *given* if it is text, None else and if it is empty.
    """
    return str(given) if isinstance(given, str) and given else None


def day_of(given: object) -> date | None:
    """
    Return the day that *given* is or names as ``YYYYMMDD``, None if it is none.
    """
    if isinstance(given, date):
        return given

    try:
        return datetime.strptime(str(given), "%Y%m%d").date()  # noqa: DTZ007 (a day)
    except ValueError:
        return None


def amount_of(given: object) -> Amount:
    """
    Return the amount that *given* names; what it leaves out is None.
    """
    currency = text_of(member_of(given, "currency"))

    return Amount(
        total=_decimal(member_of(given, "total")),
        currency=None if currency is None else Currency(currency),
    )


def order_of(given: object) -> KnownOrder:
    """
    Return what *given*, an order or a refund, says of itself.
    """
    amount = member_of(given, "amount")

    return KnownOrder(
        mer_reference_id=text_of(member_of(given, "mer_reference_id")),
        mer_date=day_of(member_of(given, "mer_date")),
        total=_decimal(member_of(amount, "total")),
        currency=text_of(member_of(amount, "currency")),
    )


def _decimal(given: object) -> Decimal | None:
    try:
        return Decimal(given) if isinstance(given, Decimal | int | str) else None
    except InvalidOperation:
        return None


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


async def look_up(
    query: Call[Any], state: CallState, ask: Callable[[Call[Any]], Awaitable[Any]]
) -> CallVerdict:
    """
    Ask once for what a good answer leaves out, and compare it; say how the call ended.

    Args:
        query: What names it.
        state: Of the call that is answered.
        ask: Makes a call within the same deadline.
    """
    try:
        await ask(query)
    except UMFError as error:
        if not query.may_fail or isinstance(error, MismatchedResponseError):
            return unconfirmed(state, error)

        _log.warning(
            "%s: the answer could not be compared: %s",
            state.call.name,
            type(error).__name__,
        )

    return GOOD_VERDICT
