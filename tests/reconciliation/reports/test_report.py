"""
The report: shapes, words, and files that hurt nobody.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import zipfile
from decimal import Decimal
from html.parser import HTMLParser

import books
import polars as pl
import pytest
import statement_files as files
from python_calamine import CalamineWorkbook

from umfpay import errors
from umfpay.reconciliation import Difference, Ledger, Report, compare, reconcile
from umfpay.reconciliation.reports._xlsx_sheets import FrameSheet


HOSTILE = '=HYPERLINK("x")<script>alert(1)</script>'


@pytest.fixture(name="report")
def _report():
    """
    One key of several classes, hostile numbers among them.
    """
    frame = compare(
        books.frame(
            "transactions",
            [books.transaction(), books.transaction(HOSTILE), books.transaction("d")],
        ),
        books.frame(
            "ledger",
            [
                books.booked(total=1434, currency="EUR"),
                books.booked("o-3"),
                books.booked("d"),
                books.booked("d"),
            ],
        ),
        books.frame("statement", [books.paid_out(exchanged=1)]),
        settle_after=books.SETTLE_AFTER,
        as_of=books.AS_OF,
    )

    return Report(
        frame.filter(pl.col("class") != "matched").sort(pl.all()),
        counts={"duplicate": 1, "missing_in_ledger": 1, "currency_differs": 1},
        totals={"currency_differs": {"USD": 1433, "total_cny": 10000}},
        switched_off={},
        books={"files": [], "rows": {"ledger": 4}},
    )


def test_counts_are_integers_and_money_is_text(report):
    """
    Every class is there, found or not.
    """
    loaded = json.loads(report.to_json())

    assert {str(name) for name in Difference} == loaded["counts"].keys()
    assert 1 == loaded["counts"]["duplicate"]
    assert 0 == loaded["counts"]["matched"]
    assert {"USD": "14.33", "total_cny": "100.00"} == loaded["totals"][
        "currency_differs"
    ]
    assert "<Report: 0 matched, 3 not>" == repr(report)


def test_rows_have_decimals_and_a_reason(report):
    """
    The later classes are named as well.
    """
    (row,) = [one for one in report.rows() if one.order_id == "o-1"]

    assert Difference.CURRENCY_DIFFERS == row.difference
    assert (Difference.AMOUNT_DIFFERS, Difference.EXCHANGE_DIFFERS) == row.also
    assert Decimal("14.34") == row.ledger["total"]
    assert Decimal("6.9784") == row.gateway["exchange_rate"]
    assert (
        "currency: ledger EUR, gateway USD."
        " Also: amount differs, exchange differs." == row.reason.en
    )
    assert "币种不一致" not in row.reason.zh
    assert "金额不一致" in row.reason.zh

    for one in report.rows():
        assert one.reason.en
        assert one.reason.zh


def test_a_cell_is_no_formula(report, tmp_path):
    """
    Spreadsheets would run it.
    """
    path = report.write_csv(tmp_path / "report.csv", mark=True)
    text = path.read_bytes()
    rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines()))

    assert text.startswith(b"\xef\xbb\xbf")
    assert f"'{HOSTILE}" in [row["order_id"] for row in rows]
    assert {"14.33"} == {row["gateway_total"] for row in rows} - {""}
    assert "missing_in_ledger" in [row["class"] for row in rows]


def test_the_file_for_programs_has_every_difference(report, tmp_path):
    """
    With its id, both sides' values, why, and what to do about its class.
    """
    loaded = json.loads(report.write_json(tmp_path / "report.json").read_text("utf-8"))
    rows = {row["order_id"]: row for row in loaded["differences"]}

    assert json.loads(report.to_json()).items() <= loaded.items()
    assert report.frame.get_column("id").to_list() == [
        row["id"] for row in loaded["differences"]
    ]
    assert "14.34" == rows["o-1"]["ledger"]["total"]
    assert "6.9784" == rows["o-1"]["gateway"]["exchange_rate"]
    assert ["amount_differs", "exchange_differs"] == rows["o-1"]["also"]
    assert {
        "ids": [rows["o-3"]["id"]],
        "numbers": ["o-3"],
        "why": {"en": "the same amount and day", "zh": "金额和日期相同"},
    } in rows[HOSTILE]["suggestions"]
    assert {"duplicate", "missing_in_ledger", "currency_differs"} == {*loaded["advice"]}


def test_the_ending_says_what_is_written(report, tmp_path):
    """
    Another is refused.
    """
    for ending in Report.endings:
        assert report.write(tmp_path / f"r{ending}").stat().st_size

    assert (tmp_path / "r.csv").read_bytes().startswith(b"\xef\xbb\xbf")

    with pytest.raises(errors.ConfigError, match=r"one of \.html"):
        report.write(tmp_path / "r.docx")


@pytest.mark.parametrize(
    ("language", "columns"),
    [
        ("en", {"reason", "advice", "suggestion"}),
        ("zh", {"reason_zh", "advice_zh", "suggestion_zh"}),
    ],
)
def test_a_table_of_one_language(report, tmp_path, language, columns):
    """
    Or of both, which is what it is unless asked.
    """
    both = report.write_csv(tmp_path / "both.csv").read_text("utf-8")
    one = report.write_csv(tmp_path / "one.csv", language=language).read_text("utf-8")
    words = {"reason", "advice", "suggestion"}
    words |= {f"{name}_zh" for name in words}
    (heads, *_), (head, *_) = (
        csv.reader([text.splitlines()[0]]) for text in (both, one)
    )

    assert words <= {*heads}
    assert columns == words & {*head}


class Page(HTMLParser):
    """
    What a browser would find in a page.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.inner = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.links += [
            given[name] for name in ("src", "href", "action") if name in given
        ]
        self.inner.setdefault(tag, "")

    def handle_data(self, data):
        # Behind its end nothing is in it.
        tag = self.tags[-1][0] if self.tags else ""

        if not self.inner.get(tag):
            self.inner[tag] = data

    def policy(self):
        return next(
            given["content"]
            for tag, given in self.tags
            if given.get("http-equiv") == "Content-Security-Policy"
        )


