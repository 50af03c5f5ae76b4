"""
Parcels of a paid order.
"""

from __future__ import annotations

import pytest

from umfpay.errors import ConfigError
from umfpay.flows import report_tracking


async def test_parcels_are_reported_by_sub_order(session, box, paid):
    """
    The gateway keeps the number.
    """
    number = (await box.payment(paid.id))["order"]["sub_orders"][0]
    await report_tracking(
        session, paid, {number["mer_sub_reference_id"]: "SF 1234567890"}
    )

    assert "SF 1234567890" in str(await box.payment(paid.id))


async def test_no_parcels_are_a_mistake(session, paid):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError, match="sub_orders"):
        await report_tracking(session, paid.id, {})
