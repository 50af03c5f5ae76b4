"""
Files of the gateway in the forms in which they are seen, with the rows that they hold.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from umfpay import errors
from umfpay.reconciliation import read_transactions


FORMATS = Path(__file__).parents[1] / "formats"
NAMES = sorted(file.name for file in FORMATS.glob("gateway-*.txt"))


def expected(name):
    return json.loads((FORMATS / f"{name}.expected.json").read_text(encoding="utf-8"))


def rows_of(statement):
    return [
        [
            row.trade_no,
            row.order_id,
            str(row.kind),
            row.refund_id,
            row.mer_date.isoformat(),
            row.currency,
            str(row.total),
            str(row.total_cny),
            f"{row.exchange_rate.normalize():f}",
            row.state,
        ]
        for row in statement.rows
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_the_rows_that_a_person_sees(name):
    """
    Or is refused, with its line and why.
    """
    wanted = expected(name)
    reader = read_transactions(FORMATS / name)

    if "error" in wanted:
        with pytest.raises(errors.IncompleteStatementError, match=wanted["error"]):
            reader.read()
    else:
        assert wanted["rows"] == rows_of(reader.read())


@pytest.mark.parametrize("name", NAMES)
def test_whole_columns_hold_the_same_rows(name):
    """
    They are what is compared; bad rows are set aside if that is asked for.
    """
    wanted = expected(name)

    if "error" in wanted and "quarantined" not in wanted:
        with pytest.raises(errors.IncompleteStatementError, match=wanted["error"]):
            list(read_transactions(FORMATS / name).frames())

        return

    reader = read_transactions(FORMATS / name, on_bad_row="quarantine")
    frames = [*reader.frames()]
    keys = [row for frame in frames for row in frame.select("order_id", "kind").rows()]

    assert [(row[1], row[2]) for row in wanted["rows"]] == keys
    assert [number for (number,) in wanted.get("quarantined", [])] == [
        row.number for row in reader.quarantined
    ]
