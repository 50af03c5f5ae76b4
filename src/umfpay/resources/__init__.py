"""
One class per gateway noun: ``session.payments.create(...)``.
"""

from umfpay.resources._banks import Banks
from umfpay.resources._bulk import BulkProgress, BulkResult
from umfpay.resources._call import (
    CallOptions,
    Download,
    Sender,
    needed_id,
)
from umfpay.resources._customs import Customs, missing_query
from umfpay.resources._enterprises import Enterprises, enterprise_query
from umfpay.resources._exchange_rates import ExchangeRates
from umfpay.resources._expectation_registry import ExpectationRegistry, bind
from umfpay.resources._matching import (
    KnownDeclaration,
    KnownOrder,
    is_id_of_number,
    must_be_banks,
    must_be_enterprise,
    must_be_of_day,
    must_be_of_kind,
    must_be_page,
    must_be_payment,
    must_be_refund,
    must_match,
    must_name_number,
    must_name_only,
)
from umfpay.resources._payments import Payments, executed_query, payment_query
from umfpay.resources._pulling import Pulled
from umfpay.resources._refund_ids import RefundIds
from umfpay.resources._refunds import Refunds, original_query
from umfpay.resources._statements import Statements
from umfpay.resources._wechat import WeChat


__all__ = [
    "Banks",
    "BulkProgress",
    "BulkResult",
    "CallOptions",
    "Customs",
    "Download",
    "Enterprises",
    "ExchangeRates",
    "ExpectationRegistry",
    "KnownDeclaration",
    "KnownOrder",
    "Payments",
    "Pulled",
    "RefundIds",
    "Refunds",
    "Sender",
    "Statements",
    "WeChat",
    "bind",
    "enterprise_query",
    "executed_query",
    "is_id_of_number",
    "missing_query",
    "must_be_banks",
    "must_be_enterprise",
    "must_be_of_day",
    "must_be_of_kind",
    "must_be_page",
    "must_be_payment",
    "must_be_refund",
    "must_match",
    "must_name_number",
    "must_name_only",
    "needed_id",
    "original_query",
    "payment_query",
]
