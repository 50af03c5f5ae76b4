"""
Compare a signed answer with what was asked for.

The gateway signs for all its merchants with one key, and old answers stay signed for
ever. What an answer names and was not asked for refuses it; what it leaves out is asked
for once where there is a query that names it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, Self

import attrs

from umfpay import _codec
from umfpay.errors import MismatchedResponseError, escape
from umfpay.models import (
    Amount,
    Bank,
    CustomsDeclaration,
    EnterpriseQualification,
    Money,
    NewCustomsDeclaration,
    NewOrder,
    NewRefund,
    Order,
    Payment,
    ReconciliationsPage,
    Refund,
    TransactionsPage,
)
from umfpay.protocol import number_in_id, text_in_id


_SHOWN_CHARACTERS: Final = 64
# What an answer is about, by the name of its member (gateway.md 5).
_OBJECT_KINDS: Final = {
    name: kind
    for kind, names in {
        "payment": "payment",
        "refund": "refund refunds",
        "customs": "customs_declaration customs_declarations customsDeclaration"
        " customsDeclarations customes_declaration_only customs_declaration_only",
        "enterprise": "enterprise_qualification enterprise_qualifications"
        " external_enterprise EnterpriseQualification",
        "transactions": "transactions",
        "reconciliations": "reconciliations reconciliation",
        "banks": "banks bank",
        "rate": "exchangeRates exchangeRate exchange_rates exchange_rate rate",
    }.items()
    for name in names.split()
}


def must_match(what: str, asked: object, answered: object) -> None:
    """
    Compare what was asked with what the answer names, where both exist.

    Raises:
        MismatchedResponseError: They differ.
    """
    if asked is None or answered is None or asked == answered:
        return

    raise mismatch(what, asked, answered)


def mismatch(what: str, asked: object, answered: object) -> MismatchedResponseError:
    """
    Return the error of an answer that names another *what*.
    """
    return MismatchedResponseError(
        f"The answer names another {what}: {_display_text(answered)}, asked was"
        f" {_display_text(asked)}.",
        f"应答中的 {what} 不一致：{_display_text(answered)}，请求的是 {_display_text(asked)}。",
    )


def _display_text(value: object) -> str:
    return escape(str(value), limit=_SHOWN_CHARACTERS)


def must_be_of_kind(members: Mapping[str, Any], kind: str) -> None:
    """
    Refuse an answer that holds objects of another kind than *kind*.

    Such as answers to calls that are answered by links or by ``meta`` alone.

    Raises:
        MismatchedResponseError: It is about something else.
    """
    others = {
        found for name in members if (found := _OBJECT_KINDS.get(name.strip()))
    } - {kind}

    if not others:
        return

    raise MismatchedResponseError(
        f"The answer is about {min(others)}, asked was {kind}.",
        f"应答内容是 {min(others)}，请求的是 {kind}。",
    )


def must_name_only(members: Mapping[str, Any], **ids: str | None) -> None:
    """
    Compare every id that an answer names, in whichever object, with that of its kind.

    Args:
        ids: By prefix, ``PAY="PAY_..."``; kinds that are not given are not compared.

    Raises:
        MismatchedResponseError: It names another one.
    """
    payment_id = ids.get("PAY")

    if (
        payment_id is not None
        and len(ids) == 1
        and _codec.surely_names_only(members, payment_id)
    ):
        return

    for named in _codec.ids_named(members):
        kind = named.partition("_")[0]
        asked = ids.get(kind)

        if asked is not None and named != asked:
            raise mismatch(f"{kind}_ id", asked, named)


def must_name_number(members: Mapping[str, Any], mer_reference_id: str | None) -> None:
    """
    Compare every mer_reference_id that an answer names.

    Raises:
        MismatchedResponseError: It names another one.
    """
    for named in _codec.values_named(members, "mer_reference_id"):
        must_match("mer_reference_id", mer_reference_id, named)


_NO_AMOUNT: Final = Amount()


@attrs.frozen(kw_only=True)
class KnownOrder:
    """
    What is known of an order: number, the merchant's day, amount and currency.

    What is None is not compared.
    """

    mer_reference_id: str | None = None
    mer_date: date | None = None
    total: Decimal | None = None
    currency: str | None = None

    @classmethod
    def of(cls, new: NewOrder | NewRefund) -> Self:
        """
        Return what *new* orders, or gives back under its own number.
        """
        return cls(
            mer_reference_id=new.mer_reference_id,
            mer_date=new.mer_date,
            total=new.amount.total,
            currency=str(new.amount.currency),
        )

    @classmethod
    def named_by(cls, order: Order | None) -> Self:
        """
        Return what an answer names.
        """
        if order is None:
            return cls()

        amount = order.amount or _NO_AMOUNT

        return cls(
            mer_reference_id=order.mer_reference_id,
            mer_date=order.mer_date,
            total=amount.total,
            currency=None if amount.currency is None else str(amount.currency),
        )

    def must_be(self, order: Order | None) -> None:
        """
        Compare with the order that an answer names.

        Raises:
            MismatchedResponseError: It is another one.
        """
        if order is None:
            return

        must_match("mer_reference_id", self.mer_reference_id, order.mer_reference_id)
        must_match("mer_date", self.mer_date, order.mer_date)
        amount = order.amount

        if amount is not None:
            must_match("currency", self.currency, amount.currency)
            must_match("amount", self.total, amount.total)

    def fits(self, order: Order | None) -> bool:
        """
        Tell whether nothing that an answer names is different.
        """
        try:
            self.must_be(order)
        except MismatchedResponseError:
            return False

        return True

    def is_named_by(self, order: Order | None) -> bool:
        """
        Tell whether an answer names all that is known here.
        """
        if order is None:
            return self == KnownOrder()

        amount = order.amount or _NO_AMOUNT

        return (
            (self.mer_reference_id is None or order.mer_reference_id is not None)
            and (self.mer_date is None or order.mer_date is not None)
            and (self.total is None or amount.total is not None)
            and (self.currency is None or amount.currency is not None)
        )


def must_be_payment(
    members: Mapping[str, Any], payment: Payment, ordered: KnownOrder | None = None
) -> None:
    """
    Compare all ids of a payment's answer with its id, and its order with what was ordered.

    Raises:
        MismatchedResponseError: They differ.
    """
    must_name_only(members, PAY=payment.id)

    if ordered is not None:
        ordered.must_be(payment.order)


def must_be_refund(
    refund: Refund,
    *,
    payment_id: str | None,
    wanted: KnownOrder,
    known_refunds: Collection[str] = (),
    original: KnownOrder | None = None,
) -> None:
    """
    Compare the answer to a new refund with what was asked for.

    It names the number and the day of the *original* order, and an amount in CNY cents
    (gateway.md, trap 15): numbers, days and amounts that are not the refund's must be
    those of *original*, and whole numbers are not taken for amounts at all.

    Args:
        wanted: Number, day and amount of the refund.
        known_refunds: Ids of the other refunds of this payment.
        original: The order of the payment, None if it is not known (yet).

    Raises:
        MismatchedResponseError: It is another one.
    """
    must_match("payment", payment_id, refund.parent_payment)

    if refund.id in known_refunds:
        raise mismatch("refund", wanted.mer_reference_id, refund.id)

    named = KnownOrder.named_by(refund.order)
    _must_hold_number("refund", refund.id, wanted.mer_reference_id)
    must_match("currency", wanted.currency, named.currency)

    if original is None:
        return

    if named.mer_reference_id != wanted.mer_reference_id:
        must_match(
            "mer_reference_id", original.mer_reference_id, named.mer_reference_id
        )

    if named.mer_date != wanted.mer_date:
        must_match("mer_date", original.mer_date, named.mer_date)

    if _is_amount(named.total) and named.total != wanted.total:
        must_match("amount", original.total, named.total)


def is_own_refund(refund: Refund, wanted: KnownOrder) -> bool:
    """
    Tell whether an answer can be told to be about *wanted* without asking further.
    """
    named = KnownOrder.named_by(refund.order)
    own = wanted.mer_reference_id

    return (
        named.mer_reference_id in (None, own)
        or (own is not None and is_id_of_number(refund.id, own))
    ) and (not _is_amount(named.total) or named.total == wanted.total)


def _is_amount(total: Decimal | None) -> bool:
    exponent = None if total is None else total.as_tuple().exponent

    return isinstance(exponent, int) and exponent < 0


def is_id_of_number(refund_id: str, number: str) -> bool:
    """
    Tell whether *refund_id* holds the refund's own number (gateway.md 5.22).
    """
    coded = number_in_id(refund_id)

    if coded is not None and number.isdecimal() and str(coded) == number.lstrip("0"):
        return True

    return text_in_id(refund_id) == number


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
        _must_hold_number("declaration", declaration.id, number)

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


def _must_hold_number(what: str, object_id: str | None, number: str | None) -> None:
    """
    Compare the number that an id of digits holds (gateway.md 5.22) with *number*.
    """
    coded = None if object_id is None else number_in_id(object_id)

    if coded is not None and number is not None and number.isdecimal():
        must_match(f"number in the {what}'s id", int(number), coded)


def must_be_enterprise(
    company: EnterpriseQualification,
    *,
    external_enterprise_id: str | None,
    busi_type: str | None,
) -> None:
    """
    Compare an answer about a company with the company asked for.

    Raises:
        MismatchedResponseError: It is another one.
    """
    must_match(
        "external_enterprise_id", external_enterprise_id, company.external_enterprise_id
    )
    must_match("busi_type", busi_type, company.busi_type)


def must_be_banks(banks: Collection[Bank], kind: str | None) -> None:
    """
    Compare the kinds of card of a list of banks with the one that was asked for.

    Raises:
        MismatchedResponseError: It is the list of another kind.
    """
    named = [bank.types for bank in banks if bank.types]

    if kind and named and not any(kind in types for types in named):
        raise mismatch("type of bank", kind, named[0][0])


def _must_be_money(
    what: str, asked: Money | Amount | None, answered: Amount | None
) -> None:
    if asked is None or answered is None:
        return

    must_match(what, asked.total, answered.total)
    must_match(f"currency of {what}", asked.currency, answered.currency)


def must_be_page(
    page: TransactionsPage | ReconciliationsPage, number: int | None
) -> None:
    """
    Compare the number of a page with the page that was asked for.

    Raises:
        MismatchedResponseError: It is another one.
    """
    place = page.pagination
    must_match("page_number", number, None if place is None else place.page_number)


def must_be_of_day(page: TransactionsPage, mer_date: date) -> None:
    """
    Compare the days of a page's payments with the day that was asked for.

    A payment may be filed under the day with which its notification was acknowledged
    (gateway.md 3.3), so that days may mix; a page without any payment of the day is
    another day's. Under which day refunds are filed nobody has seen.

    Raises:
        MismatchedResponseError: It is of another day.
    """
    days = {row.order_date for row in page.payment_summaries if row.order_date}

    if days and mer_date not in days:
        raise mismatch("mer_date", mer_date, min(days))
