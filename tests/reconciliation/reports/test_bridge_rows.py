"""
From each figure of the bridge to its rows, and what stands above it.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
import statement_files as files

from umfpay.reconciliation import Ledger, reconcile


PAID = (
    "PAY_{0},{1},20170205,20170206,USD,14.33,{2}.00,1.00,{3},{4}.00,6.9784,20170206,P,0"
)


def paid(order, total="100", net=None):
    net = int(total) - 1 if net is None else net

    return PAID.format(order, order, total, round(net / 6.9784, 2), net)


def statement(*rows):
    return (
        "PAYDETAIL-START,8017,20170206\n"
        + "".join(f"{row}\n" for row in rows)
        + "PAYDETAIL-End,8017,20170206,1.00\n"
    ).encode()


def compared(folder, count, *payouts, **options):
    (folder / "20170206.txt").write_bytes(
        files.file(
            *map(files.payment, range(1, count + 1)),
            *([files.refund(1)] if count > 1 else []),
            total=f"{100 * count}.00",
        )
    )
    (folder / "paid.txt").write_bytes(statement(*payouts))
    orders = "".join(f"order-{one},2017-02-05,100.00\n" for one in range(1, count + 1))
    (folder / "shop.csv").write_text(f"mer_reference_id,mer_date,total_cny\n{orders}")

    return reconcile(
        folder / "20170206.txt",
        folder / "paid.txt",
        ledger=Ledger.csv(folder / "shop.csv"),
        settle_after=3,
        total_rule="ignore",
        **options,
    )


def compared_with_an_opening(folder):
    """
    Return the report of a night in which every line of the bridge has rows.
    """
    before = compared(folder, 3, paid("order-1"))

    return compared(
        folder,
        4,
        paid("order-2", "90"),
        paid("order-3", net=98),
        paid("order-4", net=97),
        paid("order-9"),
        paid("order-8").replace("20170205", "20161201"),
        opening=before.open_items.with_columns(
            order_id="old-" + before.open_items["order_id"]
        ),
        days=(date(2017, 2, 5), date(2017, 2, 6)),
    )


def page_of(report, folder, **options):
    return report.write_html(folder / "r.html", language="en", **options).read_text(
        "utf-8"
    )


def figures(page):
    """
    Return of each line of the first bridge the links of amount and rows, and both.
    """
    table = page[page.index('<div class="bridges">') :]
    table = table[: table.index("</table>")]
    found = {}

    for line in re.findall(r"<tr class=.*?</tr>", table, re.S):
        name, *cells = re.findall(r"<td.*?>(.*?)</td>", line, re.S)
        found[re.sub(r"<.*?>", "", name).strip()] = [
            (
                (re.findall('href="#(.*?)"', cell) or [""])[0],
                re.sub(r"<.*?>", "", cell).strip(),
            )
            for cell in cells
        ]

    return found


def test_every_figure_leads_to_its_rows(tmp_path):
    """
    To a section of the page that is there, by its amount and by its count.
    """
    again = compared_with_an_opening(tmp_path)
    page = page_of(again, tmp_path)
    found = figures(page)

    for name, ((link, amount), (other, rows)) in found.items():
        assert link == other, name
        assert bool(link) == (rows not in ("-", "0") or amount not in ("0.00", "?"))
        assert not link or f'id="{link}"' in page

    assert {
        "Open before": "opening",
        "Traded": "files-transactions",
        "Less refunds": "files-transactions",
        "Less reversals": "",
        "Less fees of what was paid out": "files-statement",
        "Paid out for unknown numbers": "paid_out_unknown",
        "Less what is open now": "open",
        "Paid out for orders of other days": "other-days",
        "Paid out": "files-statement",
    }.items() <= {name: cells[0][0] for name, cells in found.items()}.items()
    assert "old-order-2" in page[page.index('id="opening"') :]
    assert '<dt id="files-transactions">Transactions 2017-02-06</dt>' in page
    assert "20170206.txt, 8017" in page


def test_rows_that_make_a_line_and_have_another_class_are_named(tmp_path):
    """
    With links to where they are listed, or as words where the page ends before.
    """
    compared(tmp_path, 2, paid("order-1", "90"), paid("order-2", net=98))
    (tmp_path / "shop.csv").write_text("mer_reference_id,total_cny\norder-1,1\n")
    report = reconcile(
        tmp_path / "20170206.txt",
        tmp_path / "paid.txt",
        ledger=Ledger.csv(tmp_path / "shop.csv"),
        settle_after=3,
        total_rule="ignore",
    )
    page = page_of(report, tmp_path)
    ids = {row.order_id: row.id for row in report.rows() if row.kind == "P"}
    section = page[page.index('<section id="rows-exchange">') :]
    section = section[: section.index("</section>")]

    assert "missing_in_ledger" == next(
        row.difference for row in report.rows() if row.order_id == "order-2"
    )
    assert f'<a href="#d-{ids["order-2"]}">order-2</a>' in section
    assert f'id="d-{ids["order-2"]}"' in page
    assert "rows-exchange" == figures(page)["Paid out other than amount less fee"][0][0]

    short = page_of(report, tmp_path, limit=1, rest="all.csv")

    assert "#d-" in short or "order-2" in short
    assert set(re.findall('href="#(.*?)"', short)) <= set(
        re.findall('id="(.*?)"', short)
    )


def test_what_a_page_has_not_is_in_a_file_beside_it(tmp_path):
    """
    All of it, and the page says so; a page that has all needs none.
    """
    report = compared(tmp_path, 250, paid("order-1"))
    page = report.write(tmp_path / "night.html", language="en").read_text("utf-8")

    with (tmp_path / "night-bridge.csv").open(encoding="utf-8-sig") as file:
        rows = [*csv.DictReader(file)]

    # 249 payments, and the refund.
    assert 250 == len(rows) == report.open_items.height
    assert {"closing"} == {row["item"] for row in rows}
    assert "100.00" == next(
        row["total_cny"] for row in rows if row["order_id"] == "order-7"
    )
    assert '<a href="./night-bridge.csv">night-bridge.csv</a>' in page

    small = compared(tmp_path, 2, paid("order-1"))
    small.write(tmp_path / "small.html")

    assert not (tmp_path / "small-bridge.csv").exists()


@pytest.mark.parametrize(
    ("language", "heading", "words"),
    [
        ("en", "Books that are missing", "no file of transactions"),
        ("zh", "缺少的账册", "2017-02-05"),
    ],
)
def test_books_that_are_missing_stand_above_everything(
    tmp_path, language, heading, words
):
    """
    Once, and the verdict speaks of them where all else is matched.
    """
    report = compared(
        tmp_path,
        1,
        paid("order-1"),
        opening=Decimal(0),
        days=(date(2017, 2, 5), date(2017, 2, 6)),
    )
    page = report.write_html(tmp_path / "r.html", language=language).read_text("utf-8")
    (missing,) = report.missing
    text = missing.en if language == "en" else missing.zh

    assert not report.is_clean
    assert words in text
    assert 1 == page.count(text)
    assert page.index(heading) < page.index('<section id="bridge">')
    assert page.index(heading) < page.index(text) < page.index('<section id="bridge">')
    assert ("books are missing" if language == "en" else "但缺少账册") in page


def links_of(path, sheet):
    """
    Return of each line of the sheet's first table its amount, its rows, what they lead
    to and where the rows are said to be; openpyxl reads numbers as such.
    """
    book = openpyxl.load_workbook(path)
    found = {}

    for name, _, amount, rows, _, where in book[sheet].iter_rows(min_row=2):
        if name.value is None:
            break

        to = [one.hyperlink and one.hyperlink.location for one in (amount, rows)]
        found[name.value] = (amount.value, rows.value, *to, where.value)

    return found, book


def test_every_figure_of_a_workbook_leads_to_its_rows(tmp_path):
    """
    The amount and the count are numbers, and links to rows of a sheet that are those of
    the line.
    """
    again = compared_with_an_opening(tmp_path)
    path = again.write_xlsx(tmp_path / "r.xlsx", language="en")
    found, book = links_of(path, "Bridge")
    targets = {}

    for name, (amount, rows, link, other, where) in found.items():
        assert not isinstance(amount, str) or amount == "?"
        assert bool(where) == (amount not in (0, "?") or rows not in (None, 0)), name

        if amount != "?" and where:
            sheet, cells = link.split("!")
            first, last = re.findall("[0-9]+", cells)
            targets[name] = (sheet.strip("'"), int(first), int(last))
            assert where.startswith(f"sheet {targets[name][0]}, row")

        assert other in (None, link)

    sheet, first, last = targets["Open before"]
    listed = [row[0].value for row in book[sheet].iter_rows(first, last)]

    assert "Open before" == sheet
    assert found["Open before"][1] == len(listed)
    assert {"old-order-2", "old-order-3"} <= {*listed}

    sheet, first, last = targets["Paid out for unknown numbers"]
    rows = [[one.value for one in row] for row in book[sheet].iter_rows(first, last)]

    assert "Rows of the bridge" == sheet
    assert [("Paid out for unknown numbers", "order-9")] == [
        (row[0], row[2]) for row in rows
    ]

    for name in ("Traded", "Paid out"):
        sheet, first, last = targets[name]

        assert ("Summary", first) == (sheet, last)

    assert book["Summary"].cell(targets["Traded"][1], 1).value == (
        "Transactions 2017-02-06 20170206.txt"
    )


def test_rows_of_a_line_stand_beside_each_other_whatever_their_class_is(tmp_path):
    """
    On a sheet of their own: all differences are in the order of their numbers.
    """
    compared(tmp_path, 2, paid("order-1", "90"), paid("order-2", net=98))
    (tmp_path / "shop.csv").write_text("mer_reference_id,total_cny\norder-1,1\n")
    report = reconcile(
        tmp_path / "20170206.txt",
        tmp_path / "paid.txt",
        ledger=Ledger.csv(tmp_path / "shop.csv"),
        settle_after=3,
        total_rule="ignore",
    )
    path = report.write_xlsx(tmp_path / "r.xlsx", language="en")
    found, book = links_of(path, "Bridge")
    _, _, link, _, where = found["Paid out other than amount less fee"]
    first, last = re.findall("[0-9]+", link.split("!")[1])
    rows = [
        [cell.value for cell in row]
        for row in book["Rows of the bridge"].iter_rows(int(first), int(last))
    ]

    assert link.startswith("'Rows of the bridge'!")
    assert where.startswith("sheet Rows of the bridge, row")
    assert {"Paid out other than amount less fee"} == {row[0] for row in rows}
    assert "order-2" in {row[2] for row in rows}


def test_what_a_workbook_has_not_is_named_with_its_file(tmp_path):
    """
    On the sheet of the rows, and beside the figure.
    """
    report = compared(tmp_path, 30, paid("order-1"))
    path = report.write_xlsx(
        tmp_path / "r.xlsx",
        language="both",
        limit=10,
        rest="all.csv",
        bridge_rows="night-bridge.csv",
    )
    found, book = links_of(path, "资金桥 Bridge")
    where = found["减：期末未结算 Less what is open now"][-1]

    assert "all of them: night-bridge.csv" in where
    assert "全部见：night-bridge.csv" in where
    assert "night-bridge.csv" in [*book["未结算 Open"].values][-1][0]


def test_a_workbook_has_what_it_lacks_beside_it(tmp_path, monkeypatch):
    """
    As a page has, with the length of a workbook.
    """
    monkeypatch.setattr("umfpay.reconciliation.reports._report.WORKBOOK_ROWS", 20)
    report = compared(tmp_path, 30, paid("order-1"))
    report.write(tmp_path / "night.xlsx")

    assert 31 == len((tmp_path / "night-bridge.csv").read_text("utf-8").splitlines())


def test_what_is_unknown_in_a_currency_is_shown_by_page_and_workbook(tmp_path):
    """
    A sum of nothing in CNY does not say what was open in each currency.
    """
    report = compared(tmp_path, 2, paid("order-1"), opening=Decimal(0))
    report.write_xlsx(tmp_path / "report.xlsx", language="en")
    bridge = openpyxl.load_workbook(tmp_path / "report.xlsx")["Bridge"]
    lines = [row[:3] for row in bridge.iter_rows(values_only=True)]
    usd = page_of(report, tmp_path).partition("<th>USD</th>")[2]
    first = re.search(r"<tr class=.*?</tr>", usd, re.S)[0]

    assert report.bridge.line("opening", "USD").amount is None
    assert ("Open before", "USD", "?") in lines
    assert ["Open before", "?"] == re.findall(r"Open before|\?", first)
