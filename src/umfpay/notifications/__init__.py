"""
Notifications (webhooks): verify, store, acknowledge, apply once (gateway.md 3.3).

`umfpay.notifications.fastapi` and `umfpay.notifications.aiohttp` hold the endpoint of
a shop's web server.
"""

from umfpay.notifications._asking import Gateway
from umfpay.notifications._inbox import NotificationInbox
from umfpay.notifications._receiver import (
    NotificationEvent,
    NotificationReceiver,
    NotificationReply,
)
from umfpay.notifications._store import Transaction
from umfpay.notifications._unapplied import UnappliedEvent


__all__ = [
    "Gateway",
    "NotificationEvent",
    "NotificationInbox",
    "NotificationReceiver",
    "NotificationReply",
    "Transaction",
    "UnappliedEvent",
]
