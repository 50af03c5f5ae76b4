"""
Shipping of a paid order: customs declarations and parcels (gateway.md 10.10, 10.11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from umfpay._session import UMFSession
from umfpay.errors import (
    ConfigError,
    CustomsFailedError,
    EnvelopeError,
    InvalidValueError,
)
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep
from umfpay.flows._waiting import wait_final
from umfpay.models import (
    CustomsDeclaration,
    CustomsState,
    ExpressInfo,
    NewCustomsDeclaration,
    Parcel,
    Payment,
)
from umfpay.resources import KnownDeclaration
from umfpay.sensitive import withholds


@withholds(payment=(Payment, str), declarations=NewCustomsDeclaration)
async def declare_customs(
    session: UMFSession,
    payment: Payment | str,
    declarations: Sequence[NewCustomsDeclaration],
    *,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 86400.0,
) -> tuple[CustomsDeclaration, ...]:
    """
    Declare sub orders, within a month after the order, and wait for the customs
    (gateway.md 10.10).

    They are sent one after another and waited for together. Each sub order must have
    been created with ``is_customs=True``.

    Steps reported, each per declaration: ``declared``, ``final``.

    Args:
        declarations: One per sub order.
        intent_id: What the shop wants by it, for the journal: with the number of its sub
            order it names each declaration, and while that is open, or was carried out,
            no other call with it is sent.
        deadline: Seconds for all of it.

    Returns:
        The accepted declarations, in the order given, each SUCCESS.

    Raises:
        ConfigError: There are no declarations; nothing was sent.
        CustomsFailedError: The customs refused one; *last* is it. The others go on.
        CustomsRefusedError: The gateway refused one; those before it are declared.
        NotFinishedError: The deadline came first.
        OutcomeUnknownError: One may be declared; no money moves.
    """
    if not declarations or not isinstance(declarations, Sequence):
        raise ConfigError.of(
            "declarations",
            "a list of at least one is needed",
            "必须是非空列表",
        )

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )
    payment_id = payment.id if isinstance(payment, Payment) else payment
    declared = []

    for new in declarations:
        options = flow.intent_options()

        if intent_id is not None:
            options["intent_id"] = f"{intent_id} {new.mer_sub_reference_id}"

        made = await session.customs.apply(
            payment_id, new, arrivals=arrivals, **options
        )
        await flow.report("declared", made)
        declared.append(made)

    # Each is waited for by its own task; the first that fails ends the waiting.
    tasks = [
        asyncio.create_task(_wait_cleared(flow, payment_id, new, one))
        for new, one in zip(declarations, declared, strict=True)
    ]

    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_cleared(
    flow: FlowOptions,
    payment_id: str,
    new: NewCustomsDeclaration,
    declaration: CustomsDeclaration,
) -> CustomsDeclaration:
    key = declaration.id

    if key is None:
        raise EnvelopeError("The answer names no CUST_ id.", "应答中没有报关编号。")

    found = await wait_final(
        flow,
        key,
        kind=CustomsDeclaration,
        ask=lambda: flow.session.customs.get(key, **flow.call_options()),
        is_final=lambda found: found.final,
        last=declaration,
        money_may_move=False,
        must_fit=KnownDeclaration.of(payment_id, new).must_be,
    )
    await flow.report("final", found)

    if found.state == CustomsState.FAIL:
        raise CustomsFailedError(
            f"{key}: the customs refused it.", f"{key}：报关失败。", last=found
        )

    return found


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
    Tell UMF the parcels of a paid order (gateway.md 10.11).

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
        raise InvalidValueError.of("parcels", "a mapping is needed", "必须是映射")

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
