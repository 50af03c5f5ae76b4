"""
`Resources`: everything that can be asked of the gateway, over whoever sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Unpack

from umfpay.config import Config
from umfpay.errors import Intent
from umfpay.models import NewPayment
from umfpay.resources._any_call import any_call
from umfpay.resources._arguments import CallOptions
from umfpay.resources._customs import Customs
from umfpay.resources._endpoint import Sender
from umfpay.resources._enterprises import Enterprises
from umfpay.resources._inbox import Evidence
from umfpay.resources._payments import Payments
from umfpay.resources._reference_data import Banks, ExchangeRates, WeChat
from umfpay.resources._refund_identity import RefundIds
from umfpay.resources._refunds import Refunds
from umfpay.resources._resolution import Executed, Resolution
from umfpay.resources._resolving import resolve
from umfpay.resources._statements import Statements
from umfpay.transport import CallJournal


class Resources(Sender):
    """
    One resource for each noun of the gateway, and the questions that belong to none.

    A session is one: it says how a call is sent.

    Args:
        config: The settings; its addresses fill what orders leave out.
        journal: Where writes are written down.
    """

    def __init__(self, config: Config, journal: CallJournal | None = None) -> None:
        if journal is not None:
            journal.attach(base_url=config.base_url, client_id=config.client_id)

        self._config = config
        self.journal: CallJournal | None = journal
        self.payments: Payments = Payments(
            self, notify_url=config.notify_url, ret_url=config.ret_url
        )
        self.refund_ids: RefundIds = RefundIds()
        self.refunds: Refunds = Refunds(
            self, notify_url=config.notify_url, ids=self.refund_ids
        )
        self.banks: Banks = Banks(self)
        self.exchange_rates: ExchangeRates = ExchangeRates(self)
        self.customs: Customs = Customs(self, notify_url=config.notify_url)
        self.enterprises: Enterprises = Enterprises(self)
        self.wechat: WeChat = WeChat(self)
        self.statements: Statements = Statements(self)

    @property
    def config(self) -> Config:
        """
        The settings of this session.
        """
        return self._config

    async def request(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        **options: Unpack[CallOptions],
    ) -> Mapping[str, Any]:
        """
        Make any call: the way out for what has no method here.

        Signed, verified and retried all the same; a POST counts as something that may
        exist afterwards, one to ``/execute`` or ``/refund`` as one that moves money.

        Args:
            method: GET or POST.
            path: Below the base URL, for example ``/payments/payment/PAY_.../refund``;
                it gets into logs, so *query* is apart.
            body: Anything of `umfpay.models`, or dicts, lists, text, `Decimal`.

        Returns:
            The members of the verified answer, numbers as int or `Decimal`. On a path
            that has a method here, ids, numbers, days and amounts that it names are
            those of the path, the query and the body.

        Raises:
            ConfigError: Another method, an address that is not below the base URL, or
                a body that cannot be sent.
            MismatchedResponseError: The answer to a GET is about something else; that
                to a POST ends as `OutcomeUnknownError`.
        """
        call = any_call(
            method, path, query=query, body=body, refund_ids=self.refund_ids
        )

        return await self.send(call, options)

    async def resolve(
        self,
        intent: Intent,
        *,
        evidence: Evidence | None = None,
        known_refunds: Collection[str] | None = None,
        expires_at: datetime | None = None,
        again: NewPayment | None = None,
        allow_repeat: bool = False,
        **options: Unpack[CallOptions],
    ) -> Resolution:
        """
        Find out what became of a write whose end was unclear.

        Evidence is asked for in this order: a stored notification; for an execute the
        payment itself; for a refund the rows of this payment in the transaction lists
        (one with its number, one whose id holds its number, or exactly one besides
        *known_refunds* = executed); for a create the row of this order number. It may
        end in "still unknown": never in a guess.

        Args:
            intent: Of an `OutcomeUnknownError`, or handed to *on_unknown*.
            evidence: Stored notifications: a `umfpay.notifications.NotificationInbox`.
            known_refunds: Ids of *all* other refunds of this payment, none of them with
                an outcome that is unknown itself; an empty list if there are none. None:
                you cannot say that these are all. The documented list names no refund's
                number (gateway.md 6), and another refund of the same amount may be taken
                for this one; those that this session knows are never.
            expires_at: When the order can no longer be paid, with a zone: after it an
                unpaid order counts as not executed, if the local clock, the time since
                the intent and the gateway's header ``Date`` agree that it has passed.
            again: The payment of a ``payments.create``, to be created again.
            allow_repeat: Create *again* if there is no evidence: nobody pays by that.

        Raises:
            ConfigError: *again* is not the payment of *intent*, or an argument cannot
                be meant.
            OutcomeUnknownError: The gateway cannot be asked now, or its answer is about
                another order; the cause says why. It is of *intent*: ask again later.
            UMFError: How creating *again* ended.
        """
        found = await resolve(
            intent,
            self,
            options,
            arrivals=evidence,
            known_refunds=known_refunds,
            expires_at=expires_at,
            again=again,
            allow_repeat=allow_repeat,
        )

        if self.journal is not None and found.outcome is not Executed.UNKNOWN:
            self.journal.resolved(
                intent, outcome=str(found.outcome), evidence=found.evidence
            )

        return found
