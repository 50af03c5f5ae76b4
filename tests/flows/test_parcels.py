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


@pytest.mark.parametrize(
    "parcels", [{}, None, ["SF 1"], "SF 1", {"sub-1": None}, {"sub-1": ""}, {1: "SF 1"}]
)
async def test_parcels_without_number_or_sub_order_are_a_mistake(
    session, box, paid, parcels
):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError):
        await report_tracking(session, paid.id, parcels)

    assert [] == await box.sent("/update_express_info")
