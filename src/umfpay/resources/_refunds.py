"""
Refunds: ask for one, query one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Final, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import NewRefund, Payment, Refund
from umfpay.resources._arguments import (
    CallOptions,
    needed_object,
    wire_date,
    with_addresses,
)
from umfpay.resources._bulk import BulkQueries
from umfpay.resources._endpoint import (
    Endpoint,
    ExpectedAnswer,
    Members,
    Sender,
    member_of,
    order_of,
)
from umfpay.resources._inbox import ExpectationRegistry, bind
from umfpay.resources._matching import KnownOrder, must_match, must_name_only
from umfpay.resources._payments import payment_query
from umfpay.resources._refund_identity import RefundIds, is_own_refund, must_be_refund
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Refunds(BulkQueries[Refund]):
    """
    ``session.refunds``
    """

    def __init__(
        self,
        sender: Sender,
        *,
        notify_url: str | None,
        ids: RefundIds | None = None,
    ) -> None:
        self._sender = sender
        self._notify_url = notify_url
        self._ids = RefundIds() if ids is None else ids

    @withholds(new=NewRefund)
    async def create(
        self,
        payment_id: str,
        new: NewRefund,
        *,
        known_refunds: Collection[str] = (),
        all_known: bool = False,
        arrivals: ExpectationRegistry | None = None,
        **options: Unpack[CallOptions],
    ) -> Refund:
        """
        Give money back, all or part of it (gateway.md 5.7).

        Args:
            payment_id: The payment that is refunded.
            new: The refund; its mer_reference_id is the refund's own number, never
                used before. Config's notify_url fills what it leaves out.
            known_refunds: Ids of the other refunds of this payment: an answer that
                names one of them is another refund's, and they go into the `Intent` of
                an unclear end, so that they are not taken for this one. Those that this
                session made are known without; with a journal, those whose end any process
                has written.
            all_known: *known_refunds* are all: then the day's list can prove later what
                became of this one.
            arrivals: The inbox, which is told what to expect before anything is sent,
                and then that the refund's id is the shop's own.

        Returns:
            One `Refund`, whichever shape the gateway answered in. REFUND_PROCESS
            means: query or wait for the notification.

        Raises:
            OutcomeUnknownError: Money may have moved. Ask before anything else.
            APIError: The gateway refused, signed: no money has moved.
        """
        needed_object("new", new, NewRefund)

        new = with_addresses(new, notify_url=self._notify_url)
        wanted = KnownOrder.of(new)
        number = new.mer_reference_id
        known = {*known_refunds, *self._ids.of_other_numbers(payment_id, number)}

        expected = _refunded(payment_id, wanted, self._ids, known_refunds=known)

        def on_earlier_calls(others: Sequence[tuple[str, str]]) -> None:
            # Its own number, given back and sent again, is not another's.
            for refund_id, its in sorted(others, key=lambda one: one[1] != number):
                self._ids.add(payment_id, refund_id, its)

        if arrivals is not None:
            await arrivals.expect(new, payment_id=payment_id)

        made: Refund = await self._sender.send(
            CREATE.call(
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                body=new,
                read=expected.read,
                lookup=expected.lookup,
                on_earlier_calls=on_earlier_calls,
                intent=Intent.now(
                    CREATE.name,
                    payment_id=payment_id,
                    mer_reference_id=number,
                    mer_date=wire_date(new.mer_date),
                    amount=new.amount.total,
                    currency=str(new.amount.currency),
                    details={
                        **({"known_refunds": " ".join(sorted(known))} if known else {}),
                        **({"all_refunds_known": "yes"} if all_known else {}),
                    },
                ),
            ),
            options,
        )

        if arrivals is not None:
            await bind(arrivals, new, payment_id=payment_id, refund_id=made.id)

        return made

    async def get(self, refund_id: str, **options: Unpack[CallOptions]) -> Refund:
        """
        Query a refund (gateway.md 5.8).

        Raises:
            ConfigError: *refund_id* is no id.
            APIError: The gateway refused: it knows no such refund of this merchant.
            MismatchedResponseError: The answer is about another refund.
        """
        return await self._sender.send(
            GET.call(
                parameters={"refund_id": needed_id("refund_id", refund_id)},
                read=partial(_queried, refund_id),
            ),
            options,
        )


def _original_query(
    refund: Refund, payment_id: str, wanted: KnownOrder
) -> Call[Payment] | None:
    """
    Return the query of the payment whose order the answer to a refund seems to name.

    Its `read` compares. None if the answer is about the refund itself. One that names
    its payment is bound to that: the query may fail.
    """
    if is_own_refund(refund, wanted):
        return None

    query = payment_query(payment_id)

    def compare(members: Members) -> Payment:
        payment = query.read(members)
        must_be_refund(
            refund,
            payment_id=payment_id,
            wanted=wanted,
            original=KnownOrder.named_by(payment.order),
        )

        return payment

    return attrs.evolve(query, read=compare, may_fail=refund.parent_payment is not None)


def _refunded(
    payment_id: str,
    wanted: KnownOrder,
    ids: RefundIds,
    *,
    known_refunds: Collection[str] = (),
) -> ExpectedAnswer[Refund]:
    number = wanted.mer_reference_id or ""

    def read(members: Members) -> Refund:
        refund = _codec.read_object(members, Refund)
        must_name_only(members, PAY=payment_id, REFUND=refund.id)
        must_be_refund(
            refund,
            payment_id=payment_id,
            wanted=wanted,
            # Others may have been answered meanwhile.
            known_refunds={*known_refunds, *ids.of_other_numbers(payment_id, number)},
        )
        ids.add(payment_id, refund.id, number)

        return refund

    return ExpectedAnswer(
        read, lambda refund: _original_query(refund, payment_id, wanted)
    )


def _queried(refund_id: str, members: Members) -> Refund:
    refund = _codec.read_object(members, Refund, asked=refund_id)
    must_match("refund", refund_id, refund.id)
    must_name_only(members, REFUND=refund_id)

    return refund


def _refund_in(body: object) -> object:
    """
    Return the refund in one of the forms of its body (gateway.md 5.7).
    """
    inner = member_of(body, "refund") or body
    orders = member_of(inner, "orders")

    if isinstance(orders, list) and orders:
        return orders[0]

    return member_of(inner, "refund_info") or member_of(inner, "order") or inner


CREATE: Final = Endpoint[Refund](
    "refunds.create",
    "POST",
    "/payments/payment/{payment_id}/refund",
    Effect.MONEY,
    about=Refund,
    expected=lambda request: _refunded(
        request.ids["payment_id"],
        order_of(_refund_in(request.body)),
        request.refund_ids,
    ),
)
GET: Final = Endpoint[Refund](
    "refunds.get",
    "GET",
    "/payments/refund/{refund_id}",
    Effect.READ,
    about=Refund,
    expected=lambda request: ExpectedAnswer(
        partial(_queried, request.ids["refund_id"])
    ),
)
ENDPOINTS: Final = (CREATE, GET)
