"""
Payments, refunds, declarations and their lists, as the gateway tells them.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import attrs

from umfpay.models._enums import CustomsState, LinkRef, PaymentState, RefundState
from umfpay.models._objects import (
    Amount,
    Link,
    Payer,
    Received,
    ReceivedRiskInfo,
    SubOrder,
    wire,
)
from umfpay.sensitive import Private


@attrs.frozen(kw_only=True, slots=False)
class Order(Received):
    """
    The merchant's order, as the gateway tells it.
    """

    mer_reference_id: str | None = None
    mer_date: date | None = None
    amount: Amount | None = None
    order_summary: str | None = None
    refund_summary: str | None = None
    expire_time: str | None = None
    user_ip: str | None = None
    sub_orders: tuple[SubOrder, ...] = ()
    state: str | None = None
    sub_mer_id: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Payment(Received):
    """
    A payment. Only a query or a notification proves its *state* (gateway.md, traps 18,
    19).

    Attributes:
        id: Always there.
        execute_success_time: A date in answers, a moment with zone in lists.
        settle_date: UMF's date of the transaction.
        links: What can be done next, by `link()`.
        verified: False only under ``unsigned_responses="accept"`` or
            ``response_signatures="report"``.
    """

    id: str
    state: PaymentState | None = None
    payer: Payer | None = None
    order: Order | None = None
    notify_url: str | None = None
    ret_url: str | None = None
    execute_success_time: date | datetime | None = None
    mer_check_date: date | None = None
    settle_date: date | None = None
    risk_info: ReceivedRiskInfo | None = None
    pay_elements: str | None = None
    is_from_US: str | None = None  # noqa: N815 (the wire's name)
    links: tuple[Link, ...] = ()
    verified: bool = True

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing; False without a state.
        """
        return self.state is not None and self.state.final

    def link(self, ref: LinkRef | str) -> Link | None:
        """
        Return the link with *ref*, wherever it stands (gateway.md, trap 8), or None.
        """
        return next((link for link in self.links if link.ref == ref), None)

    @property
    def qr_code_url(self) -> str | None:
        """
        What to show as a QR code, if the payment is one by QR code.
        """
        info = None if self.payer is None else self.payer.payer_info
        scan = None if info is None else info.qr_code_scan

        return None if scan is None else scan.qr_code_url

    @property
    def cashier_url(self) -> str | None:
        """
        The page (link ``upay``) that the customer opens in a browser.
        """
        link = self.link(LinkRef.UPAY)

        return None if link is None else link.href


@attrs.frozen(kw_only=True, slots=False)
class SmsSent(Received):
    """
    The gateway sent the customer an SMS code.
    """

    payment_id: str | None = None
    links: tuple[Link, ...] = ()
    verified: bool = True


@attrs.frozen(kw_only=True, slots=False)
class Refund(Received):
    """
    A refund, whichever shape it came in (gateway.md, trap 16).

    Attributes:
        id: Always there.
        order: In the answer to a new refund it names the *original* order, and its
            amount is in CNY cents (gateway.md, trap 15).
        parent_payment: The payment's id.
    """

    id: str
    state: RefundState | None = None
    order: Order | None = wire("refund_info")
    notify_url: str | None = None
    parent_payment: str | None = None
    links: tuple[Link, ...] = ()
    verified: bool = True

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing; False without a state.
        """
        return self.state is not None and self.state.final


@attrs.frozen(kw_only=True, slots=False)
class CustomsDeclaration(Received):
    """
    A declaration to the customs.
    """

    id: str | None = None
    state: CustomsState | None = None
    customs_id: str | None = None
    mer_customs_code: str | None = None
    sub_order: SubOrder | None = None
    sub_order_amount: Amount | None = None
    freight_amount: Amount | None = None
    tax_amount: Amount | None = None
    ec_plat_id: str | None = None
    notify_url: str | None = None
    customs_clearance_date: date | None = None
    acquiring_by_ump: str | None = None
    parent_payment: str | None = None
    links: tuple[Link, ...] = ()
    verified: bool = True

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing; False without a state.
        """
        return self.state is not None and self.state.final


@attrs.frozen(kw_only=True, slots=False)
class StandaloneDeclaration(Received):
    """
    The answer to a declaration of a payment made elsewhere.
    """

    pay_trace: str | None = None
    verified: bool = True


@attrs.frozen(kw_only=True, slots=False)
class PaymentSummary(Received):
    """
    A payment in a list.

    *service_fee* (CNY), *exchange_amount* and *exchange_date* stand in reconciliations
    only.
    """

    payment_id: str | None = None
    phone_number: Private | None = None
    order_date: date | None = None
    mer_reference_id: str | None = None
    amount: Amount | None = None
    settle_date: date | None = None
    execute_success_time: date | datetime | None = None
    state: PaymentState | None = None
    product_id: str | None = None
    service_fee: Decimal | None = None
    exchange_amount: Amount | None = None
    exchange_date: date | None = None


@attrs.frozen(kw_only=True, slots=False)
class RefundSummary(Received):
    """
    A refund in a list.
    """

    refund_id: str | None = None
    payment_id: str | None = None
    phone_number: Private | None = None
    mer_reference_id: str | None = None
    order_date: date | None = None
    amount: Amount | None = None
    settle_date: date | None = None
    execute_success_time: date | datetime | None = None
    state: RefundState | None = None
    mer_sub_reference_id: str | None = None
    product_id: str | None = None
    service_fee: Decimal | None = None
    exchange_amount: Amount | None = None
    exchange_date: date | None = None


@attrs.frozen(kw_only=True, slots=False)
class Pagination(Received):
    """
    Where a page stands; *total_count* counts payments and refunds.
    """

    total_count: int | None = None
    page_number: int | None = None
    page_size: int | None = None


@attrs.frozen(kw_only=True, slots=False)
class TransactionsPage(Received):
    """
    A page of the transactions of a merchant date (gateway.md 9.3).
    """

    payment_summaries: tuple[PaymentSummary, ...] = ()
    refund_summaries: tuple[RefundSummary, ...] = ()
    pagination: Pagination | None = None
    verified: bool = True


@attrs.frozen(kw_only=True, slots=False)
class ReconciliationsPage(Received):
    """
    A page of what UMF paid out on a day (gateway.md 9.4); *amount* is the grand total.
    """

    settle_date: date | None = None
    amount: Amount | None = None
    payment_summaries: tuple[PaymentSummary, ...] = ()
    refund_summaries: tuple[RefundSummary, ...] = ()
    pagination: Pagination | None = None
    verified: bool = True