def hash_of(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("language", ["zh", "en", "both"])
def test_the_page_needs_no_network_and_runs_nothing_of_strangers(
    report, tmp_path, language
):
    """
    Whatever an order number holds: the page's policy allows one script and one style,
    which are ours, by their hashes.
    """
    path = report.write_html(tmp_path / "report.html", language=language)
    text = path.read_text("utf-8")
    page = Page(text)

    assert 1 == text.count("<script")
    assert (
        f"default-src 'none'; style-src 'sha256-{hash_of(page.inner['style'])}';"
        f" script-src 'sha256-{hash_of(page.inner['script'])}'" == page.policy()
    )
    assert "alert" not in page.inner["script"]
    assert {"#"} == {link[0] for link in page.links}
    # Each leads somewhere.
    assert {link[1:] for link in page.links} <= {
        given.get("id") for _, given in page.tags
    }
    assert not any(
        name.startswith("on") or name == "style"
        for _, given in page.tags
        for name in given
    )
    assert "//" not in text.replace(HOSTILE, "")
    assert ("对账报告" in text) == (language != "en")
    assert ("Reconciliation" in text) == (language != "zh")
    assert ('id="zh"' in text) == (language == "both")
    assert "&lt;script&gt;" in text


def test_what_differs_is_marked_beside_the_other_side(report, tmp_path):
    """
    With thousands apart, what to do once for its class, and the likely pair linked.
    """
    text = report.write_html(tmp_path / "report.html", language="en").read_text("utf-8")
    page = Page(text)
    row = text[text.index('id="currency_differs"') :]
    row = row[row.index("<tr id=") : row.index("</tr>", row.index("<tr id="))]

    assert "<mark>14.34 EUR</mark>" in row
    assert 2 == row.count("<mark>14.33 USD</mark>")
    assert "100.00 CNY" in row.replace("</mark>", "")
    assert "<mark>success" not in row
    assert 1 == text.count("See in which currency the order was made")
    assert 'Perhaps <a href="#d-' in text
    assert {row.id for row in report.rows()} == {
        given["id"][2:]
        for _, given in page.tags
        if given.get("id", "").startswith("d-")
    }


def test_many_rows_are_cut_and_counted(tmp_path):
    """
    The page stays readable; the other files have them all.
    """
    frame = compare(
        books.frame(
            "transactions", [books.transaction(f"o-{n:03}") for n in range(50)]
        ),
        books.frame("ledger", []),
    ).sort(*books.KEY)
    report = Report(frame, counts={}, totals={}, switched_off={})
    text = report.write_html(
        tmp_path / "r.html", limit=10, produced_at="2017-02-07", rest="javascript:1.csv"
    ).read_text("utf-8")

    assert "o-009" in text
    assert "o-010" not in text
    assert " 40. " in text
    assert '<a href="./javascript%3A1.csv">javascript:1.csv</a>' in text
    assert "2017-02-07" in text

    sheet = sheets(report.write_xlsx(tmp_path / "r.xlsx", limit=10, rest="1.csv"))

    assert 12 == len(sheet["差异 Differences"])
    assert (
        "另有 40 行；全部见：1.csv and 40 more rows; all of them: 1.csv"
        == (sheet["差异 Differences"][-1][0])
    )
    assert "and 47 more rows" in report.to_text(language="en", limit=3)
    assert 50 == pl.read_parquet(report.write_parquet(tmp_path / "r.parquet")).height


def sheets(path):
    """
    Return the cells of a workbook by the names of its sheets.
    """
    book = CalamineWorkbook.from_path(str(path))

    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_workbook_without_its_rows_is_none(report, tmp_path, monkeypatch):
    """
    Where an xlsxwriter to come asks its sheets for rows in another way.
    """
    monkeypatch.delattr(FrameSheet, "_write_rows")

    with pytest.raises(errors.ConfigError, match="lacks rows"):
        report.write_xlsx(tmp_path / "r.xlsx")

    assert not [*tmp_path.iterdir()]


def test_a_workbook_has_numbers_as_numbers_and_text_as_text(report, tmp_path):
    """
    Nothing becomes a formula or a link, whatever an order number holds.
    """
    path = report.write_xlsx(tmp_path / "r.xlsx", language="en")
    head, *rows = sheets(path)["Differences"]
    found = {
        row[head.index("order")]: dict(zip(head, row, strict=True)) for row in rows
    }

    assert {HOSTILE, "o-1", "o-3", "d"} == {*found}
    assert 14.34 == found["o-1"]["ledger: total"]
    assert 6.9784 == found["o-1"]["gateway: rate"]
    assert books.DAY == found["o-1"]["ledger: date"]
    assert "" == found["o-3"]["gateway: total"]
    assert found[HOSTILE]["perhaps"].startswith("o-3: the same amount")

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}

    assert not any("<f>" in text or "<hyperlink" in text for text in parts.values())
    assert not any("externalLink" in name for name in parts)


