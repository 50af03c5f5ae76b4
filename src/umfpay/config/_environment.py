"""
The gateway's own addresses.
"""

from __future__ import annotations

from enum import Enum


class Environment(Enum):
    """
    The gateway's own addresses (gateway.md 1).
    """

    SANDBOX_CHINA = "https://uat.soopay.net/cberest/v1/"
    LIVE_CHINA = "https://pay.soopay.com/cberest/v1/"
    SANDBOX_AMERICA = "https://uatfx.soopay.net/cberest/v1/"
    LIVE_AMERICA = "https://fx.soopay.net/cberest/v1/"
