"""
Serialize and deserialize: between attrs objects and JSON; the only door to cattrs.
"""

from umfpay._codec._answers import (
    read_banks,
    read_notification,
    read_object,
    read_page,
    read_rate,
    read_sms,
    read_standalone_declaration,
    read_wechat_link,
)
from umfpay._codec._forms import EncodeOptions, PayerBody
from umfpay._codec._ids import ids_named, surely_names_only, values_named
from umfpay._codec._serialization import (
    dumps,
    encode,
    mark_verified,
)


__all__ = [
    "EncodeOptions",
    "PayerBody",
    "dumps",
    "encode",
    "ids_named",
    "mark_verified",
    "read_banks",
    "read_notification",
    "read_object",
    "read_page",
    "read_rate",
    "read_sms",
    "read_standalone_declaration",
    "read_wechat_link",
    "surely_names_only",
    "values_named",
]
