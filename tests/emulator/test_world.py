"""
The books outlive the process.
"""

from __future__ import annotations

import re
import sqlite3


def _hash(folder):
    connection = sqlite3.connect(folder / "emulator.sqlite3")
    rows = connection.execute("SELECT data FROM documents WHERE kind = 'payment'")
    found = re.findall('"hash": "([0-9a-f]+)"', "".join(row[0] for row in rows))
    connection.close()

    return found


def test_a_restart_keeps_everything(make_box, running, shop_at, keys_of, tmp_path):
    """
    Payments, token, keys, credentials, request log, and the salt of card hashes.
    """
    folder = tmp_path / "data"
    hashes, ports = [], []
    token = key = before = None

    for start in range(2):
        box = make_box(folder, key_bits=1024)

        with running(box) as server:
            keys = keys_of(folder)
            shop = shop_at(server.origin, box, keys)
            ports.append(server.origin)

            assert server.origin in (folder / "umf.env").read_text()

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


def test_a_reset_keeps_the_salt(make_box, running, shop_at):
    """
    And other emulators have another one.
    """
    first, second = make_box(), make_box()
    salt = first._world.salt

    with running(first) as server:
        shop_at(server.origin, first).control("POST", "/reset", {})

    assert salt == first._world.salt
    assert salt != second._world.salt

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
