"""
Ledgers that have refunds in the row of their payment: one sum for each order.
"""

from __future__ import annotations

import json
import random
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import Ledger, canonical, reconcile
from umfpay.reconciliation._progress import ignore_progress
from umfpay.reconciliation.ledgers._refunds import divide_sums
from umfpay.reconciliation.nights._night_files import PinnedLedger, write_ledger


COLUMNS = {
    "mer_reference_id": "no",
    "total_cny": "sum",
    "mer_date": "day",
    "state": "state",
    "refunded": "back",
}


def shop(folder, *rows, names="no,sum,day,state,back"):
    path = folder / "shop.csv"
    path.write_text("\n".join([names, *rows]), encoding="utf-8")

    return Ledger.csv(path, columns=COLUMNS)


def gateway(*refunds):
    """
    A payment of order-1 of 100.00, and these refunds of it: number and amount.
    """
    rows = []

    for number, amount, *more in refunds:
        fields = files.refund(number, amount).split(",")
        fields[2] = "order-1"
        rows.append(",".join([*fields, *more]))

    total = 100 + sum(Decimal(amount) for _, amount, *_ in refunds)

    return files.file(files.payment(1), *rows, total=str(total))


def classes(report):
    return {row.refund_id or row.kind: str(row.difference) for row in report.rows()}


@pytest.mark.parametrize(
    "options", [{}, {"engine": "duckdb"}, {"buckets": 4}], ids=["", "duckdb", "buckets"]
)
def test_a_sum_is_that_of_the_refunds_at_the_gateway(tmp_path, options):
    """
    Whatever their number: nothing is missing, and it is said.
    """
    ledger = shop(tmp_path, "order-1,100.00,2017-02-05,paid,12.50")
    report = reconcile(gateway((8, "5.00"), (9, "7.50")), ledger=ledger, **options)

    assert {} == classes(report)
    assert 3 == report.counts["matched"]
    assert report.is_clean
    assert {"ledger": 1} == {
        name: count for name, count in report.books["rows"].items() if name == "ledger"
    }
    assert any("one sum for each order (1 orders)" in note.en for note in report.notes)


def test_a_sum_that_differs_is_one_difference_which_says_so(tmp_path):
    """
    The ledger knows no single refund: none of its amounts is shown.
    """
    ledger = shop(tmp_path, "order-1,100.00,2017-02-05,paid,12.00")
    report = reconcile(gateway((8, "5.00"), (9, "7.50")), ledger=ledger)
    (row,) = report.rows()

    assert "amount_differs" == row.difference
    assert ("order-1", "T", "refund-9") == (row.order_id, row.kind, row.refund_id)
    assert (
        "The refunds of order order-1 are together 12.00 CNY in the ledger, which has"
        " their sum only, and 12.50 CNY at the gateway." == row.reason.en
    )
    assert "订单 order-1 的退款合计：账本为 12.00 CNY" in row.reason.zh
    assert (None, Decimal("12.00")) == (
        row.ledger["total_cny"],
        row.ledger["refunded_cny"],
    )
    assert (Decimal("7.50"), Decimal("12.50")) == (
        row.gateway["total_cny"],
        row.gateway["refunded_cny"],
    )
    assert ("shop.csv:2",) == row.booked_at

    for ending in report.endings:
        report.write(tmp_path / f"report{ending}", language="en")

    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    table = (tmp_path / "report.csv").read_text(encoding="utf-8")

    assert "12.00" == written["differences"][0]["ledger"]["refunded_cny"]
    assert "<mark>12.00 CNY</mark>" in page
    assert "12.00" in table


@pytest.mark.parametrize(
    ("back", "refunds", "expected"),
    [
        ("5.00", [(8, "5.00")], {}),
        ("-5.00", [(8, "5.00")], {}),
        ("4.00", [(8, "5.00")], {"refund-8": "amount_differs"}),
        ("5.00", [], {"T": "missing_at_gateway"}),
        ("0.00", [(8, "5.00")], {"refund-8": "missing_in_ledger"}),
        ("", [(8, "5.00")], {"refund-8": "missing_in_ledger"}),
        ("0.00", [], {}),
        ("101.00", [], {"T": "missing_at_gateway"}),
        (
            "7.50",
            [(8, "5.00"), (9, "7.50")],
            {"refund-9": "amount_differs"},
        ),
    ],
)
def test_sums_of_one_and_of_no_refund(tmp_path, back, refunds, expected):
    """
    Nothing that was refunded is dropped, on either side.
    """
    ledger = shop(tmp_path, f"order-1,100.00,2017-02-05,paid,{back}")

    assert expected == classes(reconcile(gateway(*refunds), ledger=ledger))


