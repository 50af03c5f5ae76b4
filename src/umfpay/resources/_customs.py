"""
Customs declarations.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import date
from functools import partial
from typing import Final, Self, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import (
    Amount,
    CustomsDeclaration,
    Money,
    NewCustomsDeclaration,
    NewStandaloneDeclaration,
    StandaloneDeclaration,
)
from umfpay.resources._arguments import (
    CallOptions,
    needed_object,
    wire_date,
    with_addresses,
)
from umfpay.resources._download import open_download
from umfpay.resources._endpoint import (
    Download,
    Endpoint,
    ExpectedAnswer,
    Members,
    RawRequest,
    Sender,
    amount_of,
    member_of,
)
from umfpay.resources._inbox import ExpectationRegistry, bind
from umfpay.resources._matching import (
    must_be_about,
    must_hold_number,
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
            new: The declaration; Config's notify_url fills what it leaves out.
            arrivals: The inbox, which is told that the declaration's id is the shop's
                own.

        Raises:
            OutcomeUnknownError: The declaration may exist; no money has moved.
            APIError: The gateway refused it.
        """
        needed_object("new", new, NewCustomsDeclaration)

        new = with_addresses(new, notify_url=self._notify_url)
        expected = _applied(KnownDeclaration.of(payment_id, new), payment_id)

        made: CustomsDeclaration = await self._sender.send(
            APPLY.call(
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                body=new,
                read=expected.read,
                lookup=expected.lookup,
                intent=Intent.now(APPLY.name, payment_id=payment_id),
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

        Args:
            declaration_id: The gateway's id, ``CUST_...``.

        Raises:
            ConfigError: *declaration_id* is no id.
            APIError: The gateway refused: it knows no such declaration.
            MismatchedResponseError: The answer is about another declaration.
        """
        query = _declaration_query(needed_id("declaration_id", declaration_id))

        return await self._sender.send(query, options)

    @withholds(new=NewStandaloneDeclaration)
    async def apply_only(
        self, new: NewStandaloneDeclaration, **options: Unpack[CallOptions]
    ) -> StandaloneDeclaration:
        """
        Declare a payment that was made elsewhere (gateway.md 5.21).

        Raises:
            OutcomeUnknownError: The declaration may exist; no money has moved.
            APIError: The gateway refused it.
        """
        needed_object("new", new, NewStandaloneDeclaration)

        return await self._sender.send(
            APPLY_ONLY.call(
                body=new,
                read=partial(_standalone, new.mer_reference_id),
                intent=Intent.now(
                    APPLY_ONLY.name, mer_reference_id=new.mer_reference_id
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

        Args:
            mer_reference_id: The merchant's number of the declared order.
            declare_type: One character; the gateway documents ``"0"`` only.

        Raises:
            OutcomeUnknownError: It may have been sent; no money has moved.
            APIError: The gateway refused.
        """
        await self._sender.send(
            DECLARE_AGAIN.call(
                body={
                    "mer_reference_id": needed_id("mer_reference_id", mer_reference_id),
                    "declare_type": declare_type,
                },
                read=partial(_must_be_numbered, mer_reference_id),
                intent=Intent.now(
                    DECLARE_AGAIN.name, mer_reference_id=mer_reference_id
                ),
            ),
            options,
        )

    def download(
        self, customs_date: date, **options: Unpack[CallOptions]
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open the day's customs file, whose format nobody documents (gateway.md 5.21).

        Raises:
            ConfigError: *customs_date* is no day.
            IncompleteStatementError: After the last chunk: the file is not proven whole.
        """
        return open_download(
            self._sender,
            name="customs.download",
            path="/payments/customs_download",
            query={"customs_date": wire_date(customs_date)},
            options=options,
        )


@attrs.frozen(kw_only=True)
class KnownDeclaration:
    """
    What is known of a customs declaration.

    What is None is not compared.
    """

    payment_id: str | None = None
    customs_id: str | None = None
    mer_customs_code: str | None = None
    ec_plat_id: str | None = None
    mer_sub_reference_id: str | None = None
    sub_order_amount: Money | Amount | None = None
    freight_amount: Money | Amount | None = None
    tax_amount: Money | Amount | None = None

    @classmethod
    def of(cls, payment_id: str, new: NewCustomsDeclaration) -> Self:
        """
        Return what *new* declares for a payment.
        """
        return cls(
            payment_id=payment_id,
            customs_id=new.customs_id,
            mer_customs_code=new.mer_customs_code,
            ec_plat_id=new.ec_plat_id,
            mer_sub_reference_id=new.mer_sub_reference_id,
            sub_order_amount=new.sub_order_amount,
            freight_amount=new.freight_amount,
            tax_amount=new.tax_amount,
        )

    def must_be(self, declaration: CustomsDeclaration) -> None:
        """
        Compare with the declaration that an answer names.

        Raises:
            MismatchedResponseError: It is another one.
        """
        number = self.mer_sub_reference_id
        must_match("payment", self.payment_id, declaration.parent_payment)
        must_match("mer_sub_reference_id", number, _sub_order_id(declaration))
        must_hold_number("declaration", declaration.id, number)

        for name in ("customs_id", "mer_customs_code", "ec_plat_id"):
            must_match(name, getattr(self, name), getattr(declaration, name))

        for name in ("sub_order_amount", "freight_amount", "tax_amount"):
            _must_be_money(name, getattr(self, name), getattr(declaration, name))

    def is_named_by(self, declaration: CustomsDeclaration) -> bool:
        """
        Tell whether an answer names the sub order, if that is known here.
        """
        return (
            self.mer_sub_reference_id is None or _sub_order_id(declaration) is not None
        )


def _sub_order_id(declaration: CustomsDeclaration) -> str | None:
    sub_order = declaration.sub_order

    return None if sub_order is None else sub_order.mer_sub_reference_id


def _must_be_money(
    what: str, asked: Money | Amount | None, answered: Amount | None
) -> None:
    if asked is None or answered is None:
        return

    must_match(what, asked.total, answered.total)
    must_match(f"currency of {what}", asked.currency, answered.currency)


def _applied(
    declared: KnownDeclaration, payment_id: str
) -> ExpectedAnswer[CustomsDeclaration]:
    def read(members: Members) -> CustomsDeclaration:
        declaration = _codec.read_object(members, CustomsDeclaration)
        must_name_only(members, PAY=payment_id, CUST=declaration.id)
        declared.must_be(declaration)

        return declaration

    def lookup(made: CustomsDeclaration) -> Call[CustomsDeclaration] | None:
        if made.id is None or declared.is_named_by(made):
            return None

        return _declaration_query(made.id, declared)

    return ExpectedAnswer(read, lookup)


def _declaration_query(
    declaration_id: str, declared: KnownDeclaration | None = None
) -> Call[CustomsDeclaration]:
    """
    Return the query of a declaration; it must be *declared*, as far as it is named.
    """

    def read(members: Members) -> CustomsDeclaration:
        declaration = _codec.read_object(
            members, CustomsDeclaration, asked=declaration_id
        )
        must_match("customs declaration", declaration_id, declaration.id)
        must_name_only(members, CUST=declaration_id)

        if declared is not None:
            declared.must_be(declaration)

        return declaration

    return GET.call(parameters={"declaration_id": declaration_id}, read=read)


def _standalone(number: str | None, members: Members) -> StandaloneDeclaration:
    _must_be_numbered(number, members)

    return _codec.read_standalone_declaration(members)


def _must_be_numbered(number: str | None, members: Members) -> None:
    """
    Compare the answer about a declaration that has a number only.

    Raises:
        MismatchedResponseError: It is about something else.
    """
    must_be_about(StandaloneDeclaration, members)
    must_name_number(members, number)


def _declared_in(request: RawRequest) -> KnownDeclaration:
    return KnownDeclaration(
        payment_id=request.ids["payment_id"],
        customs_id=request.text("customs_id"),
        mer_customs_code=request.text("mer_customs_code"),
        ec_plat_id=request.text("ec_plat_id"),
        mer_sub_reference_id=request.text("sub_order", "mer_sub_reference_id")
        or request.text("mer_sub_reference_id"),
        sub_order_amount=amount_of(member_of(request.body, "sub_order_amount")),
        freight_amount=amount_of(member_of(request.body, "freight_amount")),
        tax_amount=amount_of(member_of(request.body, "tax_amount")),
    )


APPLY: Final = Endpoint[CustomsDeclaration](
    "customs.apply",
    "POST",
    "/payments/payment/{payment_id}/apply_to_customs",
    Effect.CREATE,
    about=CustomsDeclaration,
    expected=lambda request: _applied(_declared_in(request), request.ids["payment_id"]),
)
GET: Final = Endpoint[CustomsDeclaration](
    "customs.get",
    "GET",
    "/payments/customs_declarations/{declaration_id}",
    Effect.READ,
    about=CustomsDeclaration,
    expected=lambda request: ExpectedAnswer(
        _declaration_query(request.ids["declaration_id"]).read
    ),
)
APPLY_ONLY: Final = Endpoint[StandaloneDeclaration](
    "customs.apply_only",
    "POST",
    "/apply_to_customes_only",
    Effect.CREATE,
    about=StandaloneDeclaration,
    expected=lambda request: ExpectedAnswer(
        partial(_standalone, request.text("mer_reference_id"))
    ),
)
DECLARE_AGAIN: Final = Endpoint[None](
    "customs.declare_again",
    "POST",
    "/declare_again",
    Effect.CREATE,
    about=StandaloneDeclaration,
    expected=lambda request: ExpectedAnswer(
        partial(_must_be_numbered, request.text("mer_reference_id"))
    ),
)
ENDPOINTS: Final = (APPLY, GET, APPLY_ONLY, DECLARE_AGAIN)
