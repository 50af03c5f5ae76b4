"""
Serialize and deserialize: between attrs objects and JSON; the only door to cattrs.
"""

from umfpay._codec._answer_objects import noun_of, nouns_in
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
from umfpay._codec._classes import UnusualError
from umfpay._codec._converter import make_converter
from umfpay._codec._forms import DEFAULT_OPTIONS, EncodeOptions, PayerBody
from umfpay._codec._generated import reader, writer
from umfpay._codec._ids import ids_named, surely_names_only, values_named
from umfpay._codec._reading import MisfitError, OddDateError
from umfpay._codec._serialization import dumps, encode, mark_verified, structure


__all__ = [
    "DEFAULT_OPTIONS",
    "EncodeOptions",
    "MisfitError",
    "OddDateError",
    "PayerBody",
    "UnusualError",
    "dumps",
    "encode",
    "ids_named",
    "make_converter",
    "mark_verified",
    "noun_of",
    "nouns_in",
    "read_banks",
    "read_notification",
    "read_object",
    "read_page",
    "read_rate",
    "read_sms",
    "read_standalone_declaration",
    "read_wechat_link",
    "reader",
    "structure",
    "surely_names_only",
    "values_named",
    "writer",
]
