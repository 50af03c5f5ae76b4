"""
What the emulator remembers.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import sqlite3
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.emulator._store import MAX_LOGGED_DOCUMENTS, Store
from umfpay.errors import ConfigError


@pytest.fixture(name="store")
def _store():
    with contextlib.closing(Store(None)) as store:
        yield store


def test_a_store_that_nobody_closes_closes_its_database():
    """
    From Python 3.13 on a connection that is left open is warned about.
    """
    connection = Store(None)._connection
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_documents_stay_in_the_order_they_came(store):
    """
    A change keeps its place.
    """
    for key in "cab":
        store.put("letter", key, {"key": key})

    store.put("letter", "c", {"key": "C", "中": "文"})

    assert ["C", "a", "b"] == [one["key"] for one in store.all("letter")]
    assert {"key": "C", "中": "文"} == store.get("letter", "c")
    assert store.get("other", "c") is None


def test_a_transaction_keeps_all_or_nothing(store):
    """
    Whatever ends it.
    """
    with pytest.raises(KeyError), store.transaction():
        store.put("a", "1", {})
        raise KeyError

    with store.transaction():
        store.put("a", "2", {})

    assert 1 == len(store.all("a"))


def test_a_transaction_that_the_database_gave_up_itself_stays_the_last_word(store):
    """
    As on a full disk: the error is the first one, and the next one begins anew.
    """
    with pytest.raises(KeyError), store.transaction():
        store._connection.execute("ROLLBACK")
        raise KeyError

    # Its commit fails: nothing stays open.
    store._connection.execute("PRAGMA foreign_keys = ON")
    store._connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    store._connection.execute(
        "CREATE TABLE b (id REFERENCES a DEFERRABLE INITIALLY DEFERRED)"
    )

    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store._connection.execute("INSERT INTO b VALUES (1)")

    with store.transaction():
        store.put("a", "1", {})

    assert 1 == len(store.all("a"))


def test_a_log_keeps_the_newest_of_its_kind(store):
    """
    Other kinds do not count, and are not touched.
    """
    store.put("payment", "first", {})

    for number in range(MAX_LOGGED_DOCUMENTS + 5):
        store.log("request", str(number), {"number": number})
        store.log("other", str(number), {})

    assert [5, MAX_LOGGED_DOCUMENTS + 4] == [
        store.all("request")[place]["number"] for place in (0, -1)
    ]
    assert MAX_LOGGED_DOCUMENTS == len(store.all("request")) == len(store.all("other"))
    assert store.get("payment", "first") == {}

    store.clear()

    assert store.get("payment", "first") is None


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from([None, "20261123", "20261124"]),
        st.sampled_from("xy"),
        st.integers(-500, 500),
        st.booleans(),
    ),
    max_size=30,
)


@given(changes=ENTRIES)
def test_days_count_what_is_on_them(changes):
    """
    Whatever was added, changed, moved to another day, or removed.
    """
    kept = {}

    with contextlib.closing(Store(None)) as store:
        for key, day, merchant, net, removed in changes:
            document = {"id": key, "merchant": merchant, "net_cents": net}

            if day is not None:
                document["listed_on"] = day

            # A document never changes its merchant.
            document["merchant"] = kept.get(key, document)["merchant"]

            if removed:
                store.remove("payment", key)
                kept.pop(key, None)

                continue

            store.put("payment", key, document)
            before = kept.get(key)

            # Who comes to another day stands at its end.
            if before is not None and before.get("listed_on") != day:
                del kept[key]

            kept[key] = document

        for day, merchant in itertools.product(("20261123", "20261124"), "xy"):
            here = [
                one
                for one in kept.values()
                if (one.get("listed_on"), one["merchant"]) == (day, merchant)
            ]
            found = store.entries("payment", "listed_on", merchant, day, most=100)
            total = store.total("payment", "listed_on", merchant, day)

            assert here == [one for _, one in found]
            assert list(range(1, len(here) + 1)) == [rank for rank, _ in found]
            assert found[1:2] == store.entries(
                "payment", "listed_on", merchant, day, after=1, most=1
            )
            assert (len(here), sum(one["net_cents"] for one in here)) == total


def test_documents_are_found_by_what_they_are_about(store):
    """
    By the first member that says so, in the order they came.
    """
    store.put("refund", "1", {"id": "1", "payment": "p"})
    store.put("refund", "2", {"id": "2", "payment": "q"})
    store.put("notification", "3", {"id": "3", "object": "p"})
    store.put("refund", "4", {"id": "4", "payment": "x", "about": "p"})

    assert ["1", "4"] == [one["id"] for one in store.about("refund", "p")]
    assert ["3"] == [one["id"] for one in store.about("notification", "p")]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    """
    Neither a folder in its place.
    """
    (tmp_path / "a").write_bytes(b"no database " * 100)
    (tmp_path / "b").mkdir()

    for name in ("a", "b", "none/c"):
        with pytest.raises(ConfigError, match="cannot be used"):
            Store(tmp_path / name)


def test_only_its_owner_reads_the_files(tmp_path):
    """
    Those next to it, too.
    """
    with contextlib.closing(Store(tmp_path / "books")) as store:
        store.put("a", "b", {})

        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert {0o600} == modes


def test_what_is_due_is_found_without_reading_the_rest(store):
    """
    By the earliest of its moments, until it has none.
    """
    store.put("a", "1", {"settles_at": 5.0, "expires_at": 2.0})
    store.put("a", "2", {"papers_due": 1.0})
    store.put("a", "3", {})

    assert [] == store.due("a", 0.5)
    assert [{"papers_due": 1.0}] == store.due("a", 1.0)
    assert 2 == len(store.due("a", 3.0))

    store.put("a", "2", {})
    store.remove("a", "1")

    assert [] == store.due("a", 9.0)
    assert 2 == len(store.all("a"))


def test_a_file_has_one_user(tmp_path):
    """
    Two emulators would give tokens behind each other's back.
    """
    with (
        contextlib.closing(Store(tmp_path / "books")),
        pytest.raises(ConfigError, match="another emulator uses") as caught,
    ):
        Store(tmp_path / "books")

    assert "another --data" in caught.value.advice.en

    Store(tmp_path / "books").close()


@pytest.mark.parametrize("data", ["{", "[1]", "5", "", b"\xff", "[" * 50_000])
def test_a_row_that_is_no_document_is_reported_at_the_start(tmp_path, data):
    """
    Not when somebody asks for the payment in it.
    """
    path = tmp_path / "books"

    with contextlib.closing(Store(path)) as store:
        store.put("payment", "PAY_A", {})

    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE documents SET data = ?", (data,))

    with pytest.raises(ConfigError, match="damaged") as caught:
        Store(path)

    assert str(path) in caught.value.what.en
    assert "delete" in caught.value.advice.en


@pytest.mark.parametrize("first", [0, 4096, 8192])
def test_overwritten_pages_are_reported_at_the_start(tmp_path, first):
    """
    At the beginning, and in the middle where a query might never look.
    """
    path = tmp_path / "books"

    with contextlib.closing(Store(path)) as store:
        for number in range(200):
            store.put("letter", str(number), {"x": "x" * 100})

    content = bytearray(path.read_bytes())
    content[first : first + 4000] = b"\x5a" * 4000
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="cannot be used"):
        Store(path)


def test_a_file_without_room_for_the_books_is_no_damage(tmp_path):
    """
    Who deletes it for that loses payments.
    """
    (tmp_path / "books").mkdir()

    with pytest.raises(ConfigError, match="cannot be used") as caught:
        Store(tmp_path / "books")

    assert "delete" not in caught.value.advice.en


def test_the_next_thing_due_is_the_earliest_of_all_kinds(store):
    """
    Of documents to which nothing happens nothing is due.
    """
    assert store.next_due() is None

    store.put("letter", "a", {"expires_at": 30.0})
    store.put("letter", "b", {"settles_at": 20.0, "expires_at": 40.0})
    store.put("parcel", "c", {"papers_due": 10})

    assert 10.0 == store.next_due()

    store.remove("parcel", "c")
    store.put("letter", "b", {})

    assert 30.0 == store.next_due()
