"""
The emulator's clock, and books that outlive the process.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import time
from datetime import datetime, timedelta

import pytest

from tests.emulator.merchant import Keys
from umfpay.emulator import CHINA_ZONE, Clock
from umfpay.emulator._store import Store
from umfpay.errors import ConfigError


def _hash(folder):
    connection = sqlite3.connect(folder / "emulator.sqlite3")
    rows = connection.execute("SELECT data FROM documents WHERE kind = 'payment'")
    found = re.findall('"hash": "([0-9a-f]+)"', "".join(row[0] for row in rows))
    connection.close()

    return found


def test_a_restart_keeps_everything(make_box, running, tmp_path):
    """
    Payments, token, keys, credentials, request log, and the salt of card hashes.
    """
    folder = tmp_path / "data"
    hashes, ports = [], []
    token = key = before = None

    for start in range(2):
        box = make_box(folder, key_bits=1024)

        keys = Keys(folder)

        with running(box, keys) as shop:
            ports.append(shop.origin)

            assert shop.origin in (folder / "umf.env").read_text()

            if start:
                shop.token = token

                assert before == (keys.client_id, keys.client_secret)
                assert "TRADE_SUCCESS" == shop.state(key)
                assert shop.control("GET", "/requests")["requests"][0]["number"] == 1

            key = shop.created(reference=f"ref-{start}")
            shop.execute(key)
            token, before = shop.token, (keys.client_id, keys.client_secret)

        hashes = _hash(folder)

    assert ports[0] != ports[1]
    assert 2 == len(hashes)
    assert hashes[0] == hashes[1]


def test_a_reset_keeps_the_salt(make_box, running):
    """
    And other emulators have another one.
    """
    first, second = make_box(), make_box()
    salt = first._gateway_state.salt

    with running(first) as shop:
        shop.control("POST", "/reset", {})

    assert salt == first._gateway_state.salt
    assert salt != second._gateway_state.salt

    second._store.close()


def test_traces_have_sixteen_digits_and_differ(shop):
    """
    As those of the samples.
    """
    shop.created()
    shop.created(reference="ref-2")
    traces = [one["trace"] for one in shop.control("GET", "/payments")["payments"]]

    assert all(re.fullmatch("36112312[0-9]{8}", trace) for trace in traces)
    assert traces[0] != traces[1]


def test_a_moved_clock_stays_moved(make_box, running, tmp_path):
    """
    After a restart, and until a reset.
    """
    folder = tmp_path / "data"
    days = []

    for start in range(2):
        with running(make_box(folder, key_bits=1024), Keys(folder)) as shop:
            if not start:
                shop.forward(3 * 86_400)

            days.append(shop.control("GET", "/clock")["now"][:10])

    assert ["2026-11-26", "2026-11-26"] == days

    with running(make_box(folder), Keys(folder)) as shop:
        now = shop.control("POST", "/reset", {})["now"]

    assert now.startswith("2026-11-23")


def test_a_stop_does_not_end_a_delivery(make_box, running, tmp_path, listener):
    """
    A notification that waits for its next attempt gets it after the restart.
    """
    folder = tmp_path / "data"
    listener.replies = [(500, [b""], {})]

    with running(make_box(folder, key_bits=1024), Keys(folder)) as shop:
        shop.settings(notification_pause=1000)
        key = shop.paid(notify_url=listener.url)
        listener.wait(1)

    with running(make_box(folder), Keys(folder)) as shop:
        shop.control("GET", "/")
        notifications = listener.wait(2)

    assert [key, key] == [one["payment"]["id"] for one in notifications]


@pytest.mark.parametrize(
    ("kind", "key", "row"),
    [
        ("clock", "now", {"offset": "x"}),
        ("clock", "now", {"offset": None}),
        ("clock", "now", {"offset": 1e300}),
        ("clock", "now", {"offset": float("nan")}),
        ("clock", "now", {}),
        ("salt", "cards", {"hex": "x"}),
        ("salt", "cards", {"hex": 5}),
        ("salt", "cards", {}),
        ("series", "trace", {}),
        ("series", "trace", {"last": "x"}),
        ("series", "request", {"last": None}),
        ("series", "request", {"last": True}),
        ("token", "x", {"digest": "x"}),
        ("paid", "x", {"payment": 5}),
        ("payment", "PAY_A", {"id": "PAY_A"}),
        ("refund", "REFUND_A", {}),
        ("notification", "1", {"number": "1"}),
    ],
)
def test_damaged_books_are_reported_at_the_start(
    make_box, keys, tmp_path, kind, key, row
):
    """
    And let go of: who mends them can start at once.
    """
    shutil.copytree(keys.folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "emulator.sqlite3"

    with contextlib.closing(Store(path)) as store:
        store.put(kind, key, row)

    with pytest.raises(ConfigError, match="damaged") as caught:
        make_box(tmp_path)

    assert str(path) in caught.value.what.en

    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM documents")

    Store(path).close()


def test_it_goes_with_real_time():
    """
    Without an offset it is real time, in China.
    """
    clock = Clock()

    assert abs(clock.time() - time.time()) < 1
    assert timedelta(hours=8) == clock.now().utcoffset()


def test_it_is_moved_and_goes_on():
    """
    Forward, back, and to a moment.
    """
    wall = [1000.0]
    clock = Clock(lambda: wall[0])
    clock.set(datetime(2026, 11, 23, 23, 59, 59, tzinfo=CHINA_ZONE))

    assert "20261123" == clock.today()

    wall[0] += 1

    assert "20261124" == clock.today()

    clock.advance(-1)

    assert "20261123" == clock.today()


def test_it_stays_within_the_years_of_dates():
    """
    However far one wants to go.
    """
    clock = Clock()
    clock.advance(1e300)

    assert 9000 == clock.now().year

    clock.advance(-1e300)

    assert 2000 == clock.now().year
