"""
Payments: create, send the SMS code, execute, query, report parcels.
"""

from __future__ import annotations

from functools import partial
from typing import Final, Unpack

import attrs

from umfpay import _codec
from umfpay.errors import Intent
from umfpay.models import ExpressInfo, NewPayer, NewPayment, Payment, SmsSent
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
from umfpay.resources._matching import (
    KnownOrder,
    mismatch,
    must_be_about,
    must_match,
    must_name_only,
)
from umfpay.sensitive import withholds
from umfpay.transport import Call, Effect, needed_id


class Payments(BulkQueries[Payment]):
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

        new = with_addresses(new, notify_url=self._notify_url, ret_url=self._ret_url)
        order = new.order
        expected = _created(KnownOrder.of(order))

        if arrivals is not None:
            await arrivals.expect(order)

        payment: Payment = await self._sender.send(
            CREATE.call(
                body=new,
                read=expected.read,
                lookup=expected.lookup,
                intent=Intent.now(
                    CREATE.name,
                    mer_reference_id=order.mer_reference_id,
                    mer_date=wire_date(order.mer_date),
                    amount=order.amount.total,
                    currency=str(order.amount.currency),
                ),
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

        Args:
            payer: The customer with the card: the data that `execute()` needs, too.

        Raises:
            APIError: The gateway refused.
            TransportError: With `request_sent`: a code may have been sent.
            MismatchedResponseError: The answer is about another payment.
        """
        return await self._sender.send(
            VERIFY.call(
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                body=_codec.PayerBody(payer=needed_object("payer", payer, NewPayer)),
                read=partial(_sms_sent, payment_id),
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
        expected = _executed(query, payment_id)

        return await self._sender.send(
            EXECUTE.call(
                parameters={"payment_id": payment_id},
                body=_codec.PayerBody(payer=needed_object("payer", payer, NewPayer)),
                read=expected.read,
                lookup=expected.lookup,
                intent=Intent.now(EXECUTE.name, payment_id=payment_id),
                query_after_refusal=query,
            ),
            options,
        )

    async def get(self, payment_id: str, **options: Unpack[CallOptions]) -> Payment:
        """
        Query a payment: the truth about its state (gateway.md 5.6).

        Raises:
            ConfigError: *payment_id* is no id.
            APIError: The gateway refused: it knows no such payment of this merchant.
            MismatchedResponseError: The answer is about another payment.
        """

        query = payment_query(needed_id("payment_id", payment_id))

        return await self._sender.send(query, options)

    @withholds(info=ExpressInfo)
    async def update_express_info(
        self, payment_id: str, info: ExpressInfo, **options: Unpack[CallOptions]
    ) -> None:
        """
        Report the parcels of a paid order (gateway.md 5.21).

        Args:
            info: Who carries what, and the numbers of the parcels.

        Raises:
            OutcomeUnknownError: They may be reported; no money has moved.
            APIError: The gateway refused.
        """
        await self._sender.send(
            UPDATE_EXPRESS_INFO.call(
                parameters={"payment_id": needed_id("payment_id", payment_id)},
                body=needed_object("info", info, ExpressInfo),
                read=partial(_must_name_payment, payment_id),
                intent=Intent.now(UPDATE_EXPRESS_INFO.name, payment_id=payment_id),
            ),
            options,
        )


def payment_query(payment_id: str, ordered: KnownOrder | None = None) -> Call[Payment]:
    """
    Return the query of a payment (gateway.md 5.6).

    Args:
        ordered: What its order must be, as far as the answer names it.
    """

    def read(members: Members) -> Payment:
        payment = _codec.read_object(members, Payment, asked=payment_id)

        if payment.id != payment_id:
            raise mismatch("payment", payment_id, payment.id)

        _must_be_payment(members, payment, ordered)

        return payment

    return GET.call(parameters={"payment_id": payment_id}, read=read)


def _created(ordered: KnownOrder) -> ExpectedAnswer[Payment]:
    def read(members: Members) -> Payment:
        payment = _codec.read_object(members, Payment)
        _must_be_payment(members, payment, ordered)

        return payment

    def lookup(payment: Payment) -> Call[Payment] | None:
        if ordered.is_named_by(payment.order):
            return None

        return payment_query(payment.id, ordered)

    return ExpectedAnswer(read, lookup)


def _executed(query: Call[Payment], payment_id: str) -> ExpectedAnswer[Payment]:
    """
    Compare the answer to an execute as that to *query*; an answer without any id is
    bound by a second query.

    The amount is not compared: a real answer has it swapped (gateway.md, trap 18).
    """
    names_it = False

    def read(members: Members) -> Payment:
        nonlocal names_it
        payment = query.read(members)
        names_it = payment_id in _codec.ids_named(members)

        return payment

    def lookup(payment: Payment) -> Call[Payment] | None:
        if names_it:
            return None

        named = KnownOrder.named_by(payment.order)

        return payment_query(payment.id, attrs.evolve(named, total=None, currency=None))

    return ExpectedAnswer(read, lookup)


def _sms_sent(payment_id: str, members: Members) -> SmsSent:
    _must_name_payment(payment_id, members)
    sent = _codec.read_sms(members)
    must_match("payment", payment_id, sent.payment_id)

    return sent


def _must_name_payment(payment_id: str, members: Members) -> None:
    """
    Compare an answer that names its payment in links only, if at all.

    Raises:
        MismatchedResponseError: It is about something else.
    """
    must_be_about(Payment, members)
    must_name_only(members, PAY=payment_id)


def _must_be_payment(
    members: Members, payment: Payment, ordered: KnownOrder | None = None
) -> None:
    """
    Compare all ids of a payment's answer with its id, and its order with what was ordered.

    Raises:
        MismatchedResponseError: They differ.
    """
    must_name_only(members, PAY=payment.id)

    if ordered is not None:
        ordered.must_be(payment.order)


GET: Final = Endpoint[Payment](
    "payments.get",
    "GET",
    "/payments/payment/{payment_id}",
    Effect.READ,
    about=Payment,
    expected=lambda request: ExpectedAnswer(
        payment_query(request.ids["payment_id"]).read
    ),
    also=(
        "POST /payments/payment/{payment_id}",
        "POST /payments/payment/{payment_id}/query",
    ),
)
CREATE: Final = Endpoint[Payment](
    "payments.create",
    "POST",
    "/payments/payment",
    Effect.CREATE,
    about=Payment,
    expected=lambda request: _created(order_of(member_of(request.body, "order"))),
)
VERIFY: Final = Endpoint[SmsSent](
    "payments.verify",
    "POST",
    "/payments/payment/{payment_id}/verify",
    Effect.SMS,
    about=Payment,
    expected=lambda request: ExpectedAnswer(
        partial(_sms_sent, request.ids["payment_id"])
    ),
)
EXECUTE: Final = Endpoint[Payment](
    "payments.execute",
    "POST",
    "/payments/payment/{payment_id}/execute",
    Effect.MONEY,
    about=Payment,
    expected=lambda request: _executed(
        payment_query(request.ids["payment_id"]), request.ids["payment_id"]
    ),
)
UPDATE_EXPRESS_INFO: Final = Endpoint[None](
    "payments.update_express_info",
    "POST",
    "/payments/payment/{payment_id}/update_express_info",
    Effect.CREATE,
    about=Payment,
    expected=lambda request: ExpectedAnswer(
        partial(_must_name_payment, request.ids["payment_id"])
    ),
)
ENDPOINTS: Final = (GET, CREATE, VERIFY, EXECUTE, UPDATE_EXPRESS_INFO)
