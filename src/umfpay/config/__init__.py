"""
Settings of a session: checked when made, before any network is used.
"""

from umfpay.config._addresses import is_loopback
from umfpay.config._checks import looks_like_address
from umfpay.config._config import Config
from umfpay.config._environment import Environment


__all__ = ["Config", "Environment", "is_loopback", "looks_like_address"]
