"""
`UMFError`, the root of the tree, and what errors are made of: `Text`, `Intent`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

import attrs

from umfpay.errors._escaping import escape


_MAX_SENTENCE_CHARACTERS: Final = 1_500


def _sentence(text: str) -> str:
    return escape(text, limit=_MAX_SENTENCE_CHARACTERS)


@attrs.frozen
class Text:
    """
    One sentence in both languages, safe for logs and terminals.

    Whatever a stranger wrote into it is shown escaped, and cut; see `escape`.
    """

    en: str = attrs.field(converter=_sentence)
    zh: str = attrs.field(converter=_sentence)

    def __iter__(self) -> Iterator[str]:
        return iter((self.en, self.zh))


@attrs.frozen(kw_only=True)
class Intent:
    """
    What a call wanted, as plain data: enough to ask the gateway about it later.

    *call* is the resource and verb (``payments.execute``), *amount* is in *currency*,
    *at* is when the request was sent, *mer_date* is the wire form ``YYYYMMDD``.
    *started* is the same moment by the monotonic clock; a pickle leaves it out, because
    it means nothing on another machine.
    """

    call: str
    at: datetime
    payment_id: str | None = None
    mer_reference_id: str | None = None
    mer_date: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    details: Mapping[str, str] = attrs.field(factory=dict)
    started: float | None = attrs.field(default=None, eq=False, repr=False)

    @classmethod
    def now(cls, call: str, **members: Any) -> Intent:
        """
        Return the intent of a *call* that begins at this moment.
        """
        return cls(
            call=call,
            at=datetime.now(UTC),
            started=time.monotonic(),
            **members,
        )

    @property
    def elapsed(self) -> timedelta | None:
        """
        Time since *at* that no clock that is set can change, None if nobody measured it.
        """
        if self.started is None:
            return None

        return timedelta(seconds=max(0.0, time.monotonic() - self.started))

    def has_passed(self, moment: datetime, *, gateway: datetime | None) -> bool:
        """
        Tell whether *moment* has passed for certain, by all clocks that can be read.

        The local clock may have been set, and nobody signs a header ``Date``: the local
        clock, the time since this intent (where this process measured it) and the
        gateway's clock must agree.

        Args:
            gateway: The header ``Date`` of an answer, None if there was none.
        """
        elapsed = self.elapsed
        clocks = [datetime.now(UTC), gateway]

        if elapsed is not None:
            clocks.append(self.at + elapsed)

        return all(clock is not None and clock > moment for clock in clocks)

    def __reduce__(self) -> tuple[Callable[..., Intent], tuple[Any, ...]]:
        values = attrs.asdict(self, recurse=False)

        return (_remake, ({**values, "started": None},))


def _remake(values: Mapping[str, Any]) -> Intent:
    return Intent(**values)


def _rebuild(
    cls: type[UMFError], args: tuple[Any, ...], state: dict[str, Any]
) -> UMFError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)

    return error


_MONEY_SENTENCES: dict[bool, Text] = {
    True: Text("Money may have moved.", "资金可能已经变动。"),
    False: Text("No money has moved.", "资金没有变动。"),
}


class UMFError(Exception):
    """
    The root of the tree. Never raised directly.

    Attributes:
        what: What happened, in English and Chinese.
        advice: What to do, in English and Chinese.
        money_may_have_moved: Whether this call can have moved money.
    """

    default_advice: ClassVar[Text] = Text(
        "Look its class up in docs/reference/errors.md.",
        "请在 docs/reference/errors.md 中查阅该错误类。",
    )

    what: Text
    advice: Text
    money_may_have_moved: bool

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        self.what = Text(en, zh)
        self.advice = advice or self.default_advice
        self.money_may_have_moved = money_may_have_moved
        super().__init__(self.what.en)

    def __str__(self) -> str:
        money = _MONEY_SENTENCES[self.money_may_have_moved]

        return (
            f"{self.what.en} {money.en} {self.advice.en}"
            f" | {self.what.zh}{money.zh}{self.advice.zh}"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.what.en}>"

    def __reduce__(
        self,
    ) -> tuple[Callable[..., UMFError], tuple[Any, ...]]:
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))
