"""
Refunds: ask for one, query one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import NewRefund, Payment, Refund
from umfpay.resources._arguments import CallOptions, needed_object, wire_date
from umfpay.resources._bulk import BulkResult, Ids, OnProgress, get_many
from umfpay.resources._endpoint import Sender
from umfpay.resources._inbox import ExpectationRegistry, bind
from umfpay.resources._matching import (
    KnownOrder,
    is_own_refund,
    must_be_refund,
    must_match,
    must_name_only,
)
from umfpay.resources._payments import payment_query
from umfpay.resources._refund_ids import RefundIds
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Refunds:
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

        if new.notify_url is None and self._notify_url is not None:
            new = attrs.evolve(new, notify_url=self._notify_url)

        wanted = KnownOrder.of(new)
        number = new.mer_reference_id
        known = {*known_refunds, *self._ids.of_other_numbers(payment_id, number)}

        def read(members: Mapping[str, Any]) -> Refund:
            refund = _codec.read_object(members, Refund)
            must_name_only(members, PAY=payment_id, REFUND=refund.id)
            must_be_refund(
                refund,
                payment_id=payment_id,
                wanted=wanted,
                # Others may have been answered meanwhile.
                known_refunds={
                    *known,
                    *self._ids.of_other_numbers(payment_id, number),
                },
            )
            self._ids.add(payment_id, refund.id, number)

            return refund

        def heed_others(others: Sequence[tuple[str, str]]) -> None:
            # Its own number, given back and sent again, is not another's.
            for refund_id, its in sorted(others, key=lambda one: one[1] != number):
                self._ids.add(payment_id, refund_id, its)

        if arrivals is not None:
            await arrivals.expect(new, payment_id=payment_id)

        made: Refund = await self._sender.send(
            Call(
                name="refunds.create",
                method="POST",
                path="/payments/payment/{payment_id}/refund",
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                effect=Effect.MONEY,
                body=new,
                read=read,
                heed_others=heed_others,
                intent=Intent.now(
                    "refunds.create",
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
                lookup=lambda refund: original_query(refund, payment_id, wanted),
            ),
            options,
        )
        if arrivals is not None:
            await bind(arrivals, new, payment_id=payment_id, refund_id=made.id)

        return made

    async def get(self, refund_id: str, **options: Unpack[CallOptions]) -> Refund:
        """
        Query a refund (gateway.md 5.8).
        """

        def read(members: Mapping[str, Any]) -> Refund:
            refund = _codec.read_object(members, Refund, asked=refund_id)
            must_match("refund", refund_id, refund.id)
            must_name_only(members, REFUND=refund_id)

            return refund

        return await self._sender.send(
            Call(
                name="refunds.get",
                method="GET",
                path="/payments/refund/{refund_id}",
                parameters={"refund_id": needed_id("refund_id", refund_id)},
                effect=Effect.READ,
                read=read,
            ),
            options,
        )

    def get_many(
        self,
        ids: Ids,
        *,
        concurrency: int = 20,
        checkpoint: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[BulkResult[Refund]]:
        """
        Query many refunds; give results and errors as they come, in any order.

            async for result in session.refunds.get_many(ids):
                print(result.id, result.object or result.error)

        While the gateway is busy (HTTP 429, busy codes) fewer calls run, after a
        pause, and more again when it recovers; an id is asked for six times. Closing
        the iterator ends the calls that run.

        Args:
            ids: Any number of them, from an iterable or an async iterable; never all
                of them are held.
            concurrency: Calls at a time at most; the session's pool bounds it, too.
            checkpoint: A file of the ids whose result was taken. A job that starts
                again with the same file leaves them out. An id that ended because the
                gateway was busy or away is not in it.
            on_progress: Called after each result.

        Raises:
            ConfigError: An argument or the checkpoint is unusable.
            UMFError: One that would end every call: wrong credentials, no token.
        """

        async def get(one: str) -> Refund:
            return await self.get(one, **options)

        return get_many(
            get,
            ids,
            concurrency=concurrency,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )


def original_query(
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

    def compare(members: Mapping[str, Any]) -> Payment:
        payment = query.read(members)
        must_be_refund(
            refund,
            payment_id=payment_id,
            wanted=wanted,
            original=KnownOrder.named_by(payment.order),
        )

        return payment

    return attrs.evolve(query, read=compare, may_fail=refund.parent_payment is not None)
