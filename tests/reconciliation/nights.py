"""
Random runs of one to five days as files, in which everything may be wrong.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import polars as pl

from umfpay.reconciliation import Ledger, LedgerFormat, reconcile
from umfpay.reconciliation._books import Book, schema_of


BY_DAY = LedgerFormat(key="order+day")
CENT = Decimal("0.01")
RATES = {"USD": "6.9193", "EUR": "7.41051234", "JPY": "0.0613", "CNY": "1.0000"}
LEDGER_COLUMNS = (
    "mer_reference_id",
    "mer_date",
    "kind",
    "refund_id",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
)


class Night:
    """
    A run: what was traded, paid out and written down, and how it is asked for.
    """

    def __init__(self, chance, folder):
        self.chance, self.folder = chance, folder
        self.first = date(2017, 2, 1) + timedelta(chance.randrange(14))
        self.days = [
            self.first + timedelta(n) for n in range(chance.choice([1, 1, 2, 3, 5]))
        ]
        self.settle_after = chance.choice([0, 1, 2])
        self.holidays = chance.choice([[], [self.first]])
        self.wrong = chance.choice([0.0, 0.03, 0.2])
        self.rounding = chance.choice([ROUND_HALF_UP, ROUND_HALF_UP, ROUND_DOWN])
        self.opening = None
        self.opening_rows = []
        self.listed = {day: [] for day in self.days}
        self.paid = {day: [] for day in self.days}
        self.ledger = []
        self.columns = [
            name
            for name in LEDGER_COLUMNS
            if name in ("mer_reference_id", "kind", "refund_id", "total_cny")
            or chance.random() < 0.9
        ]
        self._fill()

    def _fill(self):
        chance = self.chance
        number = 0

        for day in self.days:
            for _ in range(chance.randint(0, 6)):
                number += 1
                self._sell(f"o-{number}", day)

        self._before()

        for day in self.days:
            if chance.random() < self.wrong:
                self._pay_unknown(day)

        for book in (*self.listed.values(), *self.paid.values(), [self.ledger]):
            chance.shuffle(book)

    def _sell(self, order, day):
        chance = self.chance
        currency = chance.choice([*RATES])
        total = Decimal(chance.randrange(1, 100_000)) * CENT
        sold = self._row(order, "P", "", day, currency, total)
        self._enter(sold, day)

        for n in range(chance.choice([0, 0, 0, 1, 2])):
            part = (total / chance.choice([1, 2, 2, 3, 7])).quantize(CENT, ROUND_DOWN)
            later = min(day + timedelta(chance.randrange(3)), self.days[-1])
            name = f"r-{order}-{n}"

            if self._goes_wrong():
                name = "r-shared"

            self._enter(self._row(order, "T", name, day, currency, part), later)

    def _row(self, order, kind, refund, day, currency, total):
        rate = Decimal(RATES[currency])

        return {
            "order_id": order,
            "kind": kind,
            "refund_id": refund,
            "mer_date": day,
            "currency": currency,
            "total": total,
            "total_cny": (total * rate).quantize(CENT, ROUND_HALF_UP),
            "exchange_rate": rate,
            "state": "0",
        }

    def _goes_wrong(self):
        return self.chance.random() < self.wrong

    def _changed(self, row, names):
        """
        Return *row* as it may be.
        """
        row = dict(row)

        for name in names:
            if self._goes_wrong() and name in row:
                changed = {
                    "currency": "GBP",
                    "state": self.chance.choice(["1", "3", "-1", "failed", ""]),
                    "mer_date": row["mer_date"] - timedelta(self.chance.randint(1, 20)),
                    "exchange_rate": Decimal(self.chance.choice(["0", "9.5"])),
                }
                row[name] = (
                    changed[name]
                    if name in changed
                    else row[name] + self.chance.choice([CENT, -CENT, 7 * CENT])
                )

        return row

    def _times(self):
        return self.chance.choice([0, 1, 1, 2]) if self._goes_wrong() else 1

    def _enter(self, row, day):
        """
        Write *row* into the books.
        """
        names = ["state", "mer_date", "total", "total_cny", "exchange_rate"]
        traded = self._changed(row, names)
        self.listed[day] += [traded] * self._times()
        fee = max(CENT, (row["total_cny"] / 100).quantize(CENT, ROUND_HALF_UP))
        fee = fee if row["kind"] == "P" else Decimal("0.00")
        booked = self._changed(
            {**row, "service_fee": fee},
            ["currency", "mer_date", "total", "total_cny", "service_fee"],
        )
        booked["state"] = "success"

        if self._goes_wrong():
            booked["state"] = self.chance.choice(["failed", "unpaid", "lost"])

        for name in ("currency", "state", "total", "total_cny", "service_fee"):
            if self._goes_wrong():
                booked[name] = ""

        self.ledger += [booked] * self._times()
        after = day + timedelta(self.chance.choice([0, 0, 1, 2, 5]))

        if after in self.paid and traded["state"] == "0":
            self._pay(traded, after, fee)

    def _pay(self, row, day, fee):
        sign = -1 if row["kind"] == "T" else 1
        net = sign * row["total_cny"] - fee
        drift = Decimal("0.9").quantize(CENT) + day.day * CENT
        rate = (Decimal(RATES.get(row["currency"], "6.5")) * drift).quantize(
            Decimal("0.00000001")
        )
        paid = {
            **row,
            "service_fee": fee,
            "exchanged": (net / rate).quantize(CENT, self.rounding),
            "exchanged_cny": net,
            "exchange_rate": rate,
        }
        names = ["currency", "state", "mer_date", "total", "total_cny", "service_fee"]
        paid = self._changed(paid, [*names, "exchanged", "exchanged_cny"])
        self.paid[day] += [paid] * self._times()

    def _pay_unknown(self, day):
        kind = self.chance.choice("PT")
        order = f"ghost-{day.day}"
        row = self._row(order, kind, order if kind == "T" else "", day, "USD", 3 * CENT)
        self._pay(row, day, Decimal("0.00"))

    def _before(self):
        """
        Make up what was open before the first day.
        """
        for number in range(self.chance.choice([0, 0, 1, 3])):
            day = self.first - timedelta(self.chance.randint(1, 6))
            row = self._row(f"b-{number}", "P", "", day, "USD", Decimal(number + 1))
            self.opening_rows.append({**row, "listed_on": day})

            if self.chance.random() < 0.6:
                self._pay(row, self.chance.choice(self.days), CENT)

        match self.chance.choice(["rows", "balance", "nothing"]):
            case "rows":
                self.opening = "rows"
            case "balance":
                self.opening = sum(
                    (row["total_cny"] for row in self.opening_rows), Decimal("0.00")
                )
                self.opening_rows = []
            case "nothing":
                self.opening_rows = []

    def write(self):
        """
        Write the files; return the transactions, the statements and the ledger.
        """
        self.spoilt = self.chance.choice([0.0, 0.0, 0.1])
        listed = [
            self._file("t", day, rows, traded_line) for day, rows in self.listed.items()
        ]
        paid = [
            self._file("s", day, rows, paid_line) for day, rows in self.paid.items()
        ]
        ledger = self.folder / "ledger.csv"

        with ledger.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)

            for row in self.ledger:
                row = {**row, "mer_reference_id": row["order_id"]}
                writer.writerow([row[name] for name in self.columns])

        return listed, paid, ledger

    def _spoilt(self, line):
        """
        Return *line*, which may be one that nobody can read.
        """
        if self.chance.random() >= self.spoilt:
            return line

        return ",".join(self.chance.choice(SPOILT)(line.split(",")))

    def _file(self, name, day, rows, line):
        word = f"{day:%Y%m%d}"
        total = sum(
            (
                row.get("exchanged_cny", row["total_cny"])
                for row in rows
                if row["kind"] == "P"
            ),
            Decimal("0.00"),
        )
        path = self.folder / f"{name}-{word}.txt"
        path.write_text(
            "".join(
                [
                    f"TRANSDETAIL-START,8017,{word}\n",
                    *(f"{self._spoilt(line(row, word))}\n" for row in rows),
                    f"TRANSDETAIL-End,8017,{word},{total}\n",
                ]
            ),
            "utf-8",
        )

        return path

    def given_opening(self):
        """
        Return what was open before, as `reconcile()` takes it.
        """
        return (
            opening_frame(self.opening_rows) if self.opening == "rows" else self.opening
        )


SPOILT = (
    # Too few columns, another kind, no currency, an amount that is none.
    lambda fields: fields[:9],
    lambda fields: [one if one not in ("P", "T") else "X" for one in fields],
    lambda fields: [one if one not in RATES else "" for one in fields],
    lambda fields: [one if "." not in one else f"{one}?" for one in fields],
)


def traded_line(row, word):
    return (
        f"U1,15210838198,{row['order_id']},{row['mer_date']:%Y%m%d},{word},101112,"
        f"{row['currency']},{row['total']},{row['total_cny']},{row['exchange_rate']},"
        f"{row['state']},{row['kind']},P1,{row['refund_id']}"
    )


def paid_line(row, word):
    return (
        f"PAY_1,{row['refund_id'] or row['order_id']},{row['mer_date']:%Y%m%d},{word},"
        f"{row['currency']},{row['total']},{row['total_cny']},{row['service_fee']},"
        f"{row['exchanged']},{row['exchanged_cny']},{row['exchange_rate']},{word},"
        f"{row['kind']},{row['state']}"
    )


class UniqueNumbers(Night):
    """
    A run in which all dates are right.
    """

    def __init__(self, chance, folder):
        super().__init__(chance, folder)
        self.columns = [*LEDGER_COLUMNS]

    def _changed(self, row, names):
        return super()._changed(row, [name for name in names if name != "mer_date"])

    def _spoilt(self, line):
        return line

    def answer(self, written, *, engine, buckets):
        transactions, statements, ledger = self.write()
        return reconcile(
            transactions,
            statements,
            ledger=Ledger.csv(ledger, written=written),
            engine=engine,
            buckets=buckets,
            settle_after=self.settle_after,
            holidays=self.holidays,
            opening=self.given_opening(),
        )

    def repeat_numbers(self):
        """
        Number the orders of each day from 1; return the old number of each key.
        """
        books = (*self.listed.values(), *self.paid.values(), self.ledger)
        rows = [row for book in books for row in book] + self.opening_rows
        numbers, old = {}, {}

        for row in rows:
            day = numbers.setdefault(row["mer_date"], {})
            day.setdefault(row["order_id"], len(day) + 1)

        for row in {id(row): row for row in rows}.values():
            new = str(numbers[row["mer_date"]][row["order_id"]])
            old[f"{new}@{row['mer_date']}"] = row["order_id"]
            row["order_id"] = new

        for row in self.opening_rows:
            row["order_id"] += f"@{row['mer_date']}"

        return old


def opening_frame(rows):
    units = {"total": 100, "total_cny": 100, "exchange_rate": 10**8}

    return pl.DataFrame(
        [
            {name: int(value * units[name]) if name in units else value}
            | {
                key: int(one * units[key]) if key in units else one
                for key, one in row.items()
            }
            for row in rows
            for name, value in [("order_id", row["order_id"])]
        ],
        schema={
            name: kind
            for name, kind in schema_of(Book.TRANSACTIONS).items()
            if name != "opening"
        },
    )
