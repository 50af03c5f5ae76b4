"""
Enterprise qualifications: companies that pay B2B.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from umfpay import _codec
from umfpay.models import EnterpriseQualification, NewEnterprise
from umfpay.resources._arguments import needed_object
from umfpay.resources._call import (
    Call,
    CallOptions,
    Sender,
    must_fit_itself,
    must_match,
    needed_id,
)
from umfpay.sensitive import withholds
from umfpay.transport import Effect


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

        def read(members: Mapping[str, Any]) -> EnterpriseQualification:
            enterprise = _codec.read_enterprise(members)
            must_match(
                "external_enterprise_id",
                new.external_enterprise_id,
                enterprise.external_enterprise_id,
            )

            return enterprise

        return await self._sender.send(
            Call(
                name="enterprises.register",
                method="POST",
                path="/enterprise_qualification",
                effect=Effect.CREATE,
                body=new,
                read=read,
            ),
            options,
        )

    async def get(
        self, enterprise_id: str, **options: Unpack[CallOptions]
    ) -> EnterpriseQualification:
        """
        Query a company (gateway.md 5.18).
        """

        def read(members: Mapping[str, Any]) -> EnterpriseQualification:
            enterprise = _codec.read_enterprise(members, enterprise_id=enterprise_id)
            must_match("enterprise", enterprise_id, enterprise.id)
            must_fit_itself("enterprise", enterprise)

            return enterprise

        return await self._sender.send(
            Call(
                name="enterprises.get",
                method="GET",
                path="/enterprise_qualification/{enterprise_id}",
                parameters={"enterprise_id": needed_id("enterprise_id", enterprise_id)},
                effect=Effect.READ,
                read=read,
            ),
            options,
        )
