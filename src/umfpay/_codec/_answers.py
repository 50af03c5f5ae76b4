"""
Deserialize whole answers of the gateway, its oddities normalised (gateway.md 5, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from umfpay._codec._converter import structure
from umfpay._codec._reading import is_absent
from umfpay.errors import EnvelopeError, MismatchedResponseError, Text
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
from umfpay.protocol import object_id_from_href


T = TypeVar("T", bound=Received)

Members = Mapping[str, Any]


def _missing(*names: str) -> EnvelopeError:
    named = " or ".join(names)

    return EnvelopeError(
        Text(f"The answer holds no {named}.", f"应答缺少 {'、'.join(names)}。")
    )


def _present_members(given: Members) -> dict[str, Any]:
    """
    Return *given* without what is absent, blanks cut from names (gateway.md, trap 5).
    """
    # In place of is_absent(): a call for each member would cost more than all else.
    named = {
        name: one
        for name, one in given.items()
        if one is not None and not (type(one) is str and (not one or one.isspace()))
    }

    # Letters, digits and underscores only: nearly every answer.
    if "".join(named).isidentifier():
        return named

    named = {}

    # A name without blanks goes first; another of the same word keeps its blanks.
    for name in sorted(given, key=lambda name: name != name.strip()):
        if not is_absent(given[name]):
            named[name if name.strip() in named else name.strip()] = given[name]

    return named


def _find(members: Members, *names: str) -> tuple[str, Any]:
    """
    Return the first member of *names* that is there, with its name.
    """
    named = _present_members(members)

    for name in names:
        if name in named:
            return name, named[name]

    raise _missing(*names)


def _links(members: Members) -> list[Any]:
    links = _present_members(members).get("links", [])

    # One link may stand for a list of one.
    return links if isinstance(links, list) else [links]


def _read_links(links: list[Any]) -> list[Link]:
    return [
        structure(link, Link, at=f"links[{index}]")
        for index, link in enumerate(links)
        if not is_absent(link)
    ]


def _id_of(links: list[Any], *, ref: LinkRef, prefix: str) -> str | None:
    """
    Return the id at the tail of the link *ref*, else of any link of that prefix.
    """
    ordered = sorted(_read_links(links), key=lambda link: link.ref != ref)

    for link in ordered:
        found = object_id_from_href(link.href or "")

        if found is not None and found.startswith(prefix):
            return found

    return None


# These lead to other systems, whose numbers are not the gateway's ids.
_FOREIGN_LINKS = (LinkRef.UPAY.value, LinkRef.WECHAT.value)
_ID_NAMES = frozenset({"id", "payment_id", "refund_id", "parent_payment", "href"})


def ids_named(members: Members) -> list[str]:
    """
    Return the ids of all objects that an answer names, at whichever depth.

    They stand in members that hold an id, and at the tails of links.
    """
    found: list[str] = []
    waiting: list[Any] = [dict(members)]

    # Every answer of money goes through this: one loop, no call for a member.
    for one in waiting:
        if type(one) is not dict:
            waiting += [value for value in one if type(value) in (dict, list)]

            continue

        for name, value in one.items():
            kind = type(value)

            if kind is dict or kind is list:
                waiting.append(value)
            elif kind is str and name in _ID_NAMES:
                found += _ids_in(one, name, value)

    return found


def _ids_in(one: Members, name: str, value: str) -> tuple[str, ...]:
    if name != "href":
        return (value.strip(),)

    if one.get("ref", one.get("rel")) in _FOREIGN_LINKS:
        return ()

    linked = object_id_from_href(value)

    return () if linked is None else (linked,)


def values_named(members: Members, name: str) -> list[Any]:
    """
    Return what stands under *name*, at whichever depth; what is absent is left out.
    """
    found: list[Any] = []
    waiting: list[Any] = [dict(members)]

    for one in waiting:
        if isinstance(one, dict):
            waiting += one.values()
            found += [] if is_absent(one.get(name)) else [one[name]]
        elif isinstance(one, list):
            waiting += one

    return found


def _object(
    at: str, given: Any, members: Members, *, prefix: str, asked: str | None
) -> dict[str, Any]:
    """
    Return the members of the object *at*, with its links and its id.
    """
    if not isinstance(given, dict):
        raise EnvelopeError(
            Text(
                f"In the answer, {at} is not an object.",
                f"应答中 {at} 不是对象。",
            )
        )

    named = _present_members(given)
    links = _links(members) or _links(named)
    known = named.get("id") or _id_of(links, ref=LinkRef.SELF, prefix=prefix) or asked

    return {**named, "links": links, **({"id": known} if known else {})}


def _the_only(at: str, given: Any) -> Any:
    """
    Return the only element of a list; what is no list stands for itself (gateway.md,
    trap 16).
    """
    if not isinstance(given, list):
        return given

    if len(given) != 1:
        raise EnvelopeError(
            Text(
                f"The answer holds {len(given)} {at} instead of one.",
                f"应答中 {at} 有 {len(given)} 条，应为一条。",
            )
        )

    return given[0]


def read_payment(members: Members, *, payment_id: str | None = None) -> Payment:
    """
    Read an answer about a payment; its id is in the links if nowhere else (gateway.md,
    trap 9).

    Args:
        payment_id: What was asked for; the answer to a query may not name it.
    """
    at, found = _find(members, "payment")
    given = _object(at, found, members, prefix="PAY_", asked=payment_id)

    if "id" not in given:
        raise _missing("payment.id")

    return structure(given, Payment, at=at)


def read_sms(members: Members) -> SmsSent:
    """
    Read the answer to verify: links only.
    """
    links = _links(members)

    return structure(
        {
            "links": links,
            "payment_id": _id_of(links, ref=LinkRef.SELF, prefix="PAY_"),
        },
        SmsSent,
    )


def read_refund(members: Members, *, refund_id: str | None = None) -> Refund:
    """
    Read an answer about a refund: one object, whatever its container (gateway.md, trap
    16).
    """
    at, found = _find(members, "refund", "refunds")
    found = _the_only(at, found)
    given = _with_parent(_object(at, found, members, prefix="REFUND_", asked=refund_id))
    orders = given.get("orders")

    if orders and "order" not in given and "refund_info" not in given:
        one, *others = orders if isinstance(orders, list) else [orders]
        given["order"] = one
        # Nothing is lost: what has no place of its own stays in extra.
        given.pop("orders")
        given.update({"orders": others} if others else {})

    if "id" not in given:
        raise _missing("refund.id")

    return structure(given, Refund, at=at)


def _with_parent(given: dict[str, Any]) -> dict[str, Any]:
    parent = _id_of(given["links"], ref=LinkRef.PARENT_PAYMENT, prefix="PAY_")

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
    return _several(*_find(members, "banks", "bank"), Bank)


def read_rate(members: Members, *, currency: Currency) -> ExchangeRate:
    """
    Read the rate of *currency*, under any of three names (gateway.md, trap 17).
    """
    at, given = _find(
        members,
        "exchangeRates",
        "exchange_rates",
        "exchangeRate",
        "exchange_rate",
        "rate",
    )

    if at == "rate" and not isinstance(given, dict | list):
        # A bare rate; its currency may stand beside it.
        given = {"rate": given, "currency": _present_members(members).get("currency")}

    rates = [one for one in _several(at, given, ExchangeRate) if one.rate is not None]

    for rate in sorted(rates, key=lambda one: one.currency is None):
        if rate.currency in (None, currency):
            return ExchangeRate(rate=rate.rate, currency=currency, extra=rate.extra)

    raise (MismatchedResponseError if rates else EnvelopeError)(
        Text(
            f"The answer holds no rate of {currency}.", f"应答缺少 {currency} 的汇率。"
        )
    )


def read_customs_declaration(
    members: Members, *, declaration_id: str | None = None
) -> CustomsDeclaration:
    """
    Read one declaration (gateway.md, traps 16, 17).
    """
    at, found = _find(
        members,
        "customs_declaration",
        "customs_declarations",
        "customsDeclarations",
        "customsDeclaration",
    )
    found = _the_only(at, found)
    given = _object(at, found, members, prefix="CUST_", asked=declaration_id)

    return structure(_with_parent(given), CustomsDeclaration, at=at)


def read_standalone_declaration(members: Members) -> StandaloneDeclaration:
    """
    Read the answer to a declaration of a payment made elsewhere.
    """
    names = ("customes_declaration_only", "customs_declaration_only")
    named = _present_members(members)

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
    if "external_enterprise_id" in _present_members(members):
        # An older form, without a wrapper.
        at = "the object"
        found: Any = {
            name: value for name, value in members.items() if name.strip() != "meta"
        }
    else:
        at, found = _find(
            members,
            "enterprise_qualification",
            "external_enterprise",
            "EnterpriseQualification",
            "enterprise_qualifications",
        )
        found = _the_only(at, found)

    given = _object(at, found, members, prefix="EQ_", asked=enterprise_id)

    return structure(given, EnterpriseQualification, at=at)


def read_wechat_link(members: Members) -> Link:
    """
    Read the page that gives a customer's open_id.
    """
    for link in _read_links(_links(members)):
        if link.ref == LinkRef.WECHAT and link.href:
            return link

    raise _missing("links[weChat]")


def _page(members: Members, *names: str) -> dict[str, Any]:
    at, given = _find(members, *names)

    if not isinstance(given, dict):
        raise EnvelopeError(
            Text(f"In the answer, {at} is not an object.", f"应答中 {at} 不是对象。")
        )

    # The official SDK reads it beside the list (gateway.md 6).
    beside = _present_members(members).get("pagination")

    return {"pagination": beside, **_present_members(given)}


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
    named = _present_members(members)
    found = [name for name in _NOTIFIED_READERS if name in named]

    if len(found) != 1:
        raise _no_notification(named, found)

    (at,) = found
    given = _the_only(at, named[at])

    if isinstance(given, dict) and is_absent(_present_members(given).get("id")):
        raise EnvelopeError(
            Text(f"The notification holds no {at}.id.", f"通知中缺少 {at}.id。")
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
            Text(
                f"The notification holds {' and '.join(found)}: one is expected.",
                f"通知中同时存在 {'、'.join(found)}，应只有一个。",
            )
        )

    flat = _FLAT_NAMES & named.keys()
    en = "; it is in the flat form of an early specification" if flat else ""
    zh = "；其为早期规范的扁平格式" if flat else ""

    return EnvelopeError(
        Text(
            "The notification holds none of payment, refund, customs_declaration"
            f" (gateway.md 3.3){en}.",
            f"通知中没有 payment、refund 或 customs_declaration（gateway.md 3.3）{zh}。",
        )
    )
