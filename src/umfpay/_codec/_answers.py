"""
Deserialize whole answers of the gateway, its oddities normalised (gateway.md 5, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from umfpay._codec._members import (
    Members,
    find_member,
    id_in_links,
    links_of,
    missing,
    object_members,
    present_members,
    read_links,
    the_only,
)
from umfpay._codec._reading import is_absent
from umfpay._codec._serialization import structure
from umfpay.errors import EnvelopeError, MismatchedResponseError
from umfpay.models import (
    Bank,
    Currency,
    CustomsDeclaration,
    EnterpriseQualification,
    ExchangeRate,
    Link,
    LinkRef,
    Payment,
    Received,
    ReconciliationsPage,
    Refund,
    SmsSent,
    StandaloneDeclaration,
    TransactionsPage,
)


T = TypeVar("T", bound=Received)


def read_payment(members: Members, *, payment_id: str | None = None) -> Payment:
    """
    Read an answer about a payment; its id is in the links if nowhere else (gateway.md,
    trap 9).

    Args:
        payment_id: What was asked for; the answer to a query may not name it.
    """
    at, found = find_member(members, "payment")
    given = object_members(at, found, members, prefix="PAY_", asked=payment_id)

    if "id" not in given:
        raise missing("payment.id")

    return structure(given, Payment, at=at)


def read_sms(members: Members) -> SmsSent:
    """
    Read the answer to verify: links only.
    """
    links = links_of(members)

    return structure(
        {
            "links": links,
            "payment_id": id_in_links(links, ref=LinkRef.SELF, prefix="PAY_"),
        },
        SmsSent,
    )


def read_refund(members: Members, *, refund_id: str | None = None) -> Refund:
    """
    Read an answer about a refund: one object, whatever its container (gateway.md, trap
    16).
    """
    at, found = find_member(members, "refund", "refunds")
    found = the_only(at, found)
    given = _with_parent(
        object_members(at, found, members, prefix="REFUND_", asked=refund_id)
    )
    orders = given.get("orders")

    if orders and "order" not in given and "refund_info" not in given:
        one, *others = orders if isinstance(orders, list) else [orders]
        given["order"] = one
        # Nothing is lost: what has no place of its own stays in extra.
        given.pop("orders")
        given.update({"orders": others} if others else {})

    if "id" not in given:
        raise missing("refund.id")

    return structure(given, Refund, at=at)


def _with_parent(given: dict[str, Any]) -> dict[str, Any]:
    parent = id_in_links(given["links"], ref=LinkRef.PARENT_PAYMENT, prefix="PAY_")

    return {**({"parent_payment": parent} if parent else {}), **given}


def _several(at: str, given: Any, cls: type[T]) -> tuple[T, ...]:
    values = given if isinstance(given, list) else [given]

    return tuple(
        structure(value, cls, at=f"{at}[{index}]")
        for index, value in enumerate(values)
        if not is_absent(value)
    )


def read_banks(members: Members) -> tuple[Bank, ...]:
    """
    Read the list of banks; it may be empty.
    """
    return _several(*find_member(members, "banks", "bank"), Bank)


def read_rate(members: Members, *, currency: Currency) -> ExchangeRate:
    """
    Read the rate of *currency*, under any of three names (gateway.md, trap 17).
    """
    at, given = find_member(
        members,
        "exchangeRates",
        "exchange_rates",
        "exchangeRate",
        "exchange_rate",
        "rate",
    )

    if at == "rate" and not isinstance(given, dict | list):
        # A bare rate; its currency may stand beside it.
        given = {"rate": given, "currency": present_members(members).get("currency")}

    rates = [one for one in _several(at, given, ExchangeRate) if one.rate is not None]

    for rate in sorted(rates, key=lambda one: one.currency is None):
        if rate.currency in (None, currency):
            return ExchangeRate(rate=rate.rate, currency=currency, extra=rate.extra)

    raise (MismatchedResponseError if rates else EnvelopeError)(
        f"The answer holds no rate of {currency}.", f"应答缺少 {currency} 的汇率。"
    )


def read_customs_declaration(
    members: Members, *, declaration_id: str | None = None
) -> CustomsDeclaration:
    """
    Read one declaration (gateway.md, traps 16, 17).
    """
    at, found = find_member(
        members,
        "customs_declaration",
        "customs_declarations",
        "customsDeclarations",
        "customsDeclaration",
    )
    found = the_only(at, found)
    given = object_members(at, found, members, prefix="CUST_", asked=declaration_id)

    return structure(_with_parent(given), CustomsDeclaration, at=at)


def read_standalone_declaration(members: Members) -> StandaloneDeclaration:
    """
    Read the answer to a declaration of a payment made elsewhere.
    """
    names = ("customes_declaration_only", "customs_declaration_only")
    named = present_members(members)

    for at in names:
        if at in named:
            return structure(named[at], StandaloneDeclaration, at=at)

    return StandaloneDeclaration()


def read_enterprise(
    members: Members, *, enterprise_id: str | None = None
) -> EnterpriseQualification:
    """
    Read an answer about a company (gateway.md, trap 13).
    """
    if "external_enterprise_id" in present_members(members):
        # An older form, without a wrapper.
        at = "the object"
        found: Any = {
            name: value for name, value in members.items() if name.strip() != "meta"
        }
    else:
        at, found = find_member(
            members,
            "enterprise_qualification",
            "external_enterprise",
            "EnterpriseQualification",
            "enterprise_qualifications",
        )
        found = the_only(at, found)

    given = object_members(at, found, members, prefix="EQ_", asked=enterprise_id)

    return structure(given, EnterpriseQualification, at=at)


def read_wechat_link(members: Members) -> Link:
    """
    Read the page that gives a customer's open_id.
    """
    for link in read_links(links_of(members)):
        if link.ref == LinkRef.WECHAT and link.href:
            return link

    raise missing("links[weChat]")


def _page(members: Members, *names: str) -> dict[str, Any]:
    at, given = find_member(members, *names)

    if not isinstance(given, dict):
        raise EnvelopeError(
            f"In the answer, {at} is not an object.", f"应答中 {at} 不是对象。"
        )

    # The official SDK reads it beside the list (gateway.md 6).
    beside = present_members(members).get("pagination")

    return {"pagination": beside, **present_members(given)}


def read_transactions(members: Members) -> TransactionsPage:
    """
    Read a page of transactions (gateway.md 9.3).
    """
    return structure(
        _page(members, "transactions"), TransactionsPage, at="transactions"
    )


def read_reconciliations(members: Members) -> ReconciliationsPage:
    """
    Read a page of what was paid out (gateway.md 9.4).
    """
    return structure(
        _page(members, "reconciliations", "reconciliation"),
        ReconciliationsPage,
        at="reconciliations",
    )


def read_notification(members: Members) -> Payment | Refund | CustomsDeclaration:
    """
    Read the object of a notification (gateway.md 3.3).

    Its id stands in the object itself: a link proves nothing, because any signed
    answer can be sent to a shop as if it were a notification.

    Raises:
        EnvelopeError: It holds no such object, several, or one without an id.
    """
    named = present_members(members)
    found = [name for name in _NOTIFIED_READERS if name in named]

    if len(found) != 1:
        raise _no_notification(named, found)

    (at,) = found
    given = the_only(at, named[at])

    if isinstance(given, dict) and is_absent(present_members(given).get("id")):
        raise EnvelopeError(
            f"The notification holds no {at}.id.", f"通知中缺少 {at}.id。"
        )

    return _NOTIFIED_READERS[at]({**members, at: given})


_NOTIFIED_READERS: Final[
    dict[str, Callable[[Members], Payment | Refund | CustomsDeclaration]]
] = {
    "payment": read_payment,
    "refund": read_refund,
    "refunds": read_refund,
    "customs_declaration": read_customs_declaration,
    "customs_declarations": read_customs_declaration,
    "customsDeclarations": read_customs_declaration,
    "customsDeclaration": read_customs_declaration,
}
# Of the flat form of an early specification (gateway.md 3.3).
_FLAT_NAMES: Final = frozenset(
    {"trade_no", "order_id", "trade_state", "pay_seq", "pay_date", "cny_amount"}
)


def _no_notification(named: Mapping[str, Any], found: list[str]) -> EnvelopeError:
    if found:
        return EnvelopeError(
            f"The notification holds {' and '.join(found)}: one is expected.",
            f"通知中同时存在 {'、'.join(found)}，应只有一个。",
        )

    flat = _FLAT_NAMES & named.keys()
    en = "; it is in the flat form of an early specification" if flat else ""
    zh = "；其为早期规范的扁平格式" if flat else ""

    return EnvelopeError(
        "The notification holds none of payment, refund, customs_declaration"
        f" (gateway.md 3.3){en}.",
        f"通知中没有 payment、refund 或 customs_declaration（gateway.md 3.3）{zh}。",
    )
