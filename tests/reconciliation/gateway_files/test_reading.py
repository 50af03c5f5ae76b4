"""
A statement is read row by row, and believed when its end has proven it.
"""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal

import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import (
    Kind,
    TotalRule,
    TotalRules,
    read_statement,
    read_transactions,
)


def test_a_day_becomes_typed_rows():
    """
    Dates, times, money and kinds; the phone is hidden.
    """
    data = files.file(files.payment(1), files.refund(1), total="60.00")
    statement = read_transactions(data).read()
    first, second = statement.rows

    assert ("8017", date(2017, 2, 6)) == (
        statement.header.merchant,
        statement.header.day,
    )
    assert (Kind.PAYMENT, Kind.REFUND) == (first.kind, second.kind)
    assert ("order-1", Decimal("14.33"), Decimal("100.00")) == (
        first.order_id,
        first.total,
        first.total_cny,
    )
    assert (date(2017, 2, 5), "20170206", "101112", "refund-1") == (
        first.mer_date,
        first.plat_date,
        first.plat_time,
        second.refund_id,
    )
    assert "15210838198" not in repr(first)
    assert {TotalRule.NET} == statement.total_rules


def test_a_day_without_transactions_is_whole():
    """
    Begin and end, and nothing between.
    """
    statement = read_transactions(files.file(total="0.00")).read()

    assert () == statement.rows
    assert set(TotalRule) == statement.total_rules


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (files.file(files.payment(1), files.refund(1), total="100"), TotalRule.PAID),
        (files.file(files.payment(1), files.refund(1), total="60"), TotalRule.NET),
        (files.file(files.payment(1), files.refund(1), total="140.0"), TotalRule.GROSS),
    ],
)
def test_the_total_may_be_any_of_three_sums(data, rule):
    """
    What it sums is documented nowhere.
    """
    assert {rule} == read_transactions(data).read().total_rules
    assert {rule} == read_transactions(data, total_rule=rule).read().total_rules


@pytest.mark.parametrize(
    "data",
    [
        files.file(files.payment(1), end="\r\n"),
        files.file(files.payment(1), tail="TRANSDETAIL-END"),
        files.file(files.payment(1), tail="transdetail-detail-End"),
        files.file(files.payment(1).replace(",", " , ")),
        files.file(files.payment(1).replace("6.9784,", "6.9784,20170206,")),
        files.file(files.payment(1).replace("P1", "图书")),
        b"\xef\xbb\xbf" + files.file(files.payment(1)),
        files.file(files.payment(1).replace("P1", "图书")).decode().encode("gb18030"),
    ],
    ids=["crlf", "END", "old end", "blanks", "15 columns", "utf-8", "mark", "gb18030"],
)
def test_other_spellings_give_the_same_row(data):
    """
    What nobody knows for sure is read either way.
    """
    (row,) = read_transactions(data).read().rows

    assert ("order-1", Decimal("100.00")) == (row.order_id, row.total_cny)
    assert row.product_id in ("P1", "图书")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no complete line"),
        (b'{"meta":{"ret_code":"00060700"}}\n', "line 1: it is an answer"),
        (b"<html>\n", "line 1: it is an answer"),
        (b"TRADEDETAIL,8017\n", "line 1: it is no first line"),
        (files.file(files.payment(1), total="99.99"), "fits none of"),
        (files.file(files.payment(1))[:-3], "line 3: the file ends in the middle"),
        (files.file(files.payment(1))[:90], "line 2: the file ends in the middle"),
        (files.file(files.payment(1)) + b"x", "line 3: it has 4 columns"),
        (files.file(files.payment(1), day="20170230"), "line 1: its date"),
        (files.file(files.payment(1) + ",x,y"), "line 2: it has 16 columns"),
        (
            files.file(files.payment(1).replace("20170205", "2017025")),
            "line 2: its order date",
        ),
        (
            files.file(files.payment(1).replace("100.00", "1e2")),
            "line 2: its amount in CNY",
        ),
        (files.file(files.payment(1).replace(",P,", ",X,")), "line 2: its kind"),
        (files.file(files.payment(1)) * 2, "line 3: it has 4 columns"),
        (b"x" * 70_000, "longer than"),
    ],
)
def test_what_is_not_whole_says_where(data, words):
    """
    Cut, mixed, damaged, or an error object.
    """
    with pytest.raises(errors.IncompleteStatementError, match=words):
        read_transactions(data).read()


