"""
Customs declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import (
    CustomsDeclaration,
    NewCustomsDeclaration,
    NewStandaloneDeclaration,
    StandaloneDeclaration,
)
from umfpay.resources._arguments import CallOptions, needed_object, wire_date
from umfpay.resources._download import open_download
from umfpay.resources._endpoint import Download, Sender
from umfpay.resources._inbox import ExpectationRegistry, bind
from umfpay.resources._matching import (
    KnownDeclaration,
    must_be_of_kind,
    must_match,
    must_name_number,
    must_name_only,
)
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Customs:
    """
    ``session.customs``
    """

    def __init__(self, sender: Sender, *, notify_url: str | None) -> None:
        self._sender = sender
        self._notify_url = notify_url

    @withholds(new=NewCustomsDeclaration)
    async def apply(
        self,
        payment_id: str,
        new: NewCustomsDeclaration,
        *,
        arrivals: ExpectationRegistry | None = None,
        **options: Unpack[CallOptions],
    ) -> CustomsDeclaration:
        """
        Declare one sub order, within a month after the order (gateway.md 5.9).

        Args:
            arrivals: The inbox, which is told that the declaration's id is the shop's
                own.

        Raises:
            OutcomeUnknownError: The declaration may exist; no money has moved.
        """
        needed_object("new", new, NewCustomsDeclaration)

        if new.notify_url is None and self._notify_url is not None:
            new = attrs.evolve(new, notify_url=self._notify_url)

        declared = KnownDeclaration.of(payment_id, new)

        def read(members: Mapping[str, Any]) -> CustomsDeclaration:
            declaration = _codec.read_object(members, CustomsDeclaration)
            must_name_only(members, PAY=payment_id, CUST=declaration.id)
            declared.must_be(declaration)

            return declaration

        made: CustomsDeclaration = await self._sender.send(
            Call(
                name="customs.apply",
                method="POST",
                path="/payments/payment/{payment_id}/apply_to_customs",
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                effect=Effect.CREATE,
                body=new,
                read=read,
                intent=Intent.now("customs.apply", payment_id=payment_id),
                lookup=lambda made: missing_query(made, declared),
            ),
            options,
        )

        if made.id is not None and arrivals is not None:
            await bind(arrivals, made, payment_id=payment_id)

        return made

    async def get(
        self, declaration_id: str, **options: Unpack[CallOptions]
    ) -> CustomsDeclaration:
        """
        Query a declaration (gateway.md 5.10).
        """
        query = declaration_query(needed_id("declaration_id", declaration_id))

        return await self._sender.send(query, options)

    @withholds(new=NewStandaloneDeclaration)
    async def apply_only(
        self, new: NewStandaloneDeclaration, **options: Unpack[CallOptions]
    ) -> StandaloneDeclaration:
        """
        Declare a payment that was made elsewhere (gateway.md 5.21).
        """
        needed_object("new", new, NewStandaloneDeclaration)

        def read(members: Mapping[str, Any]) -> StandaloneDeclaration:
            must_be_of_kind(members, "customs")
            must_name_number(members, new.mer_reference_id)

            return _codec.read_standalone_declaration(members)

        return await self._sender.send(
            Call(
                name="customs.apply_only",
                method="POST",
                path="/apply_to_customes_only",
                effect=Effect.CREATE,
                body=new,
                read=read,
                intent=Intent.now(
                    "customs.apply_only", mer_reference_id=new.mer_reference_id
                ),
            ),
            options,
        )

    async def declare_again(
        self,
        mer_reference_id: str,
        *,
        declare_type: str = "0",
        **options: Unpack[CallOptions],
    ) -> None:
        """
        Send a declaration to the customs once more (gateway.md 5.21).
        """

        def read(members: Mapping[str, Any]) -> None:
            must_be_of_kind(members, "customs")
            must_name_number(members, mer_reference_id)

        await self._sender.send(
            Call(
                name="customs.declare_again",
                method="POST",
                path="/declare_again",
                effect=Effect.CREATE,
                body={
                    "mer_reference_id": needed_id("mer_reference_id", mer_reference_id),
                    "declare_type": declare_type,
                },
                read=read,
                intent=Intent.now(
                    "customs.declare_again", mer_reference_id=mer_reference_id
                ),
            ),
            options,
        )

    def download(
        self, customs_date: date, **options: Unpack[CallOptions]
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open the day's customs file, whose format nobody documents (gateway.md 5.21).
        """
        return open_download(
            self._sender,
            name="customs.download",
            path="/payments/customs_download",
            query={"customs_date": wire_date(customs_date)},
            options=options,
        )


def missing_query(
    made: CustomsDeclaration, declared: KnownDeclaration
) -> Call[CustomsDeclaration] | None:
    """
    Return the query for what the answer to a new declaration leaves out, if it does.
    """
    if made.id is None or declared.is_named_by(made):
        return None

    return declaration_query(made.id, declared)


def declaration_query(
    declaration_id: str, declared: KnownDeclaration | None = None
) -> Call[CustomsDeclaration]:
    """
    Return the query of a declaration; it must be *declared*, as far as it is named.
    """

    def read(members: Mapping[str, Any]) -> CustomsDeclaration:
        declaration = _codec.read_object(
            members, CustomsDeclaration, asked=declaration_id
        )
        must_match("customs declaration", declaration_id, declaration.id)
        must_name_only(members, CUST=declaration_id)

        if declared is not None:
            declared.must_be(declaration)

        return declaration

    return Call(
        name="customs.get",
        method="GET",
        path="/payments/customs_declarations/{declaration_id}",
        parameters={"declaration_id": declaration_id},
        effect=Effect.READ,
        read=read,
    )
