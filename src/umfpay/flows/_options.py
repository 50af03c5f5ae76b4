"""
What every flow takes: its session, deadline, listener, notifications and intent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

import attrs

from umfpay._callbacks import call_until
from umfpay._session import Evidence, UMFSession
from umfpay.errors import ConfigError, NotFinishedError
from umfpay.models import (
    CustomsDeclaration,
    Money,
    NewOrder,
    NewRefund,
    Payment,
    Refund,
)
from umfpay.resources import CallOptions


# Ten years: what goes on for longer runs out of the calendar.
_MAX_SECONDS: Final = 10 * 365 * 86400.0
# Seconds that a listener has in any case: what comes in the last moment is heard, too.
_MIN_LISTENER_SECONDS: Final = 1.0
# A call needs a deadline above 0: the rest of an instant ends it at once.
_MIN_CALL_SECONDS: Final = 1e-3


def utc_now() -> datetime:
    """
    Return the moment that flows take for now, in UTC: by the local clock.
    """
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class Step:
    """
    One step of a flow.

    Args:
        name: ``created``, ``code_sent``, ``executing``, ``executed``, ``waiting``,
            ``final``, ...
        object: What the gateway gave: a payment, a refund; None if nothing. With
            ``executing`` it is the `PendingCardPayment`.
    """

    name: str
    object: object | None = None


OnStep = Callable[[Step], Awaitable[None] | None]


class NotificationSource(Evidence, Protocol):
    """
    Where verified notifications arrive: the inbox of `umfpay.notifications`.
    """

    async def expect(
        self,
        what: NewOrder | NewRefund | CustomsDeclaration | str,
        *,
        amount: Money | None = None,
        payment_id: str | None = None,
        refund_id: str | None = None,
    ) -> None:
        """
        Keep what was ordered, and which ids of the gateway are the shop's own.
        """
        ...

    async def wait(
        self, object_id: str, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the object of *object_id* as the next notification tells it.

        A stored one whose state is final is returned at once.

        Args:
            deadline: In the running loop's time; None is returned when it has passed.
        """
        ...

    async def record(
        self, entity: Payment | Refund | CustomsDeclaration, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Keep what a signed query says, and return when the shop's handler has committed.

        Args:
            deadline: In the running loop's time.

        Returns:
            The object as it was applied last; None if this state was not applied.
        """
        ...


@attrs.frozen(kw_only=True, eq=False)
class FlowOptions:
    """
    What every flow takes, in one object that goes through all of its functions.

    Args:
        session: What makes the calls.
        ends_at: The deadline of all of them together, in the running loop's time.
        on_step: Whom the steps are reported to.
        arrivals: Where verified notifications arrive.
        intent_id: What the shop wants by the flow, for the call that counts.
    """

    session: UMFSession
    ends_at: float
    on_step: OnStep | None = None
    arrivals: NotificationSource | None = None
    intent_id: str | None = None

    @classmethod
    def of(
        cls,
        session: UMFSession,
        *,
        deadline: float,
        on_step: OnStep | None = None,
        arrivals: NotificationSource | None = None,
        intent_id: str | None = None,
    ) -> FlowOptions:
        """
        Return the options of a flow that begins now.

        Args:
            deadline: Seconds for all of it.

        Raises:
            ConfigError: *deadline* is not a number above 0, or is more than ten years;
                or *on_step* is no function.
        """
        if (
            isinstance(deadline, bool)
            or not isinstance(deadline, int | float)
            or not 0 < deadline <= _MAX_SECONDS
        ):
            raise ConfigError.of(
                "deadline",
                "seconds above 0, at most ten years, are needed",
                "必须是大于 0 的秒数，且不超过十年",
            )

        if on_step is not None and not callable(on_step):
            raise ConfigError.of("on_step", "a function is needed", "必须是函数")

        return cls(
            session=session,
            ends_at=asyncio.get_running_loop().time() + deadline,
            on_step=on_step,
            arrivals=arrivals,
            intent_id=intent_id,
        )

    def within(self, seconds: float) -> FlowOptions:
        """
        Return the same with a deadline in *seconds* at the latest.
        """
        latest = asyncio.get_running_loop().time() + seconds

        return attrs.evolve(self, ends_at=min(self.ends_at, latest))

    @property
    def seconds_left(self) -> float:
        """
        Seconds until the deadline, 0 if it has passed.
        """
        return max(0.0, self.ends_at - asyncio.get_running_loop().time())

    def must_have_time(self, last: object | None = None) -> None:
        """
        Refuse to send a write that is too late: an instant is enough for it to leave.

        Args:
            last: What is known of the object by now.

        Raises:
            NotFinishedError: The deadline has passed.
        """
        if not self.seconds_left:
            raise NotFinishedError(
                "The deadline passed before the next call; it was not sent.",
                "在下一次调用之前期限已到，未发送。",
                last=last,
            )

    def call_options(self) -> CallOptions:
        """
        Return what limits one call: the session's deadline, or the rest of this one.
        """
        seconds = min(self.session.config.deadline, self.seconds_left)

        return CallOptions(deadline=max(_MIN_CALL_SECONDS, seconds))

    def intent_options(self) -> CallOptions:
        """
        Return what limits the call that the flow is made for, and its intent.
        """
        return {**self.call_options(), "intent_id": self.intent_id}

    async def report(
        self,
        name: str,
        what: object | None = None,
        *,
        money_may_have_moved: bool = False,
    ) -> None:
        """
        Report a step; what *on_step* raises ends the flow.

        Args:
            money_may_have_moved: Whether it may have by this step.

        Raises:
            NotFinishedError: *on_step* took until the deadline, and a second at least;
                *last* is *what*.
        """
        if self.on_step is None:
            return

        earliest = asyncio.get_running_loop().time() + _MIN_LISTENER_SECONDS
        await call_until(
            max(self.ends_at, earliest),
            self.on_step,
            Step(name=name, object=what),
            late=lambda: NotFinishedError(
                f"The deadline passed while on_step was told {name!r}.",
                f"在 on_step 处理步骤 {name!r} 期间已到期限。",
                last=what,
                money_may_have_moved=money_may_have_moved,
            ),
        )
