"""
Companies: register, and wait until they may pay (gateway.md 10.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from umfpay._session import UMFSession
from umfpay.errors import EnvelopeError
from umfpay.flows._options import FlowOptions, OnStep
from umfpay.flows._waiting import wait_final
from umfpay.models import EnterpriseQualification, EnterpriseStatus, NewEnterprise
from umfpay.resources import must_be_enterprise
from umfpay.sensitive import withholds


# People at UMF and a bank do this: it takes days.
_MAX_PAUSE_SECONDS: Final = 15 * 60.0


@withholds(new=NewEnterprise)
async def register_enterprise(
    session: UMFSession,
    new: NewEnterprise,
    *,
    wait: bool = True,
    on_step: OnStep | None = None,
    intent_id: str | None = None,
    deadline: float = 7 * 86400.0,
) -> EnterpriseQualification:
    """
    Register a company, and wait until it is ENABLE (gateway.md 10.9).

    UMF and the bank check it offline, so the gateway is asked after 1, 2, 4 ... seconds
    and in the end every 15 minutes; there is no notification. To wait in another
    process register with ``wait=False`` and pass the id to `wait_enabled()`.

    Steps reported: ``registered``, ``waiting``, ``final``.

    Args:
        wait: False returns as soon as it is registered.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it; a week by default.

    Raises:
        NotFinishedError: The deadline came first; *last* is the company.
        OutcomeUnknownError: It may be registered. Registering again does no harm.
        APIError: The gateway refused it.
    """
    flow = FlowOptions.of(
        session, deadline=deadline, on_step=on_step, intent_id=intent_id
    )
    company = await session.enterprises.register(new, **flow.intent_options())
    await flow.report("registered", company)

    if not wait:
        return company

    if company.id is None:
        raise EnvelopeError("The answer names no EQ_ id.", "应答中没有企业资质编号。")

    def must_fit(found: EnterpriseQualification) -> None:
        must_be_enterprise(
            found,
            external_enterprise_id=new.external_enterprise_id,
            busi_type=str(new.busi_type),
        )

    return await _wait_enabled(flow, company.id, company, must_fit)


async def wait_enabled(
    session: UMFSession,
    enterprise_id: str,
    *,
    on_step: OnStep | None = None,
    deadline: float = 7 * 86400.0,
) -> EnterpriseQualification:
    """
    Wait until a registered company is ENABLE; see `register_enterprise()`.

    Args:
        enterprise_id: The ``EQ_`` id.
        deadline: Seconds for all of it; a week by default.

    Raises:
        APIError: The gateway does not know it.
        NotFinishedError: The deadline came first; *last* is the company.
    """
    flow = FlowOptions.of(session, deadline=deadline, on_step=on_step)
    company = await session.enterprises.get(enterprise_id, **flow.call_options())

    return await _wait_enabled(flow, enterprise_id, company)


async def _wait_enabled(
    flow: FlowOptions,
    enterprise_id: str,
    company: EnterpriseQualification,
    must_fit: Callable[[EnterpriseQualification], None] | None = None,
) -> EnterpriseQualification:
    if not _is_enabled(company):
        await flow.report("waiting", company)
        company = await wait_final(
            flow,
            enterprise_id,
            kind=EnterpriseQualification,
            ask=lambda: flow.session.enterprises.get(
                enterprise_id, **flow.call_options()
            ),
            is_final=_is_enabled,
            last=company,
            longest=_MAX_PAUSE_SECONDS,
            money_may_move=False,
            must_fit=must_fit,
        )

    await flow.report("final", company)

    return company


def _is_enabled(company: EnterpriseQualification) -> bool:
    return company.enterprise_status == EnterpriseStatus.ENABLE
