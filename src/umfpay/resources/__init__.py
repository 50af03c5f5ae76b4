"""
One class per gateway noun: ``session.payments.create(...)``.
"""

from umfpay.resources._banks import Banks
from umfpay.resources._bulk import BulkProgress, BulkResult
from umfpay.resources._call import Call, CallOptions, Download, Sender, Subject
from umfpay.resources._customs import Customs
from umfpay.resources._enterprises import Enterprises
from umfpay.resources._exchange_rates import ExchangeRates
from umfpay.resources._expecting import Expecting, bind
from umfpay.resources._payments import Payments
from umfpay.resources._pulling import Pulled
from umfpay.resources._refunds import Refunds
from umfpay.resources._statements import Statements
from umfpay.resources._wechat import WeChat


__all__ = [
    "Banks",
    "BulkProgress",
    "BulkResult",
    "Call",
    "CallOptions",
    "Customs",
    "Download",
    "Enterprises",
    "ExchangeRates",
    "Expecting",
    "Payments",
    "Pulled",
    "Refunds",
    "Sender",
    "Statements",
    "Subject",
    "WeChat",
    "bind",
]
