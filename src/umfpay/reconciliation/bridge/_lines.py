"""
The lines of the bridge, made of sums of rows, and what its proof lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._options import Rounding, Tolerance
from umfpay.reconciliation._states import DONE, REVERSED, meaning_of
from umfpay.reconciliation.bridge._bridge import (
    Bridge,
    BridgeItem,
    BridgeLine,
)
from umfpay.reconciliation.gateway_files._quarantine import UnreadRows


_CENT: Final = Decimal("0.01")
_CNY_WORDS: Final = ("CNY", "RMB")
_RATE_UNIT: Final = 10**8

Sums = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class BridgeSums:
    """
    What a bridge is made of: sums of rows by currency, as JSON has them.

    Args:
        traded: Of the transactions, by *opening*, *currency*, *kind* and *state*.
        paid: Of the statement, by *currency*, *kind* and *exchange_rate*.
        open: Of what is open, by *currency* and *kind*.
        unlisted: Of what was paid out and is not in the transactions, by *asked*,
            *quarantined*, *currency* and *kind*.
        differing: How many rows make a line that should be 0.
        unread_transactions: What was set aside of the transactions.
        unread_statement: What was set aside of the statement.
    """

    traded: Sequence[Sums]
    paid: Sequence[Sums]
    open: Sequence[Sums]
    unlisted: Sequence[Sums]
    differing: Mapping[str, int]
    unread_transactions: UnreadRows = UnreadRows()
    unread_statement: UnreadRows = UnreadRows()

    def of(self, currency: str) -> BridgeSums:
        """
        Return those of one *currency*.
        """

        def own(groups: Sequence[Sums]) -> list[Sums]:
            return [one for one in groups if one["currency"] == currency]

        return BridgeSums(
            traded=own(self.traded),
            paid=own(self.paid),
            open=own(self.open),
            unlisted=own(self.unlisted),
            differing={},
        )


def build_bridge(
    sums: BridgeSums,
    *,
    as_of: date,
    opening: Decimal | None,
    has_opening_rows: bool,
    rounding: Rounding,
    tolerance: Tolerance,
) -> Bridge:
    """
    Return the bridge of *sums*.

    Args:
        opening: What was open before, in CNY, of what has no rows.
        has_opening_rows: The rows that were open before are among those traded.
    """
    lines = _lines(sums, "total_cny", opening, has_opening_rows=has_opening_rows)
    names = sorted(
        {
            one["currency"]
            for part in (sums.traded, sums.paid)
            for one in part
            if one["currency"] not in _CNY_WORDS
        }
    )
    currencies = {
        name: _lines(sums.of(name), "total", None, has_opening_rows=has_opening_rows)
        for name in names
    }

    return Bridge(
        as_of=as_of,
        lines=lines,
        currencies=currencies,
        rounding=rounding,
        missing=tuple(
            _missing(
                lines,
                currencies,
                tolerance,
                rounding,
                is_opening_unknown=opening is None and not has_opening_rows,
                unread=sums.unread_transactions.rows + sums.unread_statement.rows,
                has_opening_rows=has_opening_rows and opening is None,
            )
        ),
    )


class _Line(Counter[str]):
    """
    The rows and the amount of a line, in hundredths.
    """

    def take(self, groups: Iterable[Sums], name: str, sign: int = 1) -> _Line:
        """
        Add the rows of *groups* and their amounts called *name*; return the line.
        """
        for one in groups:
            self["rows"] += one["rows"]
            self["amount"] += sign * _signed(one) * one[name]

        return self


def _signed(group: Sums) -> int:
    return -1 if group["kind"] == "T" else 1


def _lines(
    sums: BridgeSums, name: str, opening: Decimal | None, *, has_opening_rows: bool
) -> tuple[BridgeLine, ...]:
    """
    Return the lines for *name*: total_cny, or total in one currency.
    """
    done = [one for one in sums.traded if meaning_of(one["state"]) == DONE]
    undone = [one for one in sums.traded if meaning_of(one["state"]) == REVERSED]
    before = _Line().take((one for one in done if one["opening"]), name)
    found = {
        BridgeItem.OTHER_DAYS: _Line().take(_unlisted(sums, asked=False), name),
        BridgeItem.TRADED: _Line().take(_of_kind([*done, *undone], "P"), name),
        BridgeItem.REFUNDED: _Line().take(_of_kind([*done, *undone], "T"), name),
        BridgeItem.REVERSED: _Line().take(
            (one for one in undone if not one["opening"]), name, -1
        ),
        BridgeItem.UNKNOWN: _Line().take(_unlisted(sums, asked=True), name),
        **_payout_lines(sums, name),
        BridgeItem.CLOSING: _Line().take(sums.open, name, -1),
        BridgeItem.PAID_OUT: _paid_out(sums, name),
    }
    other_days = found[BridgeItem.OTHER_DAYS]["amount"]
    balance = None if opening is None else int(opening * 100)

    if balance is not None:
        # What was paid out of it is not open any more.
        found[BridgeItem.CLOSING]["amount"] -= balance - other_days

    is_unread_known = _add_unread(found, sums, name)

    is_part = balance is not None
    known = before["amount"] + (balance or 0)
    total = known + sum(
        line["amount"]
        for item, line in found.items()
        if item is not BridgeItem.PAID_OUT
        and not (is_part and item is BridgeItem.OTHER_DAYS)
    )
    amounts = _Line(amount=found[BridgeItem.PAID_OUT]["amount"] - total)
    found[BridgeItem.AMOUNTS] = amounts
    unknown = balance is None and not has_opening_rows

    return (
        BridgeLine(
            item=BridgeItem.OPENING,
            amount=None if unknown else _money(known),
            rows=before["rows"] if has_opening_rows else None,
        ),
        *(
            BridgeLine(
                item=item,
                amount=_money(found[item]["amount"])
                if item is not BridgeItem.QUARANTINED or is_unread_known
                else None,
                rows=sums.differing.get(item)
                if item in (BridgeItem.AMOUNTS, BridgeItem.EXCHANGE)
                else found[item]["rows"],
                is_part=is_part and item is BridgeItem.OTHER_DAYS,
            )
            for item in BridgeItem
            if item in found
        ),
    )


def _unlisted(sums: BridgeSums, *, asked: bool) -> Iterator[Sums]:
    return (
        one for one in sums.unlisted if one["asked"] == asked and not one["quarantined"]
    )


def _add_unread(found: dict[BridgeItem, _Line], sums: BridgeSums, name: str) -> bool:
    """
    Add the line of what was set aside: what is not known to be paid out of it is open,
    and what is set aside of the statement was paid out.

    Returns:
        Whether its amount is known.
    """
    traded, paid = sums.unread_transactions, sums.unread_statement
    # Their keys could be read.
    known = _Line().take((one for one in sums.unlisted if one["quarantined"]), name)

    if name != "total_cny":
        # A file has its total in CNY only.
        if known["rows"]:
            found[BridgeItem.QUARANTINED] = known

        return True

    if not (traded.rows or paid.rows):
        return True

    line = _Line(amount=known["amount"], rows=traded.rows + paid.rows)
    found[BridgeItem.QUARANTINED] = line

    if traded.amount is not None:
        line["amount"] = int(traded.amount * 100)
        found[BridgeItem.CLOSING]["amount"] -= line["amount"] - known["amount"]

    if paid.amount is not None:
        line["amount"] += int(paid.amount * 100)
        found[BridgeItem.PAID_OUT]["amount"] += int(paid.amount * 100)

    return None not in (traded.amount, paid.amount)


def _of_kind(groups: Iterable[Sums], kind: str) -> Iterator[Sums]:
    return (one for one in groups if one["kind"] == kind and not one["opening"])


def _payout_lines(sums: BridgeSums, name: str) -> dict[BridgeItem, _Line]:
    """
    Return what lies between the amounts of the rows and what was paid out for them.
    """
    if name == "total_cny":
        fees, exchange = _Line(), _Line()

        for one in sums.paid:
            fees["rows"] += one["rows"]
            fees["amount"] -= one["service_fee"]
            exchange["amount"] += (
                one["exchanged_cny"]
                - _signed(one) * one["total_cny"]
                + one["service_fee"]
            )

        return {BridgeItem.FEES: fees, BridgeItem.EXCHANGE: exchange}

    lines = {
        item: Fraction(0)
        for item in (BridgeItem.FEES, BridgeItem.EXCHANGE, BridgeItem.FX)
    }
    rows = exact = 0

    for one in sums.paid:
        rows += one["rows"]
        gross = _signed(one) * one["total"]
        exact += one["exchanged"] - gross

        if rate := one["exchange_rate"]:
            each = Fraction(_RATE_UNIT, rate)
            cny = _signed(one) * one["total_cny"]
            lines[BridgeItem.FEES] -= one["service_fee"] * each
            lines[BridgeItem.FX] += cny * each - gross
            lines[BridgeItem.EXCHANGE] += (
                one["exchanged_cny"] - cny + one["service_fee"]
            ) * each

    found = {
        item: _Line(rows=rows, amount=_cents(value)) for item, value in lines.items()
    }
    # What is rounded in each row, and in the lines above.
    rest = exact - sum(line["amount"] for line in found.values())
    found[BridgeItem.ROUNDING] = _Line(rows=rows, amount=rest)

    return found


def _paid_out(sums: BridgeSums, name: str) -> _Line:
    paid = "exchanged_cny" if name == "total_cny" else "exchanged"
    line = _Line()

    for one in sums.paid:
        line["rows"] += one["rows"]
        line["amount"] += one[paid]

    return line


def _cents(value: Fraction) -> int:
    exact = Decimal(value.numerator) / Decimal(value.denominator)

    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _money(hundredths: int) -> Decimal:
    return Decimal(hundredths).scaleb(-2)


def _missing(
    lines: Sequence[BridgeLine],
    currencies: Mapping[str, Sequence[BridgeLine]],
    tolerance: Tolerance,
    rounding: Rounding,
    *,
    is_opening_unknown: bool,
    has_opening_rows: bool,
    unread: int,
) -> Iterator[Text]:
    by_item = {line.item: line for line in lines}
    rows = by_item[BridgeItem.PAID_OUT].rows or 0

    if is_opening_unknown:
        yield Text(
            "opening unknown: what was open before the first day is not given",
            "期初未知：未提供首日之前的未结算余额",
        )

    if unread:
        yield Text(
            f"{unread} rows of the gateway's files cannot be read",
            f"网关文件有 {unread} 行无法识别",
        )

    if has_opening_rows and by_item[BridgeItem.OTHER_DAYS].rows:
        yield Text(
            f"{by_item[BridgeItem.OTHER_DAYS].rows} rows were paid out for orders of"
            " other days that were not open",
            f"有 {by_item[BridgeItem.OTHER_DAYS].rows} 行结算属于其他日期且期初并未列为未结算",
        )

    for item, allowed in (
        (BridgeItem.UNKNOWN, Decimal(0)),
        (BridgeItem.AMOUNTS, tolerance.total_cny),
        (BridgeItem.EXCHANGE, tolerance.exchange),
    ):
        amount = by_item[item].amount or Decimal(0)

        if abs(amount) > allowed * rows:
            yield Text(
                f"{item.label.en.lower()}: {amount} CNY",
                f"{item.label.zh}：{amount} CNY",
            )

    for currency, found in currencies.items():
        left = next(one for one in found if one.item is BridgeItem.AMOUNTS)

        if abs(left.amount or Decimal(0)) > tolerance.total * rows:
            yield Text(
                f"{left.item.label.en.lower()}: {left.amount} {currency}",
                f"{left.item.label.zh}：{left.amount} {currency}",
            )

        line = next(one for one in found if one.item is BridgeItem.ROUNDING)
        most = _CENT if rounding is Rounding.CUT else _CENT / 2
        # Three of the lines above are rounded to the cent themselves.
        bound = (most + tolerance.exchange) * (line.rows or 0) + 2 * _CENT

        if line.amount is not None and abs(line.amount) > bound:
            yield Text(
                f"rounding in {currency}: {line.amount}, more than {bound}",
                f"{currency} 舍入：{line.amount}，超过 {bound}",
            )
