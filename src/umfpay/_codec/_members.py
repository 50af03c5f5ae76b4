"""
Find the members of an answer under the gateway's many names (gateway.md 5, 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from umfpay._codec._reading import is_absent
from umfpay._codec._serialization import structure
from umfpay.errors import EnvelopeError
from umfpay.models import Link, LinkRef
from umfpay.protocol import object_id_from_href


Members = Mapping[str, Any]

# These lead to other systems, whose numbers are not the gateway's ids.
_FOREIGN_LINKS: Final = (LinkRef.UPAY.value, LinkRef.WECHAT.value)
_ID_NAMES: Final = frozenset(
    {"id", "payment_id", "refund_id", "parent_payment", "href"}
)


def missing(*names: str) -> EnvelopeError:
    """
    Return the error of an answer that holds none of *names*.
    """
    named = " or ".join(names)

    return EnvelopeError(
        f"The answer holds no {named}.", f"应答缺少 {'、'.join(names)}。"
    )


def present_members(given: Members) -> dict[str, Any]:
    """
    Return *given* without what is absent, blanks cut from names (gateway.md, trap 5).
    """
    # In place of is_absent(): a call for each member would cost more than all else.
    named = {
        name: one
        for name, one in given.items()
        if one is not None and not (type(one) is str and (not one or one.isspace()))
    }

    # Letters, digits and underscores only, without blanks: nearly every answer.
    if "".join(named).isidentifier():
        return named

    named = {}

    # A name without blanks goes first; another of the same word keeps its blanks.
    for name in sorted(given, key=lambda name: name != name.strip()):
        if not is_absent(given[name]):
            named[name if name.strip() in named else name.strip()] = given[name]

    return named


def find_member(members: Members, *names: str) -> tuple[str, Any]:
    """
    Return the first member of *names* that is there, with its name.
    """
    first = members.get(names[0])

    if type(first) is dict:
        return names[0], first  # nearly every answer

    named = present_members(members)

    for name in names:
        if name in named:
            return name, named[name]

    raise missing(*names)


def links_of(members: Members) -> list[Any]:
    """
    Return the links of an answer, or of an object.
    """
    links = members.get("links")

    if type(links) is list:
        return links  # nearly every answer

    if links is None and "".join(members).isidentifier():
        return []  # nearly every query

    links = present_members(members).get("links", [])

    # One link may stand for a list of one.
    return links if isinstance(links, list) else [links]


def read_links(links: list[Any]) -> list[Link]:
    """
    Read *links*; what is absent among them is left out.
    """
    return [
        structure(link, Link, at=f"links[{index}]")
        for index, link in enumerate(links)
        if not is_absent(link)
    ]


def id_in_links(links: list[Any], *, ref: LinkRef, prefix: str) -> str | None:
    """
    Return the id at the tail of the link *ref*, else of any link of that prefix.
    """
    ordered = sorted(read_links(links), key=lambda link: link.ref != ref)

    for link in ordered:
        found = object_id_from_href(link.href or "")

        if found is not None and found.startswith(prefix):
            return found

    return None


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
            if type(value) is str:
                if name in _ID_NAMES:
                    found += _ids_in(one, name, value)
            elif type(value) is dict or type(value) is list:
                waiting.append(value)

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


def object_members(
    at: str, given: Any, members: Members, *, prefix: str, asked: str | None
) -> dict[str, Any]:
    """
    Return the members of the object *at*, with its links and its id.
    """
    if not isinstance(given, dict):
        raise EnvelopeError(
            f"In the answer, {at} is not an object.", f"应答中 {at} 不是对象。"
        )

    named = present_members(given)
    links = links_of(members) or ("links" in named and links_of(named)) or []
    known = (
        named.get("id") or id_in_links(links, ref=LinkRef.SELF, prefix=prefix) or asked
    )
    named["links"] = links

    if known:
        named["id"] = known

    return named


def the_only(at: str, given: Any) -> Any:
    """
    Return the only element of a list; what is no list stands for itself (gateway.md,
    trap 16).
    """
    if not isinstance(given, list):
        return given

    if len(given) != 1:
        raise EnvelopeError(
            f"The answer holds {len(given)} {at} instead of one.",
            f"应答中 {at} 有 {len(given)} 条，应为一条。",
        )

    return given[0]
