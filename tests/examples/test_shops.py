"""
The example shops, each started with its one command and used as a customer would.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.servers.databases import fresh_database
from umfpay.emulator import Emulator
from umfpay.testing import umf_server_thread  # noqa: F401 (a fixture)


EXAMPLES = Path(__file__).parents[2] / "examples"
CARD = {
    "bank_code": "CCB",
    "number": "6227000000000005",
    "valid_date": "3012",
    "cvv2": "123",
    "payer_name": "张三",
    "citizen_id_number": "110101199003070011",
    "phone": "15210838198",
}


def _free_port():
    """
    Return a port that is free, as is that of the shop's emulator, a hundred above.
    """
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            with contextlib.suppress(OSError, OverflowError):
                socket.create_server(("127.0.0.1", port + 100)).close()

                return port


def _start(name, port, folder, **settings):
    """
    Start a shop in *folder*; return its process when it listens.
    """
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name)],
        cwd=folder,
        env={**os.environ, "SHOP_PORT": str(port), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    line = process.stdout.readline()
    assert b"Ctrl-C" in line, process.stderr.read().decode()
    deadline = time.monotonic() + 30

    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()

            return process
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Shop:
    """
    A shop that runs, its pages, and the gateway behind it.
    """

    def __init__(self, origin):
        self.origin = origin

    def get(self, path):
        with urllib.request.urlopen(f"{self.origin}{path}", timeout=10) as page:
            return page.read().decode()

    def post(self, path, **form):
        """
        Return the address and the page that the form leads to.
        """
        data = urlencode(form).encode()
        url = f"{self.origin}{path}"

        with urllib.request.urlopen(url, data=data, timeout=30) as page:
            return page.url.removeprefix(self.origin), page.read().decode()

    def gateway(self, method, path):
        console = re.search(r'href="(http://127[^"]+)"', self.get("/")).group(1)
        request = urllib.request.Request(
            f"{console}_emulator{path}",
            method=method,
            data=b"{}" if method == "POST" else None,
            headers={"Content-Type": "application/json"},
        )

        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def until_paid(self, path):
        deadline = time.monotonic() + 20

        while "Paid. Thank you!" not in (page := self.get(path)):
            assert time.monotonic() < deadline, page
            time.sleep(0.05)


@pytest.fixture(name="shop", params=["fastapi_shop", "aiohttp_shop"])
def _shop(request, tmp_path):
    """
    A shop in a process of its own.
    """
    port = _free_port()
    process = _start(request.param, port, tmp_path)
    shop = Shop(f"http://127.0.0.1:{port}")

    yield shop

    process.send_signal(signal.SIGINT)
    _, trouble = process.communicate(timeout=20)

    assert b"Traceback" not in trouble


def test_a_customer_who_mistypes_the_code_pays_by_card(shop):
    """
    The code comes by text message; the notification makes the order paid.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(f"{order}/card", **CARD)

    assert "text message" in page

    payment = shop.gateway("GET", "/payments")["payments"][0]["id"]
    code = shop.gateway("GET", f"/payments/{payment}/sms_code")["sms_code"]
    _, again = shop.post(f"{order}/code", code="mistyped")
    shop.post(f"{order}/code", code=code)
    shop.until_paid(order)

    assert "try again: 2 attempts" in again
    assert 'name="code"' in again

    notifications = shop.gateway("GET", "/notifications")["notifications"]

    assert ["acknowledged"] == [one["status"] for one in notifications]


def test_a_customer_scans_the_qr_code(shop):
    """
    The page shows it and becomes a receipt when the notification has come.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(
        f"{order}/qr",
        method="WECHAT_SCAN",
        payer_name=CARD["payer_name"],
        citizen_id_number=CARD["citizen_id_number"],
    )

    assert "<svg" in page

    payment = shop.gateway("GET", "/payments")["payments"][0]["id"]
    shop.gateway("POST", f"/payments/{payment}/pay")
    shop.until_paid(order)


def test_a_wrong_card_is_reported_in_words(shop):
    """
    Nothing of the card is shown or stored in clear.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(f"{order}/card", **{**CARD, "citizen_id_number": "1"})

    assert "class=" in page
    assert "ID number" in page or "00060022" in page
    assert CARD["number"] not in page.replace(f'value="{CARD["number"]}"', "")


