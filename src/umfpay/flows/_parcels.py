"""
Report parcels: tracking numbers of what was shipped (gateway.md 10.11).
"""

from __future__ import annotations

from collections.abc import Mapping

from umfpay._session import UMFSession
from umfpay.errors import InvalidValueError
from umfpay.models import ExpressInfo, Parcel, Payment
from umfpay.sensitive import withholds


@withholds(payment=(Payment, str), parcels=Mapping)
async def report_tracking(
    session: UMFSession,
    payment: Payment | str,
    parcels: Mapping[str, str],
    *,
    intent_id: str | None = None,
    deadline: float = 30.0,
) -> None:
    """
    Tell UMF the parcels of a paid order.

    Args:
        parcels: By mer_sub_reference_id: ``"<carrier name> <number>"``.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds.

    Raises:
        ConfigError: There are no parcels, or one has no number.
        OutcomeUnknownError: It may be known already; telling it again does no harm.
        APIError: The gateway refused it.
    """
    if not isinstance(parcels, Mapping):
        raise InvalidValueError(
            "parcels: a mapping is needed.", "parcels：必须是映射。"
        )

    info = ExpressInfo(
        sub_orders=[
            Parcel(mer_sub_reference_id=key, tracking_number=number)
            for key, number in parcels.items()
        ]
    )
    payment_id = payment.id if isinstance(payment, Payment) else payment
    await session.payments.update_express_info(
        payment_id, info, deadline=deadline, intent_id=intent_id
    )
