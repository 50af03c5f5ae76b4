"""
`Month`: what the nights of a month add up to.

Each night follows the one that left its opening, so all nights on the way to the last of
a month, line by line, are what was traded and paid out until its end. A month is that,
less the same of the month before. A night that has compared days of the month before
again leaves what was new in the month in which it was found: what was closed stays closed.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import as_json
from umfpay.reconciliation.bridge._bridge import Bridge
from umfpay.reconciliation.nights._ages import OpenLine, open_by_age, with_age
from umfpay.reconciliation.nights._month_bridge import added_up, missing, notes
from umfpay.reconciliation.nights._payouts import (
    ExchangeLine,
    FeeLine,
    FeeRule,
    exchange_lines,
    fee_lines,
    groups_of,
)
from umfpay.reconciliation.nights._store import NightStore, StoredNight
from umfpay.reconciliation.reports._files import ending_error, write_file


if TYPE_CHECKING:
    from umfpay.reconciliation.reports._report import Language


_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@attrs.frozen(kw_only=True)
class Month:
    """
    A month of books.

    Args:
        first: Its first day.
        last: Its last day.
        merchant: Whose it is.
        nights: The nights it is made of, as ``2026-11-27.1``: day and version.
        bridge: The sum of their bridges: what was open before, traded, refunded, taken
            as fees, paid out, and is open now, in CNY and in each currency.
        open_items: What is open at its end, by currency, kind and age.
        open_before_books: What is left in CNY of what was open before the first night,
            without rows; None where there is nothing.
        fees: By rule, currency and kind.
        exchange: Gain and loss by the rates, of each foreign currency.
        differences: How many differences of each class nobody has accepted.
        missing: What the figures lack; empty if the nights are all there and proven.
        notes: What to know about them.
    """

    first: date
    last: date
    merchant: str
    nights: tuple[str, ...]
    bridge: Bridge
    open_items: tuple[OpenLine, ...]
    open_before_books: Decimal | None
    fees: tuple[FeeLine, ...]
    exchange: tuple[ExchangeLine, ...]
    differences: Mapping[str, int]
    missing: tuple[Text, ...]
    notes: tuple[Text, ...] = ()

    @property
    def is_proven(self) -> bool:
        """
        Whether each day is in a night, and each night's bridge is proven.
        """
        return not self.missing

    def to_json(self) -> str:
        """
        Return all of it as JSON; money is text.
        """
        return json.dumps(
            {
                "month": f"{self.first:%Y-%m}",
                "merchant": self.merchant,
                "is_proven": self.is_proven,
                "nights": self.nights,
                "bridge": self.bridge.to_json(),
                "open_items": as_json(self.open_items),
                "open_before_books": as_json(self.open_before_books),
                "fees": [one.to_json() for one in self.fees],
                "exchange": as_json(self.exchange),
                "differences": self.differences,
                "missing": as_json(self.missing),
                "notes": as_json(self.notes),
            },
            ensure_ascii=False,
            indent=1,
        )

    def to_text(self, *, language: Language = "both") -> str:
        """
        Return it as text, for people of finance.
        """
        from umfpay.reconciliation.nights._month_report import month_text

        return month_text(self, language=language)

    def to_html(self, *, language: Language = "both") -> str:
        """
        Return it as one page that opens without network.

        Args:
            language: Chinese, English, or both, of which one is shown at a time.

        Raises:
            ConfigError: jinja2 is missing.
        """
        from umfpay.reconciliation.nights._month_report import month_page

        return month_page(self, language=language)

    endings: ClassVar[tuple[str, ...]] = (".html", ".json", ".txt")
    """What `write()` knows."""

    def write(self, to: str | os.PathLike[str], *, language: Language = "both") -> Path:
        """
        Write it as the ending of *to* says: one of `endings`.

        Raises:
            ConfigError: It says something else, or the file cannot be written.
        """
        match Path(to).suffix:
            case ".html":
                text = self.to_html(language=language)
            case ".json":
                text = self.to_json()
            case ".txt":
                text = self.to_text(language=language)
            case ending:
                raise ending_error(to, ending, self.endings)

        return write_file(to, lambda file: file.write(text), encoding="utf-8")


def days_of_month(given: object) -> tuple[date, date]:
    """
    Return the first and the last day of a month, such as ``2026-11``.

    Raises:
        ConfigError: It is none.
    """
    found = _MONTH.fullmatch(str(given))

    if found is None or found[1] == "0000":
        raise ConfigError.of(
            "month",
            f"as 2026-11, not {given!r}",
            f"形如 2026-11，而不是 {given!r}",
        )

    first = date(int(found[1]), int(found[2]), 1)
    # No month has more than 31 days.
    later = first + timedelta(days=31)

    return first, later - timedelta(days=later.day)


def make_month(
    store: NightStore,
    days: tuple[date, date],
    *,
    settle_after: int,
    merchant: str,
    rules: Sequence[FeeRule],
) -> Month:
    """
    Return the month of these *days*.

    Raises:
        ConfigError: It has no night, or the books are damaged.
    """
    first, last = days
    latest = store.nights()
    until = [one for one in latest if one.day <= last]

    if not until or until[-1].day < first:
        raise ConfigError.of(
            "month",
            f"there is no night of {first:%Y-%m} in these books",
            f"该账本中没有 {first:%Y-%m} 的任何一晚",
        )

    earlier = [one for one in until if one.day < first]
    end, before = until[-1], earlier[-1] if earlier else None
    way, way_before = _way(store, end), _way(store, before)
    added = [night for name, night in way.items() if name not in way_before]
    # What the month before has counted of days that were compared again since.
    taken = [night for name, night in way_before.items() if name not in way]
    signed = [*((one, 1) for one in added), *((one, -1) for one in taken)]
    bridge = added_up(
        [(one.bridge, sign) for one, sign in signed],
        None if before is None else before.bridge,
    )
    found = [
        (one.bridge, sign, [*groups_of(store, one, rules)]) for one, sign in signed
    ]
    holidays = [date.fromisoformat(one) for one in end.facts["holidays"]]
    left = store.part(end, "balance").item()

    return Month(
        first=first,
        last=last,
        merchant=merchant,
        nights=tuple(one.name for one in added),
        bridge=bridge,
        open_items=open_by_age(
            with_age(store.part(end, "open"), end.day, holidays), settle_after
        ),
        open_before_books=Decimal(left).scaleb(-2) if left else None,
        fees=tuple(fee_lines(found, rules)),
        exchange=tuple(exchange_lines(found)),
        differences=_open_differences(store, end),
        missing=tuple(missing(days, added, before, latest, bridge)),
        notes=tuple(notes(days, added, taken, latest)),
    )


def _way(store: NightStore, night: StoredNight | None) -> dict[str, StoredNight]:
    """
    Return the nights that lead to *night*, the first of the books first, by name.
    """
    nights = []

    while night is not None:
        nights.append(night)
        name = night.facts["opening_night"]
        night = None if name is None else store.named(name)

    return {one.name: one for one in reversed(nights)}


def _open_differences(store: NightStore, night: StoredNight) -> dict[str, int]:
    import polars as pl

    rows = store.part(night, "differences")
    counts = Counter(
        dict(
            rows.filter(~pl.col("id").is_in([*store.accepted()]))
            .unique("id")
            .group_by("class")
            .len()
            .iter_rows()
        )
    )

    return {str(name): counts[str(name)] for name in Difference if counts[str(name)]}
