"""
The first step of every payment by a page, a QR code or WeChat.
"""

from __future__ import annotations

from umfpay._session import UMFSession
from umfpay.errors import OutcomeUnknownError, ProtocolError, TransportError
from umfpay.flows._arrivals import Arrivals
from umfpay.flows._deadline import Deadline
from umfpay.flows._steps import OnStep, tell
from umfpay.models import NewPayment, Payment


async def create_payment(
    session: UMFSession,
    new: NewPayment,
    *,
    deadline: Deadline,
    arrivals: Arrivals | None,
    on_step: OnStep | None,
) -> Payment:
    """
    Create the payment and tell ``created``.

    Nobody pays by a create, and nobody has seen the first one: if its end is unclear it
    is made once more under the same order number, which is paid only once.

    Raises:
        OutcomeUnknownError: The second one is unclear, too; nobody has paid. So is a
            refusal that cannot be trusted: the same would be refused again.
    """
    try:
        payment = await session.payments.create(new, **deadline.options(session))
    except OutcomeUnknownError as unknown:
        if not isinstance(unknown.__cause__, TransportError | ProtocolError):
            raise

        found = await session.resolve(
            unknown.intent,
            evidence=arrivals,
            again=new,
            allow_repeat=True,
            **deadline.options(session),
        )

        # A row or a notification under this number: it is paid, and not by us.
        if not isinstance(found.object, Payment) or found.evidence != "repeat":
            raise

        payment = found.object

    await tell(on_step, "created", payment)

    return payment
