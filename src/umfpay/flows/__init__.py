"""
Multi-step payments as coroutines: what a shop awaits.
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
