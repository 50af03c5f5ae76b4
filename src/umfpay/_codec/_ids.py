"""
Find the ids that an answer names, in its members and at the tails of its links.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from umfpay._codec._reading import is_absent
from umfpay._codec._serialization import structure_all
from umfpay.models import Link, LinkRef
from umfpay.protocol import object_id_from_href


_HOLDERS: Final = frozenset({dict, list})
# These lead to other systems, whose numbers are not the gateway's ids.
_FOREIGN_LINKS: Final = (LinkRef.UPAY.value, LinkRef.WECHAT.value)
_ID_NAMES: Final = {"id", "payment_id", "refund_id", "parent_payment", "href"}


def id_in_links(links: list[Any], ref: LinkRef, prefix: str) -> str | None:
    """
    Return the id at the tail of the link *ref*, else of any link of that prefix.
    """
    read = structure_all(links, Link, at="links")

    for link in sorted(read, key=lambda link: link.ref != ref):
        linked = object_id_from_href(link.href or "")

        if linked is not None and linked.startswith(prefix):
            return linked

    return None


def ids_named(members: Mapping[str, Any]) -> list[str]:
    """
    Return the ids of all objects that an answer names, at whichever depth.

    They stand in members that hold an id, and at the tails of links.
    """
    found: list[str] = []

    for one in _objects_in(members):
        # Nothing else is asked of most objects.
        if _ID_NAMES.isdisjoint(one):
            continue

        for name, value in one.items():
            if name not in _ID_NAMES or type(value) is not str:
                continue

            if name != "href":
                found.append(value.strip())
            elif one.get("ref", one.get("rel")) not in _FOREIGN_LINKS:
                linked = object_id_from_href(value)
                found += [] if linked is None else [linked]

    return found


def surely_names_only(members: Mapping[str, Any], payment_id: str) -> bool:
    """
    Tell whether no other payment can be named, by counting; False proves nothing.

    An id that `ids_named` finds begins a text or follows a slash. So if each ``PAY`` of
    the answer's JSON begins a whole *payment_id* there, or continues another prefix,
    all that are found are that one. It takes half of the time of looking.
    """
    try:
        text = msgspec.json.encode(members)
    except (OverflowError, TypeError, ValueError, RecursionError):
        return False

    own = payment_id.encode()
    named = text.count(b"PAY") - text.count(b"_PAY")
    whole = text.count(b'"%b"' % own) + text.count(b'/%b"' % own)

    return own.startswith(b"PAY_") and named == whole + text.count(b"/%b/" % own)


def values_named(members: Mapping[str, Any], name: str) -> list[Any]:
    """
    Return what stands under *name*, at whichever depth; what is absent is left out.
    """
    return [one[name] for one in _objects_in(members) if not is_absent(one.get(name))]


def _objects_in(members: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return all objects of an answer, at whichever depth, itself among them.
    """
    waiting: list[Any] = [dict(members)]

    # Every answer of money goes through this: one loop, no call for a member.
    for one in waiting:
        for value in one.values() if type(one) is dict else one:
            # Most are text.
            if type(value) is not str and type(value) in _HOLDERS:
                waiting.append(value)  # noqa: PERF401 (a call for each object)

    return [one for one in waiting if type(one) is dict]