def test_a_workbook_bears_every_text_and_every_number(tmp_path):
    """
    Numbers of more digits than a cell keeps are text; so is what no XML holds.
    """
    odd = "a\x00\x0b\ufffe_x0041_ \U0001f600"
    rows = [
        books.transaction(odd, total=10**15 + 1),
        books.transaction("=1+1", total=-5),
        books.transaction("1" * 20, state="9" * 40_000),
    ]
    report = Report(
        compare(books.frame("transactions", rows), books.frame("ledger", [])),
        counts={},
        totals={},
        switched_off={},
    )
    head, *found = sheets(report.write_xlsx(tmp_path / "r.xlsx", language="en"))[
        "Differences"
    ]
    by_order = {row[head.index("order")]: row for row in found}

    assert {"=1+1", "1" * 20} <= {*by_order}
    assert "10000000000000.01" in {row[head.index("gateway: total")] for row in found}
    assert -0.05 == by_order["=1+1"][head.index("gateway: total")]
    assert 32_767 == len(by_order["1" * 20][head.index("gateway: state")])


def test_every_form_says_the_same(tmp_path):
    """
    Counts, the bridge with its rows and what is not proven, in both languages, and the
    same bytes for the same books.
    """
    (tmp_path / "day.txt").write_bytes(
        files.file(*map(files.payment, (1, 2)), total="200.00")
    )
    (tmp_path / "paid.txt").write_text(
        "PAYDETAIL-START,8017,20170206\n"
        "PAY_1,order-1,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0\n"
        "PAYDETAIL-End,8017,20170206,99.00\n"
    )
    (tmp_path / "ledger.csv").write_text(
        "mer_reference_id,total\norder-1,14.33\norder-2,5000.00\n"
    )

    def made():
        return reconcile(
            tmp_path / "day.txt",
            tmp_path / "paid.txt",
            ledger=Ledger.csv(tmp_path / "ledger.csv"),
            settle_after=1,
        )

    report = made()
    loaded = json.loads(report.write_json(tmp_path / "r.json").read_text("utf-8"))

    for language, missing, open_items in (
        ("en", "opening unknown", "Less what is open now"),
        ("zh", "期初未知", "减：期末未结算"),
    ):
        text = report.to_text(language=language)
        page = report.write_html(tmp_path / "r.html", language=language).read_text(
            "utf-8"
        )
        book = sheets(report.write_xlsx(tmp_path / "r.xlsx", language=language))
        cells = [cell for sheet in book.values() for row in sheet for cell in row]

        for said in (text, page, " ".join(map(str, cells))):
            assert missing in said
            assert open_items in said
            assert "order-2" in said

        assert "-100.00" in text
        assert "-100.00" in page
        assert -100.0 in cells

        for line in loaded["bridge"]["lines"]:
            if line["amount"] is not None:
                shown = f"{Decimal(line['amount']):,.2f}"

                assert shown in text
                assert shown in page
                assert float(line["amount"]) in cells

    assert "5,000.00" in page
    assert "sum(P)" not in page
    assert [("order-2", 1)] == [
        (row["order_id"], row["total_cny"] // 10_000)
        for row in report.open_items.iter_rows(named=True)
    ]
    assert '<section id="open">' in page

    for ending in Report.endings:
        one, other = (
            each.write(tmp_path / f"{number}{ending}").read_bytes()
            for number, each in enumerate((report, made()))
        )

        assert one == other


def test_a_clean_report_says_so(tmp_path):
    """
    In green.
    """
    report = Report(
        compare(
            books.frame("transactions", [books.transaction()]),
            books.frame("ledger", [books.booked()]),
        ).clear(),
        counts={"matched": 1},
        totals={},
        switched_off={},
    )

    assert report.is_clean
    assert [] == list(report.rows())
    assert "All is matched." in report.write_html(tmp_path / "r.html").read_text(
        "utf-8"
    )


def test_what_cannot_be_written_is_reported(report, tmp_path):
    """
    Nothing half is left.
    """
    for write in (
        report.write_csv,
        report.write_parquet,
        report.write_html,
        report.write_json,
        report.write_xlsx,
        report.write_text,
    ):
        with pytest.raises(errors.ConfigError, match="cannot be written"):
            write(tmp_path / "missing" / "report")

    assert [] == list(tmp_path.iterdir())


def test_classes_that_were_not_looked_for_are_named(tmp_path):
    """
    A ledger with little switches them off.
    """
    (tmp_path / "ledger.csv").write_text("mer_reference_id,total\no-1,1.00\n")
    (tmp_path / "day.txt").write_text(
        "TRANSDETAIL-START,8017,20170206\nTRANSDETAIL-End,8017,20170206,0\n"
    )
    report = reconcile(tmp_path / "day.txt", ledger=Ledger.csv(tmp_path / "ledger.csv"))

    assert {
        "currency_differs",
        "state_differs",
        "wrong_day",
        "paid_out_unknown",
        "not_paid_out",
        "fee_differs",
        "exchange_differs",
    } == {*report.switched_off}
    assert "the ledger has no state" == report.switched_off["state_differs"].en
    assert 1 == report.counts["missing_at_gateway"]
    assert {"": "1.00", "total_cny": "0.00"} == report.totals["missing_at_gateway"]


def cells_of(report, folder):
    path = report.write_csv(folder / "report.csv")

    with path.open(encoding="utf-8", newline="") as file:
        return [cell for row in csv.reader(file) for cell in row], path


@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦﹢﹣﹫−")
@pytest.mark.parametrize(
    "before",
    [
        *("", " ", "\t", "\r", "\n", "\u3000", "\u200b", '"', "a;", "a; ", "a\t", "a|"),
        # What some spreadsheets drop as they read.
        *("\0", "\x1b", "\x7f", "\x9b", "\u00ad", "\u202e", "\u2066", "a;\0 \u202d"),
    ],
)
def test_no_formula_of_any_width_stands_where_a_cell_may_begin(tmp_path, sign, before):
    """
    Whichever delimiter a spreadsheet takes; not in the reasons either.
    """
    hostile = f"{before}{sign}SUM(1)"
    rows = [books.transaction("o-1", "T", hostile, currency=hostile)]
    ours = [books.booked("o-1", "T", hostile, currency="USD")]
    report = Report(
        compare(books.frame("transactions", rows), books.frame("ledger", ours)),
        counts={},
        totals={},
        switched_off={},
    )
    cells, path = cells_of(report, tmp_path)

    assert 3 <= sum("SUM(1)" in cell for cell in cells)
    assert "'" in next(cell for cell in cells if "SUM(1)" in cell)

    for delimiter in ",;\t|":
        with path.open(encoding="utf-8", newline="") as file:
            found = [
                cell
                for row in csv.reader(file, delimiter=delimiter)
                for cell in row
                if re.match(rf"[^\w\'=+@-]*{re.escape(sign)}SUM", cell)
            ]

        assert [] == found


def test_money_and_usual_text_stay_as_they_are(tmp_path):
    """
    A sum below zero is a number; signs within a word are none at its begin.
    """
    report = Report(
        compare(
            books.frame("transactions", [books.transaction("a-1=2; b+c", total=-5)]),
            books.frame("ledger", []),
        ),
        counts={},
        totals={},
        switched_off={},
    )
    cells, _ = cells_of(report, tmp_path)

    assert "a-1=2; b+c" in cells
    assert "-0.05" in cells
