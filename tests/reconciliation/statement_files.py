"""
Statement files for tests, and a naive reader that knows nothing of ours.
"""

from __future__ import annotations

import random
import re
from decimal import Decimal


def payment(number, amount="100.00", *, state="0"):
    return (
        f"UMF{number:06d},15210838198,order-{number},20170205,20170206,101112,USD,"
        f"14.33,{amount},6.9784,{state},P,P1,"
    )


def refund(number, amount="40.00"):
    return (
        f"UMF{number:06d},15210838198,order-{number},20170205,20170206,111213,USD,"
        f"5.73,{amount},6.9784,0,T,P1,refund-{number}"
    )


def file(*rows, total="100.00", end="\n", tail="TRANSDETAIL-End", day="20170206"):
    lines = [f"TRANSDETAIL-START,8017,{day}", *rows, f"{tail},8017,{day},{total}"]

    return "".join(f"{line}{end}" for line in lines).encode()


def whole_day(count=40, seed=1):
    """
    Return a day's file of payments and refunds, net of refunds.
    """
    chance = random.Random(seed)
    rows, total = [], Decimal(0)

    for number in range(count):
        amount = Decimal(chance.randrange(1, 10**6)) / 100
        rows.append(payment(number, f"{amount:.2f}"))
        total += amount

        if chance.random() < 0.3:
            back = (amount / 2).quantize(Decimal("0.01"))
            rows.append(refund(number, f"{back:.2f}"))
            total -= back

    return file(*rows, total=f"{total:.2f}")


def mutated(data, chance):
    """
    Change *data* in one to three places as accidents do.
    """
    data = bytearray(data)

    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(data))

        match chance.randrange(6):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place]
            case 2:
                data.insert(place, chance.choice(b"0123456789,\n\r.-PT \xb0"))
            case 3:
                del data[place : place + chance.randrange(200)]
            case 4:
                lines = bytes(data).split(b"\n")
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                data = bytearray(b"\n".join(lines))
            case 5:
                lines = bytes(data).split(b"\n")
                del lines[chance.randrange(len(lines))]
                data = bytearray(b"\n".join(lines))

        if not data:
            break

    return bytes(data)


_DAY = r"[0-9]{4}(?:-?)(?:0[1-9]|1[0-2])(?:-?)(?:0[1-9]|[12][0-9]|3[01])"
_AMOUNT = r"-?(?:[0-9]{1,15}|(?=\.[0-9]))(?:\.[0-9]{1,2}0*)?"
# Counted from both ends: what is between the kind and the end is split by itself.
# A product may be called P: a date before the state is what looks like one, if that fits.
_ROWS = [
    re.compile(
        rf"([^,]*),([^,]*),([^,]+),({_DAY}),([^,]*),([^,]*),([^,]+),({_AMOUNT}|),({_AMOUNT}),"
        rf"((?:[0-9]{{1,9}}|(?=\.[0-9]))(?:\.[0-9]{{1,8}}0*)?|),(?:({date}),)?([^,]*),([PT]),(.*)"
    )
    for date in (_DAY, "[^,]*")
]


def naive(data):
    """
    Read *data* line by line as a person would; None if it is not a whole statement.

    Returns:
        Of all rows number, order, amount, amount in CNY, kind and number of the refund.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            return None

    has_end = bool(re.search(r"\n[ \t\r\n\x1a]*\Z|\x1a[ \t\r]*\Z", text))
    text = re.sub(r"[ \t\r\n\x1a]+\Z", "", text)
    lines = [line for line in text.split("\n") if line.strip()]
    rows = [[column.strip() for column in line.split(",")] for line in lines]

    if len(rows) < 2 or len(rows[0]) < 3 or len(rows[-1]) < 4:
        return None

    if not has_end and not re.fullmatch(r"-?[0-9]*\.[0-9]{2}", rows[-1][3]):
        return None

    start, *_, end = rows
    body = [_columns(row) for row in rows[1:-1]]

    if not _is_frame(start, end) or None in body or not _adds_up(body, end[3]):
        return None

    count = end[4] if len(end) > 4 and re.fullmatch(r"[0-9]{1,18}", end[4]) else None

    return None if count is not None and int(count) != len(body) else body


def _columns(fields):
    line = ",".join(fields)
    match = next(filter(None, (row.fullmatch(line) for row in _ROWS)), None)

    if match is None:
        return None

    number, _, order, _, _, _, currency, total, cny, rate, _, _, kind, rest = (
        match.groups()
    )
    rest = rest.split(",")

    if kind == "T":
        while len(rest) > 2 and not rest[-1]:
            rest.pop()

        if len(rest) < 2 or (len(rest) > 2 and not rest[-1]):
            return None

    if kind == "P" and len(rest) > 2 and rest[-1]:
        return None

    if not (total and rate) and currency.upper() not in ("CNY", "RMB"):
        return None

    refund = "" if len(rest) < 2 else rest[-1]

    return number, order, Decimal(total or cny), Decimal(cny), kind, refund


def _is_frame(start, end):
    return bool(
        re.fullmatch(r"TRANSDETAIL-START", start[0], re.I)
        and re.fullmatch(r"TRANSDETAIL-(DETAIL-)?END", end[0], re.I)
        and start[1] == end[1]
        and start[2].replace("-", "") == end[2].replace("-", "")
        and re.fullmatch(_DAY, start[2])
    )


def _adds_up(body, total):
    sums = {"P": Decimal(0), "T": Decimal(0)}

    for _, _, _, cny, kind, _ in body:
        sums[kind] += cny

    if not re.fullmatch(r"-?[0-9]*\.?[0-9]+", total):
        return False

    return Decimal(total) in (
        sums["P"],
        sums["P"] - sums["T"],
        sums["P"] + sums["T"],
    )
