"""
The gateway calls us: verify, store, acknowledge, apply once (gateway.md 3.3).

`umfpay.notifications.fastapi` and `umfpay.notifications.aiohttp` hold the endpoint of
a shop's web server.
"""

from umfpay.notifications._conflicts import Conflict, Gateway
from umfpay.notifications._inbox import NotificationInbox
from umfpay.notifications._receiver import (
    NotificationEvent,
    NotificationReceiver,
    NotificationReply,
)
from umfpay.notifications._store import Transaction


__all__ = [
    "Conflict",
    "Gateway",
    "NotificationEvent",
    "NotificationInbox",
    "NotificationReceiver",
    "NotificationReply",
    "Transaction",
]
