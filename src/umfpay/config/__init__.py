"""
Settings of a session: checked when made, before any network is used.
"""

from umfpay.config._addresses import is_loopback
from umfpay.config._checks import no_config
from umfpay.config._config import Config
from umfpay.config._environment import Environment
from umfpay.config._paths import existing_file, local_path


__all__ = [
    "Config",
    "Environment",
    "existing_file",
    "is_loopback",
    "local_path",
    "no_config",
]
