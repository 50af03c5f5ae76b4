"""
Files in exactly the form in which platforms and spreadsheets write them, with the rows
that they hold.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import workbooks

from umfpay import errors
from umfpay.cli import run
from umfpay.reconciliation import Ledger


FORMATS = Path(__file__).parents[1] / "formats"
MONEY = ("total", "total_cny")


def expected(name):
    return json.loads((FORMATS / f"{name}.expected.json").read_text(encoding="utf-8"))


def names(member):
    """
    Return the ledgers of which *member* is expected.
    """
    return [
        file.name.removesuffix(".expected.json")
        for file in sorted(FORMATS.glob("*.expected.json"))
        if not file.name.startswith("gateway-")
        and member in json.loads(file.read_bytes())
    ]


def opened(name):
    wanted = expected(name)

    return Ledger.preset(wanted["preset"], FORMATS / name, **wanted.get("options", {}))


def texts(frame):
    return frame.with_columns(
        pl.col(pl.Date).cast(pl.String),
        *(
            (pl.col(column).cast(pl.Decimal(20, 2)) / 100)
            .cast(pl.Decimal(20, 2))
            .cast(pl.String)
            for column in MONEY
            if column in frame.columns
        ),
    )


def canonical_rows(ledger):
    frame = pl.concat(ledger.batches())

    return frame.with_columns(pl.col(pl.Date).cast(pl.String)).rows()


def test_each_format_has_a_file_and_the_rows_that_it_holds():
    """
    Whoever adds one writes down what a person sees in it.
    """
    files = {file.name for file in FORMATS.iterdir()}
    plain = {name for name in files if not name.endswith(".json")}

    assert files == plain | {f"{name}.expected.json" for name in plain}
    assert {
        "wechat",
        "alipay",
        "alipay-web",
        "stripe",
        "paypal",
        "shopify",
        "excel",
    } == {expected(name)["preset"] for name in (*names("rows"), *names("error"))}


@pytest.mark.parametrize("name", names("rows"))
def test_a_file_of_each_format_is_read_by_its_preset(name):
    """
    Its rows are those that a person sees, and it is said how it was understood.
    """
    wanted = expected(name)
    ledger = opened(name)
    frame = texts(pl.concat(ledger.batches()))
    said = [note.en for note in ledger.notes()]

    assert {*wanted["columns"]} == {*frame.columns}
    assert sorted(map(tuple, wanted["rows"])) == sorted(
        frame.select(wanted["columns"]).rows()
    )

    for words in wanted.get("notes", ()):
        assert any(words in note for note in said), said


@pytest.mark.parametrize("name", names("error"))
def test_what_could_mean_two_things_is_refused_with_its_place(name):
    """
    And with what cures it.
    """
    with pytest.raises(errors.StatementError) as caught:
        list(opened(name).batches())

    assert expected(name)["error"] in str(caught.value)


@pytest.mark.parametrize("name", names("rows"))
def test_the_command_shows_what_it_understood(name, capsys):
    """
    The columns and the first rows.
    """
    wanted = expected(name)
    words = []

    for key, value in wanted.get("options", {}).items():
        if key == "columns":
            words += [
                part
                for ours, theirs in value.items()
                for part in ("--map", f"{ours}={theirs}")
            ]
        else:
            words += [f"--{key.replace('_', '-')}", value]

    code = run(
        ["ledger", "show", str(FORMATS / name), "--preset", wanted["preset"], *words]
    )
    printed = capsys.readouterr().out

    assert 0 == code
    assert f"rows | 行数: {len(wanted['rows'])}" in printed
    assert all(row[0] in printed for row in wanted["rows"][:5])


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
