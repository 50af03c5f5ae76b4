"""
Events that are not applied: somebody is told of each, or the gateway is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import attrs

from umfpay.errors import NotificationAmountError, NotificationError, Text
from umfpay.notifications._applying import is_our_end
from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._store import InboxStore, StoredEvent


# Seconds: what another process decided and did not tell is looked for that often.
_LOOK: Final = 30.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0

_log = logging.getLogger("umfpay")


@attrs.frozen(kw_only=True)
class Conflict:
    """
    An event that was stored and acknowledged, and not applied.

    Attributes:
        event: The notification.
        reason: Why: it goes back, contradicts, or names another amount.
        error: A `NotificationAmountError` if the amount is wrong, else None.
    """

    event: NotificationEvent
    reason: str
    error: NotificationAmountError | None = None


OnConflict = Callable[[Conflict], Awaitable[None]]
Read = Callable[[StoredEvent], NotificationEvent]


class _Getter(Protocol):
    async def get(self, key: str, /) -> Any: ...


class Gateway(Protocol):
    """
    Who is asked when notifications contradict each other: a `umfpay.UMFSession`.
    """

    @property
    def payments(self) -> _Getter: ...

    @property
    def refunds(self) -> _Getter: ...

    @property
    def customs(self) -> _Getter: ...


class ConflictTeller:
    """
    Tells of each conflict until somebody has taken it.

    Args:
        read: Makes the event of stored bytes.
    """

    def __init__(
        self,
        store: InboxStore,
        read: Read,
        *,
        gateway: Gateway | None,
        on_conflict: OnConflict | None,
    ) -> None:
        self._store = store
        self._read = read
        self._gateway = gateway
        self._on_conflict = on_conflict
        self._news = asyncio.Event()

    def look(self) -> None:
        """
        Have new conflicts told soon.
        """
        self._news.set()

    async def all(self) -> list[Conflict]:
        """
        Return all conflicts, the oldest first.
        """
        found = []

        for stored, decision in await self._store.troubles():
            try:
                found.append(self._conflict(stored, decision))
            except NotificationError as error:
                # Its key is gone: the others are shown.
                _log.warning("a conflict cannot be read: %s", error.what.en)

        return found

    async def tell_for_ever(self) -> None:
        """
        Tell of each conflict; what fails is told again, less and less often.
        """
        pause = _FIRST_PAUSE

        while True:
            self._news.clear()

            try:
                calm = await self._tell()
            except NotificationError as error:
                _log.warning("conflicts cannot be told now: %s", error.what.en)
                calm = False

            if calm:
                pause = _FIRST_PAUSE

                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._news.wait()
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _tell(self) -> bool:
        calm = True

        for stored, decision in await self._store.untold():
            try:
                conflict = self._conflict(stored, decision)

                if self._on_conflict is not None:
                    await self._on_conflict(conflict)
                else:
                    await self._ask(conflict)
            except asyncio.CancelledError:
                if is_our_end():
                    raise

                _log.warning("on_conflict was cancelled from inside; it is told again")
                calm = False
            except Exception:  # noqa: BLE001 (logged; it is told again)
                _log.exception("a conflict could not be told; it is told again")
                calm = False
            else:
                await self._store.told(stored.key)

        return calm

    async def _ask(self, conflict: Conflict) -> None:
        event, gateway = conflict.event, self._gateway
        state = "nobody was asked"

        if gateway is not None:
            noun = {"payment": gateway.payments, "refund": gateway.refunds}
            answer = await noun.get(event.kind, gateway.customs).get(event.object_id)
            state = f"the gateway says {answer.state}"

        _log.warning(
            "a notification of %s was not applied: %s; %s",
            event.object_id,
            conflict.reason,
            state,
        )

    def _conflict(self, stored: StoredEvent, decision: Decision) -> Conflict:
        event = self._read(stored)
        error = None

        if decision.status is Status.WRONG_AMOUNT:
            error = NotificationAmountError(
                Text(
                    f"{event.object_id}: {decision.reason}.",
                    f"{event.object_id}：通知金额与订单不符（{decision.reason}）。",
                )
            )

        return Conflict(event=event, reason=decision.reason, error=error)
