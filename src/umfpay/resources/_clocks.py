"""
Whether a moment has passed, by all clocks that can be read.
"""

from __future__ import annotations

from datetime import UTC, datetime

from umfpay.errors import Intent


def has_passed(moment: datetime, *, intent: Intent, gateway: datetime | None) -> bool:
    """
    Tell whether *moment* has passed for certain.

    The local clock may have been set, and nobody signs a header ``Date``: the local
    clock, the time since the intent (where this process measured it) and the gateway's
    clock must agree.

    Args:
        gateway: The header ``Date`` of an answer, None if there was none.
    """
    elapsed = intent.elapsed
    clocks = [datetime.now(UTC), gateway]

    if elapsed is not None:
        clocks.append(intent.at + elapsed)

    return all(clock is not None and clock > moment for clock in clocks)
