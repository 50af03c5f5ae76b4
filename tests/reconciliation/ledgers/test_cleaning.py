"""
Values as spreadsheets, shops and payment platforms write them.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from umfpay import errors
from umfpay.reconciliation import Ledger, LedgerFormat


def read(folder=None, /, *, columns=None, text=None, **options):
    if text is not None:
        path = folder / "ledger.csv"
        path.write_text(text, encoding="utf-8")
        ledger = Ledger.csv(path, written=LedgerFormat(**options))
    else:
        table = {
            "mer_reference_id": ["a"] * len(next(iter(columns.values()))),
            **columns,
        }
        ledger = Ledger.frame(pl.DataFrame(table), written=LedgerFormat(**options))

    return pl.concat(ledger.batches())


@pytest.mark.parametrize(
    ("amount", "options", "hundredths"),
    [
        ("1,234.50", {}, 123450),
        ("1,234,567", {}, 123456700),
        ("¥8394.60", {}, 839460),
        ("-￥4", {}, -400),
        ("US$ 1,234.50", {}, 123450),
        ("68.00元", {}, 6800),
        ("1,234", {"decimal": "."}, 123400),
        ("1,234", {"decimal": ","}, 123),
        ("1.234,50", {"decimal": ","}, 123450),
        ("10,5", {"decimal": ","}, 1050),
        ("1.234", {"decimal": ","}, 123400),
        ("1250", {"unit": "cents"}, 1250),
        ("-5", {"unit": "cents"}, -5),
    ],
)
def test_an_amount_that_can_mean_one_thing_is_read(amount, options, hundredths):
    """
    Beside a plain one.
    """
    found = read(columns={"total": ["7", amount]}, **options)

    assert hundredths == found["total"][1]


@pytest.mark.parametrize(
    ("amount", "options", "words"),
    [
        ("1,234", {}, "its comma may stand before decimals or thousands"),
        ("12,34.00", {}, "no amount"),
        ("10,50", {}, "--decimal"),
        ("12.50", {"decimal": ","}, "no amount"),
        ("12.50", {"unit": "cents"}, "no whole number of cents"),
    ],
)
def test_an_amount_that_can_mean_several_things_is_refused(amount, options, words):
    """
    With the option that says which.
    """
    with pytest.raises(errors.StatementError, match=words):
        read(columns={"total": ["7", amount]}, **options)


def test_signs_of_two_currencies_need_a_column_of_the_currency():
    """
    The sign of the yuan is that of the yen, too: it says nothing of the currency.
    """
    amounts = {"total": ["¥5", "$5"]}

    with pytest.raises(errors.ConfigError, match="map currency"):
        read(columns=amounts)

    found = read(columns={**amounts, "currency": ["JPY", "USD"]})

    assert ["JPY", "USD"] == found["currency"].to_list()


@pytest.mark.parametrize(
    ("given", "options", "day"),
    [
        ("2017/2/6", {}, 6),
        ("2017-2-6 9:05", {}, 6),
        ("2017年2月6日", {}, 6),
        ("2017.02.06", {}, 6),
        ("06/02/2017", {"date_format": "%d/%m/%Y"}, 6),
        ("2/6/2017", {"date_format": "%m/%d/%Y"}, 6),
        ("2017-02-06 20:00:00", {"zone": "UTC"}, 7),
        ("2017-02-06T08:00:00", {"zone": "America/Los_Angeles"}, 7),
        ("2017-02-06T20:00:00Z", {"zone": "America/Los_Angeles"}, 7),
        ("2017-02-06", {"zone": "UTC"}, 6),
    ],
)
def test_days_as_they_are_written(given, options, day):
    """
    A time without an offset is of the zone that is named.
    """
    found = read(columns={"total": ["7"], "mer_date": [given]}, **options)

    assert date(2017, 2, day) == found["mer_date"][0]


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("06/02/2017", {}),
        ("2017/13/6", {}),
        ("2017-02-06", {"date_format": "%d/%m/%Y"}),
        ("20170206", {"date_format": "%d%m%Y"}),
    ],
)
def test_the_order_of_day_and_month_is_never_guessed(given, options):
    """
    Nor is another one taken than the one that is named.
    """
    with pytest.raises(errors.StatementError, match="--date-format") as caught:
        read(columns={"total": ["7"], "mer_date": [given]}, **options)

    assert "'***'" in str(caught.value) or f"'{given}'" in str(caught.value)


def test_a_number_that_a_spreadsheet_has_rounded_is_refused():
    """
    Its last digits are lost.
    """
    with pytest.raises(errors.StatementError, match="A spreadsheet has rounded it"):
        list(
            Ledger.frame(
                pl.DataFrame({"mer_reference_id": ["4.2E+13"], "total": ["1"]})
            ).batches()
        )

    with pytest.raises(errors.ConfigError, match="holds floats, which are no numbers"):
        list(
            Ledger.frame(
                pl.DataFrame({"mer_reference_id": [4.2e13], "total": ["1"]})
            ).batches()
        )


@pytest.mark.parametrize("sign", ["-", ""])
def test_the_sign_of_refunds_is_found_out(sign):
    """
    The same in the whole of the ledger.
    """
    refunds = {"kind": ["P", "T", "T"], "refund_id": ["", "1", "2"]}
    found = read(columns={"total": ["9", f"{sign}4", f"{sign}5.00"], **refunds})

    assert [900, 400, 500] == found["total"].to_list()

    with pytest.raises(errors.StatementError, match="row 3 of the ledger has another"):
        read(columns={"total": ["9", "-4", "5.00"], **refunds})

    with pytest.raises(errors.StatementError, match=r"row [23] .*as was said"):
        read(
            columns={"total": ["9", f"{sign}4", f"{sign}5"], **refunds},
            refunds_negative=not sign,
        )


def test_bare_digits_of_a_state_are_to_be_explained():
    """
    They mean success in one system, and waiting in another.
    """
    columns = {"total": ["1"], "state": ["0"]}

    with pytest.raises(errors.StatementError, match="--state done=0"):
        read(columns=columns)

    assert ["done"] == read(columns=columns, states={"0": "success"})["state"].to_list()

    with pytest.raises(errors.ConfigError, match="states: 'FINE' is none of done"):
        read(columns=columns, states={"0": "fine"})


def test_rows_that_are_neither_payments_nor_refunds_are_none():
    """
    Where the user says so; rows of errors are those of the file.
    """
    columns = {"total": ["1", "2", "3"], "kind": ["charge", "Payout", "fee"]}

    with pytest.raises(errors.StatementError, match="row 2 no P or T: 'Payout'"):
        read(columns=columns)

    assert [100] == read(columns=columns, kinds={"payout": "-", "fee": "-"})[
        "total"
    ].to_list()

    with pytest.raises(errors.StatementError, match="column kind holds in row 3"):
        read(columns=columns, kinds={"payout": "-"})


def test_lines_above_and_below_the_rows_are_none(tmp_path):
    """
    Titles, comments where the file begins with one, and sums of a known form.
    """
    text = (
        "Orders of May\n\nmer_reference_id,total\n#1001,5\n`B,6\n总交易单数,合计\n`2\n"
    )

    with pytest.raises(errors.StatementError, match="further rows"):
        read(tmp_path, text=text)

    text = text.replace("\n`2\n", "\n2\n").replace("total", "total,note")
    found = read(tmp_path, text=text.replace("#1001,5", "#1001,5,").replace("6", "6,"))

    assert ["#1001", "B"] == found["order_id"].to_list()

    found = read(tmp_path, text="#x\nmer_reference_id,total\nA,1\n#1001,5\n")

    assert ["A"] == found["order_id"].to_list()


def test_a_row_above_the_names_is_not_dropped(tmp_path):
    """
    A line of names in the middle of the rows is a mistake.
    """
    with pytest.raises(errors.StatementError, match="looks like a row"):
        read(tmp_path, text="A,1\nmer_reference_id,total\nB,2\n")


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nmer_reference_id;total\nA;1,5\n",
        "mer_reference_id\ttotal\nA\t1,5\n",
        '="mer_reference_id"|total\n="A"|1,5\n'.replace(
            '="mer_reference_id"', "mer_reference_id"
        ),
    ],
)
def test_what_stands_between_fields_is_found_out(tmp_path, text):
    """
    By the names, or by the line that Excel takes for it.
    """
    found = read(tmp_path, text=text, decimal=",")

    assert [("A", 150)] == found.select("order_id", "total").rows()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gb18030", "utf-8-sig"])
def test_the_encoding_is_found_out(tmp_path, encoding):
    """
    By its mark, by its zeros, by its letters.
    """
    path = tmp_path / "ledger.csv"
    rows = "".join(f"A{n},{n}.00,交易成功,书籍一本\n" for n in range(1, 30))
    path.write_text(f"商户订单号,订单金额,交易状态,商品名称\n{rows}", encoding=encoding)
    ledger = Ledger.csv(
        path,
        columns={
            "mer_reference_id": "商户订单号",
            "total": "订单金额",
            "state": "交易状态",
        },
    )

    assert {"交易成功"} == {*pl.concat(ledger.batches())["state"]}
