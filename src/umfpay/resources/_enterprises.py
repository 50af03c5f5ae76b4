"""
Enterprise qualifications: companies that pay B2B.
"""

from __future__ import annotations

from typing import Final, Unpack

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import EnterpriseQualification, NewEnterprise
from umfpay.protocol import text_in_id
from umfpay.resources._arguments import CallOptions, needed_object
from umfpay.resources._endpoint import (
    Endpoint,
    ExpectedAnswer,
    Members,
    RawRequest,
    Sender,
    member_of,
    text_of,
)
from umfpay.resources._matching import must_match, must_name_only
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Enterprises:
    """
    ``session.enterprises``
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @withholds(new=NewEnterprise)
    async def register(
        self, new: NewEnterprise, **options: Unpack[CallOptions]
    ) -> EnterpriseQualification:
        """
        Register a company (gateway.md 5.17). It may pay once it is ENABLE.

        Raises:
            OutcomeUnknownError: It may be registered; no money has moved.
            APIError: The gateway refused it.
        """
        needed_object("new", new, NewEnterprise)
        expected = _registered(
            external_enterprise_id=new.external_enterprise_id,
            busi_type=str(new.busi_type),
        )

        return await self._sender.send(
            REGISTER.call(
                body=new,
                read=expected.read,
                lookup=expected.lookup,
                intent=Intent.now(REGISTER.name),
            ),
            options,
        )

    async def get(
        self, enterprise_id: str, **options: Unpack[CallOptions]
    ) -> EnterpriseQualification:
        """
        Query a company (gateway.md 5.18).

        Args:
            enterprise_id: The gateway's id, ``EQ_...``.

        Raises:
            ConfigError: *enterprise_id* is no id.
            APIError: The gateway refused: it knows no such company of this merchant.
            MismatchedResponseError: The answer is about another company than the one
                that the id names.
        """
        query = _queried(needed_id("enterprise_id", enterprise_id))

        return await self._sender.send(query, options)


def _registered(
    *, external_enterprise_id: str | None, busi_type: str | None
) -> ExpectedAnswer[EnterpriseQualification]:
    wanted = {"external_enterprise_id": external_enterprise_id, "busi_type": busi_type}

    def read(members: Members) -> EnterpriseQualification:
        company = _codec.read_object(members, EnterpriseQualification)
        must_name_only(members, EQ=company.id)
        must_be_enterprise(company, **wanted)

        return company

    def lookup(
        company: EnterpriseQualification,
    ) -> Call[EnterpriseQualification] | None:
        if company.id is None or company.external_enterprise_id is not None:
            return None

        return _enterprise_query(company.id, **wanted)

    return ExpectedAnswer(read, lookup)


def _queried(enterprise_id: str) -> Call[EnterpriseQualification]:
    # The id of a company holds what it was registered with (gateway.md 5.22).
    coded = text_in_id(enterprise_id) or ""
    external, mark, kind = coded.rpartition("|")

    return _enterprise_query(
        enterprise_id,
        external_enterprise_id=external if mark else None,
        busi_type=kind if mark else None,
    )


def _enterprise_query(
    enterprise_id: str, *, external_enterprise_id: str | None, busi_type: str | None
) -> Call[EnterpriseQualification]:
    """
    Return the query of a company; it must be the one given, as far as it is named.
    """

    def read(members: Members) -> EnterpriseQualification:
        company = _codec.read_object(
            members, EnterpriseQualification, asked=enterprise_id
        )
        must_match("enterprise", enterprise_id, company.id)
        must_name_only(members, EQ=enterprise_id)
        must_be_enterprise(
            company,
            external_enterprise_id=external_enterprise_id,
            busi_type=busi_type,
        )

        return company

    return GET.call(parameters={"enterprise_id": enterprise_id}, read=read)


def must_be_enterprise(
    company: EnterpriseQualification,
    *,
    external_enterprise_id: str | None,
    busi_type: str | None,
) -> None:
    """
    Compare an answer about a company with the company asked for.

    Args:
        external_enterprise_id: The merchant's own number; None is not compared.
        busi_type: What it is registered for; None is not compared.

    Raises:
        MismatchedResponseError: It is another one.
    """
    must_match(
        "external_enterprise_id", external_enterprise_id, company.external_enterprise_id
    )
    must_match("busi_type", busi_type, company.busi_type)


def _registered_in(request: RawRequest) -> ExpectedAnswer[EnterpriseQualification]:
    given = member_of(request.body, "enterprise_qualification") or request.body

    return _registered(
        external_enterprise_id=text_of(member_of(given, "external_enterprise_id")),
        busi_type=text_of(member_of(given, "busi_type")),
    )


REGISTER: Final = Endpoint[EnterpriseQualification](
    "enterprises.register",
    "POST",
    "/enterprise_qualification",
    Effect.CREATE,
    about=EnterpriseQualification,
    expected=_registered_in,
)
GET: Final = Endpoint[EnterpriseQualification](
    "enterprises.get",
    "GET",
    "/enterprise_qualification/{enterprise_id}",
    Effect.READ,
    about=EnterpriseQualification,
    expected=lambda request: ExpectedAnswer(
        _queried(request.ids["enterprise_id"]).read
    ),
)
ENDPOINTS: Final = (REGISTER, GET)
