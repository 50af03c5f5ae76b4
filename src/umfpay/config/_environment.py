"""
`Environment`: the gateway's own addresses, sandbox and live.
"""

from __future__ import annotations

from enum import Enum


class Environment(Enum):
    """
    The gateway's own addresses (gateway.md 1).

    A page of UMF's own calls the two of America China and does not know the two of
    China; no client was seen that uses these. The mail in which UMF sends the keys
    decides: take *base_url* for what it names.
    """

    SANDBOX_CHINA = "https://uat.soopay.net/cberest/v1/"
    LIVE_CHINA = "https://pay.soopay.com/cberest/v1/"
    SANDBOX_AMERICA = "https://uatfx.soopay.net/cberest/v1/"
    LIVE_AMERICA = "https://fx.soopay.net/cberest/v1/"