def test_a_sum_that_the_gateway_knows_nothing_of_says_what_it_is(tmp_path):
    """
    It may be more than the payment, too.
    """
    ledger = shop(tmp_path, "order-1,100.00,2017-02-05,paid,101.00")
    (row,) = reconcile(gateway(), ledger=ledger).rows()

    assert "the gateway has no refund of it. Also: " in row.reason.en
    assert ("over_refunded",) == tuple(map(str, row.also))
    assert "网关没有该订单的退款" in row.reason.zh


def test_refunds_that_failed_are_in_no_sum(tmp_path):
    """
    They stay what they are: in one book alone.
    """
    day = gateway((8, "5.00"), (9, "7.50")).decode()
    rows = day.splitlines()
    rows[3] = rows[3].replace(",6.9784,0,", ",6.9784,1,")
    ledger = shop(tmp_path, "order-1,100.00,2017-02-05,paid,5.00")
    report = reconcile("\n".join(rows).encode(), ledger=ledger)

    assert {"refund-9": "missing_in_ledger"} == classes(report)


def test_what_is_refunded_in_full_and_therefore_closed_was_paid(tmp_path):
    """
    So Alipay's export has it; without a refund it was never paid.
    """
    state = "order-1,100.00,2017-02-05,交易关闭"
    ledger = shop(tmp_path, f"{state},100.00")
    (rows,) = ledger.batches()

    assert [("P", "done"), ("T", "done")] == rows.select("kind", "state").rows()
    assert {} == classes(reconcile(gateway((8, "100.00")), ledger=ledger))

    ledger = shop(tmp_path, f"{state},0.00")

    assert {"P": "state_differs"} == classes(reconcile(gateway(), ledger=ledger))


def test_what_is_kept_of_a_ledger_keeps_its_sums(tmp_path):
    """
    A night that is made again compares the same.
    """
    ledger = shop(tmp_path, "order-1,100.00,2017-02-05,paid,12.00")
    write_ledger(ledger, tmp_path / "kept.parquet", ignore_progress)
    kept = PinnedLedger(tmp_path / "kept.parquet", ledger.notes())
    day = gateway((8, "5.00"), (9, "7.50"))

    assert reconcile(day, ledger=ledger).frame.equals(reconcile(day, ledger=kept).frame)
    assert ledger.notes() == kept.notes()


def test_a_column_called_refunded_is_mapped_by_its_user_alone(tmp_path):
    """
    It may hold anything. Frames of other engines have a row for each refund.
    """
    path = tmp_path / "shop.csv"
    path.write_text("mer_reference_id,total_cny,refunded\norder-1,100.00,yes\n")

    assert reconcile(gateway(), ledger=path).is_clean

    with pytest.raises(errors.ConfigError, match="compared by reconcile"):
        canonical(next(Ledger.csv(path).batches()), {"refunded": "x"})


@pytest.mark.parametrize("seed", range(20))
def test_sums_are_divided_as_a_person_would(seed):
    """
    Among the refunds that did not fail, what is left over at the last; in both amounts.
    """
    chance = random.Random(seed)
    theirs, ours, expected = [], [], {}

    for order in range(40):
        payment = {"order_id": f"o-{order}", "kind": "P", "refund_id": ""}
        ours.append({**payment, "total": 10_000, "total_cny": 70_000, "line": order})
        theirs.append({**payment, "total": 10_000, "total_cny": 70_000, "state": "0"})
        refunds = [
            {
                **payment,
                "kind": "T",
                "refund_id": f"r-{order}-{number}",
                "total": chance.randrange(1, 500),
                "total_cny": chance.randrange(1, 5000),
                "state": chance.choice(["0", "0", "0", "1", "REFUND_FAIL", "3"]),
            }
            for number in range(chance.randrange(4))
        ]
        theirs += refunds
        counted = [one for one in refunds if one["state"] in ("0", "3")]
        right = sum(one["total"] for one in counted)
        said = chance.choice([right, right, right + 1, chance.randrange(1, 900)])

        if not said:
            continue

        ours.append(
            {**payment, "kind": "T", "total": said, "total_cny": None, "line": order}
        )
        expected |= {
            (f"o-{order}", one["refund_id"]): (one["total"], one["total_cny"])
            for one in counted
        }

        if counted:
            last = counted[-1]
            expected[f"o-{order}", last["refund_id"]] = (
                last["total"] + said - right,
                last["total_cny"],
            )
        else:
            expected[f"o-{order}", ""] = (said, None)

    chance.shuffle(ours)
    ledger = pl.DataFrame(ours).with_columns(is_refund_sum=pl.col("kind") == "T")
    transactions = pl.DataFrame(theirs).with_columns(mer_date=date(2017, 2, 5))
    divided, said = divide_sums(ledger, transactions)
    found = {
        (row["order_id"], row["refund_id"]): (row["total"], row["total_cny"])
        for row in divided.filter(pl.col("kind") == "T").to_dicts()
    }

    assert expected == found
    assert {*expected} == {*said.select("order_id", "refund_id").rows()}
    assert 40 == divided.filter(pl.col("kind") == "P").height
