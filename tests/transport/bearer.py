"""
A token and its generation, as plain data.
"""

from __future__ import annotations

import attrs

from umfpay.sensitive import Secret


@attrs.frozen(kw_only=True)
class BearerToken:
    """
    What a token cache gives.
    """

    generation: int
    token: Secret
