"""
Companies: register, and wait until they may pay (gateway.md 10.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from umfpay._session import UMFSession
from umfpay.errors import EnvelopeError
from umfpay.flows._deadline import Deadline
from umfpay.flows._steps import OnStep, check_listener, report_step
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
    Register a company, and wait until it is ENABLE.

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
    end = Deadline.after(deadline, intent_id)
    check_listener(on_step)
    company = await session.enterprises.register(new, **end.intent_options(session))
    await report_step(on_step, "registered", company, deadline=end)

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

    return await _wait_enabled(session, company.id, company, must_fit, on_step, end)


async def wait_enabled(
    session: UMFSession,
    enterprise_id: str,
    *,
    on_step: OnStep | None = None,
    deadline: float = 7 * 86400.0,
) -> EnterpriseQualification:
    """
    Wait until a registered company is ENABLE; see `register_enterprise()`.

    Raises:
        NotFinishedError: The deadline came first; *last* is the company.
    """
    end = Deadline.after(deadline)
    check_listener(on_step)
    company = await session.enterprises.get(enterprise_id, **end.options(session))

    return await _wait_enabled(session, enterprise_id, company, None, on_step, end)


async def _wait_enabled(
    session: UMFSession,
    enterprise_id: str,
    company: EnterpriseQualification,
    must_fit: Callable[[EnterpriseQualification], None] | None,
    on_step: OnStep | None,
    end: Deadline,
) -> EnterpriseQualification:
    if not _is_enabled(company):
        await report_step(on_step, "waiting", company, deadline=end)
        company = await wait_final(
            enterprise_id,
            kind=EnterpriseQualification,
            ask=lambda: session.enterprises.get(enterprise_id, **end.options(session)),
            is_final=_is_enabled,
            deadline=end,
            arrivals=None,
            last=company,
            longest=_MAX_PAUSE_SECONDS,
            money_may_move=False,
            must_fit=must_fit,
        )

    await report_step(on_step, "final", company, deadline=end)

    return company


def _is_enabled(company: EnterpriseQualification) -> bool:
    return company.enterprise_status == EnterpriseStatus.ENABLE
