"""
What every place is given and gives.
"""

from __future__ import annotations

from umfpay.notifications._stored_events import StoredEvent


def test_a_stored_event_shows_no_body():
    """
    Neither body nor signature is in its repr.
    """
    stored = StoredEvent(event_key="k", body=b"PAY_A", signature="c2lnbmVk", attempts=0)

    assert "PAY_A" not in repr(stored)
    assert "c2lnbmVk" not in repr(stored)
