"""
One class per gateway noun: ``session.payments.create(...)``.
"""

from umfpay.resources._any_call import any_call
from umfpay.resources._arguments import (
    CallOptions,
    checked_options,
    header_lines,
    wire_date,
)
from umfpay.resources._bulk import BulkProgress, BulkQueries, BulkResult, Checkpoint
from umfpay.resources._customs import Customs, KnownDeclaration
from umfpay.resources._download import FileProof, read_contents, save
from umfpay.resources._endpoint import Download, Endpoint, Sender, look_up
from umfpay.resources._enterprises import Enterprises, must_be_enterprise
from umfpay.resources._inbox import Evidence, ExpectationRegistry, bind
from umfpay.resources._matching import KnownOrder, must_match, must_name_only
from umfpay.resources._payment_evidence import query_after_refusal
from umfpay.resources._payments import Payments, payment_query
from umfpay.resources._pulled_folder import (
    REFETCH_AGES,
    PulledFolder,
    Reason,
    StoredFile,
    day_end,
    reason_to_fetch,
    was_over,
)
from umfpay.resources._pulling import (
    Pulled,
    PullOptions,
    checked_expiry,
    known_zone,
    pull,
)
from umfpay.resources._reference_data import Banks, ExchangeRates, WeChat
from umfpay.resources._refund_identity import (
    RefundIds,
    is_id_of_number,
    is_own_refund,
    must_be_refund,
)
from umfpay.resources._refunds import Refunds
from umfpay.resources._resolution import Executed, Resolution
from umfpay.resources._resources import Resources
from umfpay.resources._statements import Statements


__all__ = [
    "REFETCH_AGES",
    "Banks",
    "BulkProgress",
    "BulkQueries",
    "BulkResult",
    "CallOptions",
    "Checkpoint",
    "Customs",
    "Download",
    "Endpoint",
    "Enterprises",
    "Evidence",
    "ExchangeRates",
    "Executed",
    "ExpectationRegistry",
    "FileProof",
    "KnownDeclaration",
    "KnownOrder",
    "Payments",
    "PullOptions",
    "Pulled",
    "PulledFolder",
    "Reason",
    "RefundIds",
    "Refunds",
    "Resolution",
    "Resources",
    "Sender",
    "Statements",
    "StoredFile",
    "WeChat",
    "any_call",
    "bind",
    "checked_expiry",
    "checked_options",
    "day_end",
    "header_lines",
    "is_id_of_number",
    "is_own_refund",
    "known_zone",
    "look_up",
    "must_be_enterprise",
    "must_be_refund",
    "must_match",
    "must_name_only",
    "payment_query",
    "pull",
    "query_after_refusal",
    "read_contents",
    "reason_to_fetch",
    "save",
    "was_over",
    "wire_date",
]
