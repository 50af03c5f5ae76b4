"""
Odd files of the gateway: each has its verdict, in one table.

Protocol 12.7: columns, the form of a time, decimals of a rate, commas and the last line
end are documented nowhere. What nothing compares may be odd; what is compared is strict.
"""

from __future__ import annotations

import re
from decimal import Decimal

import attrs
import polars as pl
import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import read_transactions
from umfpay.reconciliation.gateway_files._polars_reader import of_rows


@attrs.frozen
class Same:
    """
    Read as the plain day is.
    """


@attrs.frozen
class Reads:
    """
    Read, with another value in what is compared.
    """

    member: str
    value: object


@attrs.frozen
class Refused:
    """
    Refused with these words; in quarantine so many rows are set aside, None if the file
    is none.
    """

    words: str
    set_aside: int | None


SAME = Same()
DAY = files.file(
    files.payment(1), files.refund(1), files.payment(2, "7.50"), total="67.50"
).decode()
PAYMENT, REFUND, SECOND = DAY.splitlines()[1:4]
END = DAY.splitlines()[4]


def change(one, other, count=-1):
    assert one in DAY

    return DAY.replace(one, other, count)


def each_row(pattern, replacement):
    return re.sub(rf"(?m)^(UMF.*?){pattern}(.*)$", rf"\1{replacement}\2", DAY)


