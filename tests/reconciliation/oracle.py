"""
A second opinion about a run: classes, bridge and verdict in plain Python, from the files,
with no code of ours. Slow, one key at a time, in decimals and fractions.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction


GATEWAY_STATES = {
    "0": "done",
    "1": "failed",
    "3": "pending",
    "-1": "reversed",
    "": None,
}
LEDGER_STATES = {"success": "done", "": None, "unpaid": "waiting"}
ORDER = [
    "quarantined",
    "missing_in_ledger",
    "missing_at_gateway",
    "refund_without_payment",
    "over_refunded",
    "currency_differs",
    "amount_differs",
    "state_differs",
    "wrong_day",
    "not_compared",
    "paid_out_unknown",
    "not_paid_out",
    "fee_differs",
    "exchange_differs",
]
MONEY = ("total", "total_cny", "service_fee", "exchanged", "exchanged_cny")


def _day(word):
    return datetime.strptime(word, "%Y%m%d").date() if word else None


RULES = {
    "paid": lambda paid, refunded: paid,
    "net": lambda paid, refunded: paid - refunded,
    "gross": lambda paid, refunded: paid + refunded,
}


def read_gateway(paths, names):
    rows, bad, files = [], [], []

    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            head, *body, tail = csv.reader(file)

        good = []
        spoilt = len(bad)

        for fields in body:
            row = dict(zip(names, fields, strict=False))

            if len(fields) != len(names) or row["kind"] not in ("P", "T"):
                bad.append((None, None, None))

                continue

            if not row["currency"] or any("?" in field for field in fields):
                is_refund = row["kind"] == "T"
                number = row.get("number", row.get("refund_id"))
                order = row.get("order_id", "" if is_refund else row.get("number"))
                bad.append((row["kind"], order, number if is_refund else ""))

                continue

            row |= {name: Decimal(row[name]) for name in MONEY if name in row}
            row["mer_date"] = _day(row["mer_date"])
            row["exchange_rate"] = Decimal(row["exchange_rate"])
            row["means"] = GATEWAY_STATES.get(row["state"], row["state"])
            row["listed_on"] = _day(head[2])
            good.append(row)

        rows += good
        name = "exchanged_cny" if "exchanged_cny" in names else "total_cny"
        sums = [
            sum((row[name] for row in good if row["kind"] == kind), Decimal(0))
            for kind in "PT"
        ]
        files.append((Decimal(tail[3]), sums, len(bad) - spoilt))

    return rows, bad, unread(files)


def unread(files):
    """
    Return what the totals have more than the rows that could be read; None if unknown.
    """
    rules = {
        name
        for name, rule in RULES.items()
        if all(total == rule(*sums) for total, sums, bad in files if not bad)
    }
    found = [
        {total - RULES[name](*sums) for name in rules}
        for total, sums, bad in files
        if bad
    ]

    if any(len(one) > 1 for one in found):
        return None

    return sum((one.pop() for one in found), Decimal("0.00"))


def read_ledger(path):
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    for row in rows:
        row["order_id"] = row.pop("mer_reference_id")
        for name in ("total", "total_cny", "service_fee"):
            if name in row:
                row[name] = Decimal(row[name]) if row[name] else None
        if "mer_date" in row:
            row["mer_date"] = date.fromisoformat(row["mer_date"])
        if "currency" in row:
            row["currency"] = row["currency"] or None
        if "state" in row:
            row["means"] = LEDGER_STATES.get(row["state"], row["state"])

    return rows


TRADED = [
    "trade",
    "phone",
    "order_id",
    "mer_date",
    "plat",
    "clock",
    "currency",
    "total",
    "total_cny",
    "exchange_rate",
    "state",
    "kind",
    "product",
    "refund_id",
]
PAID = [
    "id",
    "number",
    "mer_date",
    "settled",
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
    "exchange_rate",
    "exchanged_on",
    "kind",
    "state",
]


class Oracle:
    """
    The answer to a run.
    """

    def __init__(self, night, transactions, statements, ledger, *, known="half up"):
        self.night, self.known = night, known
        opening = [
            {**row, "means": "done", "opening": True} for row in night.opening_rows
        ]
        listed, self.bad, self.unread = read_gateway(transactions, TRADED)
        self.traded = [{**row, "opening": False} for row in listed] + opening
        self.paid, self.bad_paid, self.unread_paid = read_gateway(statements, PAID)
        self.ledger = read_ledger(ledger)
        self.columns = {*night.columns}
        self.as_of = max(night.days)
        self.rounding = self._learned_rounding()
        self._index()
        self.classes = {key: self._class(key) for key in self.keys}
        self.bridge = {None: self._bridge("total_cny", "exchanged_cny", None)}

        for currency in {row["currency"] for row in (*self.traded, *self.paid)} - {
            "CNY"
        }:
            self.bridge[currency] = self._bridge("total", "exchanged", currency)

    # Books

    def _index(self):
        def key(row):
            return (row["order_id"], row["kind"], row["refund_id"] or "")

        self.theirs, self.ours, self.out = (defaultdict(list) for _ in range(3))

        for row in self.traded:
            self.theirs[key(row)].append(row)

        for row in self.ledger:
            self.ours[key(row)].append(row)

        owners = defaultdict(set)

        for order, kind, refund in (*self.theirs, *self.ours):
            owners[kind, refund if kind == "T" else order].add((order, kind, refund))

        at_gateway = {
            (kind, refund if kind == "T" else order)
            for order, kind, refund in self.theirs
        }
        self.unlisted = []

        for row in self.paid:
            number = (row["kind"], row["number"])
            alone = (
                ("", "T", row["number"])
                if row["kind"] == "T"
                else (row["number"], "P", "")
            )

            for one in owners.get(number) or {alone}:
                self.out[one].append(row)

            if number not in at_gateway:
                self.unlisted.append(row)

        self.keys = {*self.theirs, *self.ours}

        for one, rows in self.out.items():
            if len(rows) > 1 or any(map(self._is_asked, rows)):
                self.keys.add(one)

        for one in [*self.keys]:
            ours = self.ours[one]
            is_unpaid = len(ours) == 1 and ours[0].get("means") in ("failed", "waiting")

            if is_unpaid and not self.theirs[one] and not self.out[one]:
                self.keys.remove(one)

        numbers = {(row["kind"], row["number"]) for row in self.paid}
        self.open = [
            row
            for row in self.traded
            if row["means"] == "done"
            and (
                row["kind"],
                row["refund_id"] if row["kind"] == "T" else row["order_id"],
            )
            not in numbers
        ]

    def _is_asked(self, row):
        return self.night.days[0] <= row["mer_date"] <= self.night.days[-1]

    # Days

    def age(self, day):
        count = 0

        while day < self.as_of:
            day += timedelta(1)
            count += day.weekday() < 5 and day not in self.night.holidays

        return count

    def _is_late(self, row):
        return self.age(row["listed_on"]) > self.night.settle_after

    # Money

    def _learned_rounding(self):
        def misfits(rule):
            return sum(self._exchange_is_wrong(row, rule) for row in self.paid)

        before = misfits(self.known)

        for rule in ("half up", "cut", "sum of a day"):
            left = misfits(rule)

            fits = before - left >= 2 and before >= 10 * left

            if fits and (rule != "sum of a day" or self._days_add_up()):
                return rule

        return self.known

    def _days_add_up(self):
        sums = defaultdict(lambda: [Fraction(0), Fraction(0)])

        for row in self.paid:
            one = sums[row["listed_on"], row["currency"], row["exchange_rate"]]
            one[0] += Fraction(row["exchanged"])
            one[1] += Fraction(row["exchanged_cny"])

        return all(
            abs(paid * Fraction(rate) - cny) * 200 <= Fraction(rate)
            for (_, _, rate), (paid, cny) in sums.items()
        )

    def _exchange_is_wrong(self, row, rule):
        sign = -1 if row["kind"] == "T" else 1
        cny, paid = row["exchanged_cny"], row["exchanged"]

        if cny != sign * row["total_cny"] - row["service_fee"] or cny * paid < 0:
            return True

        exact = abs(Fraction(cny)) / Fraction(row["exchange_rate"]) * 100
        size = abs(Fraction(paid)) * 100

        if rule == "half up":
            return size != int(exact + Fraction(1, 2))

        return size != int(exact) if rule == "cut" else abs(size - exact) > 1

    # Classes

    def _class(self, key):
        theirs, ours, out = self.theirs[key], self.ours[key], self.out[key]

        if max(len(theirs), len(ours), len(out)) > 1:
            return ["duplicate"]

        said = set()
        their, our, paid = (rows[0] if rows else None for rows in (theirs, ours, out))

        if their and not our and not their["opening"]:
            said.add("missing_in_ledger")

        if our and not their:
            said.add("missing_at_gateway")

        if their and our:
            said |= self._against_ledger(key, their, our)

        if key in self._over_refunded():
            said.add("over_refunded")

        if their and self._is_off_rate(their) and key[1] == "P":
            said.add("amount_differs")

        if paid:
            said |= self._against_statement(their, our, paid)
        elif their and their["means"] == "done" and self._is_late(their):
            said.add("not_paid_out")

        if said and self._is_spoilt(key):
            said.add("quarantined")

        return sorted(said, key=ORDER.index) or ["matched"]

    def _is_spoilt(self, key):
        order, kind, refund = key

        return any(
            "" in (order, whose) or whose == order
            for one, whose, number in (*self.bad, *self.bad_paid)
            if (one, number) == (kind, refund)
        )

    def _against_ledger(self, key, their, our):
        said = set()

        if key[1] == "T" and not any(
            one[0] == key[0] and one[1] == "P"
            for one in (*self.theirs, *self.ours)
            if self.theirs[one] or self.ours[one]
        ):
            said.add("refund_without_payment")

        for name, difference in (
            ("currency", "currency_differs"),
            ("total", "amount_differs"),
            ("total_cny", "amount_differs"),
            ("mer_date", "wrong_day"),
        ):
            if our.get(name) is not None and our[name] != their[name]:
                said.add(difference)

        if "state" not in self.columns:
            said |= {"state_differs"} if their["means"] != "done" else set()
        elif our["means"] and their["means"] and our["means"] != their["means"]:
            said.add("state_differs")

        compared = {*self.columns} - {"mer_reference_id", "kind", "refund_id"}

        if any(our["means" if name == "state" else name] is None for name in compared):
            said.add("not_compared")

        return said

    def _is_off_rate(self, row):
        exact = Fraction(row["total"]) * Fraction(row["exchange_rate"])
        half_cent = max(Fraction(1), Fraction(row["exchange_rate"])) / 200

        return abs(exact - Fraction(row["total_cny"])) > half_cent

    def _against_statement(self, their, our, paid):
        said = set()

        if their:
            for name, difference in (
                ("currency", "currency_differs"),
                ("total", "amount_differs"),
                ("total_cny", "amount_differs"),
                ("mer_date", "wrong_day"),
            ):
                if paid[name] != their[name]:
                    said.add(difference)

            if their["means"] != "done" or paid["means"] not in (None, "done"):
                said.add("state_differs")
        elif self._is_asked(paid):
            said.add("paid_out_unknown")

        if our and our.get("service_fee") not in (None, paid["service_fee"]):
            said.add("fee_differs")

        if self._exchange_is_wrong(paid, self.rounding):
            said.add("exchange_differs")

        return said

    def _over_refunded(self):
        if hasattr(self, "_over"):
            return self._over

        self._over = set()
        amount = "total" if "total" in self.columns else "total_cny"

        orders = defaultdict(dict)

        for one in {*self.theirs, *self.ours}:
            rows = self.theirs[one] or self.ours[one]

            if rows:
                currencies = [row.get("currency") for row in rows]
                currency = max((c for c in currencies if c), default=None)
                orders[one[0]][one] = (
                    _worth(rows, amount),
                    currency,
                )

        for keys in orders.values():
            paid = [value for one, value in keys.items() if one[1] == "P"]

            if not paid:
                continue

            size, currency = paid[0]
            refunds = {
                one: value[0]
                for one, value in keys.items()
                if one[1] == "T"
                and value[0]
                and value[0] > 0
                and (None in (currency, value[1]) or currency == value[1])
            }

            if size is not None and sum(refunds.values()) > size:
                self._over |= {*refunds}

        return self._over

    # Bridge

    def _bridge(self, total, exchanged, currency):
        def own(rows):
            return [row for row in rows if currency in (None, row["currency"])]

        def gross(rows, name=total):
            return sum(
                ((-1 if row["kind"] == "T" else 1) * row[name] for row in rows),
                Decimal("0.00"),
            )

        now = [row for row in own(self.traded) if not row["opening"]]
        counted = [row for row in now if row["means"] in ("done", "reversed")]
        undone = [row for row in now if row["means"] == "reversed"]
        before = [row for row in own(self.traded) if row["opening"]]
        spoilt = {
            (kind, refund if kind == "T" else order) for kind, order, refund in self.bad
        }
        known = [
            row for row in own(self.unlisted) if (row["kind"], row["number"]) in spoilt
        ]
        left = [row for row in own(self.unlisted) if row not in known]
        asked = [row for row in left if self._is_asked(row)]
        other = [row for row in left if not self._is_asked(row)]
        paid = own(self.paid)
        opening = self.night.opening
        is_balance = currency is None and isinstance(opening, Decimal)
        closing = gross(own(self.open))

        if is_balance:
            closing += opening - gross(other)

        lines = {
            "traded": gross([row for row in counted if row["kind"] == "P"]),
            "refunded": gross([row for row in counted if row["kind"] == "T"]),
            "reversed": -gross(undone),
            "unknown": gross(asked),
            "other_days": gross(other),
            "closing": -closing,
            "paid_out": sum((row[exchanged] for row in paid), Decimal("0.00")),
            "opening": opening
            if is_balance
            else gross(before)
            if opening == "rows"
            else None,
        }

        if currency is None:
            lines["fees"] = -sum((row["service_fee"] for row in paid), Decimal("0.00"))
            lines["exchange"] = lines["paid_out"] - gross(paid) - lines["fees"]
        else:
            lines |= _foreign(paid)

        hidden = self._add_unread(lines, gross(known), currency, known)
        sum_of_lines = hidden + sum(
            value
            for name, value in lines.items()
            if name not in ("paid_out", "quarantined")
            and value is not None
            and not (is_balance and name == "other_days")
        )
        lines["amounts"] = lines["paid_out"] - sum_of_lines

        return lines

    def _add_unread(self, lines, known, currency, rows):
        """
        Add what could not be read; return what it is to the sum of the lines.
        """
        if currency is not None:
            if rows:
                lines["quarantined"] = known

            return known

        if not self.bad and not self.bad_paid:
            return known

        amounts = [
            amount
            for amount, bad in (
                (self.unread, self.bad),
                (self.unread_paid, self.bad_paid),
            )
            if bad
        ]
        lines["quarantined"] = None if None in amounts else sum(amounts)
        hidden = known

        if self.bad and self.unread is not None:
            hidden = self.unread
            lines["closing"] -= self.unread - known

        if self.bad_paid and self.unread_paid is not None:
            hidden += self.unread_paid
            lines["paid_out"] += self.unread_paid

        return hidden

    @property
    def is_clean(self):
        lines = self.bridge[None]

        return (
            self.night.opening is not None
            and not self.bad
            and not self.bad_paid
            and {"matched"} >= {one[0] for one in self.classes.values()}
            and not (self.night.opening == "rows" and self._other_days())
            and not any(lines[name] for name in ("unknown", "amounts", "exchange"))
            and not any(lines["amounts"] for lines in self.bridge.values())
        )

    def _other_days(self):
        return [row for row in self.unlisted if not self._is_asked(row)]


def _worth(rows, amount):
    sizes = [
        row[amount] if row.get("means", "done") == "done" else Decimal(0)
        for row in rows
        if row[amount] is not None
    ]

    return max(sizes, default=None)


def _foreign(paid):
    """
    What a payout in foreign currency is, beside the amounts: exact, then to the cent.
    """
    fees = fx = exchange = Fraction(0)
    difference = Decimal("0.00")

    for row in paid:
        sign, rate = (-1 if row["kind"] == "T" else 1), Fraction(row["exchange_rate"])
        cny, total = sign * row["total_cny"], sign * row["total"]
        difference += row["exchanged"] - total
        fees -= Fraction(row["service_fee"]) / rate
        fx += Fraction(cny) / rate - Fraction(total)
        exchange += Fraction(row["exchanged_cny"] - cny + row["service_fee"]) / rate

    cents = {
        name: _half_up(value)
        for name, value in (("fees", fees), ("exchange", exchange), ("fx", fx))
    }

    return {**cents, "rounding": difference - sum(cents.values())}


def _half_up(value):
    size = int(abs(value) * 100 + Fraction(1, 2))

    return Decimal(size if value >= 0 else -size).scaleb(-2)


def found(report):
    """
    Return the classes of each key of a *report*.
    """
    return {
        (row.order_id, row.kind, row.refund_id): [
            str(row.difference),
            *map(str, row.also),
        ]
        for row in report.rows()
    }


def bridge(report):
    """
    Return the amounts of its bridge, in CNY under None.
    """
    lines = {None: report.bridge.lines, **report.bridge.currencies}

    return {
        currency: {str(line.item): line.amount for line in one}
        for currency, one in lines.items()
    }


def must_agree(expected, report, still_open):
    """
    Compare a *report*, and the amounts in CNY that it leaves open, with an `Oracle`.
    """
    wrong = {key: one for key, one in expected.classes.items() if one != ["matched"]}

    assert wrong == found(report)
    assert len(expected.classes) - len(wrong) == report.counts["matched"]
    assert len(expected.bad + expected.bad_paid) == report.counts["quarantined"]
    assert expected.bridge == bridge(report)
    assert expected.is_clean == report.is_clean
    assert sorted(row["total_cny"] * 100 for row in expected.open) == sorted(still_open)

    for row in report.rows():
        if row.age is not None:
            assert expected.age(row.gateway["listed_on"]) == row.age
