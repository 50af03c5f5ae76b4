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


def naive(data):
    """
    Read *data* line by line as a person would; None if it is not a whole statement.

    Returns:
        The columns of all rows as text.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            return None

    if not text.endswith("\n"):
        return None

    lines = [line.removesuffix("\r") for line in text[:-1].split("\n")]
    rows = [[column.strip() for column in line.split(",")] for line in lines]

    if len(rows) < 2 or len(rows[0]) != 3 or len(rows[-1]) != 4:
        return None

    start, *body, end = rows

    return body if _is_frame(start, end) and _adds_up(body, end[3]) else None


def _is_frame(start, end):
    day = r"[0-9]{4}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12][0-9]|3[01])"

    return bool(
        re.fullmatch(r"TRANSDETAIL-START", start[0], re.I)
        and re.fullmatch(r"TRANSDETAIL-(DETAIL-)?END", end[0], re.I)
        and start[1] == end[1]
        and start[2].replace("-", "") == end[2].replace("-", "")
        and re.fullmatch(day, start[2])
    )


def _adds_up(body, total):
    number = re.compile(r"-?[0-9]+(\.[0-9]+)?")
    sums = {"P": Decimal(0), "T": Decimal(0)}

    for row in body:
        if len(row) not in (14, 15) or row[-3] not in sums:
            return False

        if not number.fullmatch(row[8]):
            return False

        sums[row[-3]] += Decimal(row[8])

    return bool(number.fullmatch(total)) and Decimal(total) in (
        sums["P"],
        sums["P"] - sums["T"],
        sums["P"] + sums["T"],
    )
