"""
Files in exactly the form in which platforms and spreadsheets write them, with the rows
that they hold.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import workbooks

from umfpay import errors
from umfpay.cli._main import run
from umfpay.reconciliation import Ledger


FORMATS = Path(__file__).parent / "formats"
PAYPAL = {"date_format": "%m/%d/%Y %H:%M:%S", "zone": "America/Los_Angeles"}
ROWS = {
    "wechat.csv": (
        {},
        [
            ("B1", "P", "", "2017-02-06", 6800, "SUCCESS"),
            ("C1", "P", "", "2017-02-06", 839460, "SUCCESS"),
            ("C1", "T", "R77", "2017-02-06", 2720, "SUCCESS"),
        ],
    ),
    "alipay.csv": (
        {},
        [
            ("B1", "P", "", "2017-02-06", 6800),
            ("C1", "P", "", "2017-02-06", 839460),
            ("C1", "T", "R77", "2017-02-06", 2720),
        ],
    ),
    "alipay-web.csv": (
        {},
        [
            ("B1", "P", "", "2017-02-06", 6800, "交易成功"),
            ("C1", "P", "", "2017-02-06", 839460, "交易关闭"),
        ],
    ),
    "stripe.csv": (
        {},
        [
            ("B1", "P", "", "2017-02-06", "USD", 1000),
            ("C1", "P", "", "2017-02-07", "USD", 123450),
            ("C1", "T", "re_77", "2017-02-07", "USD", 400),
        ],
    ),
    "paypal.csv": (
        PAYPAL,
        [
            ("B1", "P", "", "2017-02-06", "USD", 1000, "Completed"),
            ("C1", "P", "", "2017-02-07", "USD", 123450, "Completed"),
            ("C1", "T", "8XY", "2017-02-07", "USD", 400, "Completed"),
        ],
    ),
    "shopify.csv": (
        {},
        [
            ("#1001", "P", "", "2017-02-06", "USD", 1000, "paid"),
            ("#1002", "P", "", "2017-02-06", "USD", 123450, "voided"),
        ],
    ),
    "excel.csv": (
        {"decimal": ","},
        [("B1", "P", "", "2017-02-06", 1000), ("C1", "P", "", "2017-02-06", 123450)],
    ),
}


def canonical_rows(ledger):
    frame = pl.concat(ledger.batches())

    return frame.with_columns(pl.col(pl.Date).cast(pl.String)).rows()


@pytest.mark.parametrize("name", ROWS)
def test_a_file_of_each_format_is_read_by_its_preset(name):
    """
    Its rows are those that a person sees.
    """
    options, rows = ROWS[name]

    assert rows == canonical_rows(
        Ledger.preset(name.removesuffix(".csv"), FORMATS / name, **options)
    )


@pytest.mark.parametrize("name", ROWS)
def test_the_command_shows_what_it_understood(name, capsys):
    """
    The columns and the first rows.
    """
    options, rows = ROWS[name]
    words = [
        part
        for key, value in options.items()
        for part in (f"--{key.replace('_', '-')}", value)
    ]
    code = run(
        [
            *("ledger", "show", str(FORMATS / name)),
            *("--preset", name.removesuffix(".csv"), *words),
        ]
    )
    printed = capsys.readouterr().out

    assert 0 == code
    assert f"rows | 行数: {len(rows)}" in printed
    assert all(row[0] in printed for row in rows)


def test_what_nobody_can_find_out_is_asked_for():
    """
    PayPal writes days as its user has chosen.
    """
    with pytest.raises(errors.ConfigError, match="--date-format"):
        Ledger.preset("paypal", FORMATS / "paypal.csv")


def test_a_bill_in_another_currency_than_its_preset_is_refused(tmp_path):
    """
    What is compared as yuan is none.
    """
    path = tmp_path / "bill.csv"
    text = (FORMATS / "wechat.csv").read_text(encoding="utf-8")
    path.write_text(text.replace("CNY", "JPY"), encoding="utf-8")

    with pytest.raises(errors.StatementError, match="货币种类 holds in row 1 no CNY"):
        list(Ledger.preset("wechat", path).batches())


def test_a_format_of_ones_own_is_a_file(tmp_path):
    """
    It may begin with one that is known.
    """
    form = tmp_path / "till.toml"
    form.write_text(
        'delimiter = ";"\nunit = "cents"\n'
        '[columns]\nmer_reference_id = "no"\ntotal = ["sum", "amount"]\nstate = "s"\n'
        '[states]\n1 = "success"\n',
        encoding="utf-8",
    )
    book = tmp_path / "till.csv"
    book.write_text("Till 7\nno;amount;s\nB1;1000;1\n", encoding="utf-8")

    assert [("B1", "P", "", 1000, "done")] == canonical_rows(Ledger.preset(form, book))

    form.write_text('colour = "red"\n', encoding="utf-8")

    with pytest.raises(errors.ConfigError, match="has 'colour'"):
        Ledger.preset(form, book)

    with pytest.raises(errors.ConfigError, match="there are wechat, alipay"):
        Ledger.preset("sofort", book)


def test_what_was_found_out_is_said():
    """
    Encoding, lines that are no rows, the sign of refunds.
    """
    ledger = Ledger.preset("alipay", FORMATS / "alipay.csv")
    list(ledger.batches())
    said = " ".join(note.en for note in ledger.notes())

    assert "encoding is gb" in said
    assert "no row (a comment): #账号：[***]" in said
    assert "no row (below the rows): #退款合计" in said
    assert "Refunds have a minus" in said


def test_a_sheet_is_read_as_it_is_shown(tmp_path):
    """
    Titles above the names, numbers as they were entered; none that has lost its end.
    """
    names = ("mer_reference_id", "total", "mer_date")
    path = tmp_path / "ledger.xlsx"
    workbooks.write(
        path,
        ("Orders",),
        names,
        ("B1", 10, "2017/2/6"),
        (201702060002, 1234.5, "2017-02-06"),
    )

    assert [
        ("B1", "P", "", "2017-02-06", 1000),
        ("201702060002", "P", "", "2017-02-06", 123450),
    ] == canonical_rows(Ledger.open(path))

    workbooks.write(path, names, (4200000001201702, 10, "2017/2/6"))

    with pytest.raises(errors.StatementError, match="row 1 a number of more than 15"):
        canonical_rows(Ledger.open(path))

    path.write_bytes(b"PK\x03\x04")

    with pytest.raises(errors.StatementError, match=r"ledger\.xlsx cannot be read"):
        Ledger.open(path)
