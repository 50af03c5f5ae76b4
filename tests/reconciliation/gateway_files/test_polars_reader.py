"""
Frames of statement files: the same rows and the same verdict as row by row.
"""

from __future__ import annotations

import random
import re
from decimal import Decimal

import polars as pl
import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import read_statement, read_transactions
from umfpay.reconciliation.gateway_files._polars_reader import of_rows


PAID_OUT = (
    "PAY_A,order-1,20170205,20170208,USD,49.41,344.91,10.00,48.19,334.91,6.9500,"
    "20170207,P,TRADE_SUCCESS"
)


def outcome(read, data):
    """
    Return the frame that *read* makes of *data*, or the error.
    """
    try:
        return read(data)
    except errors.IncompleteStatementError as error:
        return error


def by_frames(data, *, block=97, read=read_transactions):
    """
    Read *data* in frames of about *block* bytes.
    """

    def blocks(size):
        buffer = bytearray(size)

        for start in range(0, len(data), size):
            part = data[start : start + size]
            buffer[: len(part)] = part
            yield buffer, len(part)

    reader = read(data)
    reader._source.blocks = blocks
    frames = list(reader.frames(block=block))

    return pl.concat(frames) if frames else of_rows((), reader._kind)


def same(one, other):
    """
    Tell whether frames are the same; to polars the text of a day equals the day.
    """
    return one.schema == other.schema and one.equals(other)


def by_rows(data, *, read=read_transactions):
    """
    Read *data* row by row.
    """
    reader = read(data)

    return of_rows(reader, reader._kind)


def test_money_is_in_hundredths_and_rates_in_hundred_millionths():
    """
    The customer's phone is not there.
    """
    frame = by_frames(files.file(files.payment(1), files.refund(1), total="60.00"))

    assert "mobile" not in frame.columns
    assert [
        ("order-1", "P", "", 1433, 10000, 697840000),
        ("order-1", "T", "refund-1", 573, 4000, 697840000),
    ] == frame.select(
        "order_id", "kind", "refund_id", "total", "total_cny", "exchange_rate"
    ).rows()


@pytest.mark.parametrize("block", [50, 131, 4096, 1 << 20])
def test_a_day_is_the_same_in_frames_of_any_size(block):
    """
    Wherever a line is cut.
    """
    data = files.whole_day(200, seed=7)

    assert same(by_rows(data), by_frames(data, block=block))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b",", b", "),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"P1", "书".encode()),
        lambda data: data.replace(b"P1", "书".encode("gb18030")),
        lambda data: data.replace(b"20170205", b"2017-02-05"),
        lambda data: data.replace(b",6.9784,0,", b",6.97845,20170206,0,"),
        lambda data: data.replace(b"14.33", b"14.3").replace(b"5.73", b"5"),
        lambda data: data.replace(b",101112,", b",,"),
        lambda data: data.replace(b",6.9784,0,", b",6.9784,20170206,0,"),
        lambda data: data.replace(b",P1,\n", b",P1\n"),
        lambda data: data.replace(b"P1,", b"P1, the second edition,"),
        lambda data: re.sub(rb"([PT],P1,.*)\n", rb"\1,\n", data),
        lambda data: re.sub(rb"([PT],P1,.*)\n", rb"\1\n\r\n", data) + b"\n\x1a",
        lambda data: re.sub(rb"USD,[0-9.]+,([0-9.]+),6.9784", rb"CNY,,\1,", data),
        lambda data: data.replace(b",6.9784,0,P,", b",6.9784,20170206,0,P,", 1),
    ],
    ids=[
        "crlf",
        "blanks",
        "mark",
        "utf-8",
        "gb18030",
        "dashes",
        "date",
        "decimals",
        "no time",
        "15 columns",
        "13 columns",
        "commas in the product",
        "commas at the end",
        "blank lines",
        "no foreign amounts",
        "both widths",
    ],
)
def test_other_spellings_are_the_same_in_frames(change):
    """
    Odd but legal files, too.
    """
    data = change(files.whole_day(30, seed=3))
    rows = by_rows(data)

    assert rows.height > 30
    assert same(rows, by_frames(data))
    assert same(rows, by_frames(data, block=1 << 20))


def test_mutations_get_the_same_verdict_in_frames():
    """
    The same rows, or the same words about what is wrong.
    """
    chance = random.Random(20170207)
    whole = [files.whole_day(count, seed=count) for count in (1, 3, 10)]
    good = 0

    for _ in range(1_000):
        data = files.mutated(chance.choice(whole), chance)
        one, other = outcome(by_rows, data), outcome(by_frames, data)

        if isinstance(one, pl.DataFrame):
            good += 1

            assert same(one, other), data
        else:
            assert str(one) == str(other), data

    assert good > 20


def test_every_cut_is_noticed_in_frames():
    """
    Before the end of the total nothing is whole.
    """
    data = files.whole_day(5)

    for length in range(len(data) - 1):
        with pytest.raises(errors.IncompleteStatementError):
            by_frames(data[:length])


def test_what_was_paid_out_comes_in_frames_too():
    """
    The reconciliation file has columns of its own.
    """
    data = files.file(PAID_OUT, total="334.91")
    frame = by_frames(data, read=read_statement)

    assert same(frame, by_rows(data, read=read_statement))
    assert [("order-1", 34491, 1000, 4819, 33491, 695000000)] == frame.select(
        "number",
        "total_cny",
        "service_fee",
        "exchanged",
        "exchanged_cny",
        "exchange_rate",
    ).rows()


