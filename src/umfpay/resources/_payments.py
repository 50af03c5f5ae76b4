"""
Payments: create, send the SMS code, execute, query, report parcels.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import (
    ExpressInfo,
    NewPayer,
    NewPayment,
    Payment,
    SmsSent,
)
from umfpay.resources._arguments import CallOptions, needed_object, wire_date
from umfpay.resources._bulk import BulkResult, Ids, OnProgress, get_many
from umfpay.resources._endpoint import Sender
from umfpay.resources._inbox import ExpectationRegistry, bind
from umfpay.resources._matching import (
    KnownOrder,
    mismatch,
    must_be_of_kind,
    must_be_payment,
    must_match,
    must_name_only,
)
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Payments:
    """
    ``session.payments``
    """

    def __init__(
        self, sender: Sender, *, notify_url: str | None, ret_url: str | None
    ) -> None:
        self._sender = sender
        self._notify_url = notify_url
        self._ret_url = ret_url

    @withholds(new=NewPayment)
    async def create(
        self,
        new: NewPayment,
        *,
        arrivals: ExpectationRegistry | None = None,
        **options: Unpack[CallOptions],
    ) -> Payment:
        """
        Create a payment (gateway.md 5.3). Nobody has paid by this call.

        Args:
            new: The payment; Config's notify_url and ret_url fill what it leaves out.
            arrivals: The inbox, which is told what to expect before anything is sent,
                and then that the payment's id is the shop's own.

        Returns:
            The payment with its id and links. Its state is not proof of a payment.

        Raises:
            OutcomeUnknownError: It may exist; no money has moved.
            APIError: The gateway refused it.
        """
        needed_object("new", new, NewPayment)

        if new.notify_url is None and self._notify_url is not None:
            new = attrs.evolve(new, notify_url=self._notify_url)

        if new.ret_url is None and self._ret_url is not None:
            new = attrs.evolve(new, ret_url=self._ret_url)

        order = new.order
        ordered = KnownOrder.of(order)

        if arrivals is not None:
            await arrivals.expect(order)

        def read(members: Mapping[str, Any]) -> Payment:
            payment = _codec.read_object(members, Payment)
            must_be_payment(members, payment, ordered)

            return payment

        def lookup(payment: Payment) -> Call[Payment] | None:
            if ordered.is_named_by(payment.order):
                return None

            return payment_query(payment.id, ordered)

        payment: Payment = await self._sender.send(
            Call(
                name="payments.create",
                method="POST",
                path="/payments/payment",
                effect=Effect.CREATE,
                body=new,
                read=read,
                intent=Intent.now(
                    "payments.create",
                    mer_reference_id=order.mer_reference_id,
                    mer_date=wire_date(order.mer_date),
                    amount=order.amount.total,
                    currency=str(order.amount.currency),
                ),
                lookup=lookup,
            ),
            options,
        )
        if arrivals is not None:
            await bind(arrivals, order, payment_id=payment.id)

        return payment

    @withholds(payer=NewPayer)
    async def verify(
        self, payment_id: str, payer: NewPayer, **options: Unpack[CallOptions]
    ) -> SmsSent:
        """
        Have the SMS code sent to the customer's phone (gateway.md 5.4).

        Calling it again sends another code; the gateway allows one a minute.
        """

        def read(members: Mapping[str, Any]) -> SmsSent:
            sent = _codec.read_sms(members)
            must_be_of_kind(members, "payment")
            must_match("payment", payment_id, sent.payment_id)
            must_name_only(members, PAY=payment_id)

            return sent

        return await self._sender.send(
            Call(
                name="payments.verify",
                method="POST",
                path="/payments/payment/{payment_id}/verify",
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                effect=Effect.SMS,
                body=_codec.PayerBody(payer=needed_object("payer", payer, NewPayer)),
                read=read,
            ),
            options,
        )

    @withholds(payer=NewPayer)
    async def execute(
        self, payment_id: str, payer: NewPayer, **options: Unpack[CallOptions]
    ) -> Payment:
        """
        Pay: take the money from the customer's card (gateway.md 5.5).

        Args:
            payer: The data given to `verify()` plus verify_code.

        Returns:
            The payment; its state may still be pending: query or wait for the
            notification.

        A signed refusal that a second copy of the request gets, too, decides nothing:
        the payment is asked for. If it is paid or pending it is returned, if it waits
        or has failed the refusal is raised.

        With a journal a refused SMS code keeps its intent, for the refusal alone proves
        nothing: until `Recovery` has asked twice, five seconds apart, and the payment
        waited both times. `confirm_card_payment()` asks by itself, and takes the next
        code at once; ``take_over=True`` sends it without asking.

        Raises:
            OutcomeUnknownError: Money may have moved. Ask before anything else.
            APIError: The gateway refused, signed: no money has moved.
        """
        query = payment_query(needed_id("payment_id", payment_id))
        names_it = False

        def read(members: Mapping[str, Any]) -> Payment:
            nonlocal names_it
            payment = _codec.read_object(members, Payment, asked=payment_id)
            must_match("payment", payment_id, payment.id)
            # The amount is not compared: a real answer has it swapped (gateway.md, trap 18).
            must_be_payment(members, payment)
            names_it = payment_id in _codec.ids_named(members)

            return payment

        def lookup(payment: Payment) -> Call[Payment] | None:
            return None if names_it else executed_query(payment)

        return await self._sender.send(
            Call(
                name="payments.execute",
                method="POST",
                path="/payments/payment/{payment_id}/execute",
                parameters={"payment_id": payment_id},
                effect=Effect.MONEY,
                body=_codec.PayerBody(payer=needed_object("payer", payer, NewPayer)),
                read=read,
                intent=Intent.now("payments.execute", payment_id=payment_id),
                lookup=lookup,
                query_after_refusal=query,
            ),
            options,
        )

    async def get(self, payment_id: str, **options: Unpack[CallOptions]) -> Payment:
        """
        Query a payment: the truth about its state (gateway.md 5.6).
        """

        query = payment_query(needed_id("payment_id", payment_id))

        return await self._sender.send(query, options)

    def get_many(
        self,
        ids: Ids,
        *,
        concurrency: int = 20,
        checkpoint: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[BulkResult[Payment]]:
        """
        Query many payments; give results and errors as they come, in any order.

            async for result in session.payments.get_many(ids):
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

        async def get(one: str) -> Payment:
            return await self.get(one, **options)

        return get_many(
            get,
            ids,
            concurrency=concurrency,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )

    @withholds(info=ExpressInfo)
    async def update_express_info(
        self, payment_id: str, info: ExpressInfo, **options: Unpack[CallOptions]
    ) -> None:
        """
        Report the parcels of a paid order (gateway.md 5.21).
        """

        def read(members: Mapping[str, Any]) -> None:
            must_be_of_kind(members, "payment")
            must_name_only(members, PAY=payment_id)

        await self._sender.send(
            Call(
                name="payments.update_express_info",
                method="POST",
                path="/payments/payment/{payment_id}/update_express_info",
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                effect=Effect.CREATE,
                body=needed_object("info", info, ExpressInfo),
                read=read,
                intent=Intent.now(
                    "payments.update_express_info", payment_id=payment_id
                ),
            ),
            options,
        )


def executed_query(payment: Payment) -> Call[Payment]:
    """
    Return the query that binds the answer to an execute which names no id.

    The amount is not compared: a real answer has it swapped (gateway.md, trap 18).
    """
    named = attrs.evolve(KnownOrder.named_by(payment.order), total=None, currency=None)

    return payment_query(payment.id, named)


def payment_query(payment_id: str, ordered: KnownOrder | None = None) -> Call[Payment]:
    """
    Return the query of a payment; its order must be *ordered*, as far as it is named.
    """

    def read(members: Mapping[str, Any]) -> Payment:
        payment = _codec.read_object(members, Payment, asked=payment_id)

        if payment.id != payment_id:
            raise mismatch("payment", payment_id, payment.id)

        must_be_payment(members, payment, ordered)

        return payment

    return Call(
        name="payments.get",
        method="GET",
        path="/payments/payment/{payment_id}",
        parameters={"payment_id": payment_id},
        effect=Effect.READ,
        read=read,
    )