# Name: text, and what becomes of it.
VARIANTS = {
    "plain": (DAY, SAME),
    "crlf": (DAY.replace("\n", "\r\n"), SAME),
    "byte order mark": ("\ufeff" + DAY, SAME),
    "blanks around fields": (DAY.replace(",", " , "), SAME),
    "tabs around fields": (DAY.replace(",", "\t,\t"), SAME),
    "time of 14 digits": (change(",101112,", ",20170206101112,"), SAME),
    "time with colons": (change(",101112,", ",10:11:12,"), SAME),
    "time of five digits": (change(",101112,", ",91112,"), SAME),
    "no time": (change(",101112,", ",,"), SAME),
    "time that is none": (change(",101112,", ",256199,"), SAME),
    "time with a zone": (change(",101112,", ",10:11:12+0800,"), SAME),
    "platform date with dashes": (change(",20170206,1", ",2017-02-06,1"), SAME),
    "platform date with slashes": (change(",20170206,1", ",2017/2/6,1"), SAME),
    "no platform date": (change(",20170206,1", ",,1"), SAME),
    "platform date and time in one": (
        change(",20170206,1", ",2017-02-06 10:11:12,1"),
        SAME,
    ),
    "order date with dashes": (change("20170205", "2017-02-05"), SAME),
    "phone with a country code": (change("15210838198", "+86-152 1083 8198"), SAME),
    "phone with stars": (change("15210838198", "152****8198"), SAME),
    "no phone": (change("15210838198", ""), SAME),
    "product in Chinese": (change("P1", "图书"), SAME),
    "product with a comma": (change(",P1,", ",books, used,"), SAME),
    "product with three commas": (change(",P1,", ",a,b,c,d,"), SAME),
    "product with quotes": (change(",P1,", ',"P1",'), SAME),
    "product with a bare quote": (change(",P1,", ',5" screen,'), SAME),
    "product called P": (change(",P1,", ",P,"), SAME),
    "product called T with a comma": (change(",P1,", ",T,T,"), SAME),
    "no product": (change(",P1,", ",,"), SAME),
    "15 columns": (change(",6.9784,", ",6.9784,20170206,"), SAME),
    "15 columns, date with dashes": (change(",6.9784,", ",6.9784,2017-02-06,"), SAME),
    "15 columns, no date": (change(",6.9784,", ",6.9784,,"), SAME),
    "15 columns, a text": (change(",6.9784,", ",6.9784,not yet,"), SAME),
    "15 columns, product with a comma": (
        change(",6.9784,", ",6.9784,20170206,").replace(",P1,", ",a,b,"),
        SAME,
    ),
    "15 columns in one row": (change(",6.9784,", ",6.9784,20170206,", 1), SAME),
    "13 columns of payments": (change(",P,P1,", ",P,P1"), SAME),
    "13 columns of one payment": (change(",P,P1,", ",P,P1", 1), SAME),
    "a comma behind each row": (each_row("$", ","), SAME),
    "two commas behind each row": (each_row("$", ",,"), SAME),
    "a comma behind one row": (DAY.replace(PAYMENT, PAYMENT + ","), SAME),
    "a comma behind the header": (
        change("8017,20170206\nUMF", "8017,20170206,\nUMF"),
        SAME,
    ),
    "a comma behind the trailer": (DAY.replace(END, END + ","), SAME),
    "blank lines": (DAY.replace("\n", "\n\n"), SAME),
    "a line of blanks": (DAY.replace(END, "   \t\n" + END), SAME),
    "blank lines first": ("\n\r\n" + DAY, SAME),
    "blank lines last": (DAY + "\r\n\n\n", SAME),
    "no last line end": (DAY.removesuffix("\n"), SAME),
    "^Z last": (DAY + "\x1a", SAME),
    "^Z in place of the last line end": (DAY.removesuffix("\n") + "\x1a", SAME),
    "^Z and a line end last": (DAY + "\x1a\r\n", SAME),
    "further fields of the header": (
        change("8017,20170206\nUMF", "8017,20170206,3,V2.0\nUMF"),
        SAME,
    ),
    "a count after the total": (DAY.replace(END, END + ",3"), SAME),
    "a count and more after the total": (DAY.replace(END, END + ",3,CNY"), SAME),
    "trailer of an older edition": (
        change("TRANSDETAIL-End", "TRANSDETAIL-Detail-End"),
        SAME,
    ),
    "trailer in capitals": (change("TRANSDETAIL-End", "TRANSDETAIL-END"), SAME),
    "amount with one more zero before it": (change(",7.50,", ",07.50,"), SAME),
    "amount of one decimal": (change(",7.50,", ",7.5,"), SAME),
    "amount with more zeros": (change(",7.50,", ",7.5000,"), SAME),
    "amount without decimals": (change(",100.00,", ",100,"), SAME),
    "rate of 5 decimals": (change("6.9784", "6.97840"), SAME),
    "rate of 6 decimals": (change("6.9784", "6.978400"), SAME),
    "rate of 8 decimals": (change("6.9784", "6.97840000"), SAME),
    "amount .50": (change(",14.33,", ",.50,"), Reads("total", Decimal("0.50"))),
    "rate of 8 other decimals": (
        change("6.9784", "6.97841234"),
        Reads("exchange_rate", Decimal("6.97841234")),
    ),
    "CNY without a foreign amount": (
        change("USD,14.33,", "CNY,,")
        .replace("USD,5.73,", "rmb,,")
        .replace(",6.9784,", ",,"),
        Reads("total", Decimal("100.00")),
    ),
    "state SUCCESS": (
        change(",6.9784,0,", ",6.9784,SUCCESS,"),
        Reads("state", "SUCCESS"),
    ),
    "a field too many before the amounts": (
        DAY.replace(SECOND, SECOND.replace("order-2,", "order-2,x,")),
        Refused("line 4: its order date cannot be read", 1),
    ),
    "a field too few": (
        DAY.replace(SECOND, SECOND.replace("USD,", "")),
        Refused("line 4: it has 13 columns, not 14 or 15", 1),
    ),
    "a row that is cut": (
        DAY.replace(SECOND, SECOND[:50]),
        Refused("line 4: it has", 1),
    ),
    "a row of a refund without its last column": (
        DAY.replace(",T,P1,refund-1", ",T,P1"),
        Refused("line 3: it has 13 columns, not 14 or 15", 1),
    ),
    "two rows on a line": (
        DAY.replace(PAYMENT + "\n", PAYMENT),
        Refused("line 2: it has 27 columns", 1),
    ),
    "another kind": (DAY.replace(",T,P1", ",X,P1"), Refused("line 3: its kind", 1)),
    "no order number": (DAY.replace("order-2", ""), Refused("line 4: its order id", 1)),
    "no currency": (
        DAY.replace(SECOND, SECOND.replace("USD", "")),
        Refused("its currency", 1),
    ),
    "no foreign amount": (
        DAY.replace(SECOND, SECOND.replace("14.33", "")),
        Refused("line 4: its amount cannot be read", 1),
    ),
    "amount of three decimals": (
        DAY.replace("7.50,6", "7.505,6"),
        Refused("amount in CNY", 1),
    ),
    "amount with a separator of thousands": (
        DAY.replace("14.33", "1 433.00"),
        Refused("line 2: its amount cannot be read", 2),
    ),
    "amount with an exponent": (
        DAY.replace(",7.50,", ",7.5e0,"),
        Refused("amount in CNY", 1),
    ),
    "amount with a plus": (
        DAY.replace(",7.50,", ",+7.50,"),
        Refused("amount in CNY", 1),
    ),
    "rate of 9 decimals": (
        DAY.replace("6.9784", "6.123456789"),
        Refused("its exchange", 3),
    ),
    "order date with slashes": (
        DAY.replace("20170205", "2017/2/5"),
        Refused("its order date", 3),
    ),
    "a day that is none": (
        DAY.replace("20170205", "20170231"),
        Refused("its order date", 3),
    ),
    "a wrong count after the total": (
        DAY.replace(END, END + ",4"),
        Refused("counts 4 rows", None),
    ),
    "a total that fits nothing": (
        DAY.replace("67.50", "67.51"),
        Refused("fits none of", None),
    ),
    "no trailer": (DAY.replace(END + "\n", ""), Refused("the file ends without", None)),
    "rows behind the trailer": (
        DAY + PAYMENT + "\n",
        Refused("line 5: it has 4 columns, not 14 or 15", None),
    ),
    "another merchant closes it": (
        DAY.replace("End,8017", "End,8018"),
        Refused("closes another statement", None),
    ),
    "a total without decimals at a cut": (
        DAY.removesuffix(".50\n"),
        Refused("ends in the middle of a line", None),
    ),
}


