"""
Whole answers: the gateway's oddities normalised (protocol notes 5, 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from umfpay._codec._converter import structure
from umfpay.errors import EnvelopeError, Text
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


def _find(members: Members, *names: str) -> Any:
    """
    Return the first member of *names*; their blanks are the gateway's (trap 5).
    """
    for name in names:
        if members.get(name) not in (None, ""):
            return members[name]

    stripped = {name.strip(): value for name, value in members.items()}

    for name in names:
        if stripped.get(name) not in (None, ""):
            return stripped[name]

    raise _missing(*names)


def _links(members: Members) -> list[Any]:
    links = members.get("links")

    return links if isinstance(links, list) else []


def _id_of(links: list[Any], *, ref: LinkRef, prefix: str) -> str | None:
    """
    Return the id at the tail of the link *ref*, else of any link of that prefix.
    """
    read = [structure(link, Link) for link in links]
    ordered = sorted(read, key=lambda link: link.ref != ref)

    for link in ordered:
        found = object_id_from_href(link.href or "")

        if found is not None and found.startswith(prefix):
            return found

    return None


def _object(
    given: Any, members: Members, *, prefix: str, asked: str | None
) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise EnvelopeError(
            Text("The answer's object is not an object.", "应答中的对象类型不符。")
        )

    links = _links(members) or given.get("links") or []

    if not isinstance(links, list):
        links = []

    known = given.get("id") or _id_of(links, ref=LinkRef.SELF, prefix=prefix) or asked

    return {**given, "links": links, **({"id": known} if known else {})}


def read_payment(members: Members, *, payment_id: str | None = None) -> Payment:
    """
    Read an answer about a payment; its id is in the links if nowhere else (trap 9).

    Args:
        payment_id: What was asked for; the answer to a query may not name it.
    """
    given = _object(_find(members, "payment"), members, prefix="PAY_", asked=payment_id)

    if "id" not in given:
        raise _missing("payment.id")

    return structure(given, Payment)


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
    Read an answer about a refund: one object, whatever its container (trap 16).
    """
    given = _find(members, "refund", "refunds")

    if isinstance(given, list):
        if len(given) != 1:
            raise EnvelopeError(
                Text(
                    f"The answer holds {len(given)} refunds instead of one.",
                    f"应答包含 {len(given)} 笔退款，应为一笔。",
                )
            )

        given = given[0]

    given = _object(given, members, prefix="REFUND_", asked=refund_id)
    orders = given.pop("orders", None)

    if "order" not in given and "refund_info" not in given and orders:
        given["order"] = orders[0] if isinstance(orders, list) else orders
    elif orders is not None:
        given["orders"] = orders

    if not given.get("parent_payment"):
        parent = _id_of(_links(members), ref=LinkRef.PARENT_PAYMENT, prefix="PAY_")

        if parent is not None:
            given["parent_payment"] = parent

    if "id" not in given:
        raise _missing("refund.id")

    return structure(given, Refund)


def _several(given: Any, cls: type[T]) -> tuple[T, ...]:
    values = given if isinstance(given, list) else [given]

    return tuple(structure(value, cls) for value in values)


def read_banks(members: Members) -> tuple[Bank, ...]:
    """
    Read the list of banks; it may be empty.
    """
    if members.get("banks") == []:
        return ()

    return _several(_find(members, "banks", "bank"), Bank)


def read_rate(members: Members, *, currency: Currency) -> ExchangeRate:
    """
    Read the rate of *currency*, under any of three names (trap 17).
    """
    given = _find(
        members,
        "exchangeRates",
        "exchange_rates",
        "exchangeRate",
        "exchange_rate",
        "rate",
    )

    for rate in _several(given, ExchangeRate):
        if rate.rate is not None and rate.currency in (None, currency):
            return ExchangeRate(rate=rate.rate, currency=currency, extra=rate.extra)

    raise EnvelopeError(
        Text(
            f"The answer holds no rate of {currency}.", f"应答缺少 {currency} 的汇率。"
        )
    )


def read_customs_declaration(
    members: Members, *, declaration_id: str | None = None
) -> CustomsDeclaration:
    """
    Read one declaration (traps 16, 17).
    """
    given = _find(
        members,
        "customs_declaration",
        "customs_declarations",
        "customsDeclarations",
        "customsDeclaration",
    )

    if isinstance(given, list):
        if len(given) != 1:
            raise EnvelopeError(
                Text(
                    f"The answer holds {len(given)} declarations instead of one.",
                    f"应答包含 {len(given)} 条报关单，应为一条。",
                )
            )

        given = given[0]

    given = _object(given, members, prefix="CUST_", asked=declaration_id)
    parent = _id_of(_links(members), ref=LinkRef.PARENT_PAYMENT, prefix="PAY_")

    if parent is not None:
        given.setdefault("parent_payment", parent)

    return structure(given, CustomsDeclaration)


def read_standalone_declaration(members: Members) -> StandaloneDeclaration:
    """
    Read the answer to a declaration of a payment made elsewhere.
    """
    given = members.get("customes_declaration_only") or members.get(
        "customs_declaration_only"
    )

    return structure(given or {}, StandaloneDeclaration)


def read_enterprise(
    members: Members, *, enterprise_id: str | None = None
) -> EnterpriseQualification:
    """
    Read an answer about a company (trap 13).
    """
    given = _find(
        members,
        "enterprise_qualification",
        "external_enterprise",
        "EnterpriseQualification",
    )

    return structure(
        _object(given, members, prefix="EQ_", asked=enterprise_id),
        EnterpriseQualification,
    )


def read_wechat_link(members: Members) -> Link:
    """
    Read the page that gives a customer's open_id.
    """
    for given in _links(members):
        link = structure(given, Link)

        if link.ref == LinkRef.WECHAT and link.href:
            return link

    raise _missing("links[weChat]")


def _page(members: Members, *names: str) -> dict[str, Any]:
    given = _find(members, *names)

    if not isinstance(given, dict):
        raise EnvelopeError(
            Text(f"{names[0]} is not an object.", f"{names[0]} 不是对象。")
        )

    if "pagination" not in given and "pagination" in members:
        return {**given, "pagination": members["pagination"]}

    return given


def read_transactions(members: Members) -> TransactionsPage:
    """
    Read a page of transactions (9.3).
    """
    return structure(_page(members, "transactions"), TransactionsPage)


def read_reconciliations(members: Members) -> ReconciliationsPage:
    """
    Read a page of what was paid out (9.4).
    """
    return structure(
        _page(members, "reconciliations", "reconciliation"), ReconciliationsPage
    )


def read_notification(members: Members) -> Payment | Refund | CustomsDeclaration:
    """
    Read the object of a notification (3.3).
    """
    if members.get("payment"):
        return read_payment(members)

    if members.get("refund") or members.get("refunds"):
        return read_refund(members)

    return read_customs_declaration(members)
