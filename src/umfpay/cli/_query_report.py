"""
Ask the gateway about the differences of a report: what it says of each one now.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text, escape, os_reason
from umfpay.models import PaymentSummary
from umfpay.reconciliation import Difference


if TYPE_CHECKING:
    from umfpay import UMFSession
    from umfpay.resources import BulkResult


# Those of the gateway are capitals, digits and _; who knows what comes.
ID_TEXT: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")

_PAYMENT: Final = "P"
_REFUND: Final = "T"
_BOOKS: Final = ("gateway", "ledger", "statement")
_SEPARATOR: Final = "; "


@attrs.frozen(kw_only=True)
class Asked:
    """
    A difference to ask about.

    Args:
        difference: Its id.
        name: Its class.
        kind: P or T.
        number: The order's number of a payment, its own of a refund.
        day: The merchant's date, None where no book has one.
        ids: The gateway's, where the statement has them.
    """

    difference: str
    name: str
    kind: str
    number: str
    day: date | None
    ids: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Found:
    """
    What came of it.

    Args:
        asked: None where an id was given.
        result: None where nobody knows the id: the gateway's list of the day does not
            have the number.
    """

    asked: Asked | None = None
    result: BulkResult[Any] | None = None


def read_report(file: str, classes: Collection[str]) -> list[Asked]:
    """
    Return the differences of *classes* in a report, each once; of all if none is given.

    Raises:
        ConfigError: It is no file of ``umfpay reconcile --report FILE.json``.
    """
    shown = escape(file)

    try:
        # Of hundreds of thousands of differences it is larger than other input may be.
        given = json.loads(Path(file).read_text(encoding="utf-8"))
        rows = given["differences"]
        found = [_asked(row) for row in rows if not classes or row["class"] in classes]
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError.of(
            shown,
            f"it cannot be read ({reason})",
            f"无法读取（{reason}）",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError.of(
            shown,
            "it is no report with differences",
            "不是包含差异的报告文件",
            advice=Text(
                "Give the file of umfpay reconcile --report FILE.json.",
                "请提供 umfpay reconcile --report FILE.json 生成的文件。",
            ),
        ) from None

    # All rows of a duplicate have one key.
    return [*{(one.kind, one.number, one.day): one for one in found}.values()]


def _asked(row: Mapping[str, Any]) -> Asked:
    days = (row[book].get("mer_date") for book in _BOOKS)
    day = next((one for one in days if one), None)

    return Asked(
        difference=row["id"],
        name=Difference(row["class"]),
        kind=row["kind"],
        number=row["refund_id"] or row["order_id"],
        day=None if day is None else date.fromisoformat(day),
        ids=tuple(
            one for one in row["object_id"].split(_SEPARATOR) if ID_TEXT.fullmatch(one)
        ),
    )


async def ask(
    session: UMFSession, wanted: Iterable[Asked], *, concurrency: int
) -> AsyncIterator[Found]:
    """
    Ask for the payment or refund of each; give what comes, in any order.

    Whose id no book has is looked for in the gateway's list of its day, by its number.
    """
    ids: dict[str, dict[str, Asked]] = {_PAYMENT: {}, _REFUND: {}}
    without: list[Asked] = []

    for one in wanted:
        if one.ids:
            ids[one.kind].update(dict.fromkeys(one.ids, one))
        else:
            without.append(one)

    for day in sorted({one.day for one in without if one.day is not None}):
        listed = await _list(session, day)

        for one in _of_day(without, day):
            found = listed.get((one.kind, one.number), ())
            ids[one.kind].update(dict.fromkeys(found, one))

            if not found:
                yield Found(asked=one)

    for one in _of_day(without, None):
        yield Found(asked=one)

    for kind, nouns in ((_PAYMENT, session.payments), (_REFUND, session.refunds)):
        # Of two nouns one signature.
        many: Any = nouns.get_many
        async for result in many([*ids[kind]], concurrency=concurrency):
            yield Found(asked=ids[kind][result.id], result=result)


def _of_day(asked: Iterable[Asked], day: date | None) -> Iterator[Asked]:
    return (one for one in asked if one.day == day)


async def _list(session: UMFSession, day: date) -> dict[tuple[str, str], list[str]]:
    """
    Return the ids of the gateway's list of *day*, by kind and number.
    """
    found: dict[tuple[str, str], list[str]] = {}

    async for row in session.statements.transactions(day):
        is_payment = isinstance(row, PaymentSummary)
        given = row.payment_id if isinstance(row, PaymentSummary) else row.refund_id

        if given is not None and row.mer_reference_id is not None:
            key = (_PAYMENT if is_payment else _REFUND, row.mer_reference_id)
            found.setdefault(key, []).append(given)

    return found
