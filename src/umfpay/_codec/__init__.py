"""
Serialize and deserialize: between attrs objects and JSON; the only door to cattrs.
"""

from umfpay._codec._answers import (
    read_banks,
    read_customs_declaration,
    read_enterprise,
    read_notification,
    read_payment,
    read_rate,
    read_reconciliations,
    read_refund,
    read_sms,
    read_standalone_declaration,
    read_transactions,
    read_wechat_link,
)
from umfpay._codec._converter import configure_converter, make_converter
from umfpay._codec._members import ids_named, values_named
from umfpay._codec._serialization import (
    dumps,
    encode,
    generated_source,
    loads,
    mark_verified,
    structure,
)
from umfpay._codec._writing import EncodeOptions, PayerBody


__all__ = [
    "EncodeOptions",
    "PayerBody",
    "configure_converter",
    "dumps",
    "encode",
    "generated_source",
    "ids_named",
    "loads",
    "make_converter",
    "mark_verified",
    "read_banks",
    "read_customs_declaration",
    "read_enterprise",
    "read_notification",
    "read_payment",
    "read_rate",
    "read_reconciliations",
    "read_refund",
    "read_sms",
    "read_standalone_declaration",
    "read_transactions",
    "read_wechat_link",
    "structure",
    "values_named",
]
