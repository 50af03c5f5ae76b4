"""
Settings of a session: checked when made, before any network is used.
"""

from umfpay.config._addresses import Environment, is_loopback, merchant_id
from umfpay.config._checks import no_config
from umfpay.config._config import (
    Config,
    ResponseSignatures,
    ResponseVerifier,
    UnsignedResponses,
)
from umfpay.config._files import (
    existing_file,
    file_path,
    read_variables,
    resolved_path,
)


__all__ = [
    "Config",
    "Environment",
    "ResponseSignatures",
    "ResponseVerifier",
    "UnsignedResponses",
    "existing_file",
    "file_path",
    "is_loopback",
    "merchant_id",
    "no_config",
    "read_variables",
    "resolved_path",
]