def test_a_parquet_file_appears_when_all_is_proven(tmp_path):
    """
    Of a file that is cut nothing is left.
    """
    data = files.whole_day(50)
    to = tmp_path / "day.parquet"

    with pytest.raises(errors.IncompleteStatementError):
        read_transactions(data[:-20]).write_parquet(to)

    assert [] == list(tmp_path.iterdir())
    assert to == read_transactions(data).write_parquet(to)
    assert pl.read_parquet(to).equals(by_rows(data))

    with pytest.raises(errors.ConfigError, match="cannot be written"):
        read_transactions(data).write_parquet(tmp_path / "missing" / "day.parquet")


def test_frames_know_their_header_and_total():
    """
    As the reader of rows does.
    """
    reader = read_transactions(files.whole_day(20))
    rows = sum(frame.height for frame in reader.frames())

    assert rows > 20
    assert "8017" == reader.header.merchant
    assert isinstance(reader.statement_total, Decimal)
    assert reader.total_rules


def test_columns_that_are_not_wanted_are_looked_at_all_the_same():
    """
    A file is whole or not, whoever reads it.
    """
    data = files.whole_day(20)
    wanted = ["order_id", "kind", "total_cny"]
    frames = list(read_transactions(data).frames(columns=wanted))

    assert same(pl.concat(frames), by_rows(data).select(wanted))

    damaged = data.replace(b",20170205,", b",20170231,")

    with pytest.raises(errors.IncompleteStatementError, match="line 2"):
        list(read_transactions(damaged).frames(columns=wanted))


def test_a_line_that_never_ends_is_reported_with_its_number():
    """
    Wherever the blocks are cut.
    """
    data = files.file(files.payment(1), files.payment(2), total="200.00")
    head, _, _ = data.partition(b"UMF000002")
    data = head + b"x" * 70_000

    for block in (64, 100, 1 << 17):
        with pytest.raises(errors.IncompleteStatementError, match=r"line 3: it"):
            by_frames(data, block=block)


def test_columns_may_be_few_or_unknown():
    """
    What is summed is read all the same; what is not there is told.
    """
    data = files.whole_day(20)
    (frame,) = read_transactions(data).frames(columns=["order_id"])

    assert ["order_id"] == frame.columns

    with pytest.raises(errors.ConfigError, match="columns: there is no mobile"):
        list(read_transactions(data).frames(columns=["mobile", "kind"]))


@pytest.mark.parametrize("length", [65_000, 65_536, 65_537, 70_000, 140_000])
def test_a_long_line_is_refused_wherever_blocks_end(length):
    """
    By frames of any size and row by row.
    """
    row = files.payment(3)
    long = row.replace("P1", "x" * (length - len(row) + 2))
    data = files.file(
        *map(files.payment, (1, 2)), long, files.payment(4), total="400.00"
    )
    results = [outcome(by_rows, data)] + [
        outcome(lambda given, block=block: by_frames(given, block=block), data)
        for block in (50, 4_096, 65_536, 100_000, 1 << 20)
    ]

    if length > 65_536:
        assert {True} == {"line 4: it is longer" in str(one) for one in results}
    else:
        assert all(same(results[0], one) for one in results)


@pytest.mark.parametrize("block", [64, 150, 1 << 20])
def test_a_mark_within_the_file_is_a_letter(block):
    """
    It is no mark but at the begin of the file.
    """
    data = files.file(
        *("\ufeff" + files.payment(number) for number in range(4)), total="400.00"
    )

    assert same(by_rows(data), by_frames(data, block=block))


def rows_of_any_width(chance):
    """
    Return a file with rows of 12 to 16 fields: some lack what others have too much.
    """
    rows = []

    for number in range(chance.randrange(1, 6)):
        kind = chance.choice("PPT")
        row = (
            f"U{number},152,o{number},20170206,20170206,101112,USD,1.00,6.92,6.9193,0,"
            f"{kind},{chance.choice(['P1', '', 'P,1'])},{f'r{number}' * (kind == 'T')}"
        )
        rows.append(
            chance.choice(
                [
                    *[row] * 5,
                    row.rpartition(",")[0],
                    row.rpartition(",")[0].rpartition(",")[0],
                    f"{row},",
                    f"{row},x,y",
                    row.replace(",6.9193,", ",6.9193,20170206,"),
                    f"{row}\n",
                ]
            )
        )

    end = "TRANSDETAIL-End,8017,20170206,0.00\n"

    return "\n".join(["TRANSDETAIL-START,8017,20170206", *rows, end]).encode()


def keys_by_frames(data):
    reader = read_transactions(data, total_rule="ignore")
    names = ("order_id", "kind", "refund_id")

    return [row for rows in reader.frames(columns=names) for row in rows.rows()]


def keys_by_rows(data):
    return [
        (row.order_id, str(row.kind), row.refund_id if row.kind == "T" else "")
        for row in read_transactions(data, total_rule="ignore")
    ]


def test_a_row_that_lacks_a_field_is_not_made_good_by_one_that_has_too_many():
    chance, read = random.Random(5), 0

    for _ in range(600):
        data = rows_of_any_width(chance)
        one, many = (outcome(way, data) for way in (keys_by_rows, keys_by_frames))
        read += isinstance(one, list)

        assert str(one) == str(many), data.decode()

    assert 200 < read < 600
