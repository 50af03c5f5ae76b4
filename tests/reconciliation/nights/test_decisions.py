"""
Decisions about differences: in the folder of the books, or in a database.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from night_shop import MONDAY, TUESDAY, Shop

from umfpay import errors
from umfpay.reconciliation import Books, Decision
from umfpay.reconciliation.nights._decisions import Decisions
from umfpay.sensitive import Secret


def test_the_first_decision_stays(url):
    """
    With its moment and zone; each merchant has its own, whatever the case of letters.
    """
    decisions = Decisions(Secret(url))
    at = datetime(2017, 2, 6, 12, 30, 1, 5, tzinfo=timezone(timedelta(hours=8)))
    first = Decision(id="0f6c", who="李", why="sold by phone 📞", at=at)

    assert {} == decisions.accepted("8017")

    decisions.accept("8017", first)
    decisions.accept(
        "8017", Decision(id="0f6c", who="wu", why="no", at=datetime.now(UTC))
    )
    decisions.accept("8017", Decision(id="0F6C", who="wu", why="other", at=at))

    found = Decisions(Secret(url)).accepted("8017")

    assert first == found["0f6c"]
    assert at.isoformat() == found["0f6c"].at.isoformat()
    assert {"0f6c", "0F6C"} == {*found}
    assert {} == decisions.accepted("8018")


def test_books_with_decisions_in_a_database(url, tmp_path):
    """
    They are asked for it ever after: without it all that was accepted would be open.
    """
    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False)])
    options = {"files": shop.files, "ledger": tmp_path / "ledger.csv"}
    (tmp_path / "ledger.csv").write_text("mer_reference_id,mer_date,total_cny\n")
    books = Books(shop.books, settle_after=9, opening=Decimal(0), decisions=url)
    (difference,) = books.night(MONDAY, **options).differences["id"]
    books.accept(difference, who="li", why="sold by phone")
    again = Books(shop.books, decisions=url)

    assert ["li"] == [one.who for one in again.accepted().values()]
    assert not again.open_differences().height
    assert not again.month("2017-02").differences
    assert not [*shop.books.glob("decisions*")]

    shop.writes(TUESDAY, [], [])

    assert again.night(TUESDAY, **options).is_clean

    with pytest.raises(errors.ConfigError, match="begun with database, not folder"):
        Books(shop.books)

    assert "@" not in (shop.books / "books.json").read_text()


def test_a_database_that_is_away_is_said(tmp_path):
    """
    Nothing is taken for open or accepted meanwhile.
    """
    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    (tmp_path / "ledger.csv").write_text("mer_reference_id,mer_date,total_cny\n")
    url = "postgresql+psycopg://me:canary@127.0.0.1:1/db"
    books = Books(shop.books, settle_after=9, opening=Decimal(0), decisions=url)

    for _ in "12":
        with pytest.raises(errors.ConfigError, match="cannot be used: Operational") as (
            caught
        ):
            books.night(MONDAY, files=shop.files, ledger=tmp_path / "ledger.csv")

        assert "canary" not in str(caught.value)

    assert not (shop.books / "books.json").exists()

    with pytest.raises(errors.ConfigError, match="address of a database as text"):
        Books(tmp_path / "other", settle_after=1, decisions=5)
