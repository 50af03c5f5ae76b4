"""
Multi-step payments as coroutines: what a shop awaits.

What most of them take, all by keyword:

* *deadline*: seconds for all calls, pauses and functions of the shop together.
* *on_step*: a function, plain or async, that is given each `Step`; what it raises ends
  the flow.
* *arrivals*: where verified notifications arrive, the inbox of `umfpay.notifications`:
  one that tells the end ends the waiting. Without it the gateway is asked.
* *intent_id*: text of the shop's own, for the journal: while it is open, or was carried
  out, no other call with it is sent.
* *notify_url*, *ret_url*: absolute http(s) addresses, those of `Config` if not given.

A flow is one file beside these and an export here: it takes what it needs by keyword,
makes one `FlowOptions` of that, gives it to `present_and_wait()` or `wait_final()`, and
returns the final object or raises a `FlowError`. One that is given an order, a payment or
anything of a customer is decorated with `withholds()` of `umfpay.sensitive`, which names
the class of each such argument: so no traceback shows a dict that came in its place. Its
docstring names its steps ("Steps reported"), and one that writes takes *intent_id*.
"""

from umfpay.flows._card import (
    begin_card_payment,
    card_payment,
    confirm_card_payment,
    resend_code,
)
from umfpay.flows._enterprise import register_enterprise, wait_enabled
from umfpay.flows._options import NotificationSource, OnStep, Step
from umfpay.flows._pages import bank_payment, checkout
from umfpay.flows._pending import PendingCardPayment
from umfpay.flows._qr import QRCode, qr_payment
from umfpay.flows._refund import choose_goods, refund
from umfpay.flows._shipping import declare_customs, report_tracking
from umfpay.flows._wechat import (
    authorize_url,
    open_id_from,
    wechat_app,
    wechat_web,
)


__all__ = [
    "NotificationSource",
    "OnStep",
    "PendingCardPayment",
    "QRCode",
    "Step",
    "authorize_url",
    "bank_payment",
    "begin_card_payment",
    "card_payment",
    "checkout",
    "choose_goods",
    "confirm_card_payment",
    "declare_customs",
    "open_id_from",
    "qr_payment",
    "refund",
    "register_enterprise",
    "report_tracking",
    "resend_code",
    "wait_enabled",
    "wechat_app",
    "wechat_web",
]