def test_two_files_glued_together_are_none():
    """
    The end of another day closes nothing.
    """
    other = files.file(files.payment(1), day="20170207").split(b"\n")[-2] + b"\n"
    data = files.file(files.payment(1)).rsplit(b"\n", 2)[0] + b"\n" + other

    with pytest.raises(errors.IncompleteStatementError, match="another statement"):
        read_transactions(data).read()


def test_an_encoding_that_changes_is_refused():
    """
    Half of the file in one, half in another: somebody glued it.
    """
    data = files.file(
        files.payment(1).replace("P1", "图书"), files.payment(2), total="200.00"
    ).replace(b"P1", "手册".encode("gb18030"))

    with pytest.raises(errors.IncompleteStatementError, match="encoding="):
        read_transactions(data).read()


def test_every_cut_before_the_end_of_the_total_is_noticed():
    """
    Wherever the connection broke; a last line without an end is one all the same.
    """
    data = files.whole_day(8)
    whole = read_transactions(data).read()

    assert whole == read_transactions(data[:-1]).read()

    for length in range(len(data) - 1):
        with pytest.raises(errors.IncompleteStatementError):
            read_transactions(data[:length]).read()


def test_ten_thousand_mutations_raise_or_give_what_a_naive_reader_gives():
    """
    Never other rows, never a row less.
    """
    chance = random.Random(20170206)
    whole = [files.whole_day(count, seed=count) for count in (1, 3, 10)]
    read = 0

    for _ in range(10_000):
        data = files.mutated(chance.choice(whole), chance)

        try:
            rows = read_transactions(data).read().rows
        except errors.IncompleteStatementError:
            continue

        read += 1
        expected = files.naive(data)

        assert expected is not None, data
        assert expected == [
            (
                row.trade_no,
                row.order_id,
                row.total,
                row.total_cny,
                row.kind.value,
                row.refund_id,
            )
            for row in rows
        ], data

    # Most changes are noticed; those to a name or a phone number cannot be.
    assert 100 < read < 7_000


async def test_paths_bytes_and_streams_give_the_same(tmp_path):
    """
    With ``for`` and with ``async for``.
    """
    data = files.whole_day(30)
    path = tmp_path / "day.txt"
    path.write_bytes(data)

    async def stream():
        for start in range(0, len(data), 7):
            yield data[start : start + 7]

    read = [
        read_transactions(path).read(),
        read_transactions(str(path)).read(),
        read_transactions(data).read(),
        await read_transactions(path).aread(),
        await read_transactions(data).aread(),
        await read_transactions(stream()).aread(),
    ]

    assert all(one == read[0] for one in read)


async def test_misuse_is_reported(tmp_path):
    """
    A stream without async, a reader twice, a file that is not there.
    """

    async def stream():
        yield b""

    with pytest.raises(errors.ConfigError, match="async for"):
        read_transactions(stream()).read()

    reader = read_transactions(files.file(files.payment(1)))
    reader.read()

    with pytest.raises(errors.ConfigError, match="once"):
        reader.read()

    with pytest.raises(errors.StatementError, match="cannot be read") as caught:
        read_transactions(tmp_path / "nothing").read()

    assert "line" not in caught.value.advice.en

    with pytest.raises(errors.StatementError, match="cannot be read"):
        await read_transactions(tmp_path / "nothing").aread()


def test_the_total_may_be_ignored_with_a_warning(caplog):
    """
    Nothing is compared, and the log says so.
    """
    data = files.file(files.payment(1), total="1.00")
    statement = read_transactions(data, total_rule="ignore").read()

    assert 1 == len(statement.rows)
    assert frozenset() == statement.total_rules
    assert "not compared" in caplog.text


def test_a_merchants_rule_stays_the_same_for_all_files(tmp_path):
    """
    A day without refunds fits all; the first with refunds decides, for ever.
    """
    kept = tmp_path / "rules.json"
    rules = TotalRules(kept)
    plain = files.file(files.payment(1))
    net = files.file(files.payment(1), files.refund(1), total="60.00")
    paid = files.file(files.payment(1), files.refund(1), total="100.00")

    read_transactions(plain, total_rule=rules).read()
    assert set(TotalRule) == rules.of("8017")

    read_transactions(net, total_rule=rules).read()
    assert {TotalRule.NET} == TotalRules(kept).of("8017")

    with pytest.raises(errors.IncompleteStatementError, match="another rule"):
        read_transactions(paid, total_rule=TotalRules(kept)).read()

    assert set(TotalRule) == rules.of("another merchant")


