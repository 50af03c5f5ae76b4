"""
Customs: declare the sub orders of a paid order (gateway.md 10.10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, CustomsFailedError, EnvelopeError
from umfpay.flows._deadline import Deadline
from umfpay.flows._notification_source import NotificationSource
from umfpay.flows._steps import OnStep, check_listener, report_step
from umfpay.flows._waiting import wait_final
from umfpay.models import (
    CustomsDeclaration,
    CustomsState,
    NewCustomsDeclaration,
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
    Declare sub orders, within a month after the order, and wait for the customs.

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
        CustomsFailedError: The customs refused one; *last* is it. The others go on.
        CustomsRefusedError: The gateway refused one; those before it are declared.
        NotFinishedError: The deadline came first.
        OutcomeUnknownError: One may be declared; no money moves.
    """
    if not declarations or not isinstance(declarations, Sequence):
        raise ConfigError(
            "declarations: a list of at least one is needed.",
            "declarations：必须是非空列表。",
        )

    end = Deadline.after(deadline, intent_id)
    check_listener(on_step)
    payment_id = payment.id if isinstance(payment, Payment) else payment
    declared = []

    for new in declarations:
        options = end.intent_options(session)

        if intent_id is not None:
            options["intent_id"] = f"{intent_id} {new.mer_sub_reference_id}"

        made = await session.customs.apply(
            payment_id, new, arrivals=arrivals, **options
        )
        await report_step(on_step, "declared", made, deadline=end)
        declared.append(made)

    # Each is waited for by its own task; the first that fails ends the waiting.
    tasks = [
        asyncio.create_task(
            _wait_cleared(session, payment_id, new, one, on_step, arrivals, end)
        )
        for new, one in zip(declarations, declared, strict=True)
    ]

    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_cleared(
    session: UMFSession,
    payment_id: str,
    new: NewCustomsDeclaration,
    declaration: CustomsDeclaration,
    on_step: OnStep | None,
    arrivals: NotificationSource | None,
    end: Deadline,
) -> CustomsDeclaration:
    key = declaration.id

    if key is None:
        raise EnvelopeError("The answer names no CUST_ id.", "应答中没有报关编号。")

    found = await wait_final(
        key,
        kind=CustomsDeclaration,
        ask=lambda: session.customs.get(key, **end.options(session)),
        is_final=lambda found: found.final,
        deadline=end,
        arrivals=arrivals,
        last=declaration,
        money_may_move=False,
        must_fit=KnownDeclaration.of(payment_id, new).must_be,
    )
    await report_step(on_step, "final", found, deadline=end)

    if found.state == CustomsState.FAIL:
        raise CustomsFailedError(
            f"{key}: the customs refused it.", f"{key}：报关失败。", last=found
        )

    return found
