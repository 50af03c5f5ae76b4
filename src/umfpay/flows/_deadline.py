"""
`Deadline`: one deadline for all calls of a flow.
"""

from __future__ import annotations

import asyncio
from typing import Final

import attrs

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, NotFinishedError
from umfpay.resources import CallOptions


# Ten years: what goes on for longer runs out of the calendar.
_MAX_SECONDS: Final = 10 * 365 * 86400.0


@attrs.frozen
class Deadline:
    """
    A moment in the running loop's time.

    Args:
        intent_id: What the shop wants by the flow, for the call that counts.
    """

    at: float
    intent_id: str | None = None

    @classmethod
    def after(cls, seconds: float, intent_id: str | None = None) -> Deadline:
        """
        Return the moment in *seconds*.

        Raises:
            ConfigError: It is not a number above 0, or is more than ten years.
        """
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 < seconds <= _MAX_SECONDS
        ):
            raise ConfigError(
                "deadline: seconds above 0, at most ten years, are needed.",
                "deadline：必须是大于 0 的秒数，且不超过十年。",
            )

        return cls(asyncio.get_running_loop().time() + seconds, intent_id)

    @property
    def seconds_left(self) -> float:
        """
        Seconds that are left, 0 if it has passed.
        """
        return max(0.0, self.at - asyncio.get_running_loop().time())

    def must_have_time(self, last: object | None = None) -> None:
        """
        Refuse to send a write that is too late: an instant is enough for it to leave.

        Raises:
            NotFinishedError: The deadline has passed; *last* is what is known.
        """
        if not self.seconds_left:
            raise NotFinishedError(
                "The deadline passed before the next call; it was not sent.",
                "在下一次调用之前期限已到，未发送。",
                last=last,
            )

    def options(self, session: UMFSession) -> CallOptions:
        """
        Return what limits one call: the session's deadline, or the rest of this one.
        """
        # A call needs a deadline above 0: the rest of an instant ends it at once.
        return CallOptions(
            deadline=max(1e-3, min(session.config.deadline, self.seconds_left))
        )

    def intent_options(self, session: UMFSession) -> CallOptions:
        """
        Return what limits the call that the flow is made for, and its intent.
        """
        return {**self.options(session), "intent_id": self.intent_id}