@pytest.mark.parametrize("content", ["[]", "{", '{"8017": 5}', '{"8017": ["sum"]}'])
def test_a_damaged_file_of_rules_is_named(tmp_path, content):
    """
    It is not overwritten.
    """
    kept = tmp_path / "rules.json"
    kept.write_text(content)

    with pytest.raises(errors.ConfigError, match=r"rules\.json is damaged") as caught:
        TotalRules(kept)

    assert "or remove it" in caught.value.advice.en
    assert content == kept.read_text()


def test_rules_that_the_system_does_not_give_are_not_called_damaged(tmp_path):
    """
    What cannot be read may be well, and is not to be removed.
    """
    with pytest.raises(errors.ConfigError, match="Is a directory") as caught:
        TotalRules(tmp_path)

    assert "remove" not in str(caught.value)


def test_the_reconciliation_file_is_read_as_the_emulator_writes_it():
    """
    Its format is documented nowhere.
    """
    row = (
        "PAY_A,order-1,20170205,20170208,USD,49.41,344.91,10.00,48.19,334.91,6.9500,"
        "20170207,P,TRADE_SUCCESS"
    )
    (paid,) = read_statement(files.file(row, total="334.91")).read().rows

    assert (Decimal("10.00"), Decimal("334.91"), Decimal("48.19")) == (
        paid.service_fee,
        paid.exchanged_cny,
        paid.exchanged,
    )
    assert (date(2017, 2, 8), date(2017, 2, 7)) == (paid.settled_on, paid.exchanged_on)


def test_what_was_paid_out_has_a_rule_of_its_own():
    """
    One object may be given for both kinds of files.
    """
    rules = TotalRules()
    traded = files.file(files.payment(1), files.refund(1), total="60.00")
    row = (
        "PAY_A,order-1,20170205,20170208,USD,49.41,344.91,10.00,48.19,334.91,6.9500,"
        "20170207,P,TRADE_SUCCESS"
    )
    back = row.replace("PAY_A,order-1", "REFUND_A,r-1").replace(",P,", ",T,")
    paid_out = files.file(row, back, total="669.82")

    read_transactions(traded, total_rule=rules).read()
    read_statement(paid_out, total_rule=rules).read()

    assert {TotalRule.NET} == rules.of("8017")
    assert {TotalRule.GROSS} == rules.of("8017", paid_out=True)


def test_a_rule_may_be_given_as_text():
    """
    And nothing else is taken for one.
    """
    data = files.file(files.payment(1), files.refund(1), total="60.00")

    assert 2 == len(read_transactions(data, total_rule="sum(P)-sum(T)").read().rows)

    with pytest.raises(errors.IncompleteStatementError, match="fits none"):
        read_transactions(data, total_rule="sum(P)").read()

    with pytest.raises(errors.ConfigError, match="total_rule: one of auto, ignore"):
        read_transactions(data, total_rule="net")


def test_the_line_of_a_broken_statement_is_named_in_chinese_too():
    """
    Each language has its own words for the place.
    """
    with pytest.raises(errors.IncompleteStatementError) as caught:
        read_transactions(b"TRANSDETAIL-START,8017").read()

    assert ": line 1: " in str(caught.value)
    assert "：第 1 行：" in str(caught.value)


@pytest.mark.parametrize("way", ["rows", "frames", "read", "prove"])
def test_an_error_names_its_file(tmp_path, way):
    """
    Of several it would be anyone's guess.
    """
    path = tmp_path / "transactions-20170206.txt"
    path.write_bytes(b"TRANSDETAIL-START,8017,20170206\nnonsense\n")
    reader = read_transactions(path)

    with pytest.raises(errors.IncompleteStatementError) as caught:
        {
            "rows": lambda: [*reader],
            "frames": lambda: [*reader.frames()],
            "read": reader.read,
            "prove": reader.prove,
        }[way]()

    assert caught.value.what.en.startswith("transactions-20170206.txt: ")
    assert caught.value.what.zh.startswith("transactions-20170206.txt：")
    assert str(tmp_path) not in str(caught.value)
