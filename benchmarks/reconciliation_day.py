"""
A day's three books, made up: N rows, and K differences of every class.

The same seed gives the same bytes. Books are written in blocks, so that ten million
rows need no more memory than one.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import attrs


Key = tuple[str, str, str]

CLASSES: Final = (
    "duplicate",
    "missing_in_ledger",
    "missing_at_gateway",
    "refund_without_payment",
    "currency_differs",
    "amount_differs",
    "state_differs",
    "wrong_day",
    "paid_out_unknown",
    "fee_differs",
    "exchange_differs",
)
# Lines of the bridge that those who write it by hand have as well.
BRIDGE_ITEMS: Final = (
    "traded",
    "refunded",
    "fees",
    "exchange",
    "paid_out",
    "unknown",
    "closing",
)
_END_BYTES: Final = 200
_RATES: Final = {"USD": 69193, "EUR": 74105, "HKD": 8912, "GBP": 86541, "JPY": 613}
_CURRENCIES: Final = tuple(_RATES)
_UNIT: Final = 10_000
_BLOCK: Final = 100_000
# One row of so many is not paid out yet.
_OPEN_EVERY: Final = 500
_MERCHANT: Final = "8017"
_HEAD: Final = (
    "order_no,biz_date,kind,refund_no,currency,amount,amount_cny,status,fee\n"
)


@attrs.frozen(kw_only=True)
class Day:
    """
    The books of a day, and what is wrong with them.

    Args:
        transactions: The gateway's transaction file.
        statement: Its reconciliation file.
        ledger: The merchant's CSV.
        expected: The keys of each class.
    """

    transactions: Path
    statement: Path
    ledger: Path
    expected: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Day:
        """
        Return the day that was written into *folder*.
        """
        return cls(
            transactions=folder / "transactions.txt",
            statement=folder / "statement.txt",
            ledger=folder / "ledger.csv",
            expected=json.loads((folder / "expected.json").read_text("utf-8")),
        )


@attrs.define
class _Entry:
    """
    One payment or refund as it is told by each book; changed to inject a difference.
    """

    order_id: str
    kind: str
    refund_id: str
    day: date
    currency: str
    cny: int
    ledger_currency: str
    ledger_cny: int
    ledger_total: int
    ledger_state: str
    ledger_day: date
    ledger_fee: int
    exchanged_cny: int
    in_ledger: int = 1
    in_gateway: int = 1
    in_statement: int = 1

    @property
    def rate(self) -> int:
        return _RATES[self.currency]

    @property
    def total(self) -> int:
        return half_up(self.cny * _UNIT, self.rate)

    @property
    def fee(self) -> int:
        return fee_of(self.cny) if self.kind == "P" else 0


def half_up(above: int, below: int) -> int:
    """
    Return *above* / *below* to the nearest integer, ties upward; both above 0.
    """
    return (2 * above + below) // (2 * below)


def fee_of(cny: int) -> int:
    """
    Return one per cent, at least a cent: what the emulator keeps.
    """
    return max(1, half_up(cny, 100))


def write_day(
    folder: Path,
    *,
    rows: int,
    per_class: int,
    seed: int,
    day: date,
    is_dated: bool = False,
) -> Day:
    """
    Write the books of *day* into *folder*.

    Args:
        rows: Payments and refunds, about; one of ten is a refund.
        per_class: Differences of each class.
        is_dated: Rows of the transactions have 15 columns: a date before the state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)  # noqa: S311 (the same day again)
    expected: dict[str, list[Key]] = {name: [] for name in CLASSES}
    # A payment with a difference has no refund, so that classes do not meet.
    chosen = dict(
        zip(
            chance.sample(range(rows), per_class * len(CLASSES)),
            [name for name in CLASSES for _ in range(per_class)],
            strict=True,
        )
    )
    paid = paid_out = 0

    with (
        (folder / "transactions.txt").open("w", encoding="utf-8") as transactions,
        (folder / "statement.txt").open("w", encoding="utf-8") as statement,
        (folder / "ledger.csv").open("w", encoding="utf-8") as ledger,
    ):
        word = day.isoformat().replace("-", "")
        transactions.write(f"TRANSDETAIL-START,{_MERCHANT},{word}\n")
        statement.write(f"TRANSDETAIL-START,{_MERCHANT},{word}\n")
        ledger.write(_HEAD)

        for block in _blocks(_entries(rows, chance, chosen, expected, day)):
            # The ledger has another order than the gateway.
            transactions.writelines(
                _transaction(one, is_dated=is_dated)
                for one in _given(block, "in_gateway")
            )
            statement.writelines(map(_paid, _given(block, "in_statement")))
            chance.shuffle(block)
            ledger.writelines(map(_booked, _given(block, "in_ledger")))
            paid += sum(
                one.cny * one.in_gateway * (1 if one.kind == "P" else -1)
                for one in block
            )
            paid_out += sum(
                one.exchanged_cny * one.in_statement * (1 if one.kind == "P" else -1)
                for one in block
            )

        transactions.write(f"TRANSDETAIL-End,{_MERCHANT},{word},{_money(paid)}\n")
        statement.write(f"TRANSDETAIL-End,{_MERCHANT},{word},{_money(paid_out)}\n")

    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")

    return Day.load(folder)