@pytest.mark.parametrize("name", ["fastapi_shop", "aiohttp_shop"])
def test_a_port_that_is_taken_is_reported_in_one_line(name, tmp_path):
    """
    Another shop runs there, maybe this one.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [sys.executable, str(EXAMPLES / name)],
            cwd=tmp_path,
            env={**os.environ, "SHOP_PORT": str(taken.getsockname()[1])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr


class Gateway:
    """
    An emulator that outlives the shops, and the settings by which they find it.
    """

    def __init__(self, folder, box):
        self._box = box
        self.control = box.control
        made = box.emulator.credentials
        self.settings = {
            "UMF_CLIENT_ID": made.client_id,
            "UMF_CLIENT_SECRET": made.client_secret.reveal(),
            "UMF_MERCHANT_KEY": str(folder / "merchant.key.p8"),
            "UMF_GATEWAY_CERTIFICATE": str(folder / "umf.cert.crt"),
            "UMF_BASE_URL": box.base_url,
            "UMF_TOKEN_STORE": str(folder / "token"),
        }

    def payments(self):
        return self.control("GET", "/payments")["payments"]

    def payment_of(self, number):
        """
        Return the id of the payment of an order, None if there is none.
        """
        for one in self.payments():
            if one["order"]["mer_reference_id"] == number:
                return one["id"]

        return None

    def calls(self):
        return len(self._box.requests())


@pytest.fixture(name="gateway")
def _gateway(tmp_path, umf_server_thread):  # noqa: F811
    folder = tmp_path / "gateway"

    with umf_server_thread.serve(Emulator(folder, key_bits=1024)) as box:
        yield Gateway(folder, box)


class SQLiteBooks:
    """
    What stands in the shop's file.
    """

    def __init__(self, folder):
        self._file = folder / "shop.db"
        self.url = f"sqlite+aiosqlite:///{self._file}?timeout=30"

    def sql(self, statement):
        connection = sqlite3.connect(self._file, timeout=30)

        with contextlib.closing(connection), connection:
            return connection.execute(statement).fetchall()


class PostgreSQLBooks:
    """
    What stands in the shop's database on a server.
    """

    def __init__(self, server, url):
        self._server, self._name, self.url = server, url.rpartition("/")[2], url

    def sql(self, statement):
        lines = self._server.sql(statement, self._name).splitlines()

        return [tuple(line.split("|")) for line in lines]


@pytest.fixture(name="books", params=["sqlite", "postgresql"])
def _books(request, tmp_path):
    if request.param == "sqlite":
        yield SQLiteBooks(tmp_path)

        return

    server = request.getfixturevalue("postgresql_server")

    with fresh_database(server) as url:
        yield PostgreSQLBooks(server, url)


_HOUR = 3_600_000_000
_BEGUN = "SELECT mer_reference_id FROM umf_journal WHERE mer_reference_id IS NOT NULL"
_AN_HOUR_PASSES = (
    "UPDATE umf_journal SET "
    + ", ".join(
        f"{name} = {name} - {_HOUR}"
        for name in ("created_at", "expires_at", "lease_until", "next_at")
    )
    + " WHERE settled_at IS NULL"
)


QR = {
    "method": "ALIPAY_SCAN",
    **{k: CARD[k] for k in ("payer_name", "citizen_id_number")},
}


def _show_qr(shop, gateway):
    """
    Return the number of an order, and the payment whose code the customer sees.
    """
    order, _ = shop.post("/orders")
    number = order.rpartition("/")[2]
    _, page = shop.post(f"{order}/qr", **QR)
    assert "<svg" in page

    return number, gateway.payment_of(number)


def _buy(shop, gateway, chance, stop):
    """
    Order and pay as customers do, until the shop is gone.
    """
    while not stop.is_set():
        try:
            if chance.random() < 0.5:
                _, payment = _show_qr(shop, gateway)

                if chance.random() < 0.7:
                    gateway.control("POST", f"/payments/{payment}/pay")

                continue

            order, _ = shop.post("/orders")
            shop.post(f"{order}/card", **CARD)
            payment = gateway.payment_of(order.rpartition("/")[2])

            if payment is not None and chance.random() < 0.7:
                code = gateway.control("GET", f"/payments/{payment}/sms_code")
                shop.post(f"{order}/code", code=code["sms_code"])
        except (OSError, http.client.HTTPException):
            # It was killed.
            time.sleep(0.01)


def _rows_of(books, numbers):
    """
    Return all that the shop's database has about *numbers*.
    """
    return [
        row
        for table in (
            "orders",
            "umf_journal",
            "umf_orders",
            "umf_objects",
            "umf_events",
        )
        for row in books.sql(f"SELECT '{table}', {table}.* FROM {table}")
        if any(number in str(row) for number in numbers)
    ]


@pytest.mark.parametrize("name", ["fastapi_shop", "aiohttp_shop"])
def test_each_order_of_a_shop_that_is_killed_ends_as_the_gateway_has_it(
    name, books, gateway, tmp_path
):
    """
    Killed at random moments: what the gateway has as paid is paid, and nothing else.
    """
    seed = os.environ.get("UMFPAY_SEED", f"{name} {type(books).__name__}")
    chance = random.Random(seed)
    port = _free_port()
    settings = {**gateway.settings, "SHOP_DATABASE": books.url}
    shop = Shop(f"http://127.0.0.1:{port}")

    for life in range(int(os.environ.get("UMFPAY_KILLS", "1"))):
        stop = threading.Event()
        process = _start(name, port, tmp_path, **settings)
        never_paid, _ = _show_qr(shop, gateway)
        paid_later, payment = _show_qr(shop, gateway)
        customers = [
            threading.Thread(
                target=_buy,
                args=(shop, gateway, random.Random(f"{seed} {life} {number}"), stop),
            )
            for number in range(3)
        ]

        for one in customers:
            one.start()

        # Not after a time: a busy machine would not have come far.
        enough = gateway.calls() + chance.randint(3, 30)

        while gateway.calls() < enough:
            time.sleep(0.02)

        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.communicate()
        stop.set()
        gateway.control("POST", f"/payments/{payment}/pay")

        for one in customers:
            one.join()

    process = _start(name, port, tmp_path, **settings)
    gateway.control("POST", "/clock", {"advance": 3600})
    deadline = time.monotonic() + 60

    while open_rows := books.sql(
        "SELECT position, state, call FROM umf_journal WHERE settled_at IS NULL"
    ):
        assert time.monotonic() < deadline, open_rows
        books.sql(_AN_HOUR_PASSES)
        time.sleep(0.5)

    payments = [
        one["order"]["mer_reference_id"]
        for one in gateway.payments()
        if one["state"] == "TRADE_SUCCESS"
    ]

    # Notifications are repeated, and what proves nothing is asked about.
    while True:
        orders = dict(books.sql("SELECT number, state FROM orders"))
        paid = {one for one, state in orders.items() if state == "paid"}

        if paid == {*payments} or time.monotonic() > deadline:
            break

        time.sleep(0.2)

    process.send_signal(signal.SIGINT)
    _, trouble = process.communicate(timeout=30)
    begun = {number for (number,) in books.sql(_BEGUN)}

    assert b"Traceback" not in trouble
    assert sorted({*payments}) == sorted(payments)
    assert {*payments} == paid, _rows_of(books, {*payments} ^ paid)
    assert ("paid", "not paid") == (orders[paid_later], orders[never_paid])
    assert {orders[one] for one in begun} <= {"paid", "not paid"}
    assert {orders[one] for one in {*orders} - begun} <= {"new"}
