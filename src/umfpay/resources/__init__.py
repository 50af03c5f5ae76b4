"""
One class per gateway noun: ``session.payments.create(...)``.
"""

from umfpay.resources._any_call import any_call
from umfpay.resources._banks import Banks
from umfpay.resources._bulk import BulkProgress, BulkResult
from umfpay.resources._call import Download, Sender
from umfpay.resources._call_options import CallOptions, checked_options, header_lines
from umfpay.resources._customs import Customs
from umfpay.resources._enterprises import Enterprises
from umfpay.resources._exchange_rates import ExchangeRates
from umfpay.resources._expectation_registry import ExpectationRegistry, bind
from umfpay.resources._follow_up import look_up, query_after_refusal
from umfpay.resources._matching import (
    KnownDeclaration,
    KnownOrder,
    is_id_of_number,
    must_be_enterprise,
    must_be_of_day,
    must_be_refund,
    must_match,
    must_name_only,
)
from umfpay.resources._payments import Payments
from umfpay.resources._pulling import Pulled
from umfpay.resources._refund_ids import RefundIds
from umfpay.resources._refunds import Refunds
from umfpay.resources._resources import Resources
from umfpay.resources._statements import Statements
from umfpay.resources._unknown_outcome import Evidence, Executed, Resolution
from umfpay.resources._wechat import WeChat


__all__ = [
    "Banks",
    "BulkProgress",
    "BulkResult",
    "CallOptions",
    "Customs",
    "Download",
    "Enterprises",
    "Evidence",
    "ExchangeRates",
    "Executed",
    "ExpectationRegistry",
    "KnownDeclaration",
    "KnownOrder",
    "Payments",
    "Pulled",
    "RefundIds",
    "Refunds",
    "Resolution",
    "Resources",
    "Sender",
    "Statements",
    "WeChat",
    "any_call",
    "bind",
    "checked_options",
    "header_lines",
    "is_id_of_number",
    "look_up",
    "must_be_enterprise",
    "must_be_of_day",
    "must_be_refund",
    "must_match",
    "must_name_only",
    "query_after_refusal",
]