def _entries(
    rows: int,
    chance: random.Random,
    chosen: Mapping[int, str],
    expected: Mapping[str, list[Key]],
    day: date,
) -> Iterator[_Entry]:
    for number in range(rows):
        wrong = chosen.get(number)
        payment = _entry(f"O{number:011d}", "P", "", chance.randrange(100, 10**6), day)

        if wrong == "refund_without_payment":
            payment = _entry(payment.order_id, "T", f"R{number:011d}", 5_000, day)

        if wrong is not None:
            _damage(payment, wrong)
            expected[wrong].append((payment.order_id, payment.kind, payment.refund_id))
        elif number % _OPEN_EVERY == 1:
            payment.in_statement = 0

        yield payment

        if wrong is None and number % 10 == 0:
            yield _entry(
                payment.order_id, "T", f"R{number:011d}", payment.cny // 2 + 1, day
            )


def _entry(order_id: str, kind: str, refund_id: str, cny: int, day: date) -> _Entry:
    currency = _CURRENCIES[int(order_id[-3:]) % len(_CURRENCIES)]
    fee = fee_of(cny) if kind == "P" else 0
    is_payment = kind == "P"

    return _Entry(
        order_id=order_id,
        kind=kind,
        refund_id=refund_id,
        day=day,
        currency=currency,
        cny=cny,
        ledger_currency=currency,
        ledger_cny=cny,
        ledger_total=half_up(cny * _UNIT, _RATES[currency]),
        ledger_state="paid" if is_payment else "refunded",
        ledger_day=day,
        ledger_fee=fee,
        exchanged_cny=cny - fee if is_payment else -cny,
    )


def _damage(entry: _Entry, wrong: str) -> None:
    match wrong:
        case "duplicate":
            entry.in_ledger = 2
        case "missing_in_ledger":
            entry.in_ledger = 0
        case "missing_at_gateway":
            entry.in_gateway = entry.in_statement = 0
        case "paid_out_unknown":
            entry.in_ledger = entry.in_gateway = 0
        case "currency_differs":
            entry.ledger_currency = "CNY"
        case "amount_differs":
            entry.ledger_cny += 1
        case "state_differs":
            entry.ledger_state = "failed"
        case "wrong_day":
            entry.ledger_day -= timedelta(days=1)
        case "fee_differs":
            entry.ledger_fee += 1
        case "exchange_differs":
            entry.exchanged_cny -= 1
        case "refund_without_payment":
            pass


def _given(block: Iterable[_Entry], count: str) -> Iterator[_Entry]:
    for one in block:
        for _ in range(getattr(one, count)):
            yield one


def _transaction(one: _Entry, *, is_dated: bool) -> str:
    word = one.day.isoformat().replace("-", "")
    more = f",{word}" if is_dated else ""

    return (
        f"U{one.order_id},15210838198,{one.order_id},{word},{word},101112,"
        f"{one.currency},{_money(one.total)},{_money(one.cny)},{_rate(one.rate)}{more},"
        f"0,{one.kind},P1,{one.refund_id}\n"
    )


def _paid(one: _Entry) -> str:
    word = one.day.isoformat().replace("-", "")
    size = half_up(abs(one.exchanged_cny) * _UNIT, one.rate)
    exchanged = -size if one.exchanged_cny < 0 else size

    return (
        f"PAY_{one.order_id},{one.refund_id or one.order_id},{word},{word},"
        f"{one.currency},{_money(one.total)},{_money(one.cny)},{_money(one.fee)},"
        f"{_money(exchanged)},{_money(one.exchanged_cny)},{_rate(one.rate)},{word},"
        f"{one.kind},0\n"
    )


def _booked(one: _Entry) -> str:
    return (
        f"{one.order_id},{one.ledger_day.isoformat()},"
        f"{'payment' if one.kind == 'P' else 'refund'},{one.refund_id},"
        f"{one.ledger_currency},{_money(one.ledger_total)},{_money(one.ledger_cny)},"
        f"{one.ledger_state},{_money(one.ledger_fee)}\n"
    )


def _money(hundredths: int) -> str:
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)

    return f"{sign}{whole}.{rest:02d}"


def _rate(units: int) -> str:
    whole, rest = divmod(units, _UNIT)

    return f"{whole}.{rest:04d}"


def _blocks(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    block: list[_Entry] = []

    for one in entries:
        block.append(one)

        if len(block) >= _BLOCK:
            yield block

            block = []

    if block:
        yield block


def must_fit(path: Path, made: float) -> None:
    """
    Compare the last line of a file with what its rows have *made*, in hundredths.

    Raises:
        ValueError: They are not the same.
    """
    with path.open("rb") as file:
        file.seek(-_END_BYTES, os.SEEK_END)
        end = file.read().decode().split(",")[-1].strip()

    if f"{made / 100:.2f}" != end:
        raise ValueError(f"{path}: {made} is not {end}")
