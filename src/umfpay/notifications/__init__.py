"""
Notifications (webhooks): verify, store, acknowledge, apply once (gateway.md 3.3).

`umfpay.notifications.fastapi` and `umfpay.notifications.aiohttp` hold the endpoint of
a shop's web server. The inbox needs the extra ``sql``; the receiver, and `decide()`
for a shop that stores events itself, need none.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from umfpay.errors import needs_extra as _needs_extra
from umfpay.notifications._decision import Decision, KnownFacts, Status, decide
from umfpay.notifications._expectations import Expectation, OwnObject
from umfpay.notifications._receiver import (
    NotificationEvent,
    NotificationReceiver,
    NotificationReply,
)


if TYPE_CHECKING:
    from umfpay.notifications._event_queries import Gateway
    from umfpay.notifications._inbox import NotificationInbox
    from umfpay.notifications._unapplied import UnappliedEvent
    from umfpay.sql import Transaction


_HOME = {
    "Gateway": "_event_queries",
    "NotificationInbox": "_inbox",
    "Transaction": "_worker",
    "UnappliedEvent": "_unapplied",
}

__all__ = [
    "Decision",
    "Expectation",
    "Gateway",
    "KnownFacts",
    "NotificationEvent",
    "NotificationInbox",
    "NotificationReceiver",
    "NotificationReply",
    "OwnObject",
    "Status",
    "Transaction",
    "UnappliedEvent",
    "decide",
]


def __getattr__(name: str) -> Any:
    """
    Import what needs a database when it is first used.
    """
    home = _HOME.get(name)

    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    with _needs_extra("sql", by=f"umfpay.notifications.{name}"):
        value = getattr(_import_module(f"{__name__}.{home}"), name)

    globals()[name] = value

    return value


def __dir__() -> list[str]:
    return [*__all__]
