"""
Enterprise qualifications: companies that pay B2B.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import EnterpriseQualification, NewEnterprise
from umfpay.protocol import text_in_id
from umfpay.resources._arguments import CallOptions, needed_object
from umfpay.resources._endpoint import Sender
from umfpay.resources._matching import (
    must_be_enterprise,
    must_match,
    must_name_only,
)
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
        """

        needed_object("new", new, NewEnterprise)

        wanted = {
            "external_enterprise_id": new.external_enterprise_id,
            "busi_type": str(new.busi_type),
        }

        def read(members: Mapping[str, Any]) -> EnterpriseQualification:
            company = _codec.read_object(members, EnterpriseQualification)
            must_name_only(members, EQ=company.id)
            must_be_enterprise(company, **wanted)

            return company

        def lookup(
            company: EnterpriseQualification,
        ) -> Call[EnterpriseQualification] | None:
            if company.id is None or company.external_enterprise_id is not None:
                return None

            return enterprise_query(company.id, **wanted)

        return await self._sender.send(
            Call(
                name="enterprises.register",
                method="POST",
                path="/enterprise_qualification",
                effect=Effect.CREATE,
                intent=Intent.now("enterprises.register"),
                body=new,
                read=read,
                lookup=lookup,
            ),
            options,
        )

    async def get(
        self, enterprise_id: str, **options: Unpack[CallOptions]
    ) -> EnterpriseQualification:
        """
        Query a company (gateway.md 5.18).
        """
        # The id of a company holds what it was registered with (gateway.md 5.22).
        coded = text_in_id(needed_id("enterprise_id", enterprise_id)) or ""
        external, mark, kind = coded.rpartition("|")
        query = enterprise_query(
            enterprise_id,
            external_enterprise_id=external if mark else None,
            busi_type=kind if mark else None,
        )

        return await self._sender.send(query, options)


def enterprise_query(
    enterprise_id: str, *, external_enterprise_id: str | None, busi_type: str | None
) -> Call[EnterpriseQualification]:
    """
    Return the query of a company; it must be the one given, as far as it is named.
    """

    def read(members: Mapping[str, Any]) -> EnterpriseQualification:
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

    return Call(
        name="enterprises.get",
        method="GET",
        path="/enterprise_qualification/{enterprise_id}",
        parameters={"enterprise_id": enterprise_id},
        effect=Effect.READ,
        read=read,
    )