def variants(verdict):
    return [name for name, (_, given) in VARIANTS.items() if isinstance(given, verdict)]


def rows_of(text, **options):
    data = text.encode()
    statement = read_transactions(data, **options).read()
    by_frames = [*read_transactions(data, **options).frames()]
    rows = of_rows(statement.rows, read_transactions(data)._kind)

    # Whole columns and row by row are one reader to users.
    assert pl.concat([rows.clear(), *by_frames]).equals(rows)

    return statement


def compared(statement):
    return [
        (
            row.trade_no,
            row.order_id,
            row.mer_date,
            row.currency,
            row.total,
            row.total_cny,
            row.exchange_rate,
            row.state,
            row.kind,
            row.refund_id,
        )
        for row in statement.rows
    ]


def test_the_table_has_all_its_variants():
    """
    Each is another text than the plain day, and than the others.
    """
    texts = [text for text, _ in VARIANTS.values()]

    assert 67 <= len(VARIANTS)
    assert len(texts) == len({*texts})


@pytest.mark.parametrize("name", variants(Same))
def test_what_nothing_compares_may_be_odd(name):
    """
    The night does not stop, and the rows are the same.
    """
    text, _ = VARIANTS[name]

    assert compared(rows_of(DAY)) == compared(rows_of(text))


@pytest.mark.parametrize("name", variants(Reads))
def test_other_ways_to_write_what_is_compared(name):
    """
    The value is read exactly.
    """
    text, read = VARIANTS[name]

    assert read.value == getattr(rows_of(text).rows[0], read.member)


@pytest.mark.parametrize("name", variants(Refused))
def test_what_cannot_be_meant_is_refused_with_its_place(name):
    """
    By whole columns with the same words as row by row.
    """
    text, refused = VARIANTS[name]

    for read in (
        lambda reader: reader.read(),
        lambda reader: list(reader.frames()),
        lambda reader: reader.prove(),
    ):
        with pytest.raises(errors.IncompleteStatementError, match=refused.words):
            read(read_transactions(text.encode()))


@pytest.mark.parametrize("name", variants(Refused))
def test_bad_rows_are_set_aside_and_the_others_are_read(name):
    """
    With their number, their reason and their bytes; the frame stays strict.
    """
    text, refused = VARIANTS[name]
    bad = refused.set_aside

    if bad is None:
        is_row = name == "rows behind the trailer"
        words = "ends without" if is_row else refused.words

        with pytest.raises(errors.IncompleteStatementError, match=words):
            read_transactions(text.encode(), on_bad_row="quarantine").read()

        return

    statement = rows_of(text, on_bad_row="quarantine")
    lines = text.splitlines()

    assert bad == len(statement.quarantined)
    assert len(lines) - 2 == len(statement.rows) + bad
    assert frozenset() == statement.total_rules

    for row in statement.quarantined:
        assert lines[row.number - 1].encode() == row.data
        assert row.reason.en
        assert row.reason.zh
        # There may be a phone number in them.
        assert "15210838198" not in repr(row)
