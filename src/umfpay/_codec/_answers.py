"""
Deserialize whole answers of the gateway, its oddities normalised (gateway.md 5, 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from umfpay._codec._answer_objects import NAMES, PREFIXES
from umfpay._codec._ids import id_in_links
from umfpay._codec._reading import is_absent
from umfpay._codec._serialization import structure, structure_all
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
    Refund,
    SmsSent,
    StandaloneDeclaration,
)


Object = TypeVar("Object", bound=Received)

Members = Mapping[str, Any]


def read_object(
    members: Members, cls: type[Object], *, asked: str | None = None
) -> Object:
    """
    Read an answer about one object, whatever its container (gateway.md, trap 16).

    Args:
        cls: `Payment`, `Refund`, `CustomsDeclaration` or `EnterpriseQualification`.
        asked: The id that was asked for. The answer to a query may not name it; else it
            is in the links if nowhere else (gateway.md, trap 9).

    Raises:
        EnvelopeError: It holds no such object, several, or one whose members do not
            fit; or a payment or refund without an id.
    """
    if cls is EnterpriseQualification:
        members = _wrapped(members)

    named, at, found = _find(members, cls)
    given = dict(_members_at(at, found if cls is Payment else _the_only(at, found)))
    links = given["links"] = _links_of(named) or _links_of(given)
    known = given.get("id")

    if not known or is_absent(known):
        linked = id_in_links(links, LinkRef.SELF, PREFIXES[cls]) if links else None
        given["id"] = linked or asked

        if given["id"] is None and cls in (Payment, Refund):
            raise _missing(f"{NAMES[cls][0]}.id")

    if cls in (Refund, CustomsDeclaration) and is_absent(given.get("parent_payment")):
        given["parent_payment"] = id_in_links(links, LinkRef.PARENT_PAYMENT, "PAY_")

    return structure(_with_order(given) if cls is Refund else given, cls, at=at)


def _wrapped(members: Members) -> Members:
    named = _named_members(members)

    if is_absent(named.get("external_enterprise_id")):
        return named

    # An older form, without a wrapper (gateway.md, trap 13).
    company = {name: one for name, one in named.items() if name != "meta"}

    return {**named, NAMES[EnterpriseQualification][0]: company}


def _with_order(given: dict[str, Any]) -> dict[str, Any]:
    orders = given.get("orders")

    if orders and all(is_absent(given.get(one)) for one in ("order", "refund_info")):
        # Nothing is lost: what has no place of its own stays in extra.
        given["order"], *others = orders if isinstance(orders, list) else [orders]
        given.pop("orders")
        given |= {"orders": others} if others else {}

    return given


def _named_members(given: Members) -> Members:
    """
    Return *given*, blanks cut from the names of what is there (gateway.md, trap 5).
    """
    # Letters, digits and underscores only, without blanks: nearly every object.
    if "".join(given).isidentifier():
        return given

    named: dict[str, Any] = {}

    # A name without blanks goes first; another of the same word keeps its blanks.
    for name in sorted(given, key=lambda name: name != name.strip()):
        if not is_absent(given[name]):
            named[name if name.strip() in named else name.strip()] = given[name]

    return named


def _find(members: Members, cls: type[Received]) -> tuple[Members, str, Any]:
    """
    Return the members of an answer, and which of them holds a *cls*, or several.
    """
    named = _named_members(members)

    for at in NAMES[cls]:
        found = named.get(at)

        if type(found) is dict or not is_absent(found):
            return named, at, found

    raise _missing(*NAMES[cls])


def _links_of(named: Members) -> list[Any]:
    """
    Return the links of an answer, or of an object.
    """
    links = named.get("links")

    if isinstance(links, list):
        return links

    # One link may stand for a list of one.
    return [] if links is None or is_absent(links) else [links]


def _members_at(at: str, given: Any) -> Members:
    """
    Return the members of what stands *at* if it is an object.
    """
    if isinstance(given, dict):
        return _named_members(given)

    raise EnvelopeError(
        f"In the answer, {at} is not an object.", f"应答中 {at} 不是对象。"
    )


def _the_only(at: str, given: Any) -> Any:
    """
    Return the only element of a list; what is no list stands for itself (gateway.md,
    trap 16).
    """
    if isinstance(given, list) and len(given) != 1:
        raise EnvelopeError(
            f"The answer holds {len(given)} {at} instead of one.",
            f"应答中 {at} 有 {len(given)} 条，应为一条。",
        )

    return given[0] if isinstance(given, list) else given


def _missing(*names: str) -> EnvelopeError:
    """
    Return the error of an answer that holds none of *names*.
    """
    return EnvelopeError(
        f"The answer holds no {' or '.join(names)}.", f"应答缺少 {'、'.join(names)}。"
    )


def read_sms(members: Members) -> SmsSent:
    """
    Read the answer to verify, links only (gateway.md 5.4).

    Raises:
        EnvelopeError: A link does not fit.
    """
    links = _links_of(_named_members(members))
    payment_id = id_in_links(links, LinkRef.SELF, "PAY_")

    return structure({"links": links, "payment_id": payment_id}, SmsSent)


def read_banks(members: Members) -> tuple[Bank, ...]:
    """
    Read the list of banks; it may be empty (gateway.md 5.2).

    Raises:
        EnvelopeError: It holds no list of banks, or one that does not fit.
    """
    _, at, found = _find(members, Bank)

    return structure_all(found, Bank, at=at)


def read_rate(members: Members, *, currency: Currency) -> ExchangeRate:
    """
    Read the rate of *currency*, under any of three names (gateway.md, trap 17).

    Raises:
        EnvelopeError: It holds no rate, or one that is no number.
        MismatchedResponseError: It holds rates of other currencies only.
    """
    named, at, given = _find(members, ExchangeRate)

    if at == "rate" and not isinstance(given, dict | list):
        # A bare rate; its currency may stand beside it.
        given = {"rate": given, "currency": named.get("currency")}

    read = structure_all(given, ExchangeRate, at=at)
    rates = [one for one in read if one.rate is not None]

    for rate in sorted(rates, key=lambda one: one.currency is None):
        if rate.currency in (None, currency):
            return ExchangeRate(rate=rate.rate, currency=currency, extra=rate.extra)

    raise (MismatchedResponseError if rates else EnvelopeError)(
        f"The answer holds no rate of {currency}.", f"应答缺少 {currency} 的汇率。"
    )


def read_standalone_declaration(members: Members) -> StandaloneDeclaration:
    """
    Read the answer to a declaration of a payment made elsewhere (gateway.md 5.21).

    An answer without one is an empty declaration.

    Raises:
        EnvelopeError: A member does not fit.
    """
    try:
        _, at, found = _find(members, StandaloneDeclaration)
    except EnvelopeError:
        return StandaloneDeclaration()

    return structure(found, StandaloneDeclaration, at=at)


def read_wechat_link(members: Members) -> Link:
    """
    Read the address of the page that gives a customer's open_id (gateway.md 5.14).

    Raises:
        EnvelopeError: There is no link ``weChat`` with an address.
    """
    for link in structure_all(_links_of(_named_members(members)), Link, at="links"):
        if link.ref == LinkRef.WECHAT and link.href:
            return link

    raise _missing("links[weChat]")


def read_page(members: Members, cls: type[Object]) -> Object:
    """
    Read a page of transactions, or of what was paid out (gateway.md 9.3, 9.4).

    Args:
        cls: `TransactionsPage` or `ReconciliationsPage`.

    Raises:
        EnvelopeError: It holds no such page, or one whose members do not fit.
    """
    named, at, found = _find(members, cls)
    given = dict(_members_at(at, found))

    # The official SDK reads it beside the list (gateway.md 6).
    if is_absent(given.get("pagination")):
        given["pagination"] = named.get("pagination")

    return structure(given, cls, at=NAMES[cls][0])


def read_notification(members: Members) -> Payment | Refund | CustomsDeclaration:
    """
    Read the object of a notification (gateway.md 3.3).

    Its id stands in the object itself: a link proves nothing, because any signed
    answer can be sent to a shop as if it were a notification.

    Raises:
        EnvelopeError: It holds no such object, several, or one without an id.
    """
    named = _named_members(members)
    found = [name for name in _NOTIFIED if not is_absent(named.get(name))]

    if len(found) != 1:
        raise _no_notification(named, found)

    (at,) = found
    given = _the_only(at, named[at])

    if isinstance(given, dict) and is_absent(_named_members(given).get("id")):
        raise EnvelopeError(
            f"The notification holds no {at}.id.", f"通知中缺少 {at}.id。"
        )

    return read_object({**named, at: given}, _NOTIFIED[at])


_NOTIFIED: Final[dict[str, type[Payment | Refund | CustomsDeclaration]]] = {
    name: cls for cls in (Payment, Refund, CustomsDeclaration) for name in NAMES[cls]
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
